// An event that Kafka refuses is its account's trouble alone, is seen, and heals (P6, R3).
#include "tests/integration/node_world.hpp"

#include <boost/test/unit_test.hpp>
#include <fmt/format.h>
#include <librdkafka/rdkafka.h>

using namespace understudy;
using namespace understudy::testing;
using namespace std::chrono_literals;
using fixture::eventually;

namespace {

enrolled_world& shared_world() {
  static enrolled_world one("pair", 2);
  return one;
}

struct with_world {
  enrolled_world& e = shared_world();
  node_world& world = e.world;
  mailstore& source = world.at(0);
  const std::string one = e.names[0], two = e.names[1];

  bool is_protected(const std::string& account) { return source.status(account).at("protected") == true; }
  bool follows_again() {
    return eventually(patience, [&] { return world.follows(e.names, 1, 0); }) &&
           world.become_same(e.names, 0, 1);
  }
};

/// What one message of the accounts' topic may hold from now on. Kafka sets what isn't named to its default,
/// so what a timestamp must be is named too.
void limit_messages(const std::string& brokers, const std::string& bytes) {
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  rd_kafka_conf_set(conf, "bootstrap.servers", brokers.c_str(), nullptr, 0);
  rd_kafka_t* client = rd_kafka_new(RD_KAFKA_PRODUCER, conf, nullptr, 0);
  rd_kafka_ConfigResource_t* topic =
      rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, "understudy.accounts");
  rd_kafka_ConfigResource_set_config(topic, "max.message.bytes", bytes.c_str());
  rd_kafka_ConfigResource_set_config(topic, "message.timestamp.type", "LogAppendTime");
  rd_kafka_queue_t* queue = rd_kafka_queue_new(client);
  rd_kafka_AlterConfigs(client, &topic, 1, nullptr, queue);
  rd_kafka_event_destroy(rd_kafka_queue_poll(queue, 30'000));
  rd_kafka_queue_destroy(queue);
  rd_kafka_ConfigResource_destroy(topic);
  rd_kafka_destroy(client);
}

} // namespace

BOOST_FIXTURE_TEST_SUITE(node_refused, with_world)

BOOST_AUTO_TEST_CASE(r3_an_event_that_kafka_refuses_makes_its_account_unprotected_and_holds_nobody_else) {
  limit_messages(world.kafka.bootstrap(), "20000");
  const auto mailbox =
      source.db.value(fmt::format("SELECT id FROM zimbra.mailbox WHERE account_id='{}'", world.id_of(one)));
  auto large = std::async(std::launch::async, [&] {
    source.db.query(fmt::format("INSERT INTO zimbra.mailbox_metadata (mailbox_id, section, metadata) "
                                "VALUES ({}, 'large', REPEAT('x', 50000))",
                                mailbox));
  });
  BOOST_TEST(eventually(patience, [&] { return !is_protected(one); }));
  BOOST_TEST((large.wait_for(patience) == std::future_status::ready));
  const auto shown = source.status(one);
  BOOST_TEST_CONTEXT(boost::json::serialize(shown)) {
    BOOST_REQUIRE(shown.contains("unprotectedReason"));
    BOOST_TEST((shown.at("unprotectedReason").as_string().find("Kafka refuses") != std::string::npos));
    BOOST_TEST(shown.at("unprotectedSince").to_number<int>() > 0);
  }
  BOOST_TEST(source.logged("it becomes unprotected"));
  BOOST_TEST(eventually(
      patience, [&] { return source.metric("understudy_accounts_unprotected{cause=\"account\"}") == 1; }));
  auto other = write_async(source, world.id_of(two));
  BOOST_TEST(eventually(patience, [&] { return ended(other); }));
  BOOST_TEST(is_protected(two));
  // Kafka takes it again: a new snapshot brings what the log lacks.
  limit_messages(world.kafka.bootstrap(), "1048588");
  write_once(source, world.id_of(one));
  BOOST_TEST(eventually(patience, [&] { return is_protected(one); }));
  BOOST_TEST(follows_again());
}

BOOST_AUTO_TEST_SUITE_END()
