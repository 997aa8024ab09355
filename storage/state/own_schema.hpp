// Our own database `understudy` on every mailstore: its tables and their version.
//
// Written THROUGH the binlog, because capture must meet the row: role (R11), replica and origin (marks of
// what we wrote ourselves, R36), probe (R10). Everything else with sql_log_bin=0 (R6): it is written while
// commits are held. `guard` holds one row per standing guard, inside a transaction that is rolled back (R30).
#pragma once
#include "events/model/ids.hpp"
#include "storage/state/sql_session.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace understudy {

/// Grows by one with each change of the tables below.
inline constexpr std::uint32_t own_schema_version = 2;

/// Creates what is missing, with the binlog off for these statements, and writes the version. A newer
/// version than ours is an error: an older program must not write there. So are tables of a node of another
/// name: whoever captured this server as another node would end its waiting commits. Then nothing is changed.
/// `local` was opened with local_setup(). Safe to repeat.
result<void> ensure_own_schema(sql_session& local, const node_name& self);

/// The statements that make it, in order (for `doctor` and tests).
std::vector<std::string> own_schema_statements();

} // namespace understudy
