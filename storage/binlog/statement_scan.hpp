// What a statement in the binlog means for account tables: never ignored, in whatever disguise (DESIGN §4.1).
#pragma once
#include "storage/binlog/sliced_transaction.hpp"
#include "storage/binlog/table_routing.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace understudy {

/// A word of a statement: comments and string literals are passed over, but not what stands in executable
/// comments (`/*! … */`, `/*M! … */`).
struct statement_word {
  std::string text; ///< names as written, without their quotes
  bool quoted = false;
  bool after_dot = false; ///< `a.b`: b
};

/// The first `most` words.
std::vector<statement_word> statement_words(std::string_view statement, std::size_t most);

/// Empty: it changes no account table (nor a whole database of them). Looks at every name in the statement
/// rather than parsing it, so it may speak of a table that is only read; it misses none.
/// `database` is the session's default.
std::optional<sliced_transaction::warning>
scan_statement(std::string_view statement, std::string_view database, const table_routing& routing);

/// How a statement within a transaction bears on it.
enum class statement_role : std::uint8_t { begin, commit, rollback, savepoint, rollback_to, xa, other };
struct control_statement {
  statement_role role = statement_role::other;
  std::string savepoint; ///< in lower case
};
control_statement read_control_statement(std::string_view statement);

} // namespace understudy
