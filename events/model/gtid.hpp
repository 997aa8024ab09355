// MariaDB's global transaction ids and places in a binary log.
#pragma once
#include "events/model/error.hpp"

#include <compare>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace understudy {

/// One transaction's id, as text `domain-server-sequence`.
struct gtid {
  std::uint32_t domain = 0;
  std::uint32_t server = 0;
  std::uint64_t number = 0;
  auto operator<=>(const gtid&) const = default;
  std::string text() const;
  static result<gtid> parse(std::string_view text);
};

/// The last transaction of each domain, as MariaDB writes it: `0-1-17,5-1-3`.
/// Empty = before the first transaction.
class gtid_position {
public:
  void advance(const gtid& id) { last_[id.domain] = id; }
  bool empty() const { return last_.empty(); }
  /// The transaction, or a later one of its domain, lies before the position.
  bool covers(const gtid& id) const {
    const auto last = last_.find(id.domain);
    return last != last_.end() && last->second.number >= id.number;
  }
  std::string text() const;
  static result<gtid_position> parse(std::string_view text);
  const std::map<std::uint32_t, gtid>& domains() const { return last_; }
  bool operator==(const gtid_position&) const = default;

private:
  std::map<std::uint32_t, gtid> last_;
};

/// A place in the server's binary log. `offset` is counted in 64 bits from event lengths:
/// the header's own field wraps at 4 GiB (case B03).
struct binlog_place {
  std::string file;
  std::uint64_t offset = 0;
  bool operator==(const binlog_place&) const = default;
  std::uint64_t file_number() const; ///< behind the file's last dot; 0: none
  /// File numbers grow; compared by the number behind the last dot, then by offset.
  std::strong_ordering operator<=>(const binlog_place& other) const;
};

} // namespace understudy
