// How the parts are put together, started and stopped; see replica_chores.cpp for the work that blocks.
#include "actors/replica/replica_services.hpp"

#include <charconv>

namespace understudy {

replica_services::replica_services(replica_side::options o)
    : options_(std::move(o))
    , store_(options_.sql, options_.rules)
    , chore_store_(options_.sql, options_.rules) {}

replica_services::~replica_services() {
  stop();
}

void replica_services::tell(const account_id& account, replica_message message) {
  if (const auto actor = board_.actor_of(account))
    understudy::tell(actor, std::move(message));
}

void replica_services::say(log_level level, const std::string& text) const {
  if (options_.observe.report)
    options_.observe.report(level, text);
}

std::shared_ptr<const volume_map> replica_services::volumes_of(const node_name& source) const {
  return options_.volumes && !source.empty() ? options_.volumes(source) : nullptr;
}

void replica_services::make_pool() {
  applier_pool::options o;
  o.sql = options_.sql;
  o.logged = options_.logged;
  o.rules = options_.rules;
  o.queue.lanes = std::max(1U, options_.appliers);
  // What is in flight can't be parked: one locked account must not fill the memory with it.
  o.queue.bytes = std::min(o.queue.bytes, options_.memory_limit / 8);
  o.on_applied = [this](const apply_outcome& outcome, replay_point at, std::int64_t lag_us) {
    tell(outcome.account, events_applied{at, lag_us, outcome.stopped});
  };
  o.on_fence = [this](const account_id& account, const queued_fence& fence) {
    tell(account, fence_turn{fence});
  };
  o.source_of = [this](const account_id& account, epoch term) {
    const auto decided = options_.decisions->about(account);
    const auto* known = decided.terms ? decided.terms->find(term) : nullptr;
    return known ? known->primary.get() : node_name{};
  };
  o.volumes = options_.volumes;
  o.observe_events = options_.observe.applied;
  o.observe_lag = options_.observe.lag;
  o.observe_batch = options_.observe.batch;
  o.report = options_.observe.report;
  pool_ = std::make_shared<applier_pool>(std::move(o));
}

void replica_services::make_reader(std::set<std::uint64_t> stored_shapes) {
  replica_reader::options o;
  o.kafka = options_.kafka;
  o.decisions = options_.decisions;
  o.pool = pool_;
  o.shapes = shapes_;
  o.stored_shapes = std::move(stored_shapes);
  o.memory_limit = options_.memory_limit;
  o.on_marker = [this](marker_met met) {
    const auto account = met.marker.account;
    tell(account, marker_read{std::move(met)});
  };
  o.on_halted = [this](const account_id& account, halt kind, error why, std::uint64_t fingerprint) {
    tell(account, reading_halted{kind, std::move(why), fingerprint});
  };
  o.store = [this](reading_progress reached) {
    storing_->submit([this, reached = std::move(reached)]() mutable {
      store(std::move(reached));
      reader_->stored();
    });
  };
  o.observe_consumed = options_.observe.consumed;
  o.report = options_.observe.report;
  reader_ = std::make_unique<replica_reader>(std::move(o));
}

void replica_services::store(reading_progress reached) {
  // What couldn't be stored is kept and stored with the next.
  if (auto stored = store_.store(std::move(reached)); !stored)
    say(log_level::warning, stored.error().what);
}

result<std::set<std::uint64_t>> replica_services::know_shapes() {
  std::set<std::uint64_t> known;
  decoder reads;
  for (const auto& document : found_.shapes) {
    auto event = reads.decode(document, *shapes_);
    auto* met = event ? std::get_if<shape_event>(&event->body) : nullptr;
    if (!met) {
      say(log_level::warning,
          "a stored shape can't be read; it will be looked for in Kafka when it's needed");
      continue;
    }
    known.insert(met->table.fingerprint());
    if (auto added = shapes_->add(std::move(met->table)); !added)
      return tl::make_unexpected(added.error());
  }
  found_.shapes.clear();
  return known;
}

/// Told apart from why others stand still: for them alone there's nothing to mend.
void replica_services::know_awaited() {
  for (const auto& [account, stored] : found_.stopped) {
    if (!stored.reason.starts_with(awaits_snapshot_mark))
      continue;
    const auto request = std::string_view(stored.reason).substr(awaits_snapshot_mark.size());
    kafka_offset since;
    const auto [end, code] = std::from_chars(request.data(), request.data() + request.size(), since.value);
    if (code == std::errc{})
      awaited_.emplace(account, std::pair(since, stored.next));
  }
}

result<void> replica_services::start(const std::shared_ptr<replica_services>& self) {
  self_ = self;
  auto found = store_.load();
  if (!found)
    return tl::make_unexpected(found.error());
  found_ = std::move(*found);
  index_volume_ = found_.index_volume;
  know_awaited();
  auto known = know_shapes();
  if (!known)
    return tl::make_unexpected(known.error());
  make_pool();
  make_reader(std::move(*known));
  chores_ = std::make_unique<worker_pool>("replica-chores", 1);
  loaders_ = std::make_unique<worker_pool>("replica-load", std::max(1U, options_.loaders));
  make_loads();
  storing_ = std::make_unique<worker_pool>("replica-store", 1);
  pool_->start();
  reader_->start();
  return {};
}

void replica_services::stop() {
  if (stopping_.exchange(true) || !reader_)
    return;
  changed_.notify_all();
  due_->stop();
  chores_->stop();
  loaders_->stop();
  reader_->stop();
  pool_->stop();
  storing_->stop();
  store(reader_->last_progress());
  for (const auto& actor : board_.actors())
    understudy::tell(actor, leave_replica{});
}

} // namespace understudy
