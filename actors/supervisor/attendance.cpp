// What this node has to do about an account, now that control says what it says. Idempotent: looked at after
// each change and again while something is under way.
#include "actors/supervisor/stray_copy.hpp"
#include "actors/supervisor/supervisor.hpp"
#include "actors/support/uuid.hpp"

#include <spdlog/spdlog.h>

namespace understudy {
namespace {

/// Nothing is under way that only this process's memory knows.
bool is_idle(const account_state& account, const attended_account& doing, bool snapshot_wanted,
             const node_name& self) {
  const auto* active = account.terms.active();
  if (doing.busy || doing.guarding.standing || doing.sending.running || doing.copy.reset_pending ||
      doing.refused || !doing.unseen.empty() || active == nullptr || account.terms.current() != active)
    return false;
  if (doing.copy.parked || doing.copy.foreign_before || doing.copy.unlike_cut ||
      !doing.copy.ask_again.empty())
    return false; // what foreign writes did is known here alone
  if (doing.lost_left != epoch{})
    return false; // capture hasn't met that row yet, and it isn't written twice
  if (active->primary == self)
    return !doing.protection.again.asked && !snapshot_wanted;
  const auto* here = account.destination(self);
  return here == nullptr || (here->ready && doing.copy.following);
}

} // namespace

attended_account& supervisor::work(const account_id& id) {
  const auto [at, fresh] = work_.try_emplace(id);
  if (fresh) {
    const auto replica = parts_->replicas->figures_of(id);
    at->second.copy.following = replica.has_value();
    at->second.copy.paused_told = replica && replica->state == "paused";
  }
  return at->second;
}

/// A million accounts at rest cost nothing here.
void supervisor::rest_if_idle(const account_state& account) {
  const auto found = work_.find(account.id);
  if (found != work_.end() &&
      is_idle(account, found->second, wanted_snapshot(account) != kafka_offset{-1}, self_name()))
    work_.erase(found);
}

void supervisor::attend(const account_id& id) {
  const auto* account = state().account(id);
  if (account == nullptr)
    return;
  if (account->is_withdrawn) {
    forget(id);
    return;
  }
  if (const auto* active = account->terms.active();
      active != nullptr && is_self(active->primary) && account->terms.ended_by_a_claim(active->term))
    lose_epoch(*account, active->term); // decided and declined may have been read at once
  if (const auto* pending = account->terms.pending())
    attend_promotion(*account, *pending);
  else if (const auto* current = account->terms.current();
           current != nullptr && current->state == term_state::declined)
    abort_declined(*account, *current);
  if (const auto* active = account->terms.active()) {
    attend_settled(*account, *active);
    guard_what_was_left(*account, *active);
  }
  rest_if_idle(*account);
}

void supervisor::attend_promotion(const account_state& account, const term_entry& pending) {
  const auto* active = account.terms.active();
  const bool from_self = active != nullptr && is_self(active->primary);
  switch (pending.origin) {
  case term_origin::enrolment:
    if (is_self(pending.primary))
      begin_first_epoch(account, pending);
    return;
  case term_origin::planned:
    if (from_self)
      hand_over(account, pending);
    else if (is_self(pending.primary))
      read_ahead(account, pending);
    break;
  case term_origin::unplanned:
    if (is_self(pending.primary) && from_self)
      come_back(account, pending);
    else if (is_self(pending.primary))
      write_fence(account, pending);
    break;
  }
  if (!is_self(pending.primary))
    return;
  if (const auto why = why_not_begin(account, pending);
      !why.empty() && work(account.id).role_begun < pending.term)
    decline(account, pending.term, why);
  else
    take_over(account, pending);
}

void supervisor::attend_settled(const account_state& account, const term_entry& active) {
  if (account.terms.current() == &active) { // no promotion of it is under way
    handed_over_.erase(account.id);
    parts_->fences->forget(account.id);
  }
  if (is_self(active.primary)) {
    if (account.terms.current() == &active)
      release_guard(account, false); // it came back: what waited goes on here
    if (auto found = work_.find(account.id); found != work_.end() && found->second.copy.following) {
      parts_->replicas->become_source(account.id);
      found->second.copy.following = false;
    }
    say_refused(account, active);
    say_unseen(account, active);
    give_replicas_its_rows(account, active);
    attend_protection(account, active);
    send_snapshot(account);
    return;
  }
  release_guard(account, true);
  if (const auto found = work_.find(account.id); found != work_.end())
    found->second.unseen.clear(); // the new source's rows are what counts
  const auto* destination = account.destination(self_name());
  if (destination != nullptr)
    return attend_replica(account, active, *destination);
  if (parts_->accounts->is_written(account.id) && is_lost_before(account.id, active.term))
    lose_epoch(account, epoch(active.term.value - 1)); // promoted without us, and nothing comes back here
  if (parts_->accounts->is_lost(account.id))
    leave_lost_epoch(account, active);
  else
    remove_copy(account.id);
}

/// R34: with the rows that it has, which its own fence cut.
bool supervisor::becomes_replica(const account_state& account) {
  const auto* active = account.terms.active();
  const auto* here = account.destination(self_name());
  const auto found = work_.find(account.id);
  return active != nullptr && active->origin == term_origin::planned && here != nullptr && !here->ready &&
         here->reset_why == nullptr && found != work_.end() && found->second.handed_over &&
         found->second.handed_over->term == active->term;
}

void supervisor::attend_replica(const account_state& account, const term_entry& active,
                                const destination_state& destination) {
  auto& doing = work(account.id);
  if (const auto* pending = account.terms.pending();
      pending != nullptr && is_self(pending->primary) && doing.taking.told_for == pending->term)
    return; // it's on its way to be written here
  // Unless somebody has asked for another copy meanwhile.
  if (const auto why = std::exchange(doing.copy.ask_again, {});
      !why.empty() && !doing.copy.parked && destination.reset_why == nullptr)
    return ask_for_snapshot(account, why);
  const bool becomes = becomes_replica(account);
  if (doing.copy.unlike_cut && (becomes || destination.ready))
    return ask_for_snapshot(account,
                            fmt::format("foreign write by transaction {}", doing.copy.unlike_cut->text()));
  if (destination.ready) {
    if (std::exchange(doing.copy.foreign_in_load, false)) // as `replica_ready` was on its way
      return ask_for_snapshot(account, "foreign write while its copy was loaded");
    if (!doing.copy.following)
      follow(account);
    watch_for_foreign_writes(account, active);
    if (doing.copy.paused_told != account.is_paused) {
      doing.copy.paused_told = account.is_paused;
      if (account.is_paused)
        parts_->replicas->pause(account.id);
      else
        parts_->replicas->resume(account.id);
    }
    return;
  }
  if (becomes)
    return become_replica(account, active, destination);
  if (destination.reset_why != nullptr)
    doing.copy.unlike_cut.reset(); // whatever lies here is replaced
  const bool by_its_own_fence = destination.reset_why == nullptr && active.origin == term_origin::planned;
  if (by_its_own_fence && doing.role_left == active.term) {
    waiting_.insert(account.id); // Kafka's word on our fence is still on its way (R34)
    return;
  }
  if (is_lost_before(account.id, active.term))
    lose_epoch(account, epoch(active.term.value - 1)); // what we wrote before isn't proven (R33)
  if (parts_->accounts->is_lost(account.id))
    return leave_lost_epoch(account, active);
  if (is_parked(destination) && !doing.copy.reset_pending)
    doing.copy.parked = true; // since before this process began, too
  if (doing.copy.parked) {
    if (!doing.copy.following) {
      follow(account);
      if (is_parked(destination)) // a process that was killed may not have stored it
        parts_->replicas->park(account.id, *destination.reset_why);
    }
    return;
  }
  if (doing.copy.reset_seen != destination.requested && !goes_on_waiting(account, destination))
    ask_for_snapshot(account, destination.reset_why ? *destination.reset_why : std::string("new replica"));
}

/// What was asked for before, by a process before this one maybe, is under way: asked for again, all of it
/// would be made and read twice.
bool supervisor::goes_on_waiting(const account_state& account, const destination_state& destination) {
  auto& doing = work(account.id);
  if (destination.reset_why == nullptr || doing.copy.reset_pending ||
      !parts_->replicas->awaits(account.id, destination.requested))
    return false;
  doing.copy.reset_seen = destination.requested;
  if (!doing.copy.following) {
    replica_side::followed how;
    how.goes_on_waiting = true;
    follow(account, std::move(how));
  }
  return true;
}

/// R35: capture must know whose rows a replica's are here, to tell what nobody but a stranger wrote.
void supervisor::watch_for_foreign_writes(const account_state& account, const term_entry& active) {
  const auto figures = parts_->replicas->figures_of(account.id);
  if (!figures || figures->mailbox == mailbox_id{}) {
    waiting_.insert(account.id); // not located yet
    return;
  }
  if (parts_->accounts->knows_replica(account.id, figures->mailbox))
    return;
  parts_->accounts->expect({account.id,
                            figures->mailbox,
                            account.partition,
                            active.term,
                            account_role::replica,
                            figures->applied,
                            account.is_protected(),
                            {}});
}

void supervisor::ask_for_snapshot(const account_state& account, const std::string& why) {
  auto& doing = work(account.id);
  if (account.destination(self_name()) == nullptr || doing.copy.reset_pending)
    return;
  doing.copy.reset_pending = true;
  // The source sends a snapshot as soon as it reads `replica_reset`: not before its marker can't be missed
  // here.
  replica_side::followed how;
  how.why = why;
  how.watched = [this, self = caf::actor_cast<caf::actor>(this), id = account.id,
                 why](const result<void>& watched) {
    caf::anon_send(self, run_here{[this, id, why, watched] { on_watched(id, why, watched); }});
  };
  follow(account, std::move(how));
}

void supervisor::on_watched(const account_id& id, const std::string& why, const result<void>& watched) {
  const auto* account = state().account(id);
  if (account == nullptr || account->is_withdrawn || account->destination(self_name()) == nullptr)
    return;
  if (!watched) {
    spdlog::debug("account {}: partition {} can't be read yet: {}", id, account->partition,
                  watched.error().what);
    auto& doing = work(id);
    doing.copy.reset_pending = false;
    if (account->destination(self_name())->reset_why == nullptr)
      doing.copy.ask_again = why; // nothing else asks for a copy that control takes for whole
    waiting_.insert(id);
    return;
  }
  append_fact(id, replica_reset{self_name(), why});
}

void supervisor::follow(const account_state& account, replica_side::followed how) {
  how.account = account.id;
  how.name = account.name;
  how.partition = account.partition;
  how.term = account.terms.active()->term;
  how.wants_snapshot = static_cast<bool>(how.watched);
  parts_->replicas->follow(std::move(how));
  auto& copy = work(account.id).copy;
  if (!std::exchange(copy.following, true))
    copy.paused_told = false; // to this replica nobody has said it yet
}

kafka_offset supervisor::wanted_snapshot(const account_state& account) {
  kafka_offset newest{-1};
  for (const auto& destination : account.destinations)
    if (!destination.ready && destination.reset_why != nullptr && !is_parked(destination))
      newest = std::max(newest, destination.requested);
  return newest;
}

void supervisor::send_snapshot(const account_state& account) {
  const auto newest = wanted_snapshot(account);
  if (newest == kafka_offset{-1}) {
    parts_->troubles->forget(account.id);
    return forget_sent(account.id);
  }
  auto& doing = work(account.id);
  if (doing.sending.running)
    return;
  if (parts_->log->leaves_out(account.id)) { // to those that follow, a marker ahead of the log is a gap
    waiting_.insert(account.id);
    return;
  }
  if (const auto before = sent_.find(account.id); before != sent_.end())
    doing.sending.asked = std::max(doing.sending.asked, before->second);
  if (doing.sending.asked >= newest) {
    if (doing.sending.unmarked.empty())
      return;
    waiting_.insert(account.id);
    if (std::chrono::steady_clock::now() < doing.sending.marked_by)
      return;
    spdlog::warn("account {}: snapshot {} has no marker in the log, so nobody loads it: it is begun again",
                 account.id, doing.sending.unmarked);
  }
  const auto writer = parts_->accounts->writer_of(account.id, account.terms.active()->term);
  if (!writer.actor || lost_ || std::chrono::steady_clock::now() < doing.sending.not_before) {
    waiting_.insert(account.id); // not met yet, or the view would lie before capture's new place
    return;
  }
  doing.sending.running = true;
  doing.sending.sent = false;
  doing.sending.asked = newest;
  snapshot_sender::request wanted;
  wanted.account = account.id;
  wanted.mailbox = parts_->accounts->mailbox_of(account.id);
  wanted.account_actor = writer.actor;
  wanted.follows = writer.met;
  wanted.snapshot = doing.sending.unmarked = new_uuid();
  wanted.answers = newest;
  wanted.partition = account.partition; // both topics have the same number of partitions
  wanted.is_wanted = [control = parts_->control, log = parts_->log, id = account.id, newest] {
    return !log->leaves_out(id) && control->ask([&](const control_state& state) {
      const auto* now = state.account(id);
      return now != nullptr && !now->is_withdrawn && wanted_snapshot(*now) == newest;
    });
  };
  wanted.done = [this, self = caf::actor_cast<caf::actor>(this),
                 id = account.id](snapshot_sender::outcome sent) {
    caf::anon_send(self, run_here{[this, id, sent] {
                     auto& doing = work(id);
                     doing.sending.running = false;
                     doing.sending.marked_by = std::chrono::steady_clock::now() + parts_->marker_patience;
                     if (!sent && sent.error().is_superseded) {
                       doing.sending.asked = kafka_offset{-1};
                       doing.sending.unmarked.clear();
                     } else if (!sent) {
                       snapshot_failed(id, sent.error());
                     } else {
                       spdlog::info("account {}: {} rows of its snapshot are sent", id, *sent);
                       doing.sending.sent = true;
                       parts_->troubles->forget(id);
                       note_sent(id);
                     }
                     waiting_.insert(id);
                   }});
  };
  spdlog::info("account {}: snapshot {} begins", account.id, wanted.snapshot);
  parts_->snapshots->send(std::move(wanted));
}

/// MariaDB is away, or the mailbox isn't whole there: which stays so until somebody mends it.
void supervisor::snapshot_failed(const account_id& id, const error& why) {
  const auto [pause, is_new] = parts_->troubles->note(id, why.what);
  if (is_new) {
    parts_->metrics->error("snapshot");
    spdlog::warn("account {}: its snapshot can't be made, and is begun again: {}", id, why.what);
  }
  auto& doing = work(id);
  doing.sending.asked = kafka_offset{-1};
  doing.sending.not_before = std::chrono::steady_clock::now() + pause;
}

/// Marker and rows are in Kafka: a restart needn't send them again.
void supervisor::note_sent(const account_id& id) {
  const auto found = work_.find(id);
  if (found == work_.end() || !found->second.sending.sent || !found->second.sending.unmarked.empty() ||
      found->second.sending.asked == kafka_offset{-1})
    return;
  sent_[id] = found->second.sending.asked;
  unstored_.sent.insert(id);
}

void supervisor::forget_sent(const account_id& id) {
  if (sent_.erase(id) + parts_->sent_at_start.erase(id) > 0)
    unstored_.sent.insert(id);
}

/// Its next epoch is active, wherever: what is about the one before is over. Capture holds commits of a new
/// epoch, or doesn't, as its beginning was told. And whoever still waited for a snapshot of an earlier one
/// may have left it for the new source's: should that be this node, which the account came back to, they need
/// another.
void supervisor::begin_epoch(const account_id& id) {
  forget_sent(id);
  const auto found = work_.find(id);
  if (found == work_.end())
    return;
  found->second.protection = {};
  found->second.sending.asked = kafka_offset{-1};
}

void supervisor::forget(const account_id& id) {
  forget_sent(id);
  handed_over_.erase(id);
  parts_->accounts->forget(
      id); // capture's checkpoint may know it as ours although this process has no work of it
  const bool had_work = work_.contains(id);
  remove_copy(id);
  work_.erase(id);
  if (had_work)
    end_turn(id);
}

/// This node isn't a destination of it any more; should it be one again further on in the same batch of
/// control, it begins anew.
void supervisor::forget_copy(const account_id& id) {
  const auto found = work_.find(id);
  if (found == work_.end())
    return;
  const bool following = found->second.copy.following;
  found->second.copy = {};
  found->second.copy.following = following;
  found->second.handed_over.reset();
}

/// This node isn't a destination of it any more. Of a replica at rest only the replica side knows.
void supervisor::remove_copy(const account_id& id) {
  const auto found = work_.find(id);
  const bool begins = found != work_.end() && found->second.copy.following; // or is followed already
  if (!begins && !parts_->replicas->figures_of(id))
    return;
  spdlog::info("account {}: it isn't replicated here any more, its copy is removed", id);
  parts_->replicas->unfollow(id, true);
  if (begins)
    work_.erase(found);
}

/// Copies of accounts whose destination was taken away while this node was down.
void supervisor::remove_stray_copies() {
  parts_->replicas->each_copy_found([this](const replica_record& copy) {
    if (!is_stray_copy(state().account(copy.account), self_name(), copy))
      return;
    spdlog::info("account {}: it isn't replicated here any more, the copy of mailbox {} is removed",
                 copy.account, copy.mailbox);
    parts_->replicas->unfollow(copy.account, true);
  });
}

void supervisor::close_epoch(const account_state& account, epoch term) {
  auto& doing = work(account.id);
  if (doing.closed >= term)
    return;
  doing.closed = term;
  parts_->accounts->close_epoch(account.id, term);
}

} // namespace understudy
