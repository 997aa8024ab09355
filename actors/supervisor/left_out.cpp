// P7, R4: what a source couldn't keep for Kafka. Commits of an account that isn't protected go on without
// Kafka (R3), so what waits of it is bounded by memory alone: beyond that its events are left out of the log.
// When its partition takes events again they are read from the binlog, and where that can't be, its replicas
// are made anew (docs/decisions/0011).
#include "actors/supervisor/supervisor.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>

namespace understudy {
namespace {

const std::string no_room = "Kafka didn't take its events, and there was no more room for them";

bool is_followed(const account_state& account) {
  return std::ranges::any_of(account.destinations, &destination_state::ready);
}

} // namespace

void supervisor::attend_left_out() {
  const auto found = parts_->log->left_out_now();
  note_made_up_for(found);
  if (found.empty())
    return waiting_before_.clear();
  const bool has_room = parts_->log->has_room();
  auto waiting = parts_->log->oldest_unconfirmed();
  // Another partition's events may fill the memory.
  const auto takes_events = [&](partition_id partition) {
    const auto now = waiting.find(partition);
    const auto before = waiting_before_.find(partition);
    return parts_->log->connected() && (has_room || now == waiting.end() ||
                                        (before != waiting_before_.end() && before->second != now->second));
  };
  std::vector<backlog_reader::account> readable;
  for (const auto& missing : found) {
    const auto* account = whose_is(missing);
    if (account == nullptr)
      continue;
    auto& doing = left_out_.at(missing.account);
    // Behind a decision nobody may speak of this epoch; it ends, or is gone on with.
    const bool may_speak = account->terms.current() == account->terms.active();
    if (!missing.why_not.empty() || !is_followed(*account)) {
      parts_->backlog->leave(account->id);
      if (may_speak && has_room)
        make_anew(*account, missing, doing);
    } else if (patience_.is_lost(account->partition)) {
      parts_->backlog->leave(account->id);
    } else if (parts_->backlog->follows(account->id)) {
      if (may_speak)
        say_reading(*account, doing);
    } else if (may_speak && takes_events(account->partition)) {
      doing.reading = fmt::format(
          "Kafka lacked its events from sequence {} on, which are read from the binlog", missing.next);
      readable.push_back({account->id, parts_->accounts->mailbox_of(account->id), missing.term});
    }
  }
  waiting_before_ = std::move(waiting);
  parts_->backlog->follow(readable);
}

/// Null: nobody waits for it any more.
const account_state* supervisor::whose_is(const left_out& missing) {
  const auto& id = missing.account;
  if (left_out_.try_emplace(id).second) {
    give_up_holding(id); // its actor may have been asked behind that, and doesn't answer then
    parts_->metrics->error("left_out");
    spdlog::error("account {}: {} (from sequence {} on): they are read from the binlog when there is room",
                  id, no_room, missing.next);
  }
  const auto* account = state().account(id);
  const auto* active = account == nullptr ? nullptr : account->terms.active();
  if (active != nullptr && !account->is_withdrawn && is_self(active->primary) && active->term == missing.term)
    return account;
  parts_->backlog->leave(id);
  parts_->log->resume(id);
  left_out_.erase(id);
  return nullptr;
}

/// What an account of which something is missing for good is told as, isn't altered by what is made up for.
void supervisor::say_reading(const account_state& account, left_out_work& doing) {
  if (account.is_protected() || account.gap->lacks_changes() || !node_gap_.empty() ||
      account.gap->reason == doing.reading || doing.told_at == account.version)
    return;
  doing.told_at = account.version;
  append_fact(account.id, unprotected{account.terms.active()->term, doing.reading,
                                      parts_->accounts->confirmed_of(account.id).next(), true});
}

void supervisor::make_anew(const account_state& account, const left_out& missing, left_out_work& doing) {
  if (missing.why_not.empty()) // looked at again when nothing of it waits in memory any more
    return parts_->log->give_up_missing(account.id, "none of its replicas goes on with its log");
  if (doing.said != sequence{})
    return;
  doing.said = missing.last;
  doing.reason = fmt::format("{}; the binlog can't make up for them: {}", no_room, missing.why_not);
  spdlog::error("account {}: {}: its replicas are initialised anew", account.id, doing.reason);
  std::vector<control_event> owed;
  owed.push_back(account_change{account.id, {}, unprotected{missing.term, doing.reason, missing.last}});
  for (const auto& destination : account.destinations)
    owed.push_back(account_change{account.id, {}, replica_reset{destination.node, doing.reason}});
  append(std::move(owed));
}

/// Only a view that is opened from here on has everything: no snapshot for these requests was begun before.
void supervisor::note_left_out(const account_change& change, bool applied) {
  const auto* gap = std::get_if<unprotected>(&change.body);
  const auto told = left_out_.find(change.account);
  if (gap == nullptr || told == left_out_.end() || told->second.said == sequence{} ||
      gap->since != told->second.said || gap->reason != told->second.reason)
    return;
  left_out_.erase(told); // if it didn't apply, it's seen again
  if (!applied)
    return;
  parts_->log->resume(change.account);
  spdlog::info("account {}: its events are written again, behind sequence {}", change.account, gap->since);
}

void supervisor::note_made_up_for(const std::vector<left_out>& found) {
  std::unordered_set<account_id> missing;
  for (const auto& each : found)
    missing.insert(each.account);
  std::erase_if(left_out_, [&](const auto& each) {
    if (missing.contains(each.first))
      return false;
    spdlog::info("account {}: what was left out of its log is written", each.first);
    waiting_.insert(each.first);
    return true;
  });
}

} // namespace understudy
