// Reads from a MariaDB what a record speaks of.
#pragma once
#include "tests/tools/compare/expectation.hpp"
#include "tests/tools/fixture/sql_client.hpp"

namespace understudy::compare {

struct mailbox_place {
  std::string mailbox_id;
  std::string group_id;
};
/// Where this server keeps the account; nullopt if it has no such mailbox.
std::optional<mailbox_place> find_mailbox(fixture::sql_client& sql, const std::string& account_id);

/// The account's rows, in the tables and columns the record mentions. Throws fixture::sql_error.
actual_account read_account(fixture::sql_client& sql, const std::string& account_id,
                            const record::recorded_account& account);

} // namespace understudy::compare
