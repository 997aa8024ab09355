// Writes events into the local MariaDB: many accounts in one transaction, their positions first (R36, R41).
//
// Blocking: one applier is one connection and belongs to one thread. An account must never be in the hands of
// two appliers at the same time.
#pragma once
#include "events/model/account_event.hpp"
#include "storage/apply/apply_plan.hpp"
#include "storage/profile/profile.hpp"
#include "storage/profile/schema_catalog.hpp"
#include "storage/state/sql_session.hpp"

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

namespace understudy {

struct applier_options {
  sql_options connection; ///< `setup` is replaced by the applier's own (R37)
  bool logged = true;     ///< false: what it writes stays out of the local binlog
  std::size_t rows_per_statement = plan_limits{}.rows;
  std::size_t bytes_per_statement = plan_limits{}.bytes;
  /// Deadlocks, lock waits and lost connections repeat the whole transaction after a pause that doubles from
  /// `first_pause` to `longest_pause` (A07): bounded by a pause, not by giving up.
  std::chrono::milliseconds first_pause{10};
  std::chrono::milliseconds longest_pause{2000};
  /// How long one transaction waits for a row lock before it is repeated, in whole seconds.
  std::chrono::seconds lock_wait{5};
  /// Returns true when the applier shall stop trying (SIGTERM): `apply` then returns a retryable error.
  std::function<bool()> stopping;
};

/// An event with the offset behind its (last) record: where reading goes on once it is applied.
struct located_event {
  std::shared_ptr<const transaction_event> event;
  kafka_offset next;
};

struct replica_position {
  sequence applied;
  kafka_offset next;
};

struct account_batch {
  account_placement where;
  /// Where the replica stands as the caller knows, so that the first attempt needs no look; if it stands
  /// elsewhere, understudy.replica is read and says so. Nothing: it is read first.
  std::optional<replica_position> at;
  /// Gap-free in their sequence numbers; those at or below what `understudy.replica` has are redeliveries.
  std::vector<located_event> events;
};

struct apply_outcome {
  account_id account;
  sequence applied;  ///< what understudy.replica holds now
  kafka_offset next; ///< as stored with it; -1 = unknown (nothing applied in this call)
  /// The account goes no further: names event, table, key and images. Retryable: the event after `applied`
  /// names a volume that isn't in the batch's placement; it may be with the next.
  std::optional<error> stopped;
};

/// Figures for metrics and tests; readable from any thread.
struct applier_counters {
  std::atomic<std::uint64_t> transactions{0}; ///< committed
  std::atomic<std::uint64_t> events{0};       ///< applied
  std::atomic<std::uint64_t> statements{0};   ///< of committed transactions
  std::atomic<std::uint64_t> repeats{0};      ///< deadlock, lock wait, connection lost
  std::atomic<std::uint64_t> redelivered{0};  ///< events that had been applied before
  std::atomic<std::uint64_t> solo{0};         ///< accounts taken out of a batch and applied alone
};

class applier {
public:
  /// Connects and reads the schema catalog. Fails when MariaDB is away.
  static result<std::unique_ptr<applier>> open(applier_options options, std::shared_ptr<const profile> rules);
  ~applier();

  /// Applies each account's events in order and returns one outcome per account, in the batch's order.
  /// An error of the whole call (retryable) only if MariaDB stays away and `stopping` says so; what was
  /// committed before is then found in understudy.replica. Accounts that fail are applied alone, event by
  /// event, up to the one that fails (R41).
  result<std::vector<apply_outcome>> apply(const std::vector<account_batch>& batch);

  /// Reads the schema catalog and max_allowed_packet again before the next batch: after DDL, restartReplicas,
  /// a new group database.
  /// Any thread.
  void refresh_schema();

  const applier_counters& counters() const;

private:
  struct parts;
  explicit applier(std::unique_ptr<parts> p);
  std::unique_ptr<parts> parts_;
};

} // namespace understudy
