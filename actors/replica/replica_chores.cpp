// What blocks: looking positions up, asking for watermarks, loading, removing.
#include "actors/replica/replica_actor.hpp"
#include "actors/replica/replica_services.hpp"
#include "events/log/topic_names.hpp"

#include <caf/actor_system.hpp>
#include <caf/send.hpp>

namespace understudy {
namespace {

/// Between two attempts at what failed because MariaDB or Kafka was away.
constexpr std::chrono::milliseconds again_after{1000};
constexpr std::chrono::milliseconds ask_patience{5000};

} // namespace

void replica_services::again(worker_pool& pool, std::function<void()> job) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, again_after, [this] { return stopping_.load(); });
  if (!stopping_)
    pool.submit(std::move(job));
}

void replica_services::each_copy_found(const std::function<void(const replica_record&)>& each) const {
  for (const auto& [account, found] : found_.replicas)
    each(found.row);
}

void replica_services::follow(replica_side::followed what) {
  chores_->submit([this, what = std::move(what)] { take_up(what); });
}

void replica_services::take_up(replica_side::followed what) {
  const auto account = what.account;
  const bool wants = what.wants_snapshot;
  const bool has_own_rows = what.has_own_rows;
  const auto partition = what.partition;
  const auto report = std::make_shared<watch_report>(std::exchange(what.watched, {}));
  if (auto there = board_.actor_of(account)) {
    board_.change(account, [&](replica_board::entry& e) { e.what = what; });
    if (reading_begun_)
      begin_partition(partition);
    if (wants)
      understudy::tell(there, want_snapshot{report, what.why});
    return;
  }
  replica_board::entry made;
  made.now.term = what.term;
  made.now.state = "waiting_for_snapshot";
  if (const auto before = awaited_.find(account); what.goes_on_waiting && before != awaited_.end())
    made.awaits = before->second.first;
  made.what = std::move(what);
  // Detached from the caller: nobody but the replica side knows it.
  made.actor = options_.system->spawn<replica_actor>(self_.lock(), account, partition);
  board_.add(account, std::move(made));
  if (reading_begun_)
    begin_partition(partition);
  else
    wanted_.insert(partition);
  if (found_.stopped.contains(account) || has_own_rows)
    reader_->had_reason(partition, account);
  if (wants) {
    reader_->watch(partition, account);
    report_watched(partition, report);
    return;
  }
  locate_now(account);
}

void replica_services::await(const account_id& account, kafka_offset request) {
  tell(account, snapshot_awaited{request});
}

bool replica_services::awaits(const account_id& account, kafka_offset request) const {
  if (const auto since = board_.awaits(account))
    return *since >= kafka_offset{} && *since <= request;
  const auto before = awaited_.find(account);
  return !folded_ && before != awaited_.end() && before->second.first <= request;
}

void replica_services::locate(const account_id& account) {
  chores_->submit([this, account] { locate_now(account); });
}

void replica_services::locate_now(const account_id& account) {
  const auto what = board_.followed(account);
  if (!what)
    return;
  replica_located located;
  if (!reading_begun_) {
    if (const auto row = found_.replicas.find(account); row != found_.replicas.end())
      located.found = row->second;
    const auto stopped = found_.stopped.find(account);
    if (const auto before = awaited_.find(account); before != awaited_.end()) {
      if (what->goes_on_waiting)
        located.awaited_from = before->second.second;
    } else if (stopped != found_.stopped.end() && stopped->second.reason != goes_on_mark) {
      located.stopped = stopped->second.reason;
    }
    if (located.found) {
      located.read_from = located.found->row.next;
      // Below the stored offset nothing of it is left, unless it stood still: then not below its own.
      const auto place = found_.places.find(what->partition);
      if (stopped != found_.stopped.end())
        located.read_from = std::max(located.read_from, stopped->second.next);
      else if (place != found_.places.end())
        located.read_from = std::max(located.read_from, place->second.next);
    }
  } else {
    auto row = chore_store_.find(account);
    if (!row) {
      say(log_level::warning, row.error().what);
      return again(*chores_, [this, account] { locate_now(account); });
    }
    located.found = std::move(*row);
    if (located.found)
      located.read_from = located.found->row.next;
  }
  {
    const std::lock_guard lock(mutex_);
    ++taking_up_;
  }
  tell(account, std::move(located));
}

