#include "actors/metrics/node_metrics.hpp"

#include <prometheus/text_serializer.h>

#include <chrono>

namespace understudy {
namespace {

using buckets = prometheus::Histogram::BucketBoundaries;

/// 100 µs to 10 s; fine where Kafka's own ack lies (0.27 to 0.85 ms, DESIGN §11), to compare with it.
buckets commit_buckets() {
  return {0.0001, 0.0002, 0.0003, 0.0004, 0.0006, 0.0008, 0.001, 0.0015, 0.002, 0.003, 0.005,
          0.01,   0.02,   0.05,   0.1,    0.2,    0.5,    1,     2,      5,     10};
}

/// Around the goals of 20 ms and 100 ms, and up to the hours of a destination that was down.
buckets lag_buckets() {
  return {0.001, 0.002, 0.005, 0.01, 0.02, 0.035, 0.05, 0.075, 0.1, 0.2, 0.5, 1, 2, 5, 10, 60, 600, 3600};
}

/// 1 account (no backlog) to what one transaction holds at most.
buckets batch_buckets() {
  return {1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000};
}

/// From a planned promotion (goal 50 ms) to one that waits for a lease to end, with retries.
buckets promotion_buckets() {
  return {0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.2, 0.5, 1, 2, 3, 4, 5, 10, 30, 60, 300};
}

prometheus::Histogram& histogram(prometheus::Registry& registry, std::string name, std::string help,
                                 const buckets& bounds, const prometheus::Labels& labels = {}) {
  return prometheus::BuildHistogram().Name(name).Help(help).Register(registry).Add(labels, bounds);
}

prometheus::Histogram& promotion_histogram(prometheus::Registry& registry, const std::string& kind) {
  return histogram(registry, "understudy_promotion_seconds", "How long an account couldn't be written.",
                   promotion_buckets(), {{"kind", kind}});
}

prometheus::Family<prometheus::Counter>& counter_family(prometheus::Registry& registry, std::string name,
                                                        std::string help) {
  return prometheus::BuildCounter().Name(name).Help(help).Register(registry);
}

std::chrono::seconds running_second() {
  return std::chrono::floor<std::chrono::seconds>(std::chrono::steady_clock::now().time_since_epoch());
}

const char* word(node_metrics::promotion_kind kind) {
  return kind == node_metrics::promotion_kind::planned ? "planned" : "unplanned";
}

const char* word(node_metrics::promotion_outcome outcome) {
  return outcome == node_metrics::promotion_outcome::done ? "done" : "failed";
}

} // namespace

prometheus::Counter& node_metrics::counter(std::string name, std::string help) {
  return counter_family(registry_, std::move(name), std::move(help)).Add({});
}

prometheus::Family<prometheus::Gauge>& node_metrics::gauge_family(std::string name, std::string help) {
  return prometheus::BuildGauge().Name(name).Help(help).Register(registry_);
}

prometheus::Gauge& node_metrics::gauge(std::string name, std::string help) {
  return gauge_family(std::move(name), std::move(help)).Add({});
}

node_metrics::node_metrics(std::string version)
    : produced_(counter("understudy_events_produced_total", "Events that Kafka has acknowledged."))
    , applied_(counter("understudy_events_applied_total", "Events whose changes were committed here."))
    , bytes_(counter_family(registry_, "understudy_event_bytes_total",
                            "Bytes of events' records, by direction."))
    , bytes_produced_(bytes_.Add({{"direction", "produced"}}))
    , bytes_consumed_(bytes_.Add({{"direction", "consumed"}}))
    , commit_hold_(histogram(registry_, "understudy_commit_hold_seconds",
                             "How long a COMMIT waited for this node.", commit_buckets()))
    , produce_ack_(histogram(registry_, "understudy_produce_ack_seconds",
                             "From handing an event to the producer to Kafka's ack.", commit_buckets()))
    , lag_(histogram(registry_, "understudy_replication_lag_seconds",
                     "Source commit to replica commit of an event.", lag_buckets()))
    , batch_(histogram(registry_, "understudy_apply_batch_accounts", "Accounts in one committed batch.",
                       batch_buckets()))
    , promotions_(
          counter_family(registry_, "understudy_promotions_total", "Promotions of one account to this node."))
    , planned_seconds_(promotion_histogram(registry_, word(promotion_kind::planned)))
    , unplanned_seconds_(promotion_histogram(registry_, word(promotion_kind::unplanned)))
    , divergent_(counter("understudy_divergent_transactions_total",
                         "Transactions that changed an account here while it's another mailstore's."))
    , unconfirmed_(counter("understudy_unconfirmed_commits_total",
                           "Commits whose wait ended without Kafka's confirmation."))
    , snapshot_rows_(counter("understudy_snapshot_rows_total", "Rows of snapshots that were loaded here."))
    , verified_rows_(counter("understudy_verified_rows_total",
                             "Rows of replicas here that were compared with their source's."))
    , verify_differences_(counter("understudy_verify_differences_total",
                                  "Comparisons of a replica here that found other rows than its source's."))
    , errors_(counter_family(registry_, "understudy_errors_total", "Errors, by where they happened."))
    , lag_max_(gauge("understudy_replication_lag_seconds_max", "The greatest lag of the last minute."))
    , inflight_(gauge("understudy_inflight_events", "Events produced that Kafka hasn't acknowledged."))
    , parked_(gauge("understudy_parked_accounts", "Accounts whose events are left in Kafka for now."))
    , left_out_(gauge("understudy_left_out_accounts",
                      "Accounts of which Kafka lacks events that memory had no room for."))
    , unsafe_topics_(
          gauge("understudy_unsafe_topics",
                "Topics that are set up so that acknowledged writes can be lost; the log says how."))
    , lease_too_short_(
          gauge("understudy_lease_too_short",
                "1: the death of one broker ends the leases of all nodes; the log says what to set."))
    , kafka_connected_(gauge("understudy_kafka_connected", "1: a broker can be reached."))
    , lease_remaining_(
          gauge("understudy_lease_remaining_seconds", "Until this node's lease ends; negative: ended."))
    , accounts_{gauge_family("understudy_accounts", "Accounts that this node has a part in."), {}}
    , unprotected_{gauge_family("understudy_accounts_unprotected",
                                "Accounts without a promise now, by cause."),
                   {}}
    , semi_sync_{gauge_family("understudy_semi_sync", "1 at the state that the local MariaDB is in."), {}}
    , mailbox_depth_{gauge_family("understudy_mailbox_depth", "Messages that wait, by kind of actor."), {}}
    , messages_(counter_family(registry_, "understudy_messages_total", "Messages taken, by kind of actor.")) {
  gauge_family("understudy_build_info", "1; the label says which version runs.")
      .Add({{"version", version}})
      .Set(1);
  // There from the beginning, so that a rate() sees their first increase.
  for (const auto kind : {promotion_kind::planned, promotion_kind::unplanned})
    for (const auto outcome : {promotion_outcome::done, promotion_outcome::failed})
      promotions_.Add({{"kind", word(kind)}, {"outcome", word(outcome)}});
  for (const std::string kind : {"apply", "binlog_position", "capture", "epoch", "left_out", "partition",
                                 "produce", "snapshot", "verify"})
    error_kinds_.emplace(kind, &errors_.Add({{"kind", kind}}));
  for (const auto* const state : {"synchronous", "off", "asynchronous", "unknown"})
    semi_sync_.add({{"state", state}}, 0);
  refresh({});
}

void node_metrics::ask(gauges_source source) {
  const std::lock_guard lock(scrape_);
  source_ = std::move(source);
}

void node_metrics::lag(double seconds) {
  const auto shown = amount(seconds);
  lag_.Observe(shown);
  const std::lock_guard lock(lags_);
  recent_lag_.add(shown, running_second());
}

void node_metrics::promotion(promotion_kind kind, promotion_outcome outcome) {
  promotions_.Add({{"kind", word(kind)}, {"outcome", word(outcome)}}).Increment();
}

void node_metrics::promotion_pause(promotion_kind kind, double seconds) {
  (kind == promotion_kind::planned ? planned_seconds_ : unplanned_seconds_).Observe(amount(seconds));
}

void node_metrics::error(std::string_view kind) {
  const std::lock_guard lock(kinds_);
  auto found = error_kinds_.find(kind);
  if (found == error_kinds_.end()) {
    const std::string name(error_kinds_.size() < max_label_values ? kind : "other");
    found = error_kinds_.emplace(name, &errors_.Add({{"kind", name}})).first;
  }
  found->second->Increment();
}

void node_metrics::labelled::clear() {
  for (const auto& [labels, gauge] : known)
    gauge->Set(0);
}

void node_metrics::labelled::add(prometheus::Labels labels, double value) {
  auto found = known.find(labels);
  if (found == known.end()) {
    if (known.size() >= max_label_values)
      for (auto& [name, text] : labels)
        text = "other";
    found = known.emplace(labels, &family.Add(labels)).first;
  }
  found->second->Increment(value);
}

void node_metrics::refresh_messages(const gauges& now) {
  for (const auto& actor : now.actors) {
    auto& [counter, last] = actors_[actor.actor];
    if (counter == nullptr)
      counter = &messages_.Add({{"actor", actor.actor}});
    // An actor that was started again counts from 0.
    counter->Increment(static_cast<double>(actor.messages < last ? actor.messages : actor.messages - last));
    last = actor.messages;
  }
}

void node_metrics::refresh(const gauges& now) {
  for (auto* const family : {&accounts_, &unprotected_, &semi_sync_, &mailbox_depth_})
    family->clear();
  for (const auto& some : now.accounts)
    accounts_.add({{"role", some.role}, {"state", some.state}}, static_cast<double>(some.count));
  unprotected_.add({{"cause", "node"}}, static_cast<double>(now.unprotected.node));
  unprotected_.add({{"cause", "account"}}, static_cast<double>(now.unprotected.account));
  unprotected_.add({{"cause", "uncovered"}}, static_cast<double>(now.unprotected.uncovered));
  semi_sync_.add({{"state", now.semi_sync}}, 1);
  for (const auto& actor : now.actors)
    mailbox_depth_.add({{"actor", actor.actor}}, static_cast<double>(actor.mailbox_depth));
  refresh_messages(now);
  inflight_.Set(static_cast<double>(now.inflight_events));
  parked_.Set(static_cast<double>(now.parked_accounts));
  left_out_.Set(static_cast<double>(now.left_out_accounts));
  unsafe_topics_.Set(static_cast<double>(now.unsafe_topics));
  lease_too_short_.Set(now.lease_too_short ? 1 : 0);
  kafka_connected_.Set(now.kafka_connected ? 1 : 0);
  lease_remaining_.Set(now.lease_remaining_seconds.value_or(0));
}

std::string node_metrics::text() {
  const std::lock_guard lock(scrape_);
  if (source_)
    refresh(source_());
  {
    const std::lock_guard lags(lags_);
    lag_max_.Set(recent_lag_.at(running_second()));
  }
  return prometheus::TextSerializer().Serialize(registry_.Collect());
}

} // namespace understudy
