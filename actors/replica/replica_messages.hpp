// What a replica actor is told. Nobody is answered: it speaks to the supervisor (actors/messages.hpp) and to
// the replica side's services.
#pragma once
#include "actors/replica/partition_reading.hpp"
#include "actors/replica/progress_store.hpp"
#include "storage/snapshot/snapshot_loader.hpp"

#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/send.hpp>

#include <variant>

namespace understudy {

// --- chores (positions looked up) -> replica --------------------------------------------------------------

/// Where the account stands in the local MariaDB.
struct replica_located {
  std::optional<stored_replicas::replica> found; ///< nothing: no row
  kafka_offset read_from;                        ///< everything of the account below is applied
  std::string stopped;                           ///< the stored reason, if any
  /// A process before this one asked for a snapshot: its marker, or a newer one's, lies behind this.
  std::optional<kafka_offset> awaited_from{};
};

// --- applier pool -> replica
// --------------------------------------------------------------------------------

struct events_applied {
  replay_point at;
  std::int64_t lag_us = 0;
  std::optional<error> stopped; ///< retryable: the appliers try it again
};

/// Everything before the fence is committed.
struct fence_turn {
  queued_fence fence;
};

// --- reader -> replica
// ----------------------------------------------------------------------------------------

struct marker_read {
  marker_met met;
};

struct reading_halted {
  halt kind = halt::stopped;
  error why;
  std::uint64_t fingerprint = 0;
};

// --- loaders -> replica
// -----------------------------------------------------------------------------------------

struct load_ended {
  marker_met met;
  load_result<account_placement> where;
};

struct shape_searched {
  result<void> found;
};

// --- replica side -> replica
// ---------------------------------------------------------------------------------

/// Told once whether the account's next marker will be met; destroyed untold, whoever should have said so
/// ended.
class watch_report {
public:
  explicit watch_report(std::function<void(const result<void>&)> told)
      : told_(std::move(told)) {}
  ~watch_report() { tell(failure("the account isn't followed any more", {}, true)); }
  watch_report(const watch_report&) = delete;
  watch_report& operator=(const watch_report&) = delete;
  void tell(const result<void>& outcome) {
    if (const auto told = std::exchange(told_, {}))
      told(outcome);
  }

private:
  std::function<void(const result<void>&)> told_;
};

/// Its rows are to be replaced from the next valid marker.
struct want_snapshot {
  std::shared_ptr<watch_report> report;
  std::string why;
};
/// Control has brought back what was asked for with want_snapshot.
struct snapshot_awaited {
  kafka_offset request;
};
/// Its rows can't be trusted: nothing is applied, and no marker taken, before its rows are wanted again.
struct park_replica {
  std::string reason;
};
struct pause_replica {};
struct resume_replica {};
/// The account isn't replicated here any more; the actor ends.
struct leave_replica {};

// --- all that a replica takes
// -------------------------------------------------------------------------------

/// One type with one handler: CAF keeps a handler of each type in each actor, and there may be a million.
using replica_message = std::variant<replica_located, events_applied, fence_turn, marker_read, reading_halted,
                                     load_ended, shape_searched, want_snapshot, snapshot_awaited,
                                     park_replica, pause_replica, resume_replica, leave_replica>;

inline void tell(const caf::actor& replica, replica_message message) {
  caf::anon_send(replica, std::move(message));
}

} // namespace understudy

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(understudy::replica_message)
