// A node's destination side, the snapshots that it sends to others', and its link to control and the leases.
#include "actors/node/log.hpp"
#include "actors/node/node.hpp"
#include "actors/supervisor/node_questions.hpp"
#include "storage/profile/volume.hpp"

#include <caf/send.hpp>
#include <spdlog/spdlog.h>

namespace understudy {

result<void> node::start_replicas() {
  replica_side::options options;
  options.system = system_.get();
  options.sql = parts_->logged;
  options.logged = parts_->config.mariadb.log_replica_updates;
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
  options.observe.report = say;
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
  sending.rows_per_second = parts_->config.limits.snapshot_rows_per_second;
  sending.report = say;
  parts_->snapshots = std::make_shared<snapshot_sender>(std::move(sending));
  if (auto started = parts_->snapshots->start(); !started)
    return started;
  parts_->others = std::make_shared<peers>(parts_->tls, std::chrono::milliseconds(1500));
  if (auto started = parts_->replicas->start(); !started)
    return started;
  watch_->start();
  return parts_->link->start();
}

void node::make_link() {
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
  options.warn = [](const std::string& text) { spdlog::warn("{}", text); };
  options.lost = [this](const error& why) { end_with(why); }; // a new process waits for it
  parts_->link = std::make_shared<control_link>(std::move(options));
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
