// What foreign keys do to the rows of account tables by themselves, on two hosts (pure). MariaDB writes no
// such change to the binlog: a replica has it only if its own keys do the same (R38).
#pragma once
#include "events/model/account_event.hpp"
#include "storage/profile/profile.hpp"
#include "storage/profile/schema_catalog.hpp"

#include <vector>

namespace understudy {

/// Of one table of a mailstore. Keys that only refuse a change (RESTRICT, NO ACTION) aren't among them: one
/// that a replica lacks does nothing there, and one that it has alone stops its account with an error.
table_cascades cascades_of(const profile& rules, const catalog_table& table);

/// Compares what a source told of its tables with those of a group here; a table that isn't there isn't
/// compared. The error names table and keys.
result<void> compare_cascades(const std::vector<table_cascades>& told, const profile& rules,
                              const schema_catalog& here, group_number group);

} // namespace understudy
