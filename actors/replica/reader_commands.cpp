// What others ask of the reader, and what its readings ask of the pool.
#include "actors/replica/replica_reader.hpp"

namespace understudy {

void replica_reader::post(std::function<void()> command) {
  const std::lock_guard lock(mutex_);
  commands_.push_back(std::move(command));
  wake_.notify_all();
  if (auto* reader = waker_.load())
    reader->wake();
}

void replica_reader::run_commands() {
  std::deque<std::function<void()>> due;
  {
    const std::lock_guard lock(mutex_);
    due.swap(commands_);
  }
  for (const auto& command : due)
    command();
}

partition_reading& replica_reader::reading(partition_id partition) {
  const auto found = readings_.find(partition);
  if (found != readings_.end())
    return found->second;
  partition_reading::limits limits;
  limits.catch_up_share = std::max<std::size_t>(options_.memory_limit / 8, 1);
  return readings_
      .try_emplace(
          partition, *this, *options_.decisions,
          [this](std::string_view body) { return decoder_.decode(body, *options_.shapes); }, limits)
      .first->second;
}

partition_reading* replica_reader::reading_of(const account_id& account) {
  const auto found = where_.find(account);
  return found == where_.end() ? nullptr : &reading(found->second);
}

void replica_reader::begin(partition_id partition, std::optional<reader_place> stored, kafka_offset otherwise,
                           lives_log lives) {
  post([this, partition, stored, otherwise, lives = std::move(lives)]() mutable {
    auto& r = reading(partition);
    if (r.begun())
      return;
    const auto at = stored ? stored->next : r.lowest_place().value_or(otherwise);
    r.begin(at, std::move(lives));
    auto& log = logs_[partition];
    if (stored && stored->mark) {
      log.marks.met(*stored->mark);
      log.asked = stored->mark;
    }
    if (auto added = main_->add(partition, log.asked ? log.asked->offset : at); !added)
      say(log_level::error, added.error().what);
  });
}

void replica_reader::place(partition_id partition, account_id account, replay_point at) {
  post([this, partition, account = std::move(account), at] {
    where_[account] = partition;
    reading(partition).place(account, at);
  });
}

void replica_reader::watch(partition_id partition, account_id account) {
  post([this, partition, account = std::move(account)] {
    where_[account] = partition;
    reading(partition).watch(account);
  });
}

void replica_reader::watch_from(partition_id partition, account_id account, kafka_offset from) {
  post([this, partition, account = std::move(account), from] {
    where_[account] = partition;
    reading(partition).watch_from(account, from);
  });
}

void replica_reader::watch_on(account_id account) {
  post([this, account = std::move(account)] {
    if (auto* r = reading_of(account))
      r->watch_on(account);
  });
}

void replica_reader::await(account_id account, kafka_offset request) {
  post([this, account = std::move(account), request] {
    if (auto* r = reading_of(account))
      r->await(account, request);
  });
}

void replica_reader::need_snapshot(partition_id partition, account_id account, std::string why) {
  post([this, partition, account = std::move(account), why = std::move(why)] {
    where_[account] = partition;
    reading(partition).need_snapshot(account, why);
  });
}

void replica_reader::had_reason(partition_id partition, account_id account) {
  post([this, partition, account = std::move(account)] { reading(partition).had_reason(account); });
}

void replica_reader::hold(account_id account, std::string reason) {
  post([this, account = std::move(account), reason = std::move(reason)] {
    if (auto* r = reading_of(account))
      r->hold(account, reason);
  });
}

void replica_reader::release(account_id account) {
  post([this, account = std::move(account)] {
    if (auto* r = reading_of(account))
      r->release(account);
  });
}

void replica_reader::forget(account_id account) {
  post([this, account = std::move(account)] {
    if (auto* r = reading_of(account))
      r->forget(account);
    where_.erase(account);
  });
}

void replica_reader::control_folded() {
  post([this] {
    for (auto& [partition, r] : readings_)
      r.control_folded();
  });
}

void replica_reader::stored() {
  post([this] { storing_ = false; });
}

void replica_reader::ask_position(partition_id partition,
                                  std::function<void(std::optional<kafka_offset>)> answer) {
  post([this, partition, answer = std::move(answer)] {
    const auto found = readings_.find(partition);
    answer(found != readings_.end() && found->second.begun() ? std::optional(found->second.position())
                                                             : std::nullopt);
  });
}

reading_progress replica_reader::progress() {
  reading_progress reached;
  for (auto& [partition, r] : readings_) {
    reached.reasons.merge(r.take_reasons());
    if (!r.begun())
      continue;
    const reader_place place{r.safe(), logs_[partition].marks.newest()};
    if (auto& stored = stored_places_[partition]; std::exchange(stored, place) != place)
      reached.places[partition] = place;
    r.forget_lives();
    auto lives = r.lives().text();
    if (auto& stored = stored_lives_[partition]; stored != lives) {
      stored = lives;
      reached.lives[partition] = std::move(lives);
    }
  }
  reached.shapes = std::exchange(new_shapes_, {});
  return reached;
}

void replica_reader::say(log_level level, const std::string& text) const {
  if (options_.report)
    options_.report(level, text);
}

void replica_reader::deliver(const account_id& account, queued_item item) {
  options_.pool->push(account, std::move(item));
}

void replica_reader::marker(marker_met met) {
  options_.on_marker(std::move(met));
}

void replica_reader::halted(const account_id& account, halt kind, error why, std::uint64_t fingerprint) {
  options_.on_halted(account, kind, std::move(why), fingerprint);
}

std::optional<replay_point> replica_reader::withdraw(const account_id& account) {
  return options_.pool->withdraw(account);
}

void replica_reader::close(const account_id& account) {
  options_.pool->close(account);
}

bool replica_reader::is_stuck(const account_id& account) const {
  return options_.pool->is_stuck(account);
}

bool replica_reader::idle(const account_id& account) const {
  return options_.pool->idle(account);
}

std::size_t replica_reader::backlog(const account_id& account) const {
  return options_.pool->bytes_of(account);
}

std::optional<replay_point> replica_reader::applied(const account_id& account) const {
  return options_.pool->applied(account);
}

} // namespace understudy
