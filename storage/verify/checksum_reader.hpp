// Reads an account's rows to be compared with another host's (R29).
#pragma once
#include "events/model/gtid.hpp"
#include "events/model/table_checksum.hpp"
#include "storage/profile/profile.hpp"
#include "storage/profile/schema_catalog.hpp"
#include "storage/state/mailstore_queries.hpp"

#include <chrono>
#include <memory>
#include <optional>

namespace understudy {

/// Of all tables that `catalog` knows of the account; nothing if that takes longer than `limit` (100,000 rows
/// take about 100 ms). `session` has standard_setup(). Outside a read view each table is read as it is now,
/// so nobody may write to the account meanwhile (its guard stands, or it's a replica that has come to its
/// fence). A volume's number counts as the volume's name and path. Blocking.
result<std::optional<account_checksum>> read_checksum(sql_session& session,
                                                      const std::shared_ptr<const profile>& rules,
                                                      const schema_catalog& catalog,
                                                      const registered_account& account,
                                                      std::chrono::milliseconds limit);

/// What an account's rows were at one moment while others may have been writing.
struct checksum_view {
  binlog_place place;              ///< the rows are those of exactly what was committed before it
  std::optional<sequence> applied; ///< of the account's replica here; none: it has none
  account_checksum rows;
};

/// The same under one read view. Ends whatever transaction the session is in.
result<std::optional<checksum_view>> view_checksum(sql_session& session,
                                                   const std::shared_ptr<const profile>& rules,
                                                   const schema_catalog& catalog,
                                                   const registered_account& account,
                                                   std::chrono::milliseconds limit);

} // namespace understudy
