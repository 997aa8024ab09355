#include "actors/replica/replica_actor.hpp"

#include "actors/messages.hpp"
#include "events/control/control_state.hpp"

#include <caf/send.hpp>

namespace understudy {
namespace {

constexpr const char* paused_reason = "paused";
constexpr kafka_offset nowhere{-1};

} // namespace

void replica::begin(std::shared_ptr<replica_services> around, account_id account, partition_id partition) {
  around_ = std::move(around);
  account_ = std::move(account);
  partition_ = partition;
}

caf::behavior replica::make_behavior() {
  return {[this](replica_message& message) { std::visit([this](auto& each) { on(each); }, message); }};
}

/// At a start, when the account is followed, and when a stopped one is to go on.
void replica::on(const replica_located& located) {
  settle_at(located);
  around_->taken_up();
}

/// Empty: what is here can be gone on from.
std::string replica::why_useless(const replica_located& located) const {
  if (located.stopped.starts_with(needs_snapshot_mark))
    return located.stopped.substr(needs_snapshot_mark.size());
  if (!located.found)
    return "there is no copy of the account here";
  // The copy that was asked for last has what made somebody ask, the log may not: a restored backup brings
  // back one from before.
  if (located.found->row.request < around_->options().decisions->about(account_).requested)
    return "the copy of the account here is older than the one made last: MariaDB was restored from a backup";
  return {};
}

void replica::settle_at(const replica_located& located) {
  if (located.awaited_from) {
    around_->reader().watch_from(partition_, account_, *located.awaited_from);
    return become(phase::waiting_for_snapshot);
  }
  const auto useless = why_useless(located);
  if (useless.empty() && located.found->row.state == replica_state::ready) {
    const auto& row = located.found->row;
    begin_at(around_->placement(account_, *located.found), {row.term, row.applied, located.read_from});
    if (located.stopped.empty()) {
      become(phase::ready);
    } else {
      around_->reader().hold(account_, located.stopped);
      if (located.stopped == paused_reason) {
        paused_ = true;
        become(phase::ready);
      } else {
        stop({located.stopped, {}, false}, false);
      }
    }
    return;
  }
  if (useless.empty()) {
    around_->reader().watch(partition_, account_); // the marker is read again: it loads once more
    return become(phase::waiting_for_snapshot);
  }
  if (useless.starts_with(parked_mark))
    return on(park_replica{useless});
  need_snapshot(useless);
  become(phase::waiting_for_snapshot, useless);
  stop({useless, "a new snapshot is needed", false}, true);
}

void replica::begin_at(const account_placement& where, const replay_point& at) {
  last_fence_ = nowhere; // of a log that was replaced since, maybe
  around_->pool().open(where, at);
  around_->reader().place(partition_, account_, at);
  around_->board().change(account_, [&](replica_board::entry& e) {
    e.now.mailbox = where.mailbox;
    e.awaits = nowhere;
  });
  show(at);
}

void replica::on(const events_applied& applied) {
  show(applied.at);
  if (applied.stopped && applied.stopped->retryable)
    return show_waiting(applied.stopped->what);
  around_->board().change(account_, [&](replica_board::entry& e) {
    e.now.lag_us = applied.lag_us;
    if (phase_ == phase::ready)
      e.now.reason.clear(); // what it waited for
  });
  if (!applied.stopped)
    return;
  around_->reader().hold(account_, applied.stopped->what);
  stop(*applied.stopped, false);
}

void replica::on(const fence_turn& turn) {
  const auto& fence = turn.fence;
  if (fence.offset <= last_fence_)
    return; // read again after being parked
  last_fence_ = fence.offset;
  show({fence.term, fence.cut, fence.offset.next()});
  self_->send(around_->options().supervisor,
              fence_applied{account_, fence.term, fence.cut, fence.offset, fence.is_protected, fence.at_cut});
}

/// Also a load under way ends: what it wrote may have been changed by the same hand.
void replica::on(const park_replica& parked) {
  parked_ = parked.reason;
  snapshot_.clear();
  refused_.reset();
  around_->board().change(account_, [](replica_board::entry& e) { e.loading.clear(); });
  need_snapshot(parked_);
  become(phase::stopped, parked_);
}

void replica::on(marker_read& read) {
  if (!parked_.empty()) // another destination's
    return need_snapshot(parked_);
  needs_snapshot_ = false;
  refused_.reset();
  snapshot_ = read.met.marker.id;
  around_->board().change(account_, [&](replica_board::entry& e) {
    e.loading = snapshot_;
    e.now.rows_loaded = e.now.rows_total = 0; // those of an earlier load
  });
  become(phase::loading);
  // Not before the appliers have nothing of the account any more.
  around_->pool().close(account_, [around = around_, met = std::move(read.met)] { around->load(met); });
}

void replica::on(const reading_halted& halted) {
  switch (halted.kind) {
  case halt::lacks_shape:
    around_->say(log_level::warning, fmt::format("account {}: {}", account_, halted.why.what));
    return around_->search(account_, halted.fingerprint);
  case halt::stopped:
    return stop(halted.why, false);
  case halt::needs_snapshot:
    refused_.reset(); // it goes on at a place of the log that is gone
    if (!parked_.empty())
      return need_snapshot(parked_);
    snapshot_.clear();
    around_->board().change(account_, [](replica_board::entry& e) { e.loading.clear(); });
    await_nothing();
    become(phase::waiting_for_snapshot, halted.why.what);
    return stop(halted.why, true);
  }
}

void replica::on(load_ended& ended) {
  if (phase_ != phase::loading || ended.met.marker.id != snapshot_)
    return;
  snapshot_.clear();
  around_->board().change(account_, [](replica_board::entry& e) { e.loading.clear(); });
  if (!ended.where && ended.where.error().is_superseded) {
    around_->reader().watch_on(account_);
    return become(phase::waiting_for_snapshot);
  }
  if (!ended.where) {
    need_snapshot(ended.where.error().what);
    if (ended.where.error().is_refusal) {
      stop(ended.where.error(), false);
      needs_snapshot_ = true; // once it is resumed
      refused_ = std::make_unique<marker_met>(std::move(ended.met));
      return;
    }
    become(phase::waiting_for_snapshot, ended.where.error().what);
    return stop(ended.where.error(), true);
  }
  begin_at(*ended.where, ended.met.then);
  become(phase::ready);
  if (paused_)
    around_->reader().hold(account_, paused_reason);
  self_->send(around_->options().supervisor,
              replica_loaded{account_, ended.met.marker.id, ended.met.then.number, ended.met.marker.request});
}

/// It may be paused by now, or have stopped: then it isn't the missing shape alone that holds it.
void replica::on(const shape_searched& searched) {
  if (phase_ != phase::ready)
    return;
  if (!searched.found)
    stop(searched.found.error(), false);
  else if (paused_)
    around_->reader().hold(account_, paused_reason);
  else
    around_->reader().release(account_);
}

void replica::on(const want_snapshot& wanted) {
  parked_.clear();
  refused_.reset();
  if (phase_ != phase::loading) {
    need_snapshot(wanted.why);
    needs_snapshot_ = false;
    become(phase::waiting_for_snapshot);
  }
  around_->report_watched(partition_, wanted.report);
}

/// What is waited for from here on may be passed already, but for what is asked for next.
void replica::need_snapshot(const std::string& why) {
  await_nothing();
  around_->reader().need_snapshot(partition_, account_, why);
}

void replica::await_nothing() {
  around_->board().change(account_, [](replica_board::entry& e) { e.awaits = nowhere; });
}

void replica::on(const snapshot_awaited& awaited) {
  if (phase_ != phase::waiting_for_snapshot && phase_ != phase::loading)
    return; // an older one was loaded meanwhile, or it stands still
  around_->board().change(account_, [&](replica_board::entry& e) { e.awaits = awaited.request; });
  around_->reader().await(account_, awaited.request);
}

void replica::on(const leave_replica&) {
  self_->quit();
}

void replica::on(const pause_replica&) {
  if (std::exchange(paused_, true))
    return;
  if (phase_ == phase::ready)
    around_->reader().hold(account_, paused_reason);
  become(phase_);
}

void replica::on(const resume_replica&) {
  const bool was_paused = std::exchange(paused_, false);
  if (!parked_.empty())
    return;
  if (needs_snapshot_ && refused_) {
    marker_read again{std::move(*refused_)};
    on(again);
  } else if (needs_snapshot_) {
    const auto figures = around_->board().figures_of(account_);
    self_->send(around_->options().supervisor,
                replica_stopped{account_, figures ? figures->reason : std::string{}, true});
  } else if (phase_ == phase::stopped) {
    around_->pool().refresh_schema();
    around_->locate(account_);
  } else if (phase_ == phase::ready && was_paused) {
    around_->reader().release(account_);
    become(phase_);
  }
}

void replica::stop(const error& why, bool needs_snapshot) {
  if (!needs_snapshot)
    become(phase::stopped, why.what);
  needs_snapshot_ = needs_snapshot;
  // Who hears it says it in the log.
  self_->send(around_->options().supervisor, replica_stopped{account_, why.what, needs_snapshot});
}

void replica::become(phase next, const std::string& reason) {
  phase_ = next;
  const char* state = next == phase::waiting_for_snapshot ? "waiting_for_snapshot"
                      : next == phase::loading            ? "loading"
                      : next == phase::stopped            ? "stopped"
                      : paused_                           ? "paused"
                                                          : "ready";
  around_->board().change(account_, [&](replica_board::entry& e) {
    e.now.state = state;
    e.now.reason = reason;
  });
}

/// It is told again with each attempt: the log says it once.
void replica::show_waiting(const std::string& why) {
  if (phase_ != phase::ready)
    return;
  const auto reason = fmt::format("{}; it is tried again", why);
  bool is_new = false;
  around_->board().change(account_, [&](replica_board::entry& e) {
    is_new = e.now.reason != reason;
    e.now.reason = reason;
  });
  if (is_new)
    around_->say(log_level::warning, fmt::format("account {}: {}", account_, reason));
}

void replica::show(const replay_point& at) {
  around_->board().change(account_, [&](replica_board::entry& e) {
    e.now.term = at.term;
    e.now.applied = at.number;
    e.now.next = at.next;
  });
}

} // namespace understudy
