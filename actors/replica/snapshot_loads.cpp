#include "actors/replica/snapshot_loads.hpp"

#include "storage/snapshot/first_copies.hpp"

namespace understudy {
namespace {

/// Loads in one transaction: twice as many gain little, and all wait for the last one's chunk.
constexpr std::size_t most_together = 32;
/// Between two looks for chunks that aren't in Kafka yet; longer, the longer they are waited for.
constexpr std::chrono::milliseconds look_again{200};
/// Of the patience.
constexpr std::chrono::milliseconds last_look{2000};
/// Between two attempts at what failed because MariaDB or Kafka was away.
constexpr std::chrono::milliseconds again_after{1000};
/// Loads of one snapshot begun again because something was away, before a new snapshot is asked for.
constexpr unsigned load_attempts = 30;

} // namespace

snapshot_loads::snapshot_loads(worker_pool& pool, unsigned threads, options o)
    : pool_(pool)
    , options_(std::move(o))
    , readers_(options_.kafka)
    , sessions_(loading_session(options_.sql), threads) {}

void snapshot_loads::add(marker_met met) {
  {
    const std::lock_guard lock(mutex_);
    ++accounts_[met.marker.account].loads;
  }
  const auto now = clock::now();
  put({std::move(met), now, now});
}

bool snapshot_loads::has(const account_id& account) const {
  const std::lock_guard lock(mutex_);
  return accounts_.contains(account);
}

bool snapshot_loads::enter(const account_id& account) {
  const std::lock_guard lock(mutex_);
  return !std::exchange(accounts_[account].under_way, true);
}

void snapshot_loads::leave(const account_id& account) {
  const std::lock_guard lock(mutex_);
  accounts_[account].under_way = false;
}

/// A job for each: whoever finds nothing has been overtaken by one who took several.
void snapshot_loads::put(due load) {
  {
    const std::lock_guard lock(mutex_);
    due_.push_back(std::move(load));
  }
  changed_.notify_all();
  pool_.submit([this] { work(); });
}

void snapshot_loads::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
}

/// Waits a little until something is due. Empty: there's nothing left, or another job looks again.
std::vector<snapshot_loads::due> snapshot_loads::take() {
  std::vector<due> taken;
  std::unique_lock lock(mutex_);
  const auto is_due = [](const due& load) { return load.not_before <= clock::now(); };
  const auto ends_waiting = [&] { return stopping_ || due_.empty() || std::ranges::any_of(due_, is_due); };
  if (!ends_waiting())
    changed_.wait_until(lock, std::min(clock::now() + look_again,
                                       std::ranges::min_element(due_, {}, &due::not_before)->not_before));
  if (stopping_ || due_.empty())
    return taken;
  if (!ends_waiting()) { // behind the pool's other work
    pool_.submit([this] { work(); });
    return taken;
  }
  ++working_;
  const auto now = clock::now();
  for (auto at = due_.begin(); at != due_.end() && taken.size() < most_together;) {
    const bool fits =
        taken.empty() || (!taken.front().alone && !at->alone && at->waited == taken.front().waited &&
                          at->met.marker.partition == taken.front().met.marker.partition);
    if (at->not_before > now || !fits) {
      ++at;
      continue;
    }
    taken.push_back(std::move(*at));
    at = due_.erase(at);
  }
  return taken;
}

void snapshot_loads::work() {
  auto taken = take();
  if (taken.empty())
    return;
  std::vector<due> free;
  for (auto& load : taken)
    if (options_.is_blocked(load.met.marker.account) || !enter(load.met.marker.account)) {
      load.since = clock::now(); // it isn't its source that it waits for
      again(std::move(load));
    } else {
      free.push_back(std::move(load));
    }
  if (free.size() == 1 && free.front().alone) {
    load_alone(std::move(free.front()));
  } else if (!free.empty()) {
    std::vector<load_task> tasks;
    for (const auto& load : free) {
      tasks.push_back(options_.prepare(load.met));
      tasks.back().waited = std::chrono::duration_cast<std::chrono::milliseconds>(clock::now() - load.since);
    }
    auto outcomes = load_together(tasks, readers_, sessions_);
    for (const auto& load : free)
      leave(load.met.marker.account);
    for (std::size_t i = 0; i < free.size(); ++i) {
      if (outcomes[i].what == load_outcome::kind::ended) {
        end(free[i], std::move(outcomes[i].where));
      } else if (outcomes[i].what == load_outcome::kind::later) {
        wait_longer(std::move(free[i]));
      } else {
        free[i].alone = true;
        put(std::move(free[i]));
      }
    }
  }
  rest_if_idle();
}

void snapshot_loads::load_alone(due load) {
  auto task = options_.prepare(load.met);
  if (load.is_last_look)
    task.waited = std::max(options_.patience - last_look, std::chrono::milliseconds(0));
  auto where = load_snapshot(task, readers_);
  leave(load.met.marker.account);
  const bool goes_on = !where && where.error().retryable && !task.stopping();
  if (!goes_on || load.attempt >= load_attempts)
    return end(load, std::move(where));
  task.say(fmt::format("account {}: {}", load.met.marker.account, where.error().what));
  ++load.attempt;
  again(std::move(load));
}

/// Its source is slow, or has died: others needn't wait for it. At the end one thread looks once more, and
/// says what that means for the copy that is there.
void snapshot_loads::wait_longer(due load) {
  const auto now = clock::now();
  if (now - load.since > options_.patience - last_look) {
    load.alone = load.is_last_look = true;
    return put(std::move(load));
  }
  load.not_before = now + std::max<clock::duration>(look_again, (now - load.since) / 4);
  load.waited = true;
  put(std::move(load));
}

void snapshot_loads::again(due load) {
  load.not_before = clock::now() + again_after;
  put(std::move(load));
}

void snapshot_loads::end(const due& load, load_result<account_placement> where) {
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = accounts_.find(load.met.marker.account); --found->second.loads == 0)
      accounts_.erase(found);
  }
  options_.ended(load.met, std::move(where));
}

/// Without loads there are no connections for them.
void snapshot_loads::rest_if_idle() {
  bool idle = false;
  {
    const std::lock_guard lock(mutex_);
    idle = --working_ == 0 && due_.empty();
  }
  if (!idle)
    return;
  readers_.rest();
  sessions_.rest();
}

} // namespace understudy
