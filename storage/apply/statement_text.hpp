// The SQL of planned statements (pure).
//
//  insert   INSERT INTO t (columns) VALUES (…),(…)
//  update   one row: UPDATE t SET … WHERE key; several: UPDATE (SELECT … UNION ALL VALUES …) d STRAIGHT_JOIN
//  t,
//           so that the derived rows come first and each finds its row by the key
//  remove   DELETE FROM t WHERE key IN (…) ORDER BY key; without a key: whole image, LIMIT 1 (R40)
#pragma once
#include "storage/apply/apply_plan.hpp"

#include <string>

namespace understudy {

/// The row's tuple in a statement over several rows: "(7,5,'x')". Fills `planned_row::text`.
void render_row(planned_row& row, const account_placement& where);

/// True if several such rows can share one statement: keyed, and the key's types compare safely in a join.
bool can_share_statement(const planned_row& row);

/// Rows of one table, kind and set of columns; `rows` share the target's sql_name.
std::string statement_text(const planned_statement& statement, const account_placement& where_of_first);

} // namespace understudy
