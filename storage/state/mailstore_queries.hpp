// Questions to the mailstore's own tables, by the profile's names: accounts, items, volumes, mailbox ids.
#pragma once
#include "events/model/gtid.hpp"
#include "storage/profile/profile.hpp"
#include "storage/profile/volume.hpp"
#include "storage/state/sql_session.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace understudy {

/// A row of the registry.
struct registered_account {
  account_id account;
  std::string name; ///< address; empty when the registry has none
  mailbox_id mailbox;
  group_number group;
  bool operator==(const registered_account&) const = default;
};

/// Who this server is; a change between two connections is a change of server (R9 goes further).
struct server_identity {
  std::string version;
  std::string server_uid; ///< @@server_uid of 10.11 where there is one, else empty
  std::uint32_t server_id = 0;
  std::uint64_t uptime_seconds = 0;
};

/// Blocking; one thread at a time; keeps no state but the session's.
class mailstore_queries {
public:
  mailstore_queries(sql_session& session, std::shared_ptr<const profile> rules)
      : session_(&session)
      , rules_(std::move(rules)) {}

  /// Fails, saying what to do, where the server lacks tables or columns that the profile names.
  result<void> look_for_tables();
  result<void> each_account(const std::function<void(registered_account)>& each);
  /// Unknown ones are left out.
  result<std::vector<registered_account>> find_by_id(const std::vector<account_id>& ids);
  /// Fails if it has none.
  result<registered_account> mailbox_of(const account_id& id);
  /// By address (without case) or account id. One pass over the registry, which has no index on addresses,
  /// however many are looked for.
  result<std::vector<registered_account>> find(const std::vector<std::string>& names);

  /// getAccountStatus' itemId: highest item id of each mailbox; 0 = none. One index look-up a mailbox.
  result<std::map<mailbox_id, std::uint64_t>> highest_items(const std::vector<registered_account>& accounts);
  /// This host's volumes, with `is_current` set.
  result<std::vector<mailstore_volume>> volumes();
  /// Number of the volume that this host indexes on: for column_policy::own_index_volume.
  result<std::int64_t> current_index_volume();

  /// Takes the next mailbox id as the mail server does and commits it: `logged` is a session that writes to
  /// the binlog, outside a transaction. The id is burnt if it isn't used.
  result<mailbox_id> allocate_mailbox(sql_session& logged) { return allocate_mailboxes(logged, 1); }
  /// The same for so many with ids in a row: the first.
  result<mailbox_id> allocate_mailboxes(sql_session& logged, std::uint32_t count);
  /// Which of so many ids from `first` on mailboxes have already.
  result<std::set<mailbox_id>> held_ids(mailbox_id first, std::uint32_t count);
  /// For mailbox_mode::same: makes sure that the mail server will never give out `wanted`, by raising the
  /// next id above it; fails when a mailbox has it already.
  result<void> reserve_mailbox(sql_session& logged, mailbox_id wanted, const account_id& account);

  /// @@gtid_binlog_pos: answers while commits are held (R6).
  result<gtid_position> binlog_position();
  result<server_identity> identity();

private:
  sql_session* session_;
  std::shared_ptr<const profile> rules_;
};

} // namespace understudy
