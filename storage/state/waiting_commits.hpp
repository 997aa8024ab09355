// R8: ends every connection that waits in a COMMIT, so that no client is told OK for what came after a lease
// was lost.
#pragma once
#include "events/model/error.hpp"
#include "storage/state/commit_endings.hpp"
#include "storage/state/sql_session.hpp"

#include <cstdint>

namespace understudy {

/// Kills all connections in a COMMIT, in DDL's or XA PREPARE's "Writing to binlog", or waiting for the
/// semi-sync ACK; that last kind last, because killing a group commit's leader makes the server tell its
/// followers OK (tried). Repeats until none is left. Returns how many were killed, and counts them in
/// `endings`. `session` isn't one of them.
result<std::uint64_t> end_waiting_commits(sql_session& session, commit_endings& endings);
/// The same over a connection of its own.
result<std::uint64_t> end_waiting_commits(const sql_options& server, commit_endings& endings);

} // namespace understudy
