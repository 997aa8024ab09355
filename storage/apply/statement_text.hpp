// The SQL of planned statements (pure).
//
//  insert   INSERT INTO t (columns) VALUES (…),(…); of many rows mostly as storage/apply/bound_insert has it
//  update   one row: UPDATE t SET … WHERE key; several: UPDATE t STRAIGHT_JOIN (SELECT … UNION ALL VALUES …)
//  d
//           … WHERE key IN (…); where the key isn't of integers the derived rows come first and each finds
//           its row by the key
//  remove   DELETE FROM t WHERE key IN (…) ORDER BY key; without a key: whole image, LIMIT 1 (R40)
#pragma once
#include "storage/apply/apply_plan.hpp"

#include <cstddef>
#include <string>
#include <vector>

namespace understudy {

/// The row's tuple in a statement over several rows: "(7,5,'x')".
std::string row_text(const planned_row& row, const account_placement& where);

/// What an inserted row takes of a packet at most, as text or as values of a prepared statement, in bytes.
std::size_t most_insert_bytes(const planned_row& row);

/// "INSERT INTO t (columns) VALUES "
std::string insert_head(const planned_row& like);

/// True if several such rows can share one statement: keyed, and the key's types compare safely in a join.
bool can_share_statement(const planned_row& row);

/// Rows of one table, kind and set of columns; `rows` share the target's sql_name.
std::string statement_text(const planned_statement& statement, const std::vector<account_work>& batch);

} // namespace understudy
