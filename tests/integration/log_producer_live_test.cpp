#include "events/codec/parts.hpp"
#include "tests/integration/log_fixture.hpp"
#include "tests/tools/fixture/eventually.hpp"

#include <boost/test/unit_test.hpp>
#include <librdkafka/rdkafka.h>

using namespace understudy;
using namespace understudy::testing;

BOOST_AUTO_TEST_CASE(r20_reports_carry_the_brokers_time_only_with_log_append_time) {
  create("stamped");
  collecting_producer p;
  const auto before = std::chrono::system_clock::now();
  p.produce("stamped", 0, "payload", 7);
  const auto report = p.wait_for(1).at(0);
  BOOST_CHECK(report.outcome == produce_outcome::held);
  BOOST_TEST(report.token == 7U);
  BOOST_TEST(report.offset.value == 0);
  BOOST_REQUIRE(report.time);
  const auto difference = std::chrono::milliseconds(report.time->value) - before.time_since_epoch();
  BOOST_TEST((difference > std::chrono::seconds(-5) && difference < deadline));

  // The same record in a topic with CreateTime: librdkafka gives the client's own clock, which doesn't count.
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  rd_kafka_conf_set(conf, "bootstrap.servers", kafka().bootstrap().c_str(), nullptr, 0);
  rd_kafka_t* client = rd_kafka_new(RD_KAFKA_PRODUCER, conf, nullptr, 0);
  rd_kafka_NewTopic_t* topic = rd_kafka_NewTopic_new("unstamped", 1, 1, nullptr, 0);
  rd_kafka_queue_t* queue = rd_kafka_queue_new(client);
  rd_kafka_CreateTopics(client, &topic, 1, nullptr, queue);
  rd_kafka_event_destroy(rd_kafka_queue_poll(queue, 30'000));
  rd_kafka_queue_destroy(queue);
  rd_kafka_NewTopic_destroy(topic);
  rd_kafka_destroy(client);
  p.produce("unstamped", 0, "payload", 8);
  const auto other = p.wait_for(2).at(1);
  BOOST_CHECK(other.outcome == produce_outcome::held);
  BOOST_TEST(!other.time);
}

BOOST_AUTO_TEST_CASE(r15_order_and_offsets_of_several_requests_in_flight) {
  create("ordered", 4);
  collecting_producer p;
  constexpr std::uint64_t count = 4000;
  for (std::uint64_t i = 0; i < count; ++i)
    p.produce("ordered", static_cast<std::int32_t>(i % 4), std::string(500, 'x'), i);
  std::array<std::int64_t, 4> next{};
  for (const auto& d : p.wait_for(count)) {
    BOOST_REQUIRE(d.outcome == produce_outcome::held);
    auto& expected = next.at(static_cast<std::size_t>(d.partition.value));
    BOOST_REQUIRE_EQUAL(d.offset.value, expected);
    BOOST_REQUIRE_EQUAL(d.token, static_cast<std::uint64_t>(expected * 4 + d.partition.value));
    ++expected;
  }
  BOOST_TEST(fixture::eventually(deadline, [&] { return p->connected() && p->in_flight() == 0; }));
}

BOOST_AUTO_TEST_CASE(p1_while_the_broker_is_suspended_nothing_is_reported_and_then_everything) {
  create("held");
  collecting_producer p;
  p.produce("held", 0, "first", 0);
  p.wait_for(1);
  kafka().suspend();
  for (std::uint64_t i = 1; i <= 50; ++i)
    p.produce("held", 0, "waiting", i);
  BOOST_TEST(p.quiet_for(std::chrono::seconds(2), 1));
  BOOST_TEST(p->in_flight() == 50U);
  kafka().resume();
  const auto reports = p.wait_for(51);
  for (std::size_t i = 0; i < reports.size(); ++i) {
    BOOST_CHECK(reports[i].outcome == produce_outcome::held);
    BOOST_TEST(reports[i].offset.value == static_cast<std::int64_t>(i));
    BOOST_TEST(reports[i].time.has_value());
  }
}

BOOST_AUTO_TEST_CASE(stop_with_a_suspended_broker_gives_up_in_time_and_says_what_may_be_written) {
  create("abandoned");
  collecting_producer p;
  p.produce("abandoned", 0, "first", 0);
  p.wait_for(1);
  kafka().suspend();
  for (std::uint64_t i = 1; i <= 20; ++i)
    p.produce("abandoned", 0, "lost?", i);
  BOOST_TEST(p.quiet_for(std::chrono::milliseconds(300), 1));
  p->stop(std::chrono::milliseconds(200));
  kafka().resume();
  const auto reports = p.wait_for(21);
  BOOST_TEST(reports.size() == 21U);
  bool any_possible = false;
  for (std::size_t i = 1; i < reports.size(); ++i) {
    BOOST_CHECK(reports[i].outcome == produce_outcome::purged);
    any_possible |= reports[i].possibly_written;
  }
  BOOST_TEST(any_possible);
}

BOOST_AUTO_TEST_CASE(p02_too_large_for_the_topic_is_told_and_parts_of_it_fit) {
  create("small");
  auto admin = topic_admin::open(settings()).value();
  const auto limit = admin->max_message_bytes("small", deadline).value();
  producer_options generous;
  generous.max_message_bytes = 10 * limit;
  collecting_producer p(generous);
  p.produce("small", 0, std::string(limit + 1, 'x'), 1);
  BOOST_CHECK(p.wait_for(1).at(0).outcome == produce_outcome::too_large);
  // The largest payload that the arithmetic of parts allows is taken.
  p.produce("small", 0, std::string(payload_limit(limit, 3), 'x'), 2);
  BOOST_CHECK(p.wait_for(2).at(1).outcome == produce_outcome::held);
  BOOST_TEST(!p->is_fatal());
}

BOOST_AUTO_TEST_CASE(p1_a_killed_broker_loses_and_doubles_nothing) {
  create("killed");
  collecting_producer p;
  p.produce("killed", 0, "first", 0);
  p.wait_for(1);
  kafka().kill9();
  for (std::uint64_t i = 1; i <= 20; ++i)
    p.produce("killed", 0, "waiting", i);
  BOOST_TEST(fixture::eventually(deadline, [&] { return !p->connected(); }));
  kafka().restart();
  const auto reports = p.wait_for(21);
  for (std::size_t i = 1; i < reports.size(); ++i) {
    BOOST_CHECK(reports[i].outcome == produce_outcome::held);
    BOOST_TEST(reports[i].offset.value == static_cast<std::int64_t>(i));
  }
  BOOST_TEST(fixture::eventually(deadline, [&] { return p->connected(); }));
}
