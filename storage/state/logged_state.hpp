// What the node writes through the binlog: role rows (R11), the positions of replicas (R36), the mark of our
// own transactions, the probe (R10). Each call blocks; outside a transaction of the caller's it commits by
// itself, and so waits like any COMMIT while commits are held.
#pragma once
#include "events/model/gtid.hpp"
#include "events/model/ids.hpp"
#include "events/model/table_checksum.hpp"
#include "storage/state/account_role.hpp"
#include "storage/state/sql_session.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace understudy {

struct role_record {
  account_id account;
  epoch term;
  account_role role = account_role::none;
  kafka_offset decision; ///< of the control record it carries out
  /// replica: the account's rows at this place, while its guard stood (R29). Empty: they weren't read.
  account_checksum at_cut{};
  /// They were read before the guard stood, in a view that stands there: not `at_cut` if anything of the
  /// account was committed behind it. Empty: under the guard.
  binlog_place read_at{};
  bool operator==(const role_record&) const = default;
};

enum class replica_state : std::uint8_t { loading, ready };

/// How far an account has been replayed here; loading = its snapshot isn't whole, never promotable.
struct replica_record {
  account_id account;
  mailbox_id mailbox; ///< the local one
  epoch term;
  sequence applied; ///< last applied
  partition_id partition;
  kafka_offset next{0}; ///< in understudy.accounts: everything of the account below it is applied or void
  replica_state state = replica_state::loading;
  std::string snapshot; ///< UUID of the snapshot it was or is being loaded from
  kafka_offset request; ///< of control: what asked for it; a copy for an older request lacks something
  bool operator==(const replica_record&) const = default;
};

/// Uses the session given, which must write to the binlog; one thread at a time. Keeps no state of its own.
class logged_state {
public:
  explicit logged_state(sql_session& session)
      : session_(session) {}

  /// Inserts or overwrites. Always changes the row, hence the binlog: a row equal to what is there would
  /// leave no event and capture would wait for ever (facts §2), so the table has a counter of writes.
  result<void> write_role(const role_record& role) { return write_roles({role}); }
  /// The same in one transaction; at least one.
  result<void> write_roles(const std::vector<role_record>& roles);
  result<std::optional<role_record>> role_of(const account_id& account);
  /// role_of() once no transaction that writes the row is under way: one that waits in its COMMIT can't be
  /// seen, but holds the row. Fails, retryable, if that takes longer than 2 s.
  result<std::optional<role_record>> settled_role_of(const account_id& account);
  result<std::vector<role_record>> roles();
  /// The rows of these accounts that there are.
  result<std::vector<role_record>> roles_of(const std::vector<account_id>& accounts);
  /// Those that this process's checkpoint doesn't cover: capture has yet to meet them. Also one that waits in
  /// its COMMIT, for an ACK that a process before this one didn't live to give.
  result<std::vector<role_record>> roles_ahead();

  result<void> write_replica(const replica_record& replica);
  /// Of accounts that have none; inside a transaction of the caller's.
  sql_result<void> insert_replicas(const std::vector<replica_record>& replicas);
  /// Within a load's transaction (R36): what is loaded here is this snapshot, and stays so until the
  /// transaction ends, also while it waits in its COMMIT: whoever begins another load, or removes the
  /// account, waits for that. An error that is retryable: somebody has, or does so for more than 2 s.
  sql_result<void> hold_load(const account_id& account, const std::string& snapshot);
  /// The load of `replica.snapshot` is done: `ready`, at its place. The same error, and nothing written, if
  /// it isn't what is loaded here any more.
  result<void> end_load(const replica_record& replica);
  /// R36: moves on only from `from`, exactly one row. Any other number of rows is an error that names what
  /// was found. The applier's batches build the same condition themselves.
  sql_result<void> advance_replica(const account_id& account, sequence from, sequence to, epoch term,
                                   kafka_offset next);
  /// The rows of these accounts that there are.
  result<std::vector<replica_record>> replicas_of(const std::vector<account_id>& accounts);
  result<std::optional<replica_record>> replica_of(const account_id& account);
  result<std::vector<replica_record>> replicas();
  result<void> remove_replica(const account_id& account);

  /// Marks the transaction under way as ours where it touches no row of `replica` (R36). Locks one row until
  /// the transaction ends; `slot` (0..255) spreads parallel writers over several rows.
  sql_result<void> mark_origin(std::uint8_t slot);
  /// Writes the probe row; capture sees `n` again in the binlog (R10). `n` must differ from the last one
  /// written: an unchanged row isn't logged.
  sql_result<void> write_probe(std::uint64_t n);

private:
  result<std::vector<replica_record>> replicas_where(std::string_view condition);
  result<std::vector<role_record>> roles_where(std::string_view condition);
  sql_session& session_;
};

} // namespace understudy
