// What the node writes for itself, never through the binlog (R6): where capture had settled, where readers
// stand, why accounts stopped. Every store is one transaction that commits at once also while commits are
// held.
#pragma once
#include "events/log/log_marks.hpp"
#include "events/model/gtid.hpp"
#include "storage/state/logged_state.hpp"
#include "storage/state/sql_session.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace understudy {

/// An account as of the settled place in the binlog.
struct captured_account {
  account_id account;
  mailbox_id mailbox;
  epoch term;
  account_role role = account_role::none;
  sequence number; ///< of its last transaction below the settled place
  partition_id partition;
  bool is_protected = false;
  bool operator==(const captured_account&) const = default;
};

/// Everything below `settled` is settled (R7): reading the binlog starts here after a restart.
struct capture_checkpoint {
  gtid_position settled;
  binlog_place place; ///< for display and for the distance to the binlog's horizon
  /// Where reading one's own partitions for R12 begins. Stored: those that aren't named keep theirs.
  std::map<partition_id, kafka_offset> read_from{};
  bool operator==(const capture_checkpoint&) const = default;
};

/// Why an account doesn't move here; readers go on without it.
struct stopped_account {
  account_id account;
  kafka_offset next; ///< first record that wasn't applied
  std::string reason;
  std::chrono::system_clock::time_point at; ///< for display; kept to the second
  bool operator==(const stopped_account&) const = default;
};

/// Where a partition of understudy.accounts is read on.
struct reader_place {
  kafka_offset next;
  std::optional<log_mark> mark{}; ///< the last record read, wherever it lies: the log is known again by it
  bool operator==(const reader_place&) const = default;
};

/// Uses a session opened with local_setup(); one thread at a time.
class local_state {
public:
  /// Fails if the session writes to the binlog.
  static result<local_state> open(sql_session& session);

  /// The checkpoint and the accounts that changed since the last one (others keep their rows), at once.
  /// `gone`: accounts that aren't captured any more.
  result<void> store_capture(const capture_checkpoint& checkpoint,
                             const std::vector<captured_account>& changed,
                             const std::vector<account_id>& gone = {});
  /// Before a role row is written: a process that dies before its next checkpoint must know the account when
  /// it meets the row in the binlog. Role and term of what is stored already stay as they are.
  result<void> expect_captured(const std::vector<captured_account>& accounts);
  result<std::optional<capture_checkpoint>> capture();
  result<void> each_captured(const std::function<void(captured_account)>& each);

  /// Below a place's `next`, every event of the partition was applied, or needn't be, or its account is in
  /// `stopped`: both are stored at once. nullopt: it doesn't stand still any more.
  result<void> store_progress(const std::map<partition_id, reader_place>& places,
                              const std::map<account_id, std::optional<stopped_account>>& changed = {});
  result<std::map<partition_id, reader_place>> reader_places();

  result<void> store_stopped(const stopped_account& account);
  result<void> remove_stopped(const account_id& account);
  result<std::vector<stopped_account>> stopped();

private:
  explicit local_state(sql_session& session)
      : session_(&session) {}
  sql_session* session_;
};

} // namespace understudy
