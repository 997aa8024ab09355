// With librdkafka's mock cluster and without any broker; with a real one:
// tests/integration/log_producer_test.cpp.
#include "events/log/producer.hpp"
#include "tests/unit/mock_cluster.hpp"

#include <boost/test/unit_test.hpp>

#include <condition_variable>
#include <mutex>
#include <set>
#include <vector>

using namespace understudy;

namespace {

struct reports {
  producer_callbacks callbacks() {
    return {[this](delivery&& d) {
              const std::lock_guard lock(guard);
              all.push_back(std::move(d));
              changed.notify_all();
            },
            [this](const error&) {
              const std::lock_guard lock(guard);
              ++fatals;
              changed.notify_all();
            },
            {}};
  }
  void wait_for(std::size_t count) {
    std::unique_lock lock(guard);
    BOOST_REQUIRE(changed.wait_for(lock, std::chrono::seconds(20), [&] { return all.size() >= count; }));
  }
  std::mutex guard;
  std::condition_variable changed;
  std::vector<delivery> all;
  int fatals = 0;
};

/// Nobody listens on port 1.
const kafka_settings unreachable{"127.0.0.1:1", {}, "test", {}};

} // namespace

BOOST_AUTO_TEST_CASE(p7_a_full_queue_refuses_and_stop_reports_each_record_once) {
  reports got;
  producer_options options;
  options.most_records = 50;
  auto p = producer::start(unreachable, options, got.callbacks()).value();
  std::uint64_t taken = 0;
  tl::expected<void, produce_error> last;
  while (taken < 1000 && (last = p->produce("t", partition_id(0), "k", "payload", taken)))
    ++taken;
  BOOST_TEST(taken == 50U);
  BOOST_REQUIRE(!last);
  BOOST_CHECK(last.error().kind == produce_outcome::queue_full);
  BOOST_TEST(last.error().retryable);
  BOOST_TEST(p->in_flight() == 50U);
  BOOST_TEST(!p->connected());

  p->stop(std::chrono::milliseconds(0));
  std::set<std::uint64_t> tokens;
  for (const auto& d : got.all) {
    BOOST_CHECK(d.outcome == produce_outcome::purged);
    BOOST_TEST(!d.time);
    BOOST_TEST(d.offset.value == -1);
    tokens.insert(d.token);
  }
  BOOST_TEST(got.all.size() == 50U);
  BOOST_TEST(tokens.size() == 50U);
  BOOST_TEST(got.fatals == 0);
  BOOST_CHECK(p->produce("t", partition_id(0), "k", "x", 1).error().kind == produce_outcome::fatal);
}

BOOST_AUTO_TEST_CASE(p02_a_record_over_the_clients_limit_is_reported_like_kafkas_refusal) {
  reports got;
  producer_options options;
  options.max_message_bytes = 2000;
  auto p = producer::start(unreachable, options, got.callbacks()).value();
  BOOST_REQUIRE(p->produce("t", partition_id(3), "k", std::string(5000, 'x'), 9));
  got.wait_for(1);
  BOOST_CHECK(got.all.at(0).outcome == produce_outcome::too_large);
  BOOST_TEST(got.all.at(0).token == 9U);
  BOOST_TEST(got.all.at(0).partition.value == 3);
  BOOST_TEST(!got.all.at(0).possibly_written);
  p->stop(std::chrono::milliseconds(0));
  BOOST_TEST(p->in_flight() == 0U);
  BOOST_TEST(got.all.size() == 1U);
}

BOOST_AUTO_TEST_CASE(properties_that_the_rules_depend_on_are_refused_by_name) {
  const auto refused = [](const std::string& name, const std::string& text) {
    auto settings = unreachable;
    settings.properties[name] = text;
    const auto p = producer::start(settings, {}, reports().callbacks());
    BOOST_REQUIRE(!p);
    BOOST_TEST(p.error().what.find(name) != std::string::npos);
    BOOST_TEST(!p.error().todo.empty());
    BOOST_TEST(p.error().what.find(text) == std::string::npos); // it might be a secret
  };
  refused("acks", "leader1");
  refused("message.timeout.ms", "30017");
  refused("no.such.property", "hidden-value");
  refused("security.protocol", "bad-value");
}

BOOST_AUTO_TEST_CASE(p6_held_records_are_reported_in_order_with_their_offsets) {
  reports got;
  auto settings = unreachable;
  settings.properties["test.mock.num.brokers"] = "1";
  auto p = producer::start(settings, {}, got.callbacks()).value();
  for (std::uint64_t i = 0; i < 500; ++i)
    BOOST_REQUIRE(p->produce("t", partition_id(static_cast<std::int32_t>(i % 2)), "k", "payload", i));
  p->stop(std::chrono::seconds(20));
  BOOST_REQUIRE_EQUAL(got.all.size(), 500U);
  std::array<std::int64_t, 2> next{};
  for (const auto& d : got.all) {
    BOOST_CHECK(d.outcome == produce_outcome::held);
    auto& expected = next.at(static_cast<std::size_t>(d.partition.value));
    BOOST_TEST(d.offset.value == expected);
    BOOST_TEST(d.token == static_cast<std::uint64_t>(expected * 2 + d.partition.value));
    ++expected;
  }
}

