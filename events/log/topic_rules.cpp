// The pure part of topics.hpp: what topics should be like, and what is wrong with those that are.
#include "events/log/topic_names.hpp"
#include "events/log/topics.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace understudy {

std::vector<topic_plan> understudy_topics(int partitions, int replication_factor, int min_insync_replicas,
                                          std::chrono::milliseconds retention,
                                          std::chrono::milliseconds leases_retention) {
  constexpr std::chrono::milliseconds for_ever{-1};
  return {
      {topic::accounts, partitions, replication_factor, min_insync_replicas, retention},
      {topic::snapshots, partitions, replication_factor, min_insync_replicas, retention},
      {topic::leases, 1, replication_factor, min_insync_replicas, leases_retention},
      {topic::control, 1, replication_factor, min_insync_replicas, for_ever},
  };
}

topic_plan fit(topic_plan plan, int brokers, std::vector<topic_finding>& findings) {
  const auto lower = [&](int& figure, int to, const char* name) {
    if (figure <= to)
      return;
    findings.push_back({severity::warning, plan.name,
                        fmt::format("{} is lowered from {} to {}: {} broker{} present", name, figure, to,
                                    brokers, brokers == 1 ? " is" : "s are")});
    figure = to;
  };
  lower(plan.replication_factor, std::max(1, brokers), "replication_factor");
  lower(plan.min_insync_replicas, plan.replication_factor, "min_insync_replicas");
  return plan;
}

namespace {

class judgement {
public:
  judgement(const topic_facts& facts, const topic_plan& plan)
      : facts_(facts)
      , plan_(plan) {}

  std::vector<topic_finding> run() {
    copies();
    settings();
    layout();
    return std::move(findings_);
  }

private:
  void say(severity level, std::string text, bool is_chosen = false) {
    findings_.push_back({level, facts_.name, std::move(text), is_chosen});
  }

  /// What an acknowledged COMMIT is worth (P1).
  void copies() {
    if (facts_.replication_factor <= 1)
      say(severity::unsafe, "has one copy: if its broker's disk is lost, acknowledged writes are lost",
          plan_.replication_factor <= 1);
    else if (facts_.min_insync_replicas <= 1)
      say(severity::unsafe,
          fmt::format(
              "has {} copies but min.insync.replicas=1: a write is acknowledged when one broker has it, and "
              "lost if that one dies; set min.insync.replicas=2",
              facts_.replication_factor),
          plan_.min_insync_replicas <= 1);
    else if (facts_.min_insync_replicas > facts_.replication_factor)
      say(severity::unsafe,
          fmt::format("has min.insync.replicas={} above its {} copies: nothing can be written",
                      facts_.min_insync_replicas, facts_.replication_factor));
    else if (facts_.min_insync_replicas == facts_.replication_factor)
      say(severity::warning, "needs every copy in sync: the loss of one broker stops all commits");
    if (facts_.unclean_election)
      say(severity::unsafe,
          "has unclean.leader.election.enable=true: an election can throw acknowledged writes away; "
          "set it to false");
  }

  void settings() {
    if (!facts_.log_append_time)
      say(severity::unsafe,
          "has a message.timestamp.type other than LogAppendTime: no report counts (R20); set it to "
          "LogAppendTime");
    if (facts_.cleanup_policy != "delete")
      say(severity::unsafe,
          fmt::format("has cleanup.policy={}: records that are needed can vanish; set it to delete",
                      facts_.cleanup_policy));
    const auto rank = [](std::chrono::milliseconds time) {
      return time.count() < 0 ? std::chrono::milliseconds::max() : time;
    };
    if (rank(facts_.retention) < rank(plan_.retention))
      say(plan_.retention.count() < 0 ? severity::unsafe : severity::warning,
          fmt::format("keeps records for {} ms instead of {}", facts_.retention.count(), wanted_retention()));
  }

  std::string wanted_retention() const {
    return plan_.retention.count() < 0 ? "for ever" : fmt::format("{} ms", plan_.retention.count());
  }

  void layout() {
    if (facts_.partitions < plan_.partitions)
      say(severity::warning,
          fmt::format("has {} partitions instead of {}", facts_.partitions, plan_.partitions));
    if (facts_.replication_factor < plan_.replication_factor && facts_.replication_factor > 1)
      say(severity::warning,
          fmt::format("has {} copies instead of {}", facts_.replication_factor, plan_.replication_factor));
    if (facts_.partitions_without_leader > 0)
      say(severity::warning, fmt::format("has {} partitions without a leader: commits of their accounts wait",
                                         facts_.partitions_without_leader));
  }

  const topic_facts& facts_;
  const topic_plan& plan_;
  std::vector<topic_finding> findings_;
};

} // namespace

std::vector<topic_finding> judge(const topic_facts& facts, const topic_plan& plan) {
  return judgement(facts, plan).run();
}

std::vector<topic_finding> judge_lease(const cluster_facts& brokers, std::chrono::milliseconds lease) {
  const auto session = brokers.session_timeout;
  if (session <= std::chrono::milliseconds(0))
    return {{severity::notice,
             {},
             "the brokers don't tell their broker.session.timeout.ms, so [cluster] lease can't be compared "
             "with it (R23)"}};
  if (lease >= session + election_margin)
    return {};
  // The brokers' own default has four to five heartbeats in a session.
  constexpr int heartbeats = 5;
  const auto fitting = lease - election_margin;
  const auto in_brokers =
      fitting.count() < heartbeats
          ? std::string()
          : fmt::format(
                "broker.session.timeout.ms={} and broker.heartbeat.interval.ms={} in server.properties "
                "of all brokers and controllers, or ",
                fitting.count(), fitting.count() / heartbeats);
  return {
      {severity::unsafe,
       {},
       fmt::format("[cluster] lease is {} ms, and the brokers' broker.session.timeout.ms is {}: the death "
                   "of one broker ends the leases of all nodes, and commits wait meanwhile (R23); set "
                   "{}lease = \"{}ms\" in [cluster] of all nodes",
                   lease.count(), session.count(), in_brokers, (session + election_margin).count())}};
}

} // namespace understudy