void replica_services::taken_up() {
  const std::lock_guard lock(mutex_);
  --taking_up_;
  changed_.notify_all();
}

/// Until every actor has told the reader where its account stands: what is read then is seen by all.
void replica_services::wait_for_actors() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return stopping_ || taking_up_ == 0; });
}

void replica_services::control_folded() {
  if (!folded_.exchange(true))
    chores_->submit([this] { begin_reading(); });
  reader_->control_folded();
}

void replica_services::begin_reading() {
  wait_for_actors();
  reading_begun_ = true;
  for (const auto partition : std::exchange(wanted_, {}))
    begin_partition(partition);
  found_.replicas.clear();
  found_.stopped.clear();
}

void replica_services::pause(const account_id& account, bool on) {
  chores_->submit([this, account, on] {
    if (const auto actor = board_.actor_of(account)) {
      if (on)
        understudy::tell(actor, pause_replica{});
      else
        understudy::tell(actor, resume_replica{});
    }
  });
}

void replica_services::park(const account_id& account, const std::string& reason) {
  chores_->submit([this, account, reason] {
    if (const auto actor = board_.actor_of(account))
      understudy::tell(actor, park_replica{reason});
  });
}

/// False: it is tried again later.
bool replica_services::begin_partition(partition_id partition) {
  if (begun_.contains(partition))
    return true;
  const auto stored = found_.places.find(partition);
  auto lives = found_.lives.contains(partition) ? found_.lives.at(partition) : lives_log{};
  if (stored != found_.places.end()) {
    begun_.insert(partition);
    reader_->begin(partition, stored->second, stored->second.next, std::move(lives));
    return true;
  }
  auto asks = partition_reader::open(options_.kafka, topic::accounts);
  auto marks = asks ? (*asks)->watermarks_of(partition, ask_patience)
                    : result<watermarks>(tl::make_unexpected(asks.error()));
  if (!marks) {
    say(log_level::warning, marks.error().what);
    again(*chores_, [this, partition] { begin_partition(partition); });
    return false;
  }
  begun_.insert(partition);
  reader_->begin(partition, std::nullopt, marks->high, std::move(lives));
  return true;
}

void replica_services::report_watched(partition_id partition, const std::shared_ptr<watch_report>& report) {
  reader_->ask_position(partition, [report](std::optional<kafka_offset> at) {
    report->tell(at ? result<void>{} : failure("the partition isn't read yet", {}, true));
  });
}

/// Without volumes, which are looked up for each batch.
account_placement replica_services::placement(const account_id& account,
                                              const stored_replicas::replica& found) const {
  account_placement where;
  where.account = account;
  where.mailbox = found.row.mailbox;
  where.group = found.group;
  where.index_volume = index_volume_;
  return where;
}

void replica_services::load(marker_met met) {
  due_->add(std::move(met));
}

load_task replica_services::prepare_load(const marker_met& met) {
  const auto account = met.marker.account;
  const auto request = met.marker.request;
  load_task task;
  task.met = met;
  task.request.account = account;
  task.request.snapshot = met.marker.id;
  task.request.answers = request;
  if (const auto what = board_.followed(account))
    task.request.name = what->name;
  task.request.source_mailbox = met.marker.mailbox;
  task.request.volumes = volumes_of(met.source);
  task.request.catalogs = catalogs_;
  task.sql = options_.sql;
  task.rules = options_.rules;
  task.shapes = shapes_;
  task.patience = options_.load_patience;
  task.stopping = [this, account, snapshot = met.marker.id] {
    return stopping_ || !board_.is_loading(account, snapshot);
  };
  // One that it isn't known how to wait for was asked for anew: that ends this load by itself.
  task.is_superseded = [this, account, request] {
    return request < options_.decisions->about(account).requested &&
           board_.awaits(account).value_or(kafka_offset{-1}) >= kafka_offset{};
  };
  task.is_orphaned = [this, account, term = met.then.term] {
    const auto decided = options_.decisions->about(account);
    const auto* active = decided.terms ? decided.terms->active() : nullptr;
    return active != nullptr && term < active->term;
  };
  task.progress = [this, account, counted = std::uint64_t{0}, began = std::chrono::steady_clock::now()](
                      std::uint64_t rows, std::uint64_t total) mutable {
    if (options_.observe.loaded)
      options_.observe.loaded(rows - counted);
    counted = rows;
    board_.change(account, [&](replica_board::entry& e) {
      e.now.rows_loaded = rows;
      e.now.rows_total = total;
      e.now.load_began = began;
    });
  };
  task.say = [this](const std::string& what) { say(log_level::warning, what); };
  return task;
}

