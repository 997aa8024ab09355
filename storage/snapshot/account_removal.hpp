// Removes an account's rows from the local MariaDB, in bounded transactions that the local capture skips
// (R36).
#pragma once
#include "events/model/ids.hpp"
#include "storage/profile/profile.hpp"
#include "storage/state/recent_catalogs.hpp"
#include "storage/state/sql_session.hpp"

#include <cstddef>
#include <cstdint>

namespace understudy {

/// The row of `understudy.origin` that marks the account's transactions: spread, so that loads of several
/// accounts don't wait for each other.
std::uint8_t origin_slot(const account_id& account);

/// The registry row goes last: until then a removal that was cut short is found again. `session` has
/// foreign_key_checks=0. Succeeds if there is nothing.
result<void> remove_rows(sql_session& session, const profile& rules, const account_id& account,
                         mailbox_id mailbox, group_number group, std::size_t rows_per_delete,
                         recent_catalogs& catalogs);

} // namespace understudy
