// The accounts of a partition: taken up, parked, catching up, held; and what a restart must read again.
#include "actors/replica/partition_reading.hpp"

namespace understudy {
namespace {

/// A pass this near to the main reader is faster done than overtaken by new records.
constexpr std::int64_t near = 2000;
constexpr kafka_offset nowhere{-1};

} // namespace

void partition_reading::become(const account_id& account, feed& f, state next) {
  if (f.is == state::parked)
    parked_.erase(account);
  else if (f.is == state::catching)
    catching_.erase(account);
  f.is = next;
  if (next == state::parked)
    parked_.insert(account);
  else if (next == state::catching)
    catching_.insert(account);
}

/// Forgets what was read and isn't delivered.
void partition_reading::clear(const account_id& account, feed& f) {
  if (f.waiting)
    for (const auto& record : *f.waiting)
      waiting_bytes_ -= record.bytes;
  f.waiting.reset();
  waiting_.erase(account);
  f.open.reset();
  with_parts_.erase(account);
  f.loading_from.reset();
}

void partition_reading::set_position(const account_id& account, feed& f, const replay_point& at) {
  clear(account, f);
  line_position where{at.term, at.number, std::nullopt};
  const auto decided = decisions_.about(account);
  const auto* term = decided.terms ? decided.terms->find(at.term) : nullptr;
  if (term != nullptr && term->fence.value >= 0 && term->fence.next() == at.next)
    where.cut = at.number;
  f.line = account_line(where);
  f.placed = true;
  f.waits_behind = false;
  f.may_return_to.reset();
  f.next = at.next;
}

void partition_reading::begin(kafka_offset at, lives_log lives) {
  position_ = at;
  lives_ = std::move(lives);
  for (auto& [account, f] : feeds_)
    if (!f.placed && !f.waits_behind)
      begin_watching(account, f, at);
    else if (f.is == state::parked && f.next >= at)
      become(account, f, state::reading);
}

void partition_reading::begin_watching(const account_id& account, feed& f, kafka_offset from) {
  clear(account, f);
  f.line = account_line(from, decisions_.folded());
  f.line_begin = f.next = from;
  f.placed = f.waits_behind = false;
  f.may_return_to.reset();
  become(account, f, state::reading);
}

/// Nothing else is held up by what has to be read again: a pass does that.
void partition_reading::wait_behind(const account_id& account, feed& f, kafka_offset from) {
  begin_watching(account, f, from);
  f.waits_behind = true;
  f.not_before = {};
  if (!position_ || from < *position_)
    become(account, f, state::parked);
}

void partition_reading::place(const account_id& account, const replay_point& at) {
  auto& f = feeds_.try_emplace(account, account_line(line_position{})).first->second;
  take_reason_back(account, f);
  set_position(account, f, at);
  f.not_before = {};
  f.rest = {};
  become(account, f, position_ && at.next >= *position_ ? state::reading : state::parked);
}

void partition_reading::watch(const account_id& account) {
  auto& f = feeds_.try_emplace(account, account_line(line_position{})).first->second;
  take_reason_back(account, f);
  sink_.close(account);
  begin_watching(account, f, position_.value_or(kafka_offset{}));
}

void partition_reading::watch_from(const account_id& account, kafka_offset from) {
  auto& f = feeds_.try_emplace(account, account_line(line_position{})).first->second;
  f.has_reason = true; // stored by whoever waited before
  sink_.close(account);
  wait_behind(account, f, from);
}

void partition_reading::watch_on(const account_id& account) {
  const auto found = feeds_.find(account);
  if (found != feeds_.end() && found->second.loading_from)
    wait_behind(account, found->second, found->second.next);
}

void partition_reading::await(const account_id& account, kafka_offset request) {
  const auto found = feeds_.find(account);
  if (found == feeds_.end() || !position_)
    return;
  auto& f = found->second;
  if (f.placed && !f.loading_from)
    return; // it has a copy again
  const auto from = f.placed ? std::min(f.next, *f.loading_from) : f.line_begin;
  say_reason(account, f, from, fmt::format("{}{}", awaits_snapshot_mark, request));
}

void partition_reading::forget(const account_id& account) {
  const auto found = feeds_.find(account);
  if (found == feeds_.end())
    return;
  clear(account, found->second);
  become(account, found->second, state::held);
  take_reason_back(account, found->second);
  feeds_.erase(found);
}

void partition_reading::had_reason(const account_id& account) {
  feeds_.try_emplace(account, account_line(line_position{})).first->second.has_reason = true;
}

void partition_reading::hold(const account_id& account, const std::string& reason) {
  const auto found = feeds_.find(account);
  if (found == feeds_.end() || !found->second.placed || found->second.loading_from)
    return;
  auto& f = found->second;
  const auto waiting_at = f.waiting ? f.waiting->front().offset : nowhere;
  const bool all_applied = sink_.idle(account) && !f.open;
  const auto from = sink_.withdraw(account);
  if (!all_applied && from)
    set_position(account, f, *from);
  else if (f.is == state::reading || f.is == state::catching)
    f.next = f.waiting ? waiting_at : needed_by(f);
  halt_at(account, f, f.next, reason);
}

void partition_reading::release(const account_id& account) {
  const auto found = feeds_.find(account);
  if (found == feeds_.end() || found->second.is != state::held || found->second.loading_from)
    return;
  auto& f = found->second;
  take_reason_back(account, f);
  f.not_before = {};
  become(account, f, position_ && f.next >= *position_ ? state::reading : state::parked);
}

void partition_reading::park(const account_id& account, time_point now) {
  const auto found = feeds_.find(account);
  if (found == feeds_.end() || !found->second.placed || found->second.is == state::held)
    return;
  auto& f = found->second;
  if (const auto from = sink_.withdraw(account))
    set_position(account, f, *from);
  become(account, f, state::parked);
  f.rest = std::clamp(f.rest * 2, limits_.shortest_rest, limits_.longest_rest);
  f.not_before = now + f.rest;
}

void partition_reading::step_aside(const account_id& account, feed& f) {
  const auto next = f.waiting->front().offset;
  const auto open = f.open; // the line keeps its parts
  clear(account, f);
  f.open = open;
  if (open)
    with_parts_.insert(account);
  f.next = next;
  become(account, f, state::parked);
}

void partition_reading::park_waiting() {
  const auto accounts = std::vector(waiting_.begin(), waiting_.end());
  for (const auto& account : accounts)
    step_aside(account, feeds_.at(account));
}

void partition_reading::halt_at(const account_id& account, feed& f, kafka_offset next,
                                const std::string& reason) {
  clear(account, f);
  f.next = next;
  become(account, f, state::held);
  say_reason(account, f, next, reason);
}

void partition_reading::say_reason(const account_id& account, feed& f, kafka_offset next,
                                   const std::string& reason) {
  f.has_reason = true;
  reasons_[account] = std::pair(next, reason);
}

void partition_reading::take_reason_back(const account_id& account, feed& f) {
  if (std::exchange(f.has_reason, false))
    reasons_[account] = std::nullopt;
}

void partition_reading::need_snapshot(const account_id& account, const std::string& why) {
  auto& f = feeds_.try_emplace(account, account_line(line_position{})).first->second;
  sink_.close(account);
  const auto failed = f.loading_from ? std::optional(std::min(f.next, *f.loading_from)) : f.may_return_to;
  begin_watching(account, f, position_.value_or(kafka_offset{}));
  f.may_return_to = failed;
  say_reason(account, f, f.next, std::string(needs_snapshot_mark) + why);
}

void partition_reading::lose(const account_id& account, const std::string& why) {
  need_snapshot(account, why);
  sink_.halted(account, halt::needs_snapshot, error{why, "a new snapshot is needed", false}, 0);
}

void partition_reading::purged(kafka_offset low) {
  std::vector<std::pair<account_id, kafka_offset>> lost;
  for (const auto& [account, f] : feeds_)
    if (!f.loading_from && needed_by(f) < low)
      lost.emplace_back(account, needed_by(f));
  if (position_)
    position_ = std::max(*position_, low);
  if (pass_)
    pass_ = std::max(*pass_, low);
  for (const auto& [account, needed] : lost)
    lose(account,
         fmt::format("its events from offset {} on are gone: the log begins at {} (retention was faster)",
                     needed, low));
}

void partition_reading::truncated(kafka_offset high) {
  std::vector<account_id> lost;
  for (auto& [account, f] : feeds_) {
    if (!f.placed) { // its marker may have been in the tail, and whoever wrote it believes it to be there
      lost.push_back(account);
      continue;
    }
    const bool idle = sink_.idle(account);
    const auto at = sink_.withdraw(account);
    if ((at ? at->next : f.next) > high) {
      lost.push_back(account);
    } else if (at && !idle) {
      set_position(account, f, *at);
      become(account, f, f.is == state::held ? state::held : state::parked);
    } else {
      f.next = std::min(f.next, high);
    }
  }
  position_ = high;
  if (pass_ && *pass_ > high)
    pass_ = high;
  lives_.forget_from(high);
  for (const auto& account : lost)
    lose(account, fmt::format("{} no longer in Kafka: the log ends at {} (its tail was lost)",
                              feeds_.at(account).placed ? "it holds events that are"
                                                        : "the snapshot that it waits for may be",
                              high));
}

void partition_reading::replaced(kafka_offset low) {
  position_ = low;
  lives_ = {};
  std::vector<account_id> all;
  for (auto& [account, f] : feeds_) {
    f.loading_from.reset(); // nor is there anything to go back to
    f.may_return_to.reset();
    all.push_back(account);
  }
  for (const auto& account : all)
    lose(account,
         "its events are no longer in Kafka: the log that they were read from was replaced by another");
}

bool partition_reading::may_pass(const account_id& account, const feed& f, time_point now) const {
  return f.not_before <= now && decisions_.folded() >= f.control &&
         sink_.backlog(account) <= limits_.catch_up_share / 2;
}

std::optional<kafka_offset> partition_reading::begin_pass(time_point now) {
  if (!position_ || parked_.empty())
    return {};
  std::vector<account_id> ready;
  for (const auto& account : parked_)
    if (may_pass(account, feeds_.at(account), now))
      ready.push_back(account);
  std::optional<kafka_offset> from;
  for (const auto& account : ready) {
    auto& f = feeds_.at(account);
    if (f.next >= *position_)
      become(account, f, state::reading);
    else if (!pass_ || f.next >= *pass_) {
      become(account, f, state::catching);
      from = from ? std::min(*from, f.next) : f.next;
    }
  }
  if (pass_ || !from)
    return {};
  pass_ = from;
  return pass_;
}

/// Nothing is lost: its line goes on at this record.
void partition_reading::step_back(const account_id& account, feed& f, kafka_offset next, time_point now) {
  f.next = next;
  f.not_before = now + limits_.shortest_rest;
  become(account, f, state::parked);
}

bool partition_reading::pass_is_full(time_point now) {
  bool full = false;
  const auto accounts = std::vector(catching_.begin(), catching_.end());
  for (const auto& account : accounts) {
    if (sink_.backlog(account) <= limits_.catch_up_share / 2)
      continue;
    auto& f = feeds_.at(account);
    if (sink_.is_stuck(account))
      step_back(account, f, needed_by(f), now);
    else
      full = true;
  }
  return full;
}

bool partition_reading::end_pass() {
  if (!pass_)
    return false;
  if (*pass_ >= *position_) {
    const auto accounts = std::vector(catching_.begin(), catching_.end());
    for (const auto& account : accounts) {
      auto& f = feeds_.at(account);
      f.rest = {};
      become(account, f, state::reading);
    }
  }
  if (!catching_.empty())
    return false;
  pass_.reset();
  return true;
}

bool partition_reading::pass_is_near() const {
  return pass_ && position_->value - pass_->value <= near;
}

/// The first record that hasn't been given to the account.
kafka_offset partition_reading::needed_by(const feed& f) const {
  if (f.is == state::reading)
    return std::max(f.next, position_.value_or(kafka_offset{}));
  if (f.is == state::catching)
    return std::max(f.next, pass_.value_or(kafka_offset{}));
  return f.next;
}

std::optional<kafka_offset> partition_reading::safe_of(const account_id& account, const feed& f) const {
  if (f.loading_from)
    return f.loading_from;
  if (!f.placed || f.is == state::held)
    return {};
  auto at = needed_by(f);
  if (f.waiting)
    at = std::min(at, f.waiting->front().offset);
  if (f.open)
    at = std::min(at, f.open->first);
  if (!sink_.idle(account))
    if (const auto applied = sink_.applied(account))
      at = std::min(at, applied->next);
  return at;
}

kafka_offset partition_reading::safe() const {
  auto lowest = position();
  for (const auto& [account, f] : feeds_)
    if (const auto at = safe_of(account, f))
      lowest = std::min(lowest, *at);
  return lowest;
}

kafka_offset partition_reading::lowest_needed() const {
  auto lowest = safe();
  for (const auto& [account, f] : feeds_)
    if (f.placed && f.is == state::held)
      lowest = std::min(lowest, f.next);
    else if (!f.placed && f.has_reason)
      lowest = std::min(lowest, f.may_return_to ? std::min(*f.may_return_to, f.line_begin) : f.line_begin);
    else if (f.may_return_to)
      lowest = std::min(lowest, *f.may_return_to);
  return lowest;
}

std::optional<kafka_offset> partition_reading::lowest_place() const {
  std::optional<kafka_offset> lowest;
  for (const auto& [account, f] : feeds_)
    if (f.placed && f.is != state::held)
      lowest = lowest ? std::min(*lowest, f.next) : f.next;
  return lowest;
}

std::map<account_id, std::optional<std::pair<kafka_offset, std::string>>> partition_reading::take_reasons() {
  return std::exchange(reasons_, {});
}

} // namespace understudy
