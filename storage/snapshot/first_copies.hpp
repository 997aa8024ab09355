// Loads small accounts that have nothing here yet, many in one transaction: of such a load most of the time
// goes into commits, which wait for a disk.
//
// Blocking; one thread.
#pragma once
#include "storage/snapshot/snapshot_loader.hpp"

namespace understudy {

/// A snapshot that came whole in one chunk, and where its replica goes on.
struct first_copy {
  load_request request;
  snapshot_chunk chunk;
  epoch term;
  sequence number;
  kafka_offset next;
};

/// A chunk's rows as they are loaded: without foreign keys, for they come table by table and were consistent
/// on the source (R16).
transaction_event rows_of(const snapshot_chunk& chunk);
/// What a loader's session sets after each connect: the event alone decides its rows (R37).
sql_options loading_session(sql_options connection);

/// Where the accounts live here from now on, ready; in the order given. Nothing for one that isn't to be
/// loaded this way, and was left as it was: a replica, an old source or a mailbox of it is here, it needs
/// its source's mailbox id, or something of it was refused. snapshot_loader does those and says why. A
/// failure left all of them as they were, unless COMMIT lost its connection: then nobody knows.
///
/// No half of a copy is ever there: rows and position are in the same transaction.
result<std::vector<std::optional<account_placement>>> load_first_copies(sql_session& session,
                                                                        std::shared_ptr<const profile> rules,
                                                                        const std::vector<first_copy>& copies,
                                                                        load_limits limits = {});

} // namespace understudy
