#include "actors/replica/applier_pool.hpp"

#include "events/model/named_thread.hpp"
#include "storage/state/logged_state.hpp"

#include <unordered_map>

namespace understudy {
namespace {

using clock = std::chrono::steady_clock;

/// Between two attempts to reach a MariaDB that is away.
constexpr std::chrono::milliseconds connect_again{500};

std::int64_t wall_us() {
  return std::chrono::duration_cast<std::chrono::microseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

} // namespace

struct applier_pool::worker {
  unsigned lane = 0;
  std::thread thread;
  std::unique_ptr<applier> writes;
  std::optional<sql_session> positions; ///< for fences only
  std::atomic<bool> refresh{false};
  /// The batch under way must be committed by then.
  std::atomic<clock::rep> deadline{0};
};

applier_pool::applier_pool(options o)
    : options_(std::move(o))
    , queue_(options_.queue) {}

applier_pool::~applier_pool() {
  stop();
}

void applier_pool::start() {
  for (unsigned lane = 0; lane <= options_.queue.lanes; ++lane) {
    auto& w = *workers_.emplace_back(std::make_unique<worker>());
    w.lane = lane;
    w.thread = named_thread(fmt::format("apply-{}", lane), [this, &w] { run(w); });
  }
}

void applier_pool::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  for (auto& w : workers_)
    if (w->thread.joinable())
      w->thread.join();
}

void applier_pool::open(account_placement where, replay_point at) {
  where.volumes.reset(); // a snapshot's
  const std::lock_guard lock(mutex_);
  queue_.open(std::move(where), at);
}

void applier_pool::close(const account_id& account, std::function<void()> free) {
  {
    const std::lock_guard lock(mutex_);
    if (!queue_.close(account)) {
      if (free)
        closing_[account].push_back(std::move(free));
      return;
    }
  }
  if (free)
    free();
}

void applier_pool::free_closed(const account_id& account) {
  std::vector<std::function<void()>> free;
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = closing_.find(account); found != closing_.end()) {
      free = std::move(found->second);
      closing_.erase(found);
    }
  }
  for (const auto& f : free)
    f();
}

void applier_pool::push(const account_id& account, queued_item item) {
  const std::lock_guard lock(mutex_);
  queue_.push(account, std::move(item));
}

std::optional<replay_point> applier_pool::withdraw(const account_id& account) {
  const std::lock_guard lock(mutex_);
  return queue_.withdraw(account);
}

bool applier_pool::idle(const account_id& account) const {
  const std::lock_guard lock(mutex_);
  return queue_.idle(account);
}

bool applier_pool::is_stuck(const account_id& account) const {
  const std::lock_guard lock(mutex_);
  return queue_.is_stuck(account);
}

std::size_t applier_pool::bytes_of(const account_id& account) const {
  const std::lock_guard lock(mutex_);
  return queue_.bytes_of(account);
}

std::optional<sequence> applier_pool::read_up_to(const account_id& account) const {
  const std::lock_guard lock(mutex_);
  return queue_.read_up_to(account);
}

std::optional<std::int64_t> applier_pool::oldest_commit_us(const account_id& account) const {
  const std::lock_guard lock(mutex_);
  return queue_.oldest_commit_us(account);
}

std::optional<replay_point> applier_pool::applied(const account_id& account) const {
  const std::lock_guard lock(mutex_);
  return queue_.applied(account);
}

std::vector<account_id> applier_pool::delayed() const {
  const std::lock_guard lock(mutex_);
  return queue_.delayed();
}

std::optional<std::pair<account_id, std::size_t>> applier_pool::largest() const {
  const std::lock_guard lock(mutex_);
  return queue_.largest();
}

std::size_t applier_pool::bytes() const {
  const std::lock_guard lock(mutex_);
  return queue_.bytes();
}

std::size_t applier_pool::waiting_events() const {
  const std::lock_guard lock(mutex_);
  return queue_.waiting_events();
}

void applier_pool::refresh_schema() {
  for (auto& w : workers_)
    w->refresh = true;
}

void applier_pool::say(log_level level, const std::string& text) const {
  if (options_.report)
    options_.report(level, text);
}

/// False: the pool stops.
bool applier_pool::pause(std::chrono::milliseconds time) {
  std::unique_lock lock(mutex_);
  wake_.wait_for(lock, time, [this] { return stopping_.load(); });
  return !stopping_;
}

