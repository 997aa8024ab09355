// What a node waits for before it does anything: its MariaDB, Kafka, and what it had folded of control.
#include "actors/node/node.hpp"
#include "events/control/control_codec.hpp"
#include "events/log/topic_names.hpp"
#include "events/log/topics.hpp"
#include "storage/state/control_store.hpp"
#include "storage/state/own_schema.hpp"

#include <spdlog/spdlog.h>

namespace understudy {
namespace {

constexpr std::chrono::seconds kafka_patience{5};

} // namespace

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

} // namespace understudy
