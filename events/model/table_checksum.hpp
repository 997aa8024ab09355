// What an account's rows in one table are, in a few bytes: both sides of a promotion compare it at the cut
// (R29).
#pragma once
#include "events/model/error.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace understudy {

struct table_checksum {
  std::string table; ///< logical name
  std::uint64_t rows = 0;
  /// The sum of a 64-bit hash of each row, modulo 2^64: the rows' order doesn't matter.
  std::uint64_t hash = 0;
  bool operator==(const table_checksum&) const = default;

  /// `mboxgroup/tag 12 0123456789abcdef`: in fences and role rows.
  std::string text() const;
};

/// Of a whole account: every table that is compared, by name; also those without rows.
using account_checksum = std::vector<table_checksum>;

result<table_checksum> parse_table_checksum(std::string_view text);

/// One line a table.
std::string text_of(const account_checksum& tables);
result<account_checksum> parse_account_checksum(std::string_view lines);

} // namespace understudy
