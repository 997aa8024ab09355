// Capture: the dedicated thread that reads the local MariaDB's binlog and gives each account its slices
// (DESIGN §4.1, rules A). Everything it knows of accounts it was told, or met in the binlog.
#pragma once
#include "actors/source/account.hpp"
#include "actors/source/tail_check.hpp"
#include "storage/binlog/capture_source.hpp"
#include "storage/state/capture_beginning.hpp"

#include <atomic>
#include <thread>
#include <unordered_map>

namespace caf {
class actor_system;
}

namespace understudy {

class capture {
public:
  struct options {
    stream_options stream;
    /// The dump's id instead of the stream's after a connection over which nothing came; differs from
    /// everybody's. MariaDB (tried: 10.11.19, suspended and resumed) can wait for ever for an older dump of
    /// the same id, which waits for the thread that reads ACKs, which waits for another replica.
    std::uint32_t second_server_id = 0;
    std::shared_ptr<const table_routing> routing;
    caf::actor_system* system = nullptr;
    std::shared_ptr<const account_surroundings> around;
    /// Told about the connection: attached or not, and why not. Any moment, capture's thread.
    std::function<void(bool attached, const std::string& why)> attached;
    /// The node's own probe row came back through the binlog (R10).
    std::function<void()> probe_seen;
    /// Capture can't go on: the binlog can't be read (B09).
    std::function<void(const error&)> stuck;
    /// Capture waits for restart_at() from the start: there's no checkpoint, or this isn't the server of it.
    std::optional<position_lost> lost_at_start;
    /// What the binlog must have behind the settled position (R9).
    tail_check tail;
  };

  /// An account of this node, as the supervisor knows it.
  struct known_account {
    account_id account;
    mailbox_id mailbox; ///< in the local database; 0 = none yet
    partition_id partition;
    epoch term;       ///< 0: no role row was met yet
    std::string role; ///< "source", "replica", "none": as of the settled position (R11)
    sequence last;    ///< last one of the account in Kafka
    bool is_protected = true;
    known_events known;
  };

  capture(options o);
  ~capture();
  /// Starts reading behind the settlement's settled position. Once, when control is read: epochs that ended
  /// without this node are closed by then (R19).
  void start();
  /// Stops reading; what was read stays with the account actors. Any thread, blocking until the thread ended.
  void stop();

  /// Any thread. Ends the connection of the moment; a new one follows (S04).
  void reconnect();

  /// Any thread, after `position_lost`: capture goes on from there. What was captured before and hasn't
  /// settled counts as settled; accounts get the roles that they have there, as if their rows had been met.
  void restart_at(const capture_beginning& from);
  /// False: no place is known yet, so there's nothing to keep in a checkpoint. Any thread.
  bool has_place() const { return has_place_; }

  /// Any thread. Tells capture of an account before its role row is written, or at the start. Later calls
  /// renew what isn't decided by the binlog: mailbox, partition, `last` if no role was met since.
  void expect(known_account account);
  /// Any thread. The account's epoch ended without this node (R20): its slices are foreign from now on.
  void close_epoch(const account_id& account, epoch term);
  /// Any thread.
  void set_protected(const account_id& account, bool is_protected);
  /// Any thread. The account isn't replicated any more; its numbers go on if it is enrolled again (R11).
  void forget(const account_id& account);
  /// The account's actor while it is a source here; null otherwise, also once its epoch was closed (R20).
  account_handle actor_of(const account_id& account) const;

  /// The accounts that are written here as far as capture knows, with their epochs. Any thread.
  std::vector<std::pair<account_id, epoch>> written_here() const;
  /// Whether capture was told of the account.
  bool knows(const account_id& account) const;
  /// The last epoch and number of it that this node knows of; nothing if it was never told of it.
  struct numbered {
    epoch term;
    sequence last;
  };
  std::optional<numbered> numbered_up_to(const account_id& account) const;
  /// The account's local mailbox id; 0 = not known.
  mailbox_id mailbox_of(const account_id& account) const;

  /// The last sequence that Kafka holds of an account of ours. Any thread.
  void confirmed(const account_id& account, sequence number);
  sequence confirmed_of(const account_id& account) const;

  /// What a checkpoint must hold of accounts that changed since the last call: roles as of `place`, and in
  /// `last` the last sequence that Kafka holds.
  std::vector<known_account> changed_accounts(const binlog_place& place);

  /// For the settlement: writes the ACK over the connection of the moment. Any thread, never blocks long.
  void acknowledge(const binlog_place& place);

private:
  struct entry {
    known_account info;
    bool closed = false;
    account_handle actor;
    sequence sent;      ///< last number that its actor gives, as far as capture sent slices
    sequence confirmed; ///< last number that Kafka holds
    /// Role and term as of the last place that a checkpoint covered: later ones wait in role_changes_.
    std::string settled_role;
    epoch settled_term;
    bool changed = false; ///< since the last checkpoint
  };
  struct role_change {
    binlog_place place;
    account_id account;
    epoch term;
    std::string role;
  };

  void run();
  result<void> run_connection();
  /// Tells the supervisor and waits for restart_at(), or for the end.
  void wait_for_place(position_lost lost);
  /// Why the position can't be gone on from, if that is what ended the connection.
  std::optional<position_lost> why_lost(const capture_source& source, const error& failed) const;
  /// True: the transaction was read over an earlier connection and is on its way (R7).
  result<bool> read_before(const sliced_transaction& transaction, std::deque<gtid>& outstanding);
  result<void> on_transaction(sliced_transaction&& transaction);
  /// Why this isn't the history in Kafka (R9); empty: it is so far.
  std::string check_tail(const sliced_transaction& transaction);
  void on_registry(const sliced_transaction& transaction, bool removals);
  void on_role(const sliced_transaction::role_row& row, const binlog_place& place);
  void report_unseen(const sliced_transaction& transaction);
  void begin_writing(entry& account);
  entry* by_mailbox(mailbox_id mailbox);
  void mark_changed(entry& account);

  options options_;
  std::unique_ptr<capture_source> source_; ///< under source_mutex_
  mutable std::mutex mutex_;               ///< of accounts_, mailboxes_, role_changes_
  std::unordered_map<account_id, std::unique_ptr<entry>> accounts_;
  std::unordered_map<mailbox_id, entry*> mailboxes_;
  std::deque<role_change> role_changes_; ///< in the binlog's order
  std::vector<account_id> changed_;
  std::mutex source_mutex_;
  std::condition_variable wake_;
  std::optional<position_lost> lost_; ///< capture's thread only
  bool restarted_ = false;            ///< under source_mutex_
  std::atomic<bool> has_place_;
  bool use_second_id_ = false; ///< capture's thread alone
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

} // namespace understudy
