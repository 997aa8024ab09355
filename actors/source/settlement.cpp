#include "actors/source/settlement.hpp"

namespace understudy {

settlement::settlement(options o)
    : options_(std::move(o))
    , waiting_at_start_(options_.waits_at_start) {}

void settlement::begin_at(const gtid_position& settled) {
  const std::lock_guard lock(mutex_);
  tracker_.reset(settled);
  acknowledged_ = settled;
  open_.clear();
  outstanding_bytes_ = 0;
  ended_.clear();
  released_ = {};
  ++beginnings_;
  room_.notify_all();
}

settlement::resumption settlement::resume() const {
  const std::lock_guard lock(mutex_);
  // Not from what has settled: while nothing may be acknowledged (R8, R19) that lies further, and what is
  // read next must be the first that is outstanding.
  resumption from{acknowledged_, {}};
  from.outstanding.reserve(open_.size());
  for (const auto& transaction : open_)
    from.outstanding.push_back(transaction.id);
  return from;
}

void settlement::read_again(const binlog_place& end) {
  const std::lock_guard lock(mutex_);
  if (!stopped_ && !held_ && end <= released_)
    options_.acknowledge(released_);
}

void settlement::idle_at(const binlog_place& place) {
  const std::lock_guard lock(mutex_);
  if (!is_silent_locked() && open_.empty())
    options_.acknowledge(place);
}

settlement::ticket settlement::begin(gtid id, binlog_place end, std::uint32_t slices, std::size_t bytes,
                                     std::uint64_t group) {
  const std::lock_guard lock(mutex_);
  const auto number = tracker_.begin(id, end, slices, group);
  next_ = number + 1;
  open_.push_back({number, id, std::move(end), std::chrono::steady_clock::now(), bytes, {}});
  outstanding_bytes_ += bytes;
  if (slices == 0)
    acknowledge_locked();
  return number;
}

void settlement::wait_for_room() {
  std::unique_lock lock(mutex_);
  room_.wait(lock, [&] { return stopped_ || outstanding_bytes_ < options_.memory_limit; });
}

void settlement::delivered(const slice_ptr& part, const report& where) {
  const std::lock_guard lock(mutex_);
  if (auto* transaction = open_locked(*part))
    transaction->read_from.emplace_back(where.partition, where.first.value_or(where.offset));
  if (waiting_at_start_ || !settles_locked(*part, where))
    uncounted_.push_back({part, where});
}

/// False: it doesn't count yet, and its transaction waits for that.
bool settlement::settles_locked(slice& part, const report& where) {
  if (!options_.counts(where.stamp))
    return part.settled;
  auto& last = counted_up_to_[where.partition];
  last = std::max(last, where.offset);
  settle_locked(part);
  return true;
}

settlement::opened* settlement::open_locked(const slice& part) {
  if (open_.empty() || part.number < open_.front().number)
    return nullptr;
  return &open_[part.number - open_.front().number];
}

std::optional<kafka_offset> settlement::behind_counted_locked(partition_id partition) const {
  const auto counted = counted_up_to_.find(partition);
  return counted == counted_up_to_.end() ? std::nullopt : std::optional(counted->second.next());
}

void settlement::release(const slice_ptr& part, partition_id partition) {
  const std::lock_guard lock(mutex_);
  if (auto* transaction = open_locked(*part))
    transaction->read_from.emplace_back(partition, behind_counted_locked(partition));
  settle_locked(*part);
}

void settlement::release(const slice_ptr& part) {
  const std::lock_guard lock(mutex_);
  settle_locked(*part);
}

void settlement::epoch_ended(partition_id partition) {
  const std::lock_guard lock(mutex_);
  if (open_.empty())
    return;
  // The first one lies lowest.
  const auto at = ended_.try_emplace(partition, ended{behind_counted_locked(partition), next_}).first;
  at->second.before = next_;
}

void settlement::judge_again() {
  const std::lock_guard lock(mutex_);
  if (!waiting_at_start_)
    judge_again_locked();
}

void settlement::begin_acknowledging() {
  const std::lock_guard lock(mutex_);
  waiting_at_start_ = false;
  judge_again_locked();
  acknowledge_locked();
}

void settlement::judge_again_locked() {
  auto waiting = std::move(uncounted_);
  uncounted_.clear();
  for (auto& report : waiting)
    if (!settles_locked(*report.part, report.where))
      uncounted_.push_back(std::move(report));
}

void settlement::hold() {
  const std::lock_guard lock(mutex_);
  held_ = true;
}

void settlement::go_on() {
  const std::lock_guard lock(mutex_);
  held_ = false;
  acknowledge_locked();
}

void settlement::stop() {
  const std::lock_guard lock(mutex_);
  stopped_ = true;
  room_.notify_all();
}

gtid_position settlement::settled() const {
  const std::lock_guard lock(mutex_);
  return tracker_.settled();
}

std::size_t settlement::unsettled() const {
  const std::lock_guard lock(mutex_);
  return tracker_.unsettled();
}

std::chrono::steady_clock::duration settlement::oldest_wait() const {
  const std::lock_guard lock(mutex_);
  return open_.empty() ? std::chrono::steady_clock::duration::zero()
                       : std::chrono::steady_clock::now() - open_.front().at;
}

settlement::checkpoint settlement::take_checkpoint() const {
  const std::lock_guard lock(mutex_);
  checkpoint taken{acknowledged_, released_, {}, oldest_open_locked(), beginnings_};
  for (const auto& [partition, offset] : counted_up_to_)
    taken.read_from[partition] = offset.next();
  const auto not_behind = [&taken](partition_id partition, std::optional<kafka_offset> limit) {
    const auto from = taken.read_from.find(partition);
    if (from != taken.read_from.end() && !limit)
      taken.read_from.erase(from);
    else if (from != taken.read_from.end())
      from->second = std::min(from->second, *limit);
  };
  for (const auto& transaction : open_)
    for (const auto& [partition, offset] : transaction.read_from)
      not_behind(partition, offset);
  for (const auto& [partition, then] : ended_)
    not_behind(partition, then.read_from);
  return taken;
}

void settlement::settle_locked(slice& part) {
  if (std::exchange(part.settled, true))
    return;
  tracker_.settle(part.number);
  acknowledge_locked();
}

void settlement::acknowledge_locked() {
  if (is_silent_locked())
    return;
  auto released = tracker_.take_release();
  if (!released)
    return;
  options_.acknowledge(released->place);
  released_ = released->place;
  acknowledged_ = std::move(released->settled);
  const auto now = std::chrono::steady_clock::now();
  while (!open_.empty() && open_.front().end <= released_) {
    if (options_.observe_hold)
      options_.observe_hold(std::chrono::duration<double>(now - open_.front().at).count());
    outstanding_bytes_ -= open_.front().bytes;
    open_.pop_front();
  }
  std::erase_if(ended_, [&](const auto& each) { return each.second.before <= oldest_open_locked(); });
  room_.notify_one();
}

} // namespace understudy
