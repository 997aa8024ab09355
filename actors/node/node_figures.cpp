// What the node shows of itself over HTTP: health, readiness, gauges.
#include "actors/node/node.hpp"

#include <set>

namespace understudy {

/// Topics on which acknowledged writes can be lost are a broken promise, unless the configuration asks for
/// them, or promises nothing. A lease that is too short breaks none as long as every broker lives.
health node::ready() const {
  if (auto waits = still_waits_for(); !waits.empty())
    return {false, {std::move(waits)}};
  health now;
  if (!watch_->is_attached())
    now.reasons.push_back(fmt::format("capture isn't attached to MariaDB: {}", watch_->why_not_attached()));
  if (!parts_->link->connected())
    now.reasons.emplace_back("Kafka isn't connected");
  if (auto why = parts_->lease->why_not_held(); !why.empty()) {
    const auto not_renewed = parts_->link->why_not_renewing();
    now.reasons.push_back(fmt::format("the lease doesn't run: {}", not_renewed.empty() ? why : not_renewed));
  }
  if (auto gap = watch_->why_not_as_configured(); !gap.empty())
    now.reasons.push_back(fmt::format("not synchronous: {}", gap));
  const bool promises = parts_->config.cluster.durability == durability_mode::synchronous;
  for (const auto& finding : topics_->unsafe())
    (promises && finding.breaks_promise() ? now.reasons : now.warnings).push_back(finding.sentence());
  now.ok = now.reasons.empty();
  return now;
}

health node::healthy() const {
  const std::lock_guard lock(mutex_);
  return stuck_ ? health{false, {stuck_->what}} : health{};
}

gauges node::figures() const {
  gauges now;
  now.inflight_events = parts_->log->in_flight();
  std::set<std::string> unsafe;
  for (const auto& finding : topics_->unsafe())
    if (finding.topic.empty())
      now.lease_too_short = true;
    else
      unsafe.insert(finding.topic);
  now.unsafe_topics = unsafe.size();
  now.kafka_connected = parts_->link->connected();
  now.semi_sync = watch_->semi_sync_state();
  now.lease_remaining_seconds = parts_->lease->remaining_seconds();
  const auto replicas = parts_->replicas->totals_now();
  now.parked_accounts = replicas.parked;
  now.left_out_accounts = parts_->log->left_out_now().size();
  for (const auto& [actor, counts] : {std::pair{"supervisor", parts_->supervisor_messages},
                                      {"account", parts_->account_messages},
                                      {"replica", parts_->replica_messages}})
    now.actors.push_back({actor, counts->waiting, counts->taken});
  now.unprotected.uncovered = parts_->uncovered;
  std::uint64_t active = 0;
  std::uint64_t beginning = 0;
  std::uint64_t ready = 0;
  std::map<std::string, std::uint64_t> others{{"waiting_for_snapshot", 0}, {"loading", 0}, {"stopped", 0}};
  parts_->control->ask([&](const control_state& state) {
    for (const auto& account : state.accounts()) {
      if (account.is_withdrawn)
        continue;
      if (account.primary() == parts_->config.node.name) {
        ++(account.terms.pending() == nullptr ? active : beginning);
        if (account.gap)
          ++(account.gap->lacks_changes() ? now.unprotected.account : now.unprotected.node);
      } else if (const auto* destination = account.destination(parts_->config.node.name)) {
        if (destination->ready) {
          ++ready;
          continue;
        }
        const auto here = parts_->replicas->figures_of(account.id);
        ++others[here && others.contains(here->state) ? here->state : "waiting_for_snapshot"];
      }
    }
    return 0;
  });
  now.accounts = {
      {"source", "active", active}, {"source", "changing", beginning}, {"replica", "ready", ready}};
  for (const auto& [state, count] : others)
    now.accounts.push_back({"replica", state, count});
  return now;
}

} // namespace understudy
