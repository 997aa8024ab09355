// One account replicated here: waits for its first copy, has it loaded, follows, pauses, stops (DESIGN §4.4).
//
// Takes replica_messages.hpp. Tells the supervisor fence_applied, replica_loaded, replica_stopped. Events
// don't pass through it: the reader hands them to the appliers, and the actor learns what became of them. It
// never blocks; if it dies, its account stands still and its figures say so.
#pragma once
#include "actors/replica/replica_services.hpp"

#include <caf/event_based_actor.hpp>
#include <caf/stateful_actor.hpp>

#include <memory>

namespace understudy {

class replica {
public:
  static constexpr const char* name = "replica";
  explicit replica(caf::event_based_actor* self)
      : self_(self) {}
  void begin(std::shared_ptr<replica_services> around, account_id account, partition_id partition);
  caf::behavior make_behavior();

private:
  enum class phase : std::uint8_t { waiting_for_snapshot, loading, ready, stopped };

  void on(const replica_located& located);
  void on(const events_applied& applied);
  void on(const fence_turn& turn);
  void on(marker_read& read);
  void on(const reading_halted& halted);
  void on(load_ended& ended);
  void on(const shape_searched& searched);
  void on(const want_snapshot& wanted);
  void on(const snapshot_awaited& awaited);
  void on(const park_replica& parked);
  void on(const leave_replica&);
  void on(const pause_replica&);
  void on(const resume_replica&);
  std::string why_useless(const replica_located& located) const;
  void settle_at(const replica_located& located);

  void begin_at(const account_placement& where, const replay_point& at);
  void stop(const error& why, bool needs_snapshot);
  void need_snapshot(const std::string& why);
  void await_nothing();
  void become(phase next, const std::string& reason = {});
  void show(const replay_point& at);
  void show_waiting(const std::string& why);

  caf::event_based_actor* self_;
  std::shared_ptr<replica_services> around_;
  account_id account_;
  partition_id partition_;
  phase phase_ = phase::waiting_for_snapshot;
  bool paused_ = false;
  bool needs_snapshot_ = false; ///< said to the supervisor
  std::string parked_;          ///< why no copy is taken up for now; empty: one is
  std::string snapshot_;        ///< being loaded
  /// Its snapshot wasn't loaded for want of something here: the same again once that is mended, also if the
  /// source can't make another any more.
  std::unique_ptr<marker_met> refused_; ///< rare: an actor at rest stays small
  kafka_offset last_fence_{-1};
};

class replica_actor final : public caf::stateful_actor<replica, counted_actor<caf::event_based_actor>> {
public:
  replica_actor(caf::actor_config& config, std::shared_ptr<replica_services> around, account_id account,
                partition_id partition)
      : stateful_actor(config, around->options().messages) {
    state.begin(std::move(around), std::move(account), partition);
  }
  caf::behavior make_behavior() override { return state.make_behavior(); }
};

} // namespace understudy
