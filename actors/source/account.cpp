#include "actors/source/account.hpp"

#include "storage/binlog/sliced_transaction.hpp"

#include <algorithm>
#include <utility>

namespace understudy {

account_actor::account_actor(caf::actor_config& config, std::shared_ptr<const account_surroundings> around,
                             account_start start)
    : counted_actor(config, around->messages)
    , around_(std::move(around))
    , account_(std::move(start.account))
    , term_(start.term)
    , last_(start.last)
    , last_id_(start.last_id)
    , partition_(start.partition)
    , protected_(start.is_protected) {}

account_actor::behavior_type account_actor::make_behavior() {
  return {[this](account_message& message) { std::visit([this](auto& each) { on(each); }, message); }};
}

void account_actor::on(const snapshot_opening& opening) {
  auto& snapshot = busy().snapshot;
  if (!snapshot)
    snapshot = std::make_unique<snapshot_wait>();
  snapshot->opening = opening.snapshot;
  opening.follows->set_value(last_end_);
}

void account_actor::on(const snapshot_abandoned& abandoned) {
  if (is_opening() && work_->snapshot->opening == abandoned.snapshot) {
    release_held();
    rest_if_idle();
  }
}

void account_actor::on(const settle_unprotected&) {
  protected_ = false;
  settle_all();
}

void account_actor::on(const protect&) {
  // Left out behind the question: a commit that is held would wait for the binlog to be read again (R3).
  if (around_->log->leaves_out(account_))
    return;
  protected_ = true;
  caf::anon_send(around_->supervisor, holds_again{account_, term_});
}

void account_actor::on(const epoch_closed& ended) {
  if (ended.term < term_)
    return;
  closed_ = true;
  around_->log->refusal_is_said(account_, last_); // nobody speaks of it any more
  settle_all();
}

void account_actor::on(slice_captured& slice) {
  if (is_opening())
    work_->snapshot->held.push_back(std::move(slice));
  else
    forward(slice);
}

void account_actor::forward(slice_captured& slice) {
  if (closed_) { // captured behind the end of its epoch: a foreign write, reported by capture (R35)
    around_->settle->release(slice.check, partition_);
    return;
  }
  produce(slice);
}

void account_actor::produce(slice_captured& slice) {
  last_ = last_.next();
  last_id_ = slice.id;
  last_end_ = slice.end;
  if (!slice.changes) {
    slice_refused refused{slice.check, last_, why_too_large(slice.id)};
    return on(refused);
  }
  transaction_event event{account_, term_, last_, slice.id, slice.committed_us, std::move(*slice.changes)};
  const bool holds = protected_;
  if (holds) {
    forget_settled();
    busy().in_flight.emplace_back(slice.check);
  }
  // `self` keeps the actor, and what is read of it here never changes.
  around_->log->produce(partition_, std::move(event),
                        [this, self = account_handle(this), check = slice.check, term = term_, number = last_,
                         partition = partition_](const delivery_outcome& outcome) {
                          if (outcome.refused)
                            return tell(self, slice_refused{check, number, outcome.refused->what});
                          around_->settle->delivered(
                              check, {partition, outcome.offset, outcome.stamp, outcome.first});
                          around_->confirmed(account_, term, number);
                        },
                        {slice.check->number, holds, around_->settle.get()});
  // Behind produce(): whoever sees it settled finds it in the log, or among what the log lacks.
  if (!holds)
    around_->settle->release(slice.check, partition_);
}

void account_actor::on(const slice_refused& refused) {
  around_->confirmed(account_, term_, refused.number); // it is used up: a next life must not give it again
  if (protected_ && !closed_) {
    busy().refused.push_back(refused.check);
  } else {
    if (!closed_)
      around_->log->note_refused(account_, refused.number, refused.check->number);
    around_->settle->release(refused.check, partition_);
  }
  caf::anon_send(around_->supervisor, account_refused{account_, term_, refused.number, refused.reason});
}

void account_actor::settle_all() {
  if (!work_)
    return;
  for (const auto& each : work_->in_flight)
    if (const auto check = each.lock())
      around_->settle->release(check, partition_);
  for (const auto& check : work_->refused)
    around_->settle->release(check, partition_);
  work_->in_flight.clear();
  work_->refused.clear();
  rest_if_idle();
}

void account_actor::on(const role_met& role) {
  if (is_opening())
    release_held(); // the snapshot's marker would lie behind the fence: void (R16)
  if (role.role == account_role::source) {
    if (role.term <= term_ && !closed_)
      return;
    term_ = role.term;
    last_end_ = {}; // of another history, maybe: of this epoch nothing was captured
    closed_ = false;
    around_->log->repeat_shapes(partition_);
  } else if (role.term > term_ && !closed_) {
    write_fence(role);
  }
}

void account_actor::write_fence(const role_met& role) {
  const bool has_all = !work_ || work_->refused.empty();
  around_->log->refusal_is_said(account_, last_); // nobody speaks of it any more
  fence_event fence{account_, role.term, role.decision, protected_ && has_all, last_, last_id_, role.at_cut};
  closed_ = true; // irrevocable from the moment it is handed over (R28)
  around_->log->produce(partition_, std::move(fence),
                        [supervisor = around_->supervisor, account = account_, term = role.term,
                         cut = last_](const delivery_outcome& outcome) {
                          if (!outcome.refused)
                            caf::anon_send(supervisor, fence_written{account, term, cut, outcome.offset});
                        });
  // Nothing speaks of this epoch any more, and the fence tells readers that the log lacks these.
  if (!has_all)
    for (const auto& check : std::exchange(work_->refused, {}))
      around_->settle->release(check, partition_);
}

void account_actor::on(const snapshot_opened& opened) {
  if (!is_opening() || work_->snapshot->opening != opened.snapshot)
    return; // abandoned meanwhile
  auto held = std::move(std::exchange(work_->snapshot, nullptr)->held);
  while (!held.empty() && held.front().end <= opened.place) {
    forward(held.front());
    held.pop_front();
  }
  write_marker(opened);
  for (auto& slice : held)
    forward(slice);
  rest_if_idle();
}

void account_actor::write_marker(const snapshot_opened& opened) {
  if (closed_)
    return;
  around_->log->repeat_shapes(partition_);
  snapshot_event marker{account_,     term_,          last_,          opened.snapshot, opened.partition,
                        opened.first, opened.mailbox, opened.request, last_id_};
  around_->log->produce(partition_, std::move(marker),
                        [supervisor = around_->supervisor, account = account_, snapshot = opened.snapshot,
                         number = last_](const delivery_outcome& outcome) {
                          if (!outcome.refused)
                            caf::anon_send(supervisor,
                                           marker_written{account, snapshot, number, outcome.offset});
                        });
}

void account_actor::release_held() {
  auto held = std::move(std::exchange(work_->snapshot, nullptr)->held);
  for (auto& slice : held)
    forward(slice);
}

account_actor::work& account_actor::busy() {
  if (!work_)
    work_ = std::make_unique<work>();
  return *work_;
}

bool account_actor::is_opening() const {
  return work_ && work_->snapshot;
}

bool account_actor::work::idle() const {
  return !snapshot && refused.empty() &&
         std::ranges::all_of(in_flight, [](const auto& slice) { return slice.expired(); });
}

void account_actor::forget_settled() {
  if (!work_)
    return;
  auto& all = work_->in_flight;
  all.erase(all.begin(), std::ranges::find_if(all, [](const auto& slice) { return !slice.expired(); }));
}

void account_actor::rest_if_idle() {
  if (work_ && work_->idle())
    work_.reset();
}

} // namespace understudy
