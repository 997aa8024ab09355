// What a mailbox must hold, from the record alone; and whether it does. No I/O.
#pragma once
#include "tests/tools/record/record_reader.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>

namespace understudy::compare {

using cell = std::optional<std::string>; ///< as the server gives it as text; nullopt = NULL
struct row {
  std::map<std::string, cell, std::less<>> cells;
  std::uint64_t copies = 1; ///< rows of this key: a table without a key of its own may have it twice
};
/// table → key (its columns as text, joined by a unit separator) → row
using table_rows = std::map<std::string, std::map<std::string, row>, std::less<>>;

/// What the promoted server holds of one account; nullopt = it has no such mailbox.
using actual_account = std::optional<table_rows>;

struct account_verdict {
  std::uint64_t acknowledged = 0; ///< transactions whose COMMIT returned
  std::uint64_t refused = 0;      ///< those that were told an error
  std::uint64_t uncertain_present = 0;
  std::uint64_t uncertain_absent = 0;
  std::uint64_t rows_checked = 0;
  std::set<std::uint64_t> lost;      ///< acknowledged, but a row of theirs (or of its last state) isn't there
  std::set<std::uint64_t> torn;      ///< uncertain, and there by halves; or a row of theirs is there twice
  std::set<std::uint64_t> phantom;   ///< told an error or absent, and yet a row of theirs is there
  std::vector<std::string> findings; ///< the first few, in words
};

/// Judges row by row. A transaction's row counts as there when it has the values that the last transaction
/// left which wrote them. Uncertain transactions are taken as wholly there or wholly absent, whichever fits
/// the rows.
account_verdict judge(const record::recorded_account& account, const actual_account& actual);

/// The tables and columns that a record speaks of: what must be read from the server.
std::map<std::string, std::set<std::string>> mentioned_columns(const record::recorded_account& account);

/// How keys are written in `table_rows`.
std::string joined_key(const std::vector<cell>& parts);

} // namespace understudy::compare
