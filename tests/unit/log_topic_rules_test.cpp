#include "events/log/topic_names.hpp"
#include "events/log/topics.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>

using namespace understudy;

namespace {

const topic_plan plan{"understudy.accounts", 64, 3, 2, std::chrono::hours(24 * 7)};

topic_facts sound() {
  topic_facts f;
  f.name = plan.name;
  f.partitions = 64;
  f.replication_factor = 3;
  f.min_insync_replicas = 2;
  f.log_append_time = true;
  f.max_message_bytes = 1'048'588;
  f.retention = std::chrono::hours(24 * 7);
  f.cleanup_policy = "delete";
  return f;
}

/// The only finding, which must say `word`.
void finds(const topic_facts& facts, severity level, std::string_view word, const topic_plan& wanted = plan) {
  const auto findings = judge(facts, wanted);
  const auto found = std::ranges::find_if(
      findings, [&](const auto& f) { return f.level == level && f.text.find(word) != std::string::npos; });
  BOOST_TEST((found != findings.end()), word);
}

} // namespace

BOOST_AUTO_TEST_CASE(a_sound_topic_has_no_findings) {
  BOOST_TEST(judge(sound(), plan).empty());
}

BOOST_AUTO_TEST_CASE(p8_settings_that_can_lose_acknowledged_writes_are_unsafe) {
  auto f = sound();
  f.replication_factor = 1;
  finds(f, severity::unsafe, "one copy");
  f = sound();
  f.min_insync_replicas = 1;
  finds(f, severity::unsafe, "min.insync.replicas=1");
  f.replication_factor = 2;
  finds(f, severity::unsafe, "2 copies but min.insync.replicas=1");
  f = sound();
  f.unclean_election = true;
  finds(f, severity::unsafe, "unclean");
  f = sound();
  f.log_append_time = false;
  finds(f, severity::unsafe, "LogAppendTime");
  f = sound();
  f.cleanup_policy = "compact,delete";
  finds(f, severity::unsafe, "cleanup.policy=compact,delete");
}

BOOST_AUTO_TEST_CASE(p1_what_the_plan_asks_for_breaks_no_promise_and_anything_else_that_is_unsafe_does) {
  const auto breaks = [](const topic_facts& facts, const topic_plan& wanted) {
    const auto findings = judge(facts, wanted);
    return std::ranges::any_of(findings, &topic_finding::breaks_promise);
  };
  const topic_plan one_copy{plan.name, 64, 1, 1, plan.retention};
  auto f = sound();
  f.replication_factor = 1;
  f.min_insync_replicas = 1;
  BOOST_TEST(breaks(f, plan));
  BOOST_TEST(!breaks(f, one_copy));
  BOOST_TEST(judge(f, one_copy).size() == 1U); // and is said all the same
  f.replication_factor = 3;
  BOOST_TEST(breaks(f, plan));
  BOOST_TEST(!breaks(f, {plan.name, 64, 3, 1, plan.retention}));
  f.unclean_election = true; // nobody can ask for that
  BOOST_TEST(breaks(f, one_copy));
  BOOST_TEST(!breaks(sound(), plan));
}

BOOST_AUTO_TEST_CASE(r23_a_lease_that_the_death_of_a_broker_ends_is_unsafe_with_the_lines_to_set) {
  using std::chrono::milliseconds;
  const auto judged = [](int session, int lease) {
    cluster_facts brokers;
    brokers.session_timeout = milliseconds(session);
    return judge_lease(brokers, milliseconds(lease));
  };
  BOOST_TEST(judged(1500, 3000).empty());
  BOOST_TEST(judged(1500, 2000).empty()); // the margin, and no more
  BOOST_TEST(judged(9000, 9500).empty());
  for (const auto& [session, lease] : {std::pair{1500, 1999}, {9000, 9000}, {9000, 3000}}) {
    const auto findings = judged(session, lease);
    BOOST_REQUIRE(findings.size() == 1U);
    BOOST_TEST((findings[0].level == severity::unsafe));
    BOOST_TEST(!findings[0].breaks_promise()); // every broker lives
  }
  const auto said = judged(9000, 3000).front().sentence();
  for (const auto* part :
       {"lease is 3000 ms", "broker.session.timeout.ms is 9000",
        "broker.session.timeout.ms=2500 and broker.heartbeat.interval.ms=500 in server.properties",
        "lease = \"9500ms\" in [cluster]"})
    BOOST_TEST(said.find(part) != std::string::npos, said);
  // No session fits so short a lease.
  BOOST_TEST(judged(9000, 400).front().text.find("server.properties") == std::string::npos);
  // Brokers that don't tell.
  const auto unknown = judged(0, 3000);
  BOOST_REQUIRE(unknown.size() == 1U);
  BOOST_TEST((unknown[0].level == severity::notice));
}

BOOST_AUTO_TEST_CASE(what_stops_commits_or_differs_from_the_plan_is_said) {
  auto f = sound();
  f.min_insync_replicas = 3;
  finds(f, severity::warning, "one broker stops all commits");
  f.min_insync_replicas = 4;
  finds(f, severity::unsafe, "nothing can be written");
  f = sound();
  f.partitions = 8;
  finds(f, severity::warning, "8 partitions instead of 64");
  f = sound();
  f.partitions_without_leader = 2;
  finds(f, severity::warning, "without a leader");
  f = sound();
  f.retention = std::chrono::hours(1);
  finds(f, severity::warning, "3600000 ms instead of 604800000 ms");
  finds(f, severity::unsafe, "instead of for ever",
        {topic::control, 64, 3, 2, std::chrono::milliseconds(-1)});
  f.retention = std::chrono::milliseconds(-1);
  BOOST_TEST(judge(f, plan).empty());
}

BOOST_AUTO_TEST_CASE(factors_never_pass_the_brokers_present_and_it_is_said) {
  std::vector<topic_finding> findings;
  const auto one = fit(plan, 1, findings);
  BOOST_TEST(one.replication_factor == 1);
  BOOST_TEST(one.min_insync_replicas == 1);
  BOOST_TEST(findings.size() == 2U);
  findings.clear();
  const auto two = fit(plan, 2, findings);
  BOOST_TEST(two.replication_factor == 2);
  BOOST_TEST(two.min_insync_replicas == 2);
  BOOST_TEST(findings.size() == 1U);
  findings.clear();
  BOOST_TEST(fit(plan, 3, findings).replication_factor == 3);
  BOOST_TEST(findings.empty());
}

BOOST_AUTO_TEST_CASE(leases_and_control_have_one_partition_and_control_is_for_ever) {
  const auto plans = understudy_topics(64, 3, 2, std::chrono::hours(1));
  BOOST_REQUIRE_EQUAL(plans.size(), 4U);
  for (const auto& p : plans) {
    const bool single = p.name == topic::leases || p.name == topic::control;
    BOOST_TEST(p.partitions == (single ? 1 : 64));
    BOOST_TEST((p.retention.count() == -1) == (p.name == topic::control));
  }
}
