// The supervisor actor (DESIGN §5): folds the control log, takes administrators' commands, and carries out on
// this node what was decided. Everything that blocks goes to worker pools and comes back as `run_here`.
//
// Takes (actors/messages.hpp): control_read, leases_read from the control link; command_received from the
//   gateway; role_met, account_renamed, foreign_write, rows_unseen, position_lost from capture;
//   account_refused, fence_written, marker_written, holds_again from account actors; fence_applied,
//   replica_loaded, replica_stopped from the replica side; tick.
// If it dies, the node ends: nothing would act on decisions any more.
#pragma once
#include "actors/messages.hpp"
#include "actors/source/partition_patience.hpp"
#include "actors/supervisor/attended_account.hpp"
#include "actors/supervisor/node_parts.hpp"
#include "actors/supervisor/operations.hpp"
#include "actors/supervisor/turns.hpp"
#include "actors/support/counted_actor.hpp"
#include "events/log/log_throttle.hpp"
#include "storage/state/control_store.hpp"
#include "storage/state/logged_state.hpp"

#include <caf/event_based_actor.hpp>
#include <caf/send.hpp>

#include <map>
#include <set>
#include <unordered_map>
#include <unordered_set>

namespace understudy {

/// Capture waits: its accounts must have been told before it begins anew.
struct lost_place {
  position_lost said;
  std::string reason; ///< as accounts are told
  /// What the role rows say; nothing before the binlog was examined.
  std::optional<std::unordered_map<account_id, role_record>> roles;
  std::unordered_map<account_id, account_version> told; ///< at this version something was appended
  std::string not_yet;                                  ///< why capture couldn't begin anew, as was said
  bool busy = false;
};

/// Of the folded control state: what has changed since it was stored.
struct unstored_ids {
  std::set<account_id> accounts;
  std::set<node_name> nodes;
  std::set<operation_id> operations; ///< also those that were forgotten
  std::set<account_id> sent;         ///< whose snapshot is whole in Kafka, or isn't wanted any more
  bool empty() const { return accounts.empty() && nodes.empty() && operations.empty() && sent.empty(); }
};

class supervisor final : public counted_actor<caf::event_based_actor> {
public:
  supervisor(caf::actor_config& config, std::shared_ptr<node_parts> parts);
  const char* name() const override { return "supervisor"; }
  caf::behavior make_behavior() override;

private:
  // control
  void on_control(const control_read& batch);
  void on_evolution(const control_record& record, const evolution& outcome);
  void fold_into_leases();
  void retry_stopped(const account_id& account);
  /// `at`: the record's offset.
  void count_promotion(const account_change& change, kafka_offset at);
  void tell_activation(const account_state& account, const term_entry& begun, sequence cut) const;
  void tell_operation(const control_event& event) const;
  void note_own_reset(const account_change& change);
  void on_leases();
  void on_tick();
  void tell_lease();
  control_changes as_folded(const unstored_ids& changed) const;
  void store_control();
  void announce();
  void leave_peers();
  /// `held` is kept until control has brought all of it back.
  void append(std::vector<control_event> events, const change_origin& origin = {},
              const std::shared_ptr<const void>& held = {});
  void append_fact(const account_id& account, account_change_body body);
  /// Runs `job` in the pool; what it returns is run by the supervisor afterwards.
  template <class Job>
  void in_background(worker_pool& pool, Job job) {
    pool.submit([job = std::move(job), self = caf::actor_cast<caf::actor>(this)]() mutable {
      caf::anon_send(self, run_here{job()});
    });
  }