void applier_pool::run(worker& w) {
  while (true) {
    apply_queue::taken batch;
    {
      std::unique_lock lock(mutex_);
      while (!stopping_) {
        batch = queue_.take(w.lane, clock::now());
        if (!batch.empty())
          break;
        if (const auto again = queue_.next_try(w.lane))
          wake_.wait_until(lock, *again);
        else
          wake_.wait(lock);
      }
      if (batch.empty())
        return;
    }
    if (!ready(w))
      return give_back(batch);
    work(w, batch);
  }
}

/// Connects. False: the pool stops.
bool applier_pool::ready(worker& w) {
  bool said = false;
  while (!w.writes) {
    applier_options o;
    o.connection = options_.sql;
    o.logged = options_.logged;
    o.lock_wait = options_.lock_wait;
    o.stopping = [this, &w] {
      return stopping_ || clock::now().time_since_epoch().count() > w.deadline.load();
    };
    auto opened = applier::open(std::move(o), options_.rules);
    if (opened) {
      w.writes = std::move(*opened);
      break;
    }
    if (!std::exchange(said, true))
      say(log_level::warning, opened.error().what);
    if (!pause(connect_again))
      return false;
  }
  if (w.refresh.exchange(false))
    w.writes->refresh_schema();
  return true;
}

/// As both hosts' are known now: a map that was kept while an account is followed would lack what was added
/// since, and give a volume whose id is used again for another's.
void applier_pool::know_volumes(std::vector<account_batch>& batches) const {
  if (!options_.volumes)
    return;
  std::map<node_name, std::shared_ptr<const volume_map>> known;
  for (auto& batch : batches) {
    const auto source = options_.source_of(batch.where.account, batch.events.front().event->term);
    const auto [found, is_new] = known.try_emplace(source);
    if (is_new)
      found->second = options_.volumes(source);
    batch.where.volumes = found->second;
  }
}

void applier_pool::work(worker& w, apply_queue::taken& batch) {
  if (!batch.batches.empty()) {
    know_volumes(batch.batches);
    w.deadline = (clock::now() + options_.patience).time_since_epoch().count();
    auto outcomes = w.writes->apply(batch.batches);
    if (!outcomes) {
      // MariaDB away is nobody's fault: only what waits for a lock is told apart.
      if (!stopping_ && !sql_session::open(options_.sql)) {
        w.writes.reset();
        say(log_level::warning, outcomes.error().what);
      }
      give_back(batch);
      return;
    }
    finish_batches(w, batch, *outcomes);
  }
  finish_fences(w, {{}, batch.fences});
}

/// False: the account was closed meanwhile. Under the lock.
bool applier_pool::finish(apply_outcome& outcome) {
  const bool waits = outcome.stopped && outcome.stopped->retryable && queue_.wait(outcome, clock::now());
  if (outcome.stopped)
    outcome.stopped->retryable = waits; // else for good
  return waits || queue_.finish(outcome);
}

void applier_pool::finish_batches(worker& w, const apply_queue::taken& batch,
                                  std::vector<apply_outcome>& outcomes) {
  const auto now = wall_us();
  std::uint64_t events = 0;
  for (std::size_t i = 0; i < outcomes.size(); ++i) {
    std::int64_t lag = 0;
    for (const auto& e : batch.batches.at(i).events) {
      if (e.event->number > outcomes[i].applied)
        break;
      lag = std::max<std::int64_t>(0, now - e.event->committed_us);
      ++events;
      if (options_.observe_lag)
        options_.observe_lag(static_cast<double>(lag) / 1e6);
    }
    bool open = false;
    bool awaited = false;
    replay_point at;
    {
      const std::lock_guard lock(mutex_);
      open = finish(outcomes[i]);
      awaited = closing_.contains(outcomes[i].account);
      if (open)
        at = queue_.applied(outcomes[i].account).value_or(replay_point{});
    }
    if (open)
      options_.on_applied(outcomes[i], at, lag);
    if (awaited)
      free_closed(outcomes[i].account);
  }
  if (options_.observe_events)
    options_.observe_events(events);
  if (options_.observe_batch)
    options_.observe_batch(outcomes.size());
  if (w.lane == options_.queue.lanes)
    wake_.notify_all(); // what it left goes on in its own lane
}

