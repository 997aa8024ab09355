// Mailboxes made and removed as the mail server does it.
#pragma once
#include "tests/tools/mailsim/transaction.hpp"

namespace understudy::mailsim {

/// The same UUID for the same name and seed, on every machine.
std::string account_uuid(const std::string& name, std::uint64_t seed);

/// Allocates the next mailbox id of this host (its own transaction, committed first: facts §1) and makes the
/// group database on first use. Callers of all threads wait for each other, as under the mail server's mutex.
/// `start_id` raises the host's next id to at least that.
struct mailbox_place {
  std::uint32_t mailbox_id;
  std::uint32_t group_id;
};
mailbox_place allocate_mailbox(fixture::sql_client& sql, std::uint32_t start_id);

/// The transaction that makes the mailbox: registry row, 15 folders, 19 flag tags. `t.box` has ids and names
/// set.
void create_mailbox(transaction& t);

/// The one that removes it with all its rows, foreign keys off as the mail server has them then.
void delete_mailbox(transaction& t);

} // namespace understudy::mailsim
