// P7: what a source couldn't keep for Kafka. Commits of an account that isn't protected go on without Kafka
// (R3), so what waits of it is bounded by memory alone: beyond that its events are left out of the log, and
// its replicas are made anew (docs/decisions/0011).
#include "actors/supervisor/supervisor.hpp"

#include <spdlog/spdlog.h>

namespace understudy {
namespace {

const std::string no_room = "Kafka didn't take its events, and there was no more room for them";

} // namespace

void supervisor::attend_left_out() {
  const auto found = parts_->log->left_out_now();
  if (found.empty()) {
    left_out_.clear();
    return;
  }
  const bool room = parts_->log->has_room();
  for (const auto& [id, term, last] : found) {
    const auto [said, is_new] = left_out_.try_emplace(id);
    if (is_new) {
      parts_->metrics->error("left_out");
      spdlog::error(
          "account {}: {} (from sequence {} on): its replicas are initialised anew when there is room", id,
          no_room, last);
    }
    const auto* account = state().account(id);
    const auto* active = account == nullptr ? nullptr : account->terms.active();
    if (active == nullptr || account->is_withdrawn || !is_self(active->primary) || active->term != term) {
      parts_->log->resume(id); // nobody waits for it any more
      left_out_.erase(id);
      continue;
    }
    // Behind a decision nobody may speak of this epoch; it ends, or is gone on with.
    if (!room || said->second != sequence{} || account->terms.current() != active)
      continue;
    said->second = last;
    std::vector<control_event> owed;
    owed.push_back(account_change{id, {}, unprotected{term, no_room, last}});
    for (const auto& destination : account->destinations)
      owed.push_back(account_change{id, {}, replica_reset{destination.node, no_room}});
    append(std::move(owed));
  }
}

/// Only a view that is opened from here on has everything: no snapshot for these requests was begun before.
void supervisor::note_left_out(const account_change& change, bool applied) {
  const auto* gap = std::get_if<unprotected>(&change.body);
  const auto told = left_out_.find(change.account);
  if (gap == nullptr || told == left_out_.end() || gap->since != told->second || gap->reason != no_room)
    return;
  left_out_.erase(told); // if it didn't apply, it's seen again
  if (!applied)
    return;
  parts_->log->resume(change.account);
  spdlog::info("account {}: its events are written again, behind sequence {}", change.account, gap->since);
}

} // namespace understudy
