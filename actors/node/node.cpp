#include "actors/node/node.hpp"

#include "actors/node/log.hpp"
#include "actors/supervisor/supervisor.hpp"
#include "actors/support/uuid.hpp"
#include "events/log/client_voice.hpp"
#include "events/model/named_thread.hpp"

#include <spdlog/spdlog.h>

#include <future>
#include <thread>

namespace understudy {
namespace {

/// Guards and role rows at a time: their commits go to disk together.
constexpr unsigned promotions_at_once = 16;
constexpr std::chrono::milliseconds heartbeat_of_main{100};
/// Between two checkpoints of capture: what a restart reads again.
constexpr std::chrono::milliseconds checkpoint_interval{500};
/// An account that wrote nothing for so long has no actor any more.
constexpr std::chrono::minutes rest_interval{5};
/// How long a clean stop waits for Kafka, for each of the things that need it.
constexpr std::chrono::seconds drain_limit{3};

/// Whether the work ended by then; what didn't goes on until the process ends.
bool ends_within(std::chrono::milliseconds limit, std::function<void()> work) {
  std::packaged_task<void()> task(std::move(work));
  auto ended = task.get_future();
  named_thread("stop", std::move(task)).detach();
  return ended.wait_for(limit) == std::future_status::ready;
}

lease_rules rules_of(const cluster_section& cluster) {
  lease_rules rules;
  rules.lease = cluster.lease;
  rules.skew = cluster.skew;
  return rules;
}

/// For the accounts' and replicas' actors. More of them on few cores only change turns: with one instead of
/// two, two cores did 8% more deliveries.
std::size_t workers() {
  constexpr std::size_t most = 4;
  return std::clamp<std::size_t>(std::thread::hardware_concurrency() / 2, 1, most);
}

} // namespace

node::node(node_config config, node_variant variant)
    : variant_(std::move(variant))
    , parts_(std::make_shared<node_parts>()) {
  parts_->config = std::move(config);
  parts_->process = new_uuid();
  start_at(wall_ms());
  parts_->marker_patience = variant_.marker_patience.value_or(parts_->marker_patience);
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

std::string node::still_waits_for() const {
  const std::lock_guard lock(mutex_);
  return waiting_for_;
}

void node::end_with(const error& why, int exit_status) {
  const std::lock_guard lock(mutex_);
  if (stuck_)
    return; // the first reason is the cause
  spdlog::critical("{}{}{}", why.what, why.todo.empty() ? "" : "; ", why.todo);
  stuck_ = why;
  exit_status_ = exit_status;
}

int node::exit_status() const {
  const std::lock_guard lock(mutex_);
  return exit_status_;
}

result<void> node::run(const std::atomic<bool>& stop) {
  stop_ = &stop;
  if (auto started = start(); !started) {
    if (stopping())
      return {};
    end_with(started.error());
    return started;
  }
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
  parts_->local.admits = [server = parts_->server](sql_session& session) { return server->check(session); };
  parts_->logged = parts_->local;
  parts_->local.setup = local_setup();
  parts_->logged.setup = standard_setup();
  parts_->kafka.brokers = config.kafka.bootstrap();
  parts_->kafka.properties = config.kafka.properties;
  parts_->kafka.client_id = "understudy-" + config.node.name.value;
  parts_->kafka.log = say;
  parts_->kafka.voice = std::make_shared<client_voice>();
  parts_->sql = std::make_shared<worker_pool>("sql", 2);
  parts_->releasing = std::make_shared<worker_pool>("releasing", 2);
  parts_->promotions = std::make_shared<worker_pool>("promotions", promotions_at_once);
  parts_->sessions = std::make_shared<session_pool>(parts_->logged, promotions_at_once);
  parts_->unlogged = std::make_shared<session_pool>(parts_->local, promotions_at_once);
  parts_->questions = std::make_shared<worker_pool>("questions", 2);
  parts_->divergence = std::make_shared<divergence_report>(config.node.state_dir / "divergence.jsonl");
  parts_->replaced = [this](const error& why) { end_with(why, exit_replaced); };
  parts_->control = std::make_shared<control_view>(parts_->config.node.name);
  parts_->lease = std::make_shared<lease_keeper>(config.node.name, parts_->process, parts_->started_ms,
                                                 rules_of(config.cluster));
  // Workers that sleep until there is work: those that steal it poll for it, which costs an idle node CPU and
  // a busy one latency. The supervisor has a thread of its own: a long listing holds up no account's COMMIT.
  system_config_.set("scheduler.policy", caf::atom("sharing"));
  system_config_.set("scheduler.max-threads", workers());
  system_ = std::make_unique<caf::actor_system>(system_config_);
  supervisor_ = system_->spawn<supervisor, caf::detached>(parts_);
  for (const auto step :
       {&node::lock_state, &node::start_http, &node::make_tls, &node::wait_for_mariadb, &node::wait_for_kafka,
        &node::restore_control, &node::wait_for_known_control, &node::wait_for_free_ids, &node::take_name,
        &node::wait_for_former_process, &node::start_log, &node::start_capture, &node::start_replicas,
        &node::start_gateway})
    if (auto done = (this->*step)(); !done)
      return done;
  parts_->metrics->ask([this] { return figures(); });
  waiting_for({});
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
  topics_->stop();
  gateway_->stop();
  // Before capture: it's capture that acknowledges the appliers' COMMITs, as everybody's.
  if (!ends_within(drain_limit, [replicas = parts_->replicas] { replicas->stop(); }))
    spdlog::warn("a replica's COMMIT waits for Kafka: what isn't stored of its place is read again");
  parts_->backlog->stop();
  if (parts_->log->drain(drain_limit))
    watch_->stop_probing(drain_limit);
  else
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

} // namespace understudy