BOOST_AUTO_TEST_CASE(p6_who_wants_to_know_at_once_is_told_of_what_is_held_there_and_of_the_rest_as_ever) {
  mock_cluster cluster;
  reports failed;
  reports held;
  auto callbacks = failed.callbacks();
  callbacks.on_held = held.callbacks().on_delivery;
  producer_options options;
  options.max_message_bytes = 2000;
  auto p = producer::start(cluster.settings(), options, std::move(callbacks)).value();
  BOOST_REQUIRE(p->produce("t", partition_id(0), "k", "payload", 1));
  held.wait_for(1);
  cluster.answer_next_produce(RD_KAFKA_RESP_ERR_INVALID_RECORD);
  BOOST_REQUIRE(p->produce("t", partition_id(0), "k", "refused by the broker", 2));
  failed.wait_for(1);
  BOOST_REQUIRE(p->produce("t", partition_id(0), "k", std::string(5000, 'x'), 3)); // by the client
  failed.wait_for(2);
  BOOST_REQUIRE(p->produce("t", partition_id(0), "k", "payload", 4));
  p->stop(std::chrono::seconds(20));
  BOOST_TEST(p->in_flight() == 0U);
  BOOST_REQUIRE_EQUAL(held.all.size(), 2U);
  BOOST_REQUIRE_EQUAL(failed.all.size(), 2U);
  for (std::size_t i = 0; i < 2; ++i) {
    BOOST_CHECK(held.all.at(i).outcome == produce_outcome::held);
    BOOST_TEST(held.all.at(i).token == 1 + 3 * i);
    BOOST_TEST(held.all.at(i).offset.value == static_cast<std::int64_t>(i));
    BOOST_TEST(failed.all.at(i).token == 2 + i);
  }
  BOOST_CHECK(failed.all.at(0).outcome == produce_outcome::refused);
  BOOST_CHECK(failed.all.at(1).outcome == produce_outcome::too_large);
}

BOOST_AUTO_TEST_CASE(p01_a_fatal_error_is_told_once_and_every_record_is_reported) {
  mock_cluster cluster;
  reports got;
  auto p = producer::start(cluster.settings(), {}, got.callbacks()).value();
  cluster.answer_next_produce(RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER);
  std::uint64_t taken = 0;
  while (taken < 200 && p->produce("t", partition_id(0), "k", "payload", taken))
    ++taken;
  {
    std::unique_lock lock(got.guard);
    BOOST_REQUIRE(got.changed.wait_for(lock, std::chrono::seconds(20),
                                       [&] { return got.fatals == 1 && got.all.size() == taken; }));
    for (const auto& d : got.all)
      BOOST_CHECK(d.outcome == produce_outcome::fatal || d.outcome == produce_outcome::purged);
  }
  BOOST_TEST(p->is_fatal());
  BOOST_TEST(taken > 0U);
  BOOST_CHECK(p->produce("t", partition_id(0), "k", "x", 1).error().kind == produce_outcome::fatal);
  p->stop(std::chrono::seconds(20)); // returns at once: nothing is in flight
  BOOST_TEST(got.fatals == 1);

  reports again;
  auto next = producer::start(cluster.settings(), {}, again.callbacks()).value();
  for (std::uint64_t i = 0; i < taken; ++i)
    BOOST_REQUIRE(next->produce("t", partition_id(0), "k", "payload", i));
  next->stop(std::chrono::seconds(20));
  BOOST_TEST(again.all.size() == taken);
  BOOST_CHECK(again.all.back().outcome == produce_outcome::held);
}

BOOST_AUTO_TEST_CASE(p02_too_large_and_refused_are_told_by_record_and_the_producer_goes_on) {
  mock_cluster cluster;
  for (const auto& [code, outcome] :
       {std::pair(RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, produce_outcome::too_large),
        std::pair(RD_KAFKA_RESP_ERR_INVALID_RECORD, produce_outcome::refused)}) {
    reports got;
    auto p = producer::start(cluster.settings(), {}, got.callbacks()).value();
    cluster.answer_next_produce(code);
    BOOST_REQUIRE(p->produce("t", partition_id(0), "k", "payload", 1));
    got.wait_for(1);
    BOOST_CHECK(got.all.at(0).outcome == outcome);
    BOOST_TEST(!got.all.at(0).text.empty());
    BOOST_REQUIRE(p->produce("t", partition_id(0), "k", "payload", 2));
    p->stop(std::chrono::seconds(20));
    BOOST_TEST(got.all.size() == 2U);
    BOOST_CHECK(got.all.at(1).outcome == produce_outcome::held);
    BOOST_TEST(got.fatals == 0);
  }
}

BOOST_AUTO_TEST_CASE(r3_a_topic_that_denies_access_is_no_fault_of_the_record) {
  mock_cluster cluster;
  reports got;
  auto p = producer::start(cluster.settings(), {}, got.callbacks()).value();
  // The first record's questions about the topic are answered then: a late answer would end the block.
  BOOST_REQUIRE(p->produce("t", partition_id(0), "k", "payload", 0));
  got.wait_for(1);
  cluster.answer_next_produce(RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
  BOOST_REQUIRE(p->produce("t", partition_id(0), "k", "payload", 1));
  got.wait_for(2);
  BOOST_CHECK(got.all.at(1).outcome == produce_outcome::topic_unavailable);
  // The topic as a whole is blocked until librdkafka asks again.
  const auto next = p->produce("t", partition_id(0), "k", "payload", 2);
  BOOST_REQUIRE(!next);
  BOOST_CHECK(next.error().kind == produce_outcome::topic_unavailable);
  BOOST_TEST(next.error().retryable);
}