  // accounts
  void attend(const account_id& account);
  void attend_promotion(const account_state& account, const term_entry& pending);
  void attend_settled(const account_state& account, const term_entry& active);
  bool becomes_replica(const account_state& account);
  void attend_replica(const account_state& account, const term_entry& active,
                      const destination_state& self_as_destination);
  void watch_for_foreign_writes(const account_state& account, const term_entry& active);
  void ask_for_snapshot(const account_state& account, const std::string& why);
  void forget(const account_id& account);
  void remove_copy(const account_id& account);
  void forget_copy(const account_id& account);
  void remove_stray_copies();
  void begin_first_epoch(const account_state& account, const term_entry& pending);
  void hand_over(const account_state& account, const term_entry& pending);
  void give_up_handing_over(const account_id& account, epoch term, const error& why);
  void hand_fence_over(const account_state& account, const term_entry& pending, sequence cut);
  void write_fence(const account_state& account, const term_entry& pending);
  void come_back(const account_state& account, const term_entry& pending);
  std::string why_not_begin(const account_state& account, const term_entry& pending) const;
  bool ends_the_one_before(const account_state& account, epoch term);
  void decline(const account_state& account, epoch term, const std::string& why);
  void couldnt_begin(const account_id& account, epoch term, const error& why);
  void abort_declined(const account_state& account, const term_entry& declined_one);
  void rescue_stranded();
  bool looks_dead(const node_name& node) const;
  void take_over(const account_state& account, const term_entry& pending);
  void read_ahead(const account_state& account, const term_entry& pending);
  bool is_compared(const account_state& account, const term_entry& pending);
  void on_compared(const account_id& account, epoch term, const account_checksum& source,
                   const result<std::optional<account_checksum>>& here);
  void release_guard(const account_state& account, bool end_waiters);
  void stand(const account_id& id, std::shared_ptr<guard> standing);
  void let_go(std::shared_ptr<guard> unwanted);
  void guard_what_was_left(const account_state& account, const term_entry& active);
  void watch_guards();
  void on_guard_watched(const account_id& id, const std::shared_ptr<guard>& before,
                        const result<std::shared_ptr<guard>>& standing);
  void end_turn(const account_id& account);
  void become_replica(const account_state& account, const term_entry& active,
                      const destination_state& destination);
  void close_epoch(const account_state& account, epoch term);
  void send_snapshot(const account_state& account);
  void take_gap(std::string gap);
  void end_gap();
  void attend_protection(const account_state& account, const term_entry& active);
  bool give_up_for(const account_state& account, const std::string& why, std::vector<control_event>& facts);
  bool say_gap(const account_state& account, unprotected gap);
  /// True once commits are held again and what was produced before is in Kafka.
  bool holds_commits(const account_state& account);
  bool replicas_have_what_is_missing(const account_state& account);
  void give_up_holding(const account_id& id);
  void look_at_partitions();
  void attend_left_out();
  const account_state* whose_is(const left_out& missing);
  void say_reading(const account_state& account, left_out_work& doing);
  void make_anew(const account_state& account, const left_out& missing, left_out_work& doing);
  void note_left_out(const account_change& change, bool applied);
  void note_made_up_for(const std::vector<left_out>& found);
  void look_for_uncovered();
  /// With `watched`: its rows are replaced from the next marker on (see replica_side).
  void follow(const account_state& account, replica_side::followed how = {});
  bool goes_on_waiting(const account_state& account, const destination_state& destination);
  void on_watched(const account_id& id, const std::string& why, const result<void>& watched);
  void begin_when_read();
  void end_commits_at_start();
  void begin();
  std::unordered_map<account_id, epoch> left_epochs() const;
  std::vector<std::pair<account_id, epoch>>
  lost_epochs(const std::unordered_map<account_id, epoch>& left) const;

  // superseded
  void step_down(const std::vector<standing_claim>& claims);
  void lose_epoch(const account_state& account, epoch term);
  void end_commits();
  void end_commits_now();
  void on_commits_ended(const returned& claim, const result<std::uint64_t>& ended);
  bool is_lost_before(const account_id& account, epoch term);
  void leave_lost_epoch(const account_state& account, const term_entry& active);

  // what the node's other actors say
  void on_role(const role_met& role);
  void on_refused(const account_refused& refused);
  void say_refused(const account_state& account, const term_entry& active);
  void say_unseen(const account_state& account, const term_entry& active);
  void on_holds_again(const holds_again& holding);
  void on_fence_written(const fence_written& written);
  void on_fence_applied(const fence_applied& applied);
  void on_loaded(const replica_loaded& loaded);
  void on_stopped(const replica_stopped& stopped);
  void take_name(const account_id& account, const std::string& name);
  void on_foreign(const foreign_write& written);
  void set_right(const account_state& account, const gtid& transaction);
  void note_unlike_log(const account_state& account, epoch term);
  void give_replicas_its_rows(const account_state& account, const term_entry& active);
  static bool is_parked(const destination_state& destination);
  /// The newest request for a snapshot that isn't answered; -1: there's none.
  static kafka_offset wanted_snapshot(const account_state& account);
  void snapshot_failed(const account_id& id, const error& why);
  void note_sent(const account_id& id);
  void forget_sent(const account_id& id);
  void begin_epoch(const account_id& id);
  void probe_parked();
  void unpark(const account_id& id);
  void on_unseen(const rows_unseen& unseen);
  /// `held` is kept until control has brought it back.
  void reset_replicas(const std::vector<account_id>& accounts, const std::string& why,
                      const std::shared_ptr<const void>& held = {});
  std::optional<position_lost> lost_history() const;
  void on_position_lost(const position_lost& lost);

