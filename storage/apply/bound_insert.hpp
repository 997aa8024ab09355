// Inserts of many rows as values of a prepared statement (pure): MariaDB takes them without parsing a text
// for each.
#pragma once
#include "storage/apply/apply_plan.hpp"
#include "storage/state/bound_column.hpp"

#include <optional>
#include <string>
#include <vector>

namespace understudy {

struct bound_insert {
  std::string statement;
  std::vector<bound_column> columns; ///< with views into the planned rows
};

/// Nothing if the statement goes better as text: another kind, few rows, or a value whose stored bytes only a
/// literal decides (text that isn't UTF-8, FLOAT, GEOMETRY, …).
std::optional<bound_insert> bind_insert(const planned_statement& statement,
                                        const std::vector<account_work>& batch);

} // namespace understudy