void replica_services::make_loads() {
  snapshot_loads::options o;
  o.sql = options_.sql;
  o.kafka = options_.kafka;
  o.patience = options_.load_patience;
  o.prepare = [this](const marker_met& met) { return prepare_load(met); };
  o.is_blocked = [this](const account_id& account) { return is_being_removed(account); };
  o.ended = [this](const marker_met& met, load_result<account_placement> where) {
    tell(met.marker.account, load_ended{met, std::move(where)});
  };
  due_ = std::make_unique<snapshot_loads>(*loaders_, std::max(1U, options_.loaders), std::move(o));
}

void replica_services::search(const account_id& account, std::uint64_t fingerprint) {
  loaders_->submit([this, account, fingerprint] {
    const auto what = board_.followed(account);
    if (!what)
      return;
    auto found = search_shape(options_.kafka, what->partition, fingerprint, *shapes_, options_.load_patience,
                              [this] { return stopping_.load(); });
    if (!found && found.error().retryable && !stopping_)
      return again(*loaders_, [this, account, fingerprint] { search(account, fingerprint); });
    tell(account, shape_searched{std::move(found)});
  });
}

void replica_services::leave(const account_id& account, bool remove_rows, std::function<void()> done) {
  chores_->submit([this, account, remove_rows, done = std::move(done)] {
    if (const auto actor = board_.actor_of(account))
      understudy::tell(actor, leave_replica{});
    else if (remove_rows)
      forget_reason(account);
    board_.remove(account);
    reader_->forget(account);
    pool_->close(account, [this, account, remove_rows, done] {
      if (done)
        done();
      if (remove_rows)
        loaders_->submit([this, account] { remove_now(account); });
    });
  });
}

/// Why it stood still, as a former process left it: not to be found by whoever is followed again.
void replica_services::forget_reason(const account_id& account) {
  if (!found_.stopped.contains(account))
    return;
  reading_progress none;
  none.reasons[account] = std::nullopt;
  if (auto stored = chore_store_.store(std::move(none)); !stored)
    say(log_level::warning, stored.error().what);
}

bool replica_services::is_being_removed(const account_id& account) {
  const std::lock_guard lock(mutex_);
  return removals_.contains(account);
}

/// It may have become a destination again while its removal waited, and even this node's own.
bool replica_services::is_wanted_here(const account_id& account) const {
  const auto decided = options_.decisions->about(account);
  const auto is_here = [&](const term_entry* entry) {
    return entry != nullptr && entry->primary == options_.node;
  };
  return decided.requested >= kafka_offset{0} ||
         (decided.terms && (is_here(decided.terms->active()) || is_here(decided.terms->pending())));
}

void replica_services::remove_now(const account_id& account) {
  if (board_.actor_of(account) || is_wanted_here(account))
    return; // a load removes what is there by itself
  bool free = false;
  {
    const std::lock_guard lock(mutex_); // a load looks for removals once it's known to due_
    free = !due_->has(account) && removals_.insert(account).second;
  }
  if (free) {
    const auto removed = remove_replica(options_.sql, *options_.rules, account, {}, catalogs_);
    {
      const std::lock_guard lock(mutex_);
      removals_.erase(account);
    }
    if (removed)
      return;
    say(log_level::warning, removed.error().what);
    if (!removed.error().retryable)
      return;
  }
  again(*loaders_, [this, account] { remove_now(account); });
}

} // namespace understudy
