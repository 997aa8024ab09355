// The first thing that a supervisor does when leases and control are read (R19): what this node wrote last
// may belong to epochs that were ended without it.
#include "actors/supervisor/supervisor.hpp"
#include "storage/state/waiting_commits.hpp"

#include <spdlog/spdlog.h>

namespace understudy {

/// Epochs that a former life of this node lost, and whose commits it ended before it wrote the role rows that
/// capture hasn't met yet: what was written in them is foreign.
std::unordered_map<account_id, epoch> supervisor::left_epochs() const {
  std::unordered_map<account_id, epoch> left;
  for (const auto& role : parts_->roles_ahead) {
    const auto* account = role.role == account_role::replica ? state().account(role.account) : nullptr;
    const auto* entry = account == nullptr ? nullptr : account->terms.find(role.term);
    const bool comes_back = entry != nullptr && is_self(entry->primary);
    if (account != nullptr && !comes_back && !account->terms.handed_over_by(self_name(), role.term))
      left.emplace(role.account, epoch(role.term.value - 1));
  }
  return left;
}

std::vector<std::pair<account_id, epoch>>
supervisor::lost_epochs(const std::unordered_map<account_id, epoch>& left) const {
  std::vector<std::pair<account_id, epoch>> lost;
  auto written = parts_->accounts->written_here();
  // Commits wait behind these rows as well, though the process before us died before it kept a checkpoint.
  for (const auto& role : parts_->roles_ahead)
    if (role.role == account_role::source)
      written.emplace_back(role.account, role.term);
  for (const auto& [id, term] : written) {
    const auto* account = state().account(id);
    const auto* active = account == nullptr ? nullptr : account->terms.active();
    if (active == nullptr || account->is_withdrawn)
      continue;
    if (const auto known = left.find(id); known != left.end() && term <= known->second)
      continue;
    const bool passed_on = !is_self(active->primary) && active->term > term;
    if (passed_on || account->terms.ended_by_a_claim(term))
      lost.emplace_back(id, term);
  }
  return lost;
}

void supervisor::begin_when_read() {
  if (begun_ || beginning_ || !parts_->link->caught_up(state().next()))
    return;
  const auto left = left_epochs();
  const auto lost = lost_epochs(left);
  // What is captured of them from the settled position on, and isn't in their log, is foreign and reported
  // (R35). Nothing is acknowledged before the commits that may wait for it are ended.
  for (const auto& [id, term] : left)
    close_epoch(*state().account(id), term);
  for (const auto& [id, term] : lost)
    close_epoch(*state().account(id), term);
  parts_->source->start(lost_history());
  if (lost.empty())
    return begin();
  beginning_ = true;
  spdlog::warn(
      "{} accounts were promoted elsewhere while this node was away: waiting commits are ended (R8, R19)",
      lost.size());
  end_commits_at_start();
}

/// No client may be told OK for a write of an epoch that was lost, and nothing in the binlog says whose a
/// waiting commit is (R8).
void supervisor::end_commits_at_start() {
  in_background(
      *parts_->releasing, [this, parts = parts_, before = before_ending_]() mutable -> std::function<void()> {
        const auto ended = [&]() -> result<std::uint64_t> {
          auto session = sql_session::open(parts->local);
          if (!session)
            return tl::make_unexpected(static_cast<const error&>(session.error()));
          if (!before) {
            auto place = read_capture_beginning(*session);
            if (!place)
              return tl::make_unexpected(place.error());
            before = std::move(*place);
          }
          return end_waiting_commits(*session, *parts->endings);
        }();
        return [this, ended, before = std::move(before)] {
          before_ending_ = before;
          if (ended) {
            if (*ended > 0)
              spdlog::warn("{} connections that waited in a COMMIT were ended", *ended);
            beginning_ = false;
            return begin();
          }
          spdlog::error("the waiting commits couldn't be ended, tried again: {}", ended.error().what);
          delayed_send(this, std::chrono::seconds(1), run_here{[this] { end_commits_at_start(); }});
        };
      });
}

void supervisor::begin() {
  begun_ = true;
  sent_ = std::exchange(parts_->sent_at_start, {});
  spdlog::info("control is read: {} accounts, {} nodes", state().accounts().size(), state().nodes().size());
  announce();
  for (const auto& account : state().accounts())
    attend(account.id);
  remove_stray_copies();
  parts_->replicas->control_folded(state().next()); // reading begins: everything followed is known
  attend_lost_place();
  parts_->settle->begin_acknowledging();
}

} // namespace understudy
