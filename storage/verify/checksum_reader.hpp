// Reads an account's rows to be compared with another host's (R29).
#pragma once
#include "events/model/table_checksum.hpp"
#include "storage/profile/profile.hpp"
#include "storage/profile/schema_catalog.hpp"
#include "storage/state/mailstore_queries.hpp"

#include <chrono>
#include <memory>

namespace understudy {

/// Of all tables that `catalog` knows of the account. `session` has standard_setup() and is in no
/// transaction: each table is read as it is now, so nobody may write to the account meanwhile (its guard
/// stands, or it's a replica that has come to its fence). Blocking. A volume's number counts as the volume's
/// name and path. Fails, retryable, above `limit`: 100,000 rows take about 100 ms.
result<account_checksum> read_checksum(sql_session& session, const std::shared_ptr<const profile>& rules,
                                       const schema_catalog& catalog, const registered_account& account,
                                       std::chrono::milliseconds limit);

} // namespace understudy
