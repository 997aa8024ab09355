// The destination's half of a node (DESIGN §4.4): reads the partitions of the accounts replicated here and
// replays them into the local MariaDB. The supervisor's only door to it.
//
// Threads: one reader, the appliers, two loaders, one for the local state; an actor for each account.
// Tells the supervisor (actors/messages.hpp): fence_applied, replica_loaded, replica_stopped.
// fence_applied may come again for the same fence after a restart or a redelivery.
#pragma once
#include "actors/replica/decision_source.hpp"
#include "actors/support/counted_actor.hpp"
#include "events/log/kafka_settings.hpp"
#include "events/model/account_event.hpp"
#include "storage/apply/placement.hpp"
#include "storage/profile/profile.hpp"
#include "storage/state/logged_state.hpp"
#include "storage/state/sql_session.hpp"

#include <caf/actor.hpp>
#include <caf/fwd.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace understudy {

/// Callbacks for metrics; any thread, must be quick; each may be empty.
struct replica_observers {
  std::function<void(std::uint64_t events)> applied;
  std::function<void(double seconds)> lag; ///< capture at the source to commit here, one call an event
  std::function<void(std::size_t accounts)> batch; ///< accounts in one committed batch
  std::function<void(std::size_t bytes)> consumed; ///< records read from understudy.accounts
  std::function<void(std::uint64_t rows)> loaded;  ///< of snapshots, as they are written here
  /// Lines for the log: partition purged, account parked, MariaDB away, …
  std::function<void(log_level, const std::string&)> report;
};

class replica_side {
public:
  struct options {
    caf::actor_system* system = nullptr;
    caf::actor supervisor;
    sql_options sql;    ///< socket, user; `setup` is replaced
    bool logged = true; ///< false: replayed events stay out of the local binlog
    std::shared_ptr<const profile> rules;
    kafka_settings kafka;
    node_name node;
    /// What may be read and not applied, in bytes of memory; beyond it accounts are parked, then reading
    /// pauses.
    std::size_t memory_limit = std::size_t{128} << 20;
    unsigned appliers = 2;
    unsigned loaders = 2;
    std::shared_ptr<const decision_source> decisions;
    /// Volume numbers of that node's mailstore to ours, as they are known now; null = the same. Called on
    /// appliers' and loaders' threads, for each batch.
    std::function<std::shared_ptr<const volume_map>(const node_name& source)> volumes;
    /// A load without a new chunk for so long is given up.
    std::chrono::milliseconds load_patience{60'000};
    replica_observers observe;
    std::shared_ptr<message_counts> messages = std::make_shared<message_counts>(); ///< of the replica actors
  };

  struct followed {
    account_id account;
    std::string name; ///< address
    partition_id partition;
    epoch term; ///< of the control state; used where nothing better is known
    /// Whatever rows there are, they are replaced from the next valid marker.
    bool wants_snapshot = false;
    /// With wants_snapshot: told once, on any thread, when no marker that is written from now on can be
    /// missed any more; or why not, if it must be asked again (retryable).
    std::function<void(const result<void>&)> watched{};
    /// With wants_snapshot: why; kept here, so that a restart asks again though nobody remembers.
    std::string why{};
    /// Without wants_snapshot, where awaits() said so: the snapshot asked for before is waited for.
    bool goes_on_waiting = false;
    /// It was written here, and goes on behind its fence with the rows that it has (goes_on_mark is stored).
    bool has_own_rows = false;
  };

  struct figures {
    epoch term;
    sequence applied;
    std::optional<sequence> read; ///< while it follows: the last one read in its partition
    kafka_offset next;
    std::string state;  ///< waiting_for_snapshot, loading, ready, paused, stopped
    std::string reason; ///< why it is stopped, or needs a snapshot
    mailbox_id mailbox;
    std::int64_t lag_us = 0; ///< of the last event applied
    /// While it follows: when the first that was read and isn't applied was committed at its source, µs since
    /// 1970 by that one's clock; nothing: all is applied.
    std::optional<std::int64_t> waits_since_us{};
    std::uint64_t rows_loaded = 0;                      ///< while loading
    std::uint64_t rows_total = 0;                       ///< as the source estimated; 0: no chunk is there yet
    std::chrono::steady_clock::time_point load_began{}; ///< with rows_total
  };

  /// Counts for metrics.
  struct totals {
    std::size_t accounts = 0;
    std::size_t parked = 0;
    std::size_t backlog_bytes = 0;
    std::size_t backlog_events = 0;
    bool kafka_connected = false;
    bool reading_paused = false; ///< the memory limit is reached by accounts that do move
  };

  explicit replica_side(options o);
  ~replica_side(); ///< stop()

  /// Makes the tables of its own, loads positions, shapes and reasons of stopping; blocking. Fails while
  /// MariaDB is away (retryable). Nothing is read before the first control_folded().
  result<void> start();
  /// What is being applied ends, positions are stored. Blocking; not from an actor.
  void stop();

  /// What start() found in understudy.replica; before the first control_folded().
  void each_copy_found(const std::function<void(const replica_record&)>& each) const;
  /// At a start: call for all accounts before the first control_folded(). Later: a snapshot may be
  /// asked for once `watched` said so. An account that is followed already isn't touched, but for
  /// wants_snapshot. Without wants_snapshot an account that has no whole copy here is reported as needing a
  /// snapshot.
  void follow(followed what);
  /// Control has brought back what was asked for after `watched`: kept, for whoever waits after a restart.
  void await(const account_id& account, kafka_offset request);
  /// A snapshot for this request was asked for here, by this process or one before it, or is behind one that
  /// was: it needn't be asked for again, its marker will be met. Of one before it only until the first
  /// control_folded().
  bool awaits(const account_id& account, kafka_offset request) const;
  /// The account isn't replicated here any more. Its rows go if `remove_rows`, also if it isn't followed.
  void unfollow(const account_id& account, bool remove_rows);
  /// It will be written here: no more is applied; what an applier has in its hands was committed when `done`
  /// is called (on any thread). The position row stays.
  void become_source(const account_id& account, std::function<void()> done = {});
  /// Its rows can't be trusted any more: nothing is applied and no snapshot loaded until it is followed with
  /// wants_snapshot, also over a restart. `reason` begins with parked_mark.
  void park(const account_id& account, const std::string& reason);
  void pause(const account_id& account);
  /// Goes on after pause(); heals an account that stopped (restartReplicas): what failed is tried again.
  void resume(const account_id& account);
  /// The mailstore's tables aren't what they were, or may have got triggers: they are looked up again.
  void schema_changed();
  /// The decision source can answer for everything below `next`. The first call begins the reading.
  void control_folded(kafka_offset next);

  std::optional<figures> figures_of(const account_id& account) const;
  totals totals_now() const;

private:
  struct parts;
  std::unique_ptr<parts> parts_;
};

} // namespace understudy
