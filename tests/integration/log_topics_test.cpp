#include "events/log/topic_names.hpp"
#include "tests/integration/log_fixture.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>

using namespace understudy;
using namespace understudy::testing;

BOOST_AUTO_TEST_CASE(topics_are_created_once_and_their_safety_is_told) {
  auto admin = topic_admin::open(settings()).value();
  const auto plans = understudy_topics(8, 3, 2, std::chrono::hours(24 * 7));
  const auto missing = admin->check(plans, deadline).value();
  BOOST_TEST(missing.size() == 4U);
  BOOST_TEST(missing.at(0).text.find("doesn't exist") != std::string::npos);

  const auto findings = admin->ensure(plans, deadline).value();
  const auto says = [&](const char* topic, std::string_view word) {
    return std::ranges::any_of(
        findings, [&](const auto& f) { return f.topic == topic && f.text.find(word) != std::string::npos; });
  };
  // One broker: the factors are lowered, and it is said what that means.
  for (const auto* name : {topic::accounts, topic::snapshots, topic::leases, topic::control}) {
    BOOST_TEST(says(name, "replication_factor is lowered from 3 to 1"));
    BOOST_TEST(says(name, "min_insync_replicas is lowered from 2 to 1"));
    BOOST_TEST(says(name, "one copy"));
    const auto facts = admin->facts(name, deadline).value();
    BOOST_TEST(facts.log_append_time);
    BOOST_TEST(!facts.unclean_election);
    BOOST_TEST(facts.cleanup_policy == "delete");
    BOOST_TEST(facts.max_message_bytes == admin->max_message_bytes(name, deadline).value());
    BOOST_TEST(facts.max_message_bytes > 100'000U);
  }
  BOOST_TEST(admin->facts(topic::accounts, deadline)->partitions == 8);
  BOOST_TEST(admin->facts(topic::control, deadline)->retention.count() == -1);
  // Again: nothing to create, the same judgement of what is there.
  BOOST_TEST(std::ranges::any_of(admin->ensure(plans, deadline).value(),
                                 [](const auto& f) { return f.text.find("one copy") != std::string::npos; }));
}

BOOST_AUTO_TEST_CASE(the_cluster_tells_its_id_brokers_and_session_timeout) {
  auto admin = topic_admin::open(settings()).value();
  const auto facts = admin->cluster(deadline).value();
  BOOST_TEST(facts.id.size() == 22U);
  BOOST_TEST(facts.brokers == 1);
  BOOST_TEST(facts.session_timeout.count() == 1500); // as the fixture sets it (R23)
}

BOOST_AUTO_TEST_CASE(brokers_that_do_not_answer_are_a_retryable_error) {
  auto admin = topic_admin::open({"127.0.0.1:1", {}, "test", {}}).value();
  const auto got = admin->cluster(std::chrono::milliseconds(300));
  BOOST_REQUIRE(!got);
  BOOST_TEST(got.error().retryable);
}
