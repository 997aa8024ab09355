#include "actors/node/node.hpp"

#include "actors/source/own_lines.hpp"
#include "actors/supervisor/node_questions.hpp"
#include "actors/supervisor/supervisor.hpp"
#include "actors/support/uuid.hpp"
#include "events/control/control_codec.hpp"
#include "events/log/topic_names.hpp"
#include "events/log/topics.hpp"
#include "storage/profile/profile_routing.hpp"
#include "storage/profile/volume.hpp"
#include "storage/state/control_store.hpp"
#include "storage/state/mailstore_queries.hpp"
#include "storage/state/own_schema.hpp"

#include <spdlog/spdlog.h>

#include <future>
#include <thread>

namespace understudy {
namespace {

constexpr std::chrono::milliseconds heartbeat_of_main{100};
constexpr std::chrono::seconds kafka_patience{5};
/// Between two checkpoints of capture: what a restart reads again.
constexpr std::chrono::milliseconds checkpoint_interval{500};
/// An account that wrote nothing for so long has no actor any more.
constexpr std::chrono::minutes rest_interval{5};
/// How long a clean stop waits for Kafka, for each of the things that need it.
constexpr std::chrono::seconds drain_limit{3};

void say(log_level level, std::string_view text) {
  switch (level) {
  case log_level::debug:
    spdlog::debug("{}", text);
    return;
  case log_level::info:
    spdlog::info("{}", text);
    return;
  case log_level::warning:
    spdlog::warn("{}", text);
    return;
  case log_level::error:
    spdlog::error("{}", text);
    return;
  }
}

/// The id of our dump where the configuration leaves it to us: derived from the name, far from the small
/// numbers that people give their servers.
std::uint32_t dump_id(const node_config& config) {
  if (config.mariadb.server_id != 0)
    return config.mariadb.server_id;
  std::uint32_t hash = 2166136261U;
  for (const char c : config.node.name.value)
    hash = (hash ^ static_cast<std::uint8_t>(c)) * 16777619U;
  return 0x40000000U | (hash & 0x3FFFFFFFU);
}

/// Far from the first as well.
std::uint32_t second_dump_id(const node_config& config) {
  return dump_id(config) ^ 0x80000000U;
}

/// Whether the work ended by then; what didn't goes on until the process ends.
bool ends_within(std::chrono::milliseconds limit, std::function<void()> work) {
  std::packaged_task<void()> task(std::move(work));
  auto ended = task.get_future();
  std::thread(std::move(task)).detach();
  return ended.wait_for(limit) == std::future_status::ready;
}

lease_rules rules_of(const cluster_section& cluster) {
  lease_rules rules;
  rules.lease = cluster.lease;
  rules.skew = cluster.skew;
  return rules;
}

} // namespace

node::node(node_config config, node_variant variant)
    : variant_(std::move(variant))
    , parts_(std::make_shared<node_parts>()) {
  parts_->config = std::move(config);
  parts_->process = new_uuid();
  parts_->started_ms = wall_ms();
  parts_->marker_patience = variant_.marker_patience.value_or(parts_->marker_patience);
  life_ = incarnation(static_cast<std::uint64_t>(parts_->started_ms) * 1000);
}

node::~node() = default;

bool node::pause() const {
  std::this_thread::sleep_for(heartbeat_of_main);
  return !stopping();
}

void node::waiting_for(const std::string& what) {
  const std::lock_guard lock(mutex_);
  if (waiting_for_ == what)
    return;
  waiting_for_ = what;
  if (!what.empty())
    spdlog::warn("waiting: {}", what);
}

result<void> node::run(const std::atomic<bool>& stop) {
  stop_ = &stop;
  if (auto started = start(); !started)
    return stopping() ? result<void>{} : started;
  auto next_checkpoint = std::chrono::steady_clock::now();
  auto next_rest = next_checkpoint + rest_interval;
  while (pause()) {
    {
      const std::lock_guard lock(mutex_);
      if (stuck_)
        break;
    }
    if (std::chrono::steady_clock::now() >= next_checkpoint) {
      keep_checkpoint();
      next_checkpoint = std::chrono::steady_clock::now() + checkpoint_interval;
    }
    if (std::chrono::steady_clock::now() >= next_rest) {
      parts_->accounts->rest();
      next_rest = std::chrono::steady_clock::now() + rest_interval;
    }
  }
  orderly_stop();
  const std::lock_guard lock(mutex_);
  return stuck_ ? result<void>(tl::make_unexpected(*stuck_)) : result<void>{};
}

result<void> node::start() {
  const auto& config = parts_->config;
  spdlog::info("understudyd {} on {}, process {}", UNDERSTUDY_VERSION, config.node.name, parts_->process);
  auto rules = load_profile(config.profile_file);
  if (!rules)
    return tl::make_unexpected(rules.error());
  parts_->rules = std::make_shared<const profile>(std::move(*rules));
  parts_->local.socket = config.mariadb.socket;
  parts_->local.user = config.mariadb.user;
  if (!config.mariadb.password_file.empty()) {
    auto secret = read_secret(config.mariadb.password_file);
    if (!secret)
      return tl::make_unexpected(secret.error());
    parts_->local.password = std::move(*secret);
  }
  parts_->logged = parts_->local;
  parts_->local.setup = local_setup();
  parts_->logged.setup = standard_setup();
  parts_->kafka.brokers = config.kafka.bootstrap();
  parts_->kafka.properties = config.kafka.properties;
  parts_->kafka.client_id = "understudy-" + config.node.name.value;
  parts_->kafka.log = say;
  parts_->sql = std::make_shared<worker_pool>("sql", 2);
  // Their commits go to disk together.
  constexpr unsigned promotions_at_once = 16;
  parts_->promotions = std::make_shared<worker_pool>("promotions", promotions_at_once);
  parts_->sessions = std::make_shared<session_pool>(parts_->logged, promotions_at_once);
  parts_->questions = std::make_shared<worker_pool>("questions", 2);
  parts_->divergence = std::make_shared<divergence_report>(config.node.state_dir / "divergence.jsonl");
  parts_->control = std::make_shared<control_view>(parts_->config.node.name);
  parts_->lease = std::make_shared<lease_keeper>(config.node.name, parts_->process, parts_->started_ms,
                                                 rules_of(config.cluster));
  // Workers that sleep until there is work: those that steal it poll for it, which costs an idle node CPU and
  // a busy one latency.
  system_config_.set("scheduler.policy", caf::atom("sharing"));
  system_config_.set("scheduler.max-threads", std::size_t{2});
  system_ = std::make_unique<caf::actor_system>(system_config_);
  supervisor_ = system_->spawn<supervisor>(parts_);
  for (const auto step :
       {&node::start_http, &node::wait_for_mariadb, &node::wait_for_kafka, &node::restore_control,
        &node::start_log, &node::start_capture, &node::start_replicas, &node::start_gateway})
    if (auto done = (this->*step)(); !done)
      return done;
  parts_->metrics->ask([this] { return figures(); });
  waiting_for({});
  return {};
}

result<void> node::start_http() {
  const auto& at = parts_->config.node.http;
  http_server::options options;
  options.host = at.host;
  options.port = at.port;
  options.answer.metrics = [metrics = parts_->metrics] { return metrics->text(); };
  options.answer.healthz = [this] { return healthy(); };
  options.answer.readyz = [this] {
    auto reasons = not_ready();
    const bool ready = reasons.empty();
    return health{ready, std::move(reasons)};
  };
  options.answer.accounts = [this](const accounts_query& query) -> result<std::string> {
    return accounts_page(query);
  };
  options.report = [](const std::string& text) { spdlog::warn("HTTP: {}", text); };
  auto started = http_server::start(std::move(options));
  if (!started)
    return tl::make_unexpected(started.error());
  http_ = std::move(*started);
  spdlog::info("metrics at http://{}:{}/metrics", at.host, http_->port());
  return {};
}

result<void> node::wait_for_mariadb() {
  while (true) {
    auto session = sql_session::open(parts_->local);
    if (session) {
      if (auto made = ensure_own_schema(*session); made)
        return {};
      else if (!made.error().retryable)
        return made;
    } else if (!session.error().retryable) {
      return tl::make_unexpected(static_cast<const error&>(session.error()));
    } else {
      waiting_for(
          fmt::format("MariaDB at {} doesn't answer ({})", parts_->local.socket, session.error().what));
    }
    if (!pause())
      return failure("stopped while waiting for MariaDB");
  }
}

result<void> node::wait_for_kafka() {
  const auto& cluster = parts_->config.cluster;
  const auto plans = understudy_topics(cluster.partitions, cluster.replication_factor,
                                       cluster.min_insync_replicas, cluster.retention);
  auto admin = topic_admin::open(parts_->kafka);
  if (!admin)
    return tl::make_unexpected(admin.error());
  while (true) {
    auto findings = (*admin)->ensure(plans, kafka_patience);
    if (findings) {
      for (const auto& finding : *findings)
        if (finding.level == severity::unsafe)
          spdlog::error("{} {}", finding.topic, finding.text);
        else
          spdlog::warn("{} {}", finding.topic, finding.text);
      if (auto limit = (*admin)->max_message_bytes(topic::accounts, kafka_patience)) {
        max_message_bytes_ = *limit;
        return {};
      }
    } else {
      waiting_for(
          fmt::format("Kafka at {} doesn't answer ({})", parts_->kafka.brokers, findings.error().what));
    }
    if (!pause())
      return failure("stopped while waiting for Kafka");
  }
}

result<void> node::restore_control() {
  auto session = sql_session::open(parts_->local);
  if (!session)
    return tl::make_unexpected(static_cast<const error&>(session.error()));
  control_store store(*session);
  const auto position = store.position();
  if (!position)
    return tl::make_unexpected(position.error());
  if (!*position)
    return {};
  if ((*position)->rules_version != rules_version)
    return store.clear(); // folded by other rules: from the log's beginning (R26)
  auto& state = parts_->control->restore();
  result<void> outcome;
  const auto load = [&](auto loader) {
    return [&, loader](const auto&, const std::string& document) {
      if (auto loaded = loader(state, document); !loaded && outcome)
        outcome = loaded;
    };
  };
  for (const auto& read : {store.each_node(load(load_node)), store.each_account(load(load_account)),
                           store.each_operation(load(load_operation))})
    if (!read)
      return read;
  state.set_next((*position)->next);
  // The claims that nodes came back from are told by control alone: what is folded isn't read again (R22).
  parts_->lease->change([&](lease_view& view) {
    for (const auto& [name, known] : state.nodes())
      for (const auto& back : known.returns)
        view.fold_returned(name, back.claim, back.at, boot_now());
  });
  return outcome;
}

result<void> node::start_log() {
  account_log::options options;
  options.kafka = parts_->kafka;
  options.node = parts_->config.node.name;
  options.first_life = life_;
  options.max_message_bytes = max_message_bytes_;
  options.topic_limit = [kafka = parts_->kafka]() -> result<std::size_t> {
    auto admin = topic_admin::open(kafka);
    if (!admin)
      return tl::make_unexpected(admin.error());
    return (*admin)->max_message_bytes(topic::accounts, kafka_patience);
  };
  options.most_waiting_bytes = parts_->config.limits.memory / 4;
  options.report = [](const std::string& text) { spdlog::error("{}", text); };
  options.observe_ack = [metrics = parts_->metrics](double seconds, std::size_t bytes) {
    metrics->produce_ack(seconds);
    metrics->event_produced(bytes);
  };
  options.on_connection = [](bool connected) {
    if (connected)
      spdlog::info("Kafka is connected");
    else
      spdlog::error("no Kafka broker can be reached: commits of protected accounts wait");
  };
  parts_->log = variant_.make_log(std::move(options));
  return parts_->log->start();
}

result<void> node::start_capture() {
  const auto& config = parts_->config;
  auto session = sql_session::open(parts_->local);
  if (!session)
    return tl::make_unexpected(static_cast<const error&>(session.error()));
  auto stored = local_state::open(*session);
  if (!stored)
    return tl::make_unexpected(stored.error());
  auto checkpoint = stored->capture();
  if (!checkpoint)
    return tl::make_unexpected(checkpoint.error());
  std::vector<captured_account> accounts;
  if (auto read = stored->each_captured([&](captured_account a) { accounts.push_back(std::move(a)); }); !read)
    return read;
  const auto replicas = logged_state(*session).replicas();
  if (!replicas)
    return tl::make_unexpected(replicas.error());
  const auto stood = checkpoint->value_or(capture_checkpoint{});
  const auto& settled = stood.settled;
  auto known = read_own_lines(parts_->kafka, config.node.name, *parts_->log, std::move(accounts), *replicas,
                              settled, stood.read_from, [this] { return stopping(); });
  if (!known)
    return tl::make_unexpected(known.error());
  const auto end = mailstore_queries(*session, parts_->rules).binlog_position();
  if (!end)
    return tl::make_unexpected(end.error());
  std::optional<position_lost> lost;
  if (!*checkpoint) // the first start, or our own tables are new
    lost = {position_lost::kind::unknown, {}, "no checkpoint says where capture stood"};
  else if (auto missing = known->tail.missing_behind(*end); !missing.empty())
    lost = {position_lost::kind::diverged, settled, std::move(missing)};

  const bool synchronous = config.cluster.durability == durability_mode::synchronous;
  settlement::options rules;
  rules.memory_limit = config.limits.memory / 4;
  rules.counts = [lease = parts_->lease, synchronous](broker_time stamp) {
    return !synchronous || lease->counts(stamp); // asynchronous holds nobody, so no lease is asked
  };
  rules.waits_at_start = true;
  rules.acknowledge = [this](const binlog_place& place) {
    if (parts_->source)
      parts_->source->acknowledge(place);
  };
  rules.observe_hold = [metrics = parts_->metrics](double seconds) { metrics->commit_hold(seconds); };
  parts_->settle = std::make_shared<settlement>(std::move(rules));
  parts_->settle->begin_at(settled);

  auto around = std::make_shared<account_surroundings>();
  around->log = parts_->log;
  around->settle = parts_->settle;
  around->supervisor = supervisor_;
  around->messages = parts_->account_messages;
  around->confirmed = [this](const account_id& account, sequence number) {
    parts_->accounts->confirmed(account, number);
  };
  parts_->accounts = std::make_shared<known_accounts>(*system_, around);
  checkpoints_.emplace(parts_->local, parts_->settle, parts_->accounts, parts_->log);
  parts_->beginner =
      std::make_shared<epoch_beginner>(parts_->promotions, parts_->sessions, parts_->rules, parts_->accounts);
  spawn_watch();
  capture::options options;
  options.stream.socket = parts_->local.socket;
  options.stream.user = parts_->local.user;
  options.stream.password = parts_->local.password;
  options.stream.server_id = dump_id(config);
  options.second_server_id = second_dump_id(config);
  options.stream.synchronous = synchronous;
  options.stream.heartbeat = config.cluster.heartbeat;
  options.routing = std::make_shared<profile_routing>(parts_->rules);
  options.around = around;
  options.accounts = parts_->accounts;
  options.attached = [this](bool attached, const std::string& why) {
    watch_->attached(attached, why);
    if (attached)
      spdlog::info("capture is attached to MariaDB");
    else if (!why.empty())
      spdlog::warn("capture isn't attached to MariaDB: {}", why);
  };
  options.probe_seen = [this] { watch_->probe_seen(); };
  options.lost_at_start = std::move(lost);
  options.tail = std::move(known->tail);
  options.stuck = [this](const error& why) {
    const std::lock_guard lock(mutex_);
    stuck_ = why;
  };
  parts_->source = std::make_shared<capture>(std::move(options));
  parts_->why_unprotected = [this] { return watch_->why_unprotected(); };
  parts_->fences_at_start = std::make_shared<const logged_fences>(std::move(known->fences));
  for (auto& account : known->accounts)
    parts_->accounts->expect(std::move(account));
  return {};
}

void node::spawn_watch() {
  mariadb_watch::options options;
  options.local = parts_->local;
  options.logged = parts_->logged;
  options.heartbeat = parts_->config.cluster.heartbeat;
  options.synchronous = parts_->config.cluster.durability == durability_mode::synchronous;
  options.dump_server_id = dump_id(parts_->config);
  options.endings = parts_->endings;
  options.oldest_hold = [settle = parts_->settle] { return settle->oldest_wait(); };
  options.reconnect = [this] { parts_->source->reconnect(); };
  options.report = [](const std::string& text) { spdlog::error("{}", text); };
  watch_ = std::make_unique<mariadb_watch>(std::move(options));
}

result<void> node::start_replicas() {
  replica_side::options options;
  options.system = system_.get();
  options.sql = parts_->logged;
  options.rules = parts_->rules;
  options.kafka = parts_->kafka;
  options.node = parts_->config.node.name;
  options.memory_limit = parts_->config.limits.memory / 4;
  options.decisions = parts_->control;
  options.volumes = [this](const node_name& source) { return volumes_from(source); };
  options.observe.applied = [metrics = parts_->metrics](std::uint64_t n) { metrics->events_applied(n); };
  options.observe.lag = [metrics = parts_->metrics](double seconds) { metrics->lag(seconds); };
  options.observe.consumed = [metrics = parts_->metrics](std::size_t bytes) {
    metrics->events_consumed(bytes);
  };
  options.observe.loaded = [metrics = parts_->metrics](std::uint64_t rows) { metrics->snapshot_rows(rows); };
  options.observe.batch = [metrics = parts_->metrics](std::size_t accounts) { metrics->batch(accounts); };
  options.observe.report = [](log_level level, const std::string& text) { say(level, text); };
  options.supervisor = supervisor_;
  options.messages = parts_->replica_messages;
  parts_->replicas = std::make_shared<replica_side>(std::move(options));

  snapshot_sender::options sending;
  sending.kafka = parts_->kafka;
  sending.node = parts_->config.node.name;
  sending.life = life_;
  sending.sql = parts_->logged;
  sending.rules = parts_->rules;
  sending.max_message_bytes = max_message_bytes_;
  sending.report = [](log_level level, const std::string& text) { say(level, text); };
  parts_->snapshots = std::make_shared<snapshot_sender>(std::move(sending));
  if (auto started = parts_->snapshots->start(); !started)
    return started;
  auto tls = node_tls(parts_->config);
  if (!tls)
    return tl::make_unexpected(tls.error());
  parts_->others = std::make_shared<peers>(*tls, std::chrono::milliseconds(1500));
  start_link();
  if (auto started = parts_->replicas->start(); !started)
    return started;
  watch_->start();
  return parts_->link->start();
}

void node::start_link() {
  control_link::options options;
  options.kafka = parts_->kafka;
  options.node = parts_->config.node.name;
  options.first_life = life_;
  options.process = parts_->process;
  options.started_ms = parts_->started_ms;
  options.heartbeat = parts_->config.cluster.heartbeat;
  options.lease = parts_->lease;
  options.control_from = parts_->control->own().next();
  options.on_control = [this](std::vector<control_link::read_record> records) {
    caf::anon_send(supervisor_, control_read{std::make_shared<const std::vector<control_link::read_record>>(
                                    std::move(records))});
  };
  options.on_leases = [this] { caf::anon_send(supervisor_, leases_read{}); };
  options.facts = [this] { return watch_->facts(); };
  options.report = [](const std::string& text) { spdlog::error("{}", text); };
  parts_->link = std::make_shared<control_link>(std::move(options));
}

result<void> node::start_gateway() {
  auto tls = node_tls(parts_->config);
  if (!tls)
    return tl::make_unexpected(tls.error());
  gateway_options options;
  options.listen = parts_->config.node.listen;
  options.node = parts_->config.node.name.value;
  options.tls = *tls;
  options.private_dir = parts_->config.node.state_dir / "gateway";
  options.report = [](const std::string& text) { spdlog::warn("{}", text); };
  auto started = gateway_server::start(
      std::move(options), [this](caller from, std::string command, answer_function answer) {
        caf::anon_send(supervisor_, command_received{std::move(from), std::move(command), std::move(answer)});
      });
  if (!started)
    return tl::make_unexpected(started.error());
  gateway_ = std::move(*started);
  spdlog::info("the gateway listens on {}", parts_->config.node.listen.text());
  return {};
}

void node::keep_checkpoint() {
  if (parts_->source->has_place())
    checkpoints_->keep();
}

void node::orderly_stop() {
  spdlog::info("stopping");
  http_->stop();
  parts_->metrics->ask({});
  gateway_->stop();
  // Before capture: it's capture that acknowledges the appliers' COMMITs, as everybody's.
  if (!ends_within(drain_limit, [replicas = parts_->replicas] { replicas->stop(); }))
    spdlog::warn("a replica's COMMIT waits for Kafka: what isn't stored of its place is read again");
  if (!parts_->log->drain(drain_limit))
    spdlog::warn("{} events aren't confirmed by Kafka: they are read again from the binlog at the next start",
                 parts_->log->in_flight());
  parts_->source->stop();
  parts_->snapshots->stop();
  keep_checkpoint();
  watch_->stop();
  parts_->link->resign("shutdown"); // nobody is told OK from here on
  parts_->link->stop();
  parts_->log->stop();
}

std::shared_ptr<const volume_map> node::volumes_from(const node_name& source) const {
  const auto mapping = parts_->control->ask([&](const control_state& state) {
    return map_volumes(announced_volumes(state, *parts_->rules, source),
                       announced_volumes(state, *parts_->rules, parts_->config.node.name));
  });
  auto numbers = std::make_shared<volume_map>();
  for (const auto& [there, here] : mapping.numbers)
    numbers->emplace(static_cast<std::uint64_t>(there), static_cast<std::uint64_t>(here));
  return numbers;
}

} // namespace understudy
