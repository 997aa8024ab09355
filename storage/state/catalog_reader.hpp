// Reads the mailstore's tables, keys and foreign keys from information_schema.
#pragma once
#include "storage/profile/profile.hpp"
#include "storage/profile/schema_catalog.hpp"
#include "storage/state/sql_session.hpp"

#include <optional>
#include <set>
#include <string>

namespace understudy {

/// Which databases exist that the profile speaks of: the group databases and those of the shared tables.
result<std::set<std::string>> mailstore_databases(sql_session& session, const profile& rules);

/// Everything in these databases. Some 2,000 tables of 100 groups take about a second at the first time;
/// after DDL read only the databases concerned and merge. Blocking.
result<schema_catalog> read_catalog(sql_session& session, const std::set<std::string>& databases);

/// The whole mailstore: both of the above.
result<schema_catalog> read_catalog(sql_session& session, const profile& rules);

/// `SHOW CREATE TABLE`, for making a missing group database elsewhere.
result<std::string> table_definition(sql_session& session, const table_name& table);

} // namespace understudy