  // capture's place is lost
  void attend_lost_place();
  void examine_place();
  void report_lost_place(std::size_t own_accounts);
  /// True if nothing is owed to the account any more; else appends to `owed` what isn't on its way.
  bool settle_loss(const account_state& account, std::vector<control_event>& owed);
  void begin_capture_anew();
  /// R9: this server's history isn't the one in Kafka.
  bool counts_as_dead() const { return lost_ && lost_->said.why == position_lost::kind::diverged; }

  const control_state& state() const { return parts_->control->own(); }
  const node_name& self_name() const { return parts_->config.node.name; }
  bool is_self(const node_name& node) const { return node == parts_->config.node.name; }
  attended_account& work(const account_id& account);
  void rest_if_idle(const account_state& account);
  std::string next_record_id();

  std::shared_ptr<node_parts> parts_;
  std::unordered_map<account_id, attended_account> work_;
  std::unordered_set<account_id> waiting_; ///< to be attended again at the next tick
  /// From before their guard stands until it's released. Many accounts that move at once move no sooner, but
  /// each would be away for longer, and their guards would take the mailstore's connections from its clients.
  turns handing_over_{4};
  std::unordered_set<account_id> guarded_; ///< whose guards stand, or were released since the last tick
  /// Handed over by this source, their new primary not active yet: since when they are seen to hang; 0: they
  /// don't.
  std::unordered_map<account_id, boot_time> handed_over_;
  unstored_ids unstored_;
  log_throttle foreign_lines_; ///< clients may go on writing to where an account was
  /// Why this whole node's commits aren't protected, as its accounts were told.
  std::string node_gap_;
  bool ending_gap_ = false;             ///< where the binlog ends is asked for
  bool end_unknown_ = true;             ///< it isn't known yet, since the start or the last gap
  std::optional<boot_time> held_lease_; ///< when it was last seen to run
  bool lease_ended_ = false;            ///< it did, and that was said
  bool storing_ = false;
  std::chrono::steady_clock::time_point next_store_{};
  bool beginning_ = false; ///< commits of lost epochs are being ended first
  bool begun_ = false;     ///< control was read to our own record: from here on we act
  bool probing_ = false;   ///< for parked replicas
  std::chrono::steady_clock::time_point next_probe_{};
  bool counting_uncovered_ = false; ///< accounts of this mailstore that no enrolment covers
  std::chrono::steady_clock::time_point next_uncovered_{};
  partition_patience patience_;
  /// The requests that snapshots answer which are whole in Kafka, until their replicas are ready.
  std::unordered_map<account_id, kafka_offset> sent_;
  std::unordered_map<account_id, left_out_work> left_out_; ///< accounts of which the log leaves events out
  std::map<partition_id, std::uint64_t> waiting_before_;   ///< the oldest that Kafka hadn't confirmed then
  std::optional<lost_place> lost_;
  /// Where capture would have begun before commits were ended at the start: what became visible by that lies
  /// behind it, and is found (R35).
  std::optional<capture_beginning> before_ending_;
  bool peers_changed_ = true;  ///< since they were left for the command line
  bool storing_fails_ = false; ///< said already
  bool leaving_peers_fails_ = false;
  bool ending_ = false;    ///< waiting commits are being ended; nothing is acknowledged meanwhile
  bool end_again_ = false; ///< once more behind that
  std::unordered_map<std::string, std::shared_ptr<const void>> held_; ///< by our record that it waits for
  bool announcing_ = false;
  std::chrono::steady_clock::time_point next_announcement_;
  std::vector<std::pair<returned, kafka_offset>> own_returns_; ///< folded in, but not into the leases yet
  returned claim_seen_{kafka_offset{-1}};
  returned returned_sent_{kafka_offset{-1}};
  std::uint64_t records_ = 0;
  std::unique_ptr<operations> operations_;
};

} // namespace understudy
