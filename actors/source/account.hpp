// The account actor in its source role (DESIGN §4.2): numbers the account's slices and hands them to Kafka.
//
// Takes (see actors/messages.hpp):
//   slice_captured      from capture, in binlog order
//   role_met            from capture, at the role row's place: begins the epoch, or ends it with the fence
//   (R29) snapshot_opening/opened/abandoned, settle_unprotected, protect, epoch_closed   from the supervisor
//   slice_refused       from the account log's threads
// Tells the supervisor: account_refused, fence_written, marker_written, holds_again.
// It never blocks and holds only what it waits for. If it dies, capture's next slice finds it gone, which is
// fatal for the node: an account without its actor would hold every commit for ever.
#pragma once
#include "actors/messages.hpp"
#include "actors/source/account_log.hpp"
#include "actors/support/counted_actor.hpp"

#include <caf/typed_event_based_actor.hpp>

namespace understudy {

/// What all account actors of a node share.
struct account_surroundings {
  std::shared_ptr<account_log> log;
  std::shared_ptr<settlement> settle;
  caf::actor supervisor;
  /// Kafka holds everything of the account up to this sequence. Any thread.
  std::function<void(const account_id&, epoch, sequence)> confirmed;
  std::shared_ptr<message_counts> messages = std::make_shared<message_counts>();
};

/// Where an account begins to write.
struct account_start {
  account_id account;
  epoch term;
  sequence last;
  std::optional<gtid> last_id; ///< of `last`, if this process captured it
  partition_id partition;
  bool is_protected = true;
};

class account_actor final : public counted_actor<account_handle::base> {
public:
  account_actor(caf::actor_config& config, std::shared_ptr<const account_surroundings> around,
                account_start start);
  const char* name() const override { return "account"; }
  behavior_type make_behavior() override;
  /// Nothing is in flight or held. Only while nobody else refers to the actor: this isn't a message.
  bool is_at_rest() const { return !work_ || work_->idle(); }

private:
  void on(slice_captured& slice);
  void on(const role_met& role);
  void on(const slice_refused& refused);
  void on(const snapshot_opening& opening);
  void on(const snapshot_opened& opened);
  void on(const snapshot_abandoned& abandoned);
  void on(const settle_unprotected&);
  void on(const protect&);
  void on(const epoch_closed& ended);
  void write_fence(const role_met& role);
  void release_held();
  void settle_all();
  void forward(slice_captured& slice);
  void produce(slice_captured& slice);
  void write_marker(const snapshot_opened& opened);

  std::shared_ptr<const account_surroundings> around_;
  account_id account_;
  epoch term_;
  sequence last_;
  std::optional<gtid> last_id_; ///< of `last_`, if this process wrote it
  binlog_place last_end_;       ///< of `last_`, if this actor wrote it
  partition_id partition_;
  bool protected_ = true;
  /// A fence was handed over, or the epoch was closed: nothing is produced any more (R28).
  bool closed_ = false;
  /// While its place is looked for.
  struct snapshot_wait {
    std::string opening;
    std::deque<slice_captured> held;
  };
  /// Present only while something may be in flight or held: an account at rest costs no more than its ids.
  struct work {
    /// What holds a COMMIT, in the order of producing. A report of Kafka's that counts lets go of the slice:
    /// nobody tells the actor, which a busy account would be woken for once more with each event.
    std::vector<std::weak_ptr<settlement::slice>> in_flight;
    std::vector<settlement::slice_ptr> refused; ///< by Kafka: they wait for control (R3)
    std::unique_ptr<snapshot_wait> snapshot;
    bool idle() const;
  };
  work& busy();
  bool is_opening() const;
  void forget_settled();
  void rest_if_idle();
  std::unique_ptr<work> work_;
};

} // namespace understudy