result<sql_session*> applier_pool::positions(worker& w) const {
  if (w.positions && w.positions->connected())
    return &*w.positions;
  auto o = options_.sql;
  o.setup = options_.logged ? standard_setup() : local_setup();
  auto session = sql_session::open(std::move(o));
  if (!session)
    return tl::make_unexpected(error(session.error()));
  return &w.positions.emplace(std::move(*session));
}

/// Nothing is applied at a fence, so nothing but this asks whether the server still has what was applied
/// before (R36). server_mark can't tell a server that went back by less than a heartbeat.
result<std::vector<apply_outcome>> applier_pool::behind_their_fences(worker& w,
                                                                     const apply_queue::taken& batch) {
  auto session = positions(w);
  if (!session)
    return tl::make_unexpected(session.error());
  std::vector<account_id> accounts;
  for (const auto& [where, fence] : batch.fences)
    accounts.push_back(where.account);
  const auto rows = logged_state(**session).replicas_of(accounts);
  if (!rows)
    return tl::make_unexpected(rows.error());
  std::unordered_map<account_id, sequence> whole;
  for (const auto& row : *rows)
    if (row.state == replica_state::ready)
      whole.emplace(row.account, row.applied);
  std::vector<apply_outcome> behind;
  for (const auto& [where, fence] : batch.fences) {
    const auto found = whole.find(where.account);
    if (found != whole.end() && found->second >= fence.cut)
      continue;
    const auto holds =
        found == whole.end() ? "no whole copy" : fmt::format("it up to sequence {}", found->second);
    behind.push_back(
        {where.account, found == whole.end() ? sequence(0) : found->second, kafka_offset(-1),
         error{fmt::format("MariaDB holds {}, though sequence {} was applied here: it was restored from "
                           "a backup, or lost its last transactions",
                           holds, fence.cut),
               "run restartReplicas: it goes on from there"}});
  }
  return behind;
}

void applier_pool::stop_behind(const apply_outcome& outcome) {
  bool open = false;
  replay_point at;
  {
    const std::lock_guard lock(mutex_);
    open = queue_.finish(outcome);
    if (open)
      at = queue_.applied(outcome.account).value_or(replay_point{});
  }
  if (open)
    options_.on_applied(outcome, at, 0);
  free_closed(outcome.account);
}

void applier_pool::finish_fences(worker& w, apply_queue::taken batch) {
  if (batch.fences.empty())
    return;
  const auto behind = behind_their_fences(w, batch);
  if (!behind) {
    say(log_level::warning, behind.error().what);
    return give_back(batch);
  }
  for (const auto& outcome : *behind) {
    std::erase_if(batch.fences, [&](const auto& each) { return each.first.account == outcome.account; });
    stop_behind(outcome);
  }
  for (const auto& [where, fence] : batch.fences)
    options_.on_fence(where.account, fence); // first: promotions wait for them
  while (true) {
    auto stored = store_fences(w, batch);
    if (stored)
      break;
    say(log_level::warning, stored.error().what);
    if (!pause(connect_again))
      break; // the rows stay behind the fences, which are read again at the next start
  }
  for (const auto& [where, fence] : batch.fences) {
    {
      const std::lock_guard lock(mutex_);
      queue_.finish_fence(where.account, fence);
    }
    free_closed(where.account);
  }
  wake_.notify_all();
}

/// So that a restart begins in the right epochs (R36's rows are what it goes by). In one transaction: a whole
/// mailstore's fences come at once.
result<void> applier_pool::store_fences(worker& w, const apply_queue::taken& batch) {
  auto session = positions(w);
  if (!session)
    return tl::make_unexpected(session.error());
  logged_state state(**session);
  return plain((*session)->transaction([&]() -> sql_result<void> {
    for (const auto& [where, fence] : batch.fences) {
      auto moved =
          state.advance_replica(where.account, fence.cut, fence.cut, fence.term, fence.offset.next());
      if (!moved && moved.error().retryable)
        return moved;
      if (!moved) // the row is gone or further: the account was taken from us meanwhile
        say(log_level::info, moved.error().what);
    }
    return {};
  }));
}

void applier_pool::give_back(const apply_queue::taken& batch) {
  std::vector<account_id> closed;
  {
    const std::lock_guard lock(mutex_);
    closed = queue_.give_back(batch, clock::now());
  }
  for (const auto& account : closed)
    free_closed(account);
  wake_.notify_all();
}

} // namespace understudy
