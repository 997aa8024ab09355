// A partition that can't be written for long (R4): what its accounts write meanwhile is bounded in memory,
// holds nobody, and is read from the binlog when the partition is back (P1, P7), without a new snapshot.
#include "tests/integration/node_world.hpp"

#include <boost/test/unit_test.hpp>
#include <fmt/format.h>
#include <librdkafka/rdkafka.h>

using namespace understudy;
using namespace understudy::testing;
using fixture::eventually;

namespace {

constexpr int first_broker = 1;
constexpr int second_broker = 2;
constexpr int partitions = 4; // as node_world's configuration has it
/// Thousands, each of which waits for the disk by itself.
constexpr std::chrono::seconds for_many_commits{150};

void make_topic(rd_kafka_t* client, const std::string& name, int count, std::int32_t broker) {
  rd_kafka_NewTopic_t* topic = rd_kafka_NewTopic_new(name.c_str(), count, -1, nullptr, 0);
  for (int partition = 0; partition < count; ++partition)
    rd_kafka_NewTopic_set_replica_assignment(topic, partition, &broker, 1, nullptr, 0);
  rd_kafka_NewTopic_set_config(topic, "message.timestamp.type", "LogAppendTime");
  rd_kafka_NewTopic_set_config(topic, "cleanup.policy", "delete");
  rd_kafka_NewTopic_set_config(topic, "retention.ms", "-1");
  rd_kafka_queue_t* queue = rd_kafka_queue_new(client);
  rd_kafka_CreateTopics(client, &topic, 1, nullptr, queue);
  rd_kafka_event_t* event = rd_kafka_queue_poll(queue, 30'000);
  std::size_t made = 0;
  const auto* const* answers =
      rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &made);
  BOOST_REQUIRE(made == 1U);
  BOOST_REQUIRE(rd_kafka_topic_result_error(answers[0]) == RD_KAFKA_RESP_ERR_NO_ERROR);
  rd_kafka_event_destroy(event);
  rd_kafka_queue_destroy(queue);
  rd_kafka_NewTopic_destroy(topic);
}

/// The accounts' events are the second broker's; without it all else goes on.
void make_topics(const fixture::private_kafka& kafka) {
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  rd_kafka_conf_set(conf, "bootstrap.servers", kafka.address(0).c_str(), nullptr, 0);
  rd_kafka_t* client = rd_kafka_new(RD_KAFKA_PRODUCER, conf, nullptr, 0);
  make_topic(client, "understudy.accounts", partitions, second_broker);
  make_topic(client, "understudy.snapshots", partitions, first_broker);
  make_topic(client, "understudy.leases", 1, first_broker);
  make_topic(client, "understudy.control", 1, first_broker);
  rd_kafka_destroy(client);
}

enrolled_world& shared_world() {
  static enrolled_world one("pair", 2,
                            {.brokers = 2,
                             .prepare = make_topics,
                             .first = {.memory = "16MiB", .cluster = "partition_patience = \"1s\""}});
  return one;
}

struct with_world {
  enrolled_world& e = shared_world();
  node_world& world = e.world;
  mailstore& source = world.at(0);
  mailstore& destination = world.at(1);
  const std::string one = e.names[0], two = e.names[1];
  const double snapshot_rows = destination.metric("understudy_snapshot_rows_total");

  boost::json::object status() { return source.status(one); }
  bool is_protected() { return status().at("protected") == true; }
  std::string reason() {
    const auto shown = status();
    const auto* why = shown.if_contains("unprotectedReason");
    return why == nullptr ? std::string() : std::string(why->as_string());
  }
  std::future<void> write_large(const std::string& section, unsigned bytes, unsigned times) {
    return testing::write_large(source, world.id_of(one), section, bytes, times);
  }
  /// The partition is gone, and `megabytes` are written, of which memory keeps four.
  void write_without_partition(const std::string& section, unsigned megabytes) {
    BOOST_REQUIRE(eventually(patience, [&] { return is_protected(); }));
    world.kafka.suspend(1);
    auto first = write_async(source, world.id_of(one)); // held for the partition's patience
    BOOST_REQUIRE(eventually(patience, [&] { return ended(first); }));
    BOOST_TEST(reason().find("can't be written") != std::string::npos);
    constexpr unsigned bytes = 30'000;
    auto many = write_large(section, bytes, megabytes * 1'000'000 / bytes);
    BOOST_REQUIRE((many.wait_for(for_many_commits) == std::future_status::ready)); // none waits for Kafka
    BOOST_REQUIRE(eventually(patience, [&] { return left_out() == 1; }));
    BOOST_TEST(source.metric("understudy_inflight_events") < megabytes * 1'000'000 / bytes / 2);
  }
  double left_out() { return source.metric("understudy_left_out_accounts"); }
  std::size_t begun() { return count("the binlog is read again for 1 accounts"); }
  std::size_t count(std::string_view part) {
    const auto log = source.node.log_text();
    std::size_t times = 0;
    for (auto at = log.find(part); at != std::string::npos; at = log.find(part, at + 1))
      ++times;
    return times;
  }
  /// Its replica goes on with the line that it had.
  void becomes_whole_without_a_snapshot() {
    if (!eventually(patience, [&] { return is_protected(); }))
      BOOST_FAIL("it isn't protected again: " << world.story());
    BOOST_TEST(eventually(patience, [&] { return world.follows(e.names, 1, 0); }));
    BOOST_TEST(world.become_same(e.names, 0, 1));
    BOOST_TEST(destination.metric("understudy_snapshot_rows_total") == snapshot_rows);
    BOOST_TEST(!destination.logged("its replica here stopped"));
    BOOST_TEST(left_out() == 0);
    auto held = write_async(source, world.id_of(one));
    BOOST_TEST(eventually(patience, [&] { return ended(held); }));
    BOOST_TEST(world.become_same(e.names, 0, 1));
  }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(node_backlog, with_world)

BOOST_AUTO_TEST_CASE(p1_p7_r4_what_was_left_out_is_read_from_the_binlog_without_a_new_snapshot) {
  write_without_partition("left out", 15);
  BOOST_TEST(source.logged("there was no more room"));
  world.kafka.resume(1);
  std::atomic<bool> stop{false};
  auto meanwhile = std::async(std::launch::async, [&] { // live events wait behind it, and hold nobody
    unsigned written = 0;
    for (; !stop; ++written)
      write_once(source, world.id_of(one));
    return written;
  });
  BOOST_TEST(eventually(patience, [&] { return is_protected(); }));
  stop = true;
  BOOST_TEST(meanwhile.get() > 0U);
  becomes_whole_without_a_snapshot();
  BOOST_TEST(begun() == 1U);
  BOOST_TEST(source.logged("1 accounts lack nothing of it in Kafka"));
  BOOST_TEST(source.metric("understudy_errors_total{kind=\"left_out\"}") == 1);
}

/// Everything that a mail server does, of both accounts at once, also in one transaction (R17), and what is
/// too large for one record (R13): read again it is cut and numbered like the first time.
BOOST_AUTO_TEST_CASE(p1_p2_r13_r17_a_mail_servers_work_is_read_again_as_it_was_captured) {
  BOOST_REQUIRE(eventually(patience, [&] { return is_protected(); }));
  auto load = world.deliver(0, "pair", {"--threads", "4", "--duration", "600", "--reconnect", "60"});
  world.kafka.suspend(1);
  BOOST_REQUIRE(eventually(patience, [&] { return !is_protected(); }));
  auto many = write_large("fills the memory", 30'000, 300);
  BOOST_REQUIRE((many.wait_for(patience) == std::future_status::ready));
  BOOST_REQUIRE(eventually(patience, [&] { return left_out() == 2; }));
  auto in_parts = write_large("in parts", 2'500'000, 1); // R13
  BOOST_REQUIRE((in_parts.wait_for(patience) == std::future_status::ready));
  const auto written = source.last_written();
  BOOST_REQUIRE(eventually(patience, [&] { return source.last_written() > written + 1000; }));
  world.kafka.resume(1);
  BOOST_TEST(eventually(for_many_commits, [&] { return left_out() == 0; })); // under load, too
  load.stop();
  becomes_whole_without_a_snapshot();
  check_nothing_lost(world.compare(1, "pair"), 1000);
}

/// It is gone again while the binlog is read: the reader waits for it, says so, and goes on where it was.
BOOST_AUTO_TEST_CASE(p8_r4_a_partition_that_goes_again_meanwhile_is_waited_for_and_shown) {
  write_without_partition("twice", 30);
  const auto before = begun();
  world.kafka.resume(1);
  BOOST_REQUIRE(eventually(patience, [&] { return begun() == before + 1; }));
  world.kafka.suspend(1);
  BOOST_TEST(
      eventually(patience, [&] { return reason().starts_with("Kafka lacked its events from sequence"); }));
  BOOST_TEST(left_out() == 1);
  auto holds_nobody = write_async(source, world.id_of(one));
  BOOST_TEST(eventually(patience, [&] { return ended(holds_nobody); }));
  world.kafka.resume(1);
  becomes_whole_without_a_snapshot();
}

/// What Kafka has of it by then is known by its GTID (R12), the rest is in the binlog.
BOOST_AUTO_TEST_CASE(p1_r4_r12_a_node_killed_while_it_reads_again_loses_and_doubles_nothing) {
  write_without_partition("killed", 30);
  const auto before = begun();
  const auto has = [&] {
    return std::stoull(
        destination.db.value("SELECT COUNT(*) FROM zimbra.mailbox_metadata WHERE section LIKE 'killed %'"));
  };
  world.kafka.resume(1);
  constexpr unsigned kept = 140; // of 30 kB in the 4 MiB of memory: the next ones are read again
  BOOST_REQUIRE(eventually(patience, [&] { return begun() == before + 1 && has() > kept; }));
  source.node.kill9();
  BOOST_TEST_MESSAGE("killed when its replica had " << has() << " of 1000");
  BOOST_TEST(has() < 1000U);
  source.start_and_wait();
  becomes_whole_without_a_snapshot();
  BOOST_TEST(has() == 1000U);
}

/// As before there was a second reader: its replicas are made anew, and it says why.
BOOST_AUTO_TEST_CASE(r4_where_the_binlog_was_purged_meanwhile_its_replica_is_made_anew) {
  write_without_partition("purged", 10);
  source.db.query("FLUSH BINARY LOGS");
  write_once(source, world.id_of(two)); // capture reads on in the new file
  write_once(source, world.id_of(one));
  const auto newest = source.db.query("SHOW BINARY LOGS").back();
  BOOST_REQUIRE(eventually(patience, [&] {
    source.db.query("PURGE BINARY LOGS TO '" + *newest[0] + "'");
    return source.db.query("SHOW BINARY LOGS").size() == 1U;
  }));
  world.kafka.resume(1);
  BOOST_TEST(eventually(patience, [&] { return source.logged("the binlog can't make up for them"); }));
  if (!eventually(patience, [&] { return is_protected(); }))
    BOOST_FAIL("it isn't protected again: " << world.story());
  BOOST_TEST(eventually(patience, [&] { return world.follows(e.names, 1, 0); }));
  BOOST_TEST(world.become_same(e.names, 0, 1));
  BOOST_TEST(destination.metric("understudy_snapshot_rows_total") > snapshot_rows);
}

BOOST_AUTO_TEST_SUITE_END()

/// What was acknowledged without Kafka lies in the binlog alone when the node dies. Its next life said
/// `protected` before it had read it: whoever promoted the account then wasn't told that something is
/// missing.
BOOST_AUTO_TEST_CASE(p1_r4_nothing_is_said_to_be_protected_that_a_restart_has_yet_to_read_again) {
  enrolled_world e(
      "tail", 1, {.brokers = 2, .prepare = make_topics, .first = {.cluster = "partition_patience = \"1s\""}});
  auto& source = e.world.at(0);
  auto& destination = e.world.at(1);
  const auto id = e.world.id_of(e.names[0]);
  const auto is_protected = [&] { return destination.status(e.names[0]).at("protected") == true; };
  e.world.kafka.suspend(1);
  auto first = write_async(source, id);
  BOOST_REQUIRE(eventually(patience, [&] { return ended(first); }));
  BOOST_REQUIRE(eventually(patience, [&] { return !is_protected(); }));
  constexpr unsigned times = 8000;
  auto many = write_large(source, id, "tail", 500, times);
  BOOST_REQUIRE((many.wait_for(for_many_commits) == std::future_status::ready)); // none waits for Kafka
  source.node.kill9();
  e.world.kafka.resume(1);
  source.start_node();
  if (!eventually(patience, is_protected))
    BOOST_FAIL("it isn't protected again: " << e.world.story());
  source.die();
  const auto done = destination.cli({"ha", "promoteAccounts", "accounts", e.names[0]});
  BOOST_TEST_CONTEXT(done.text) BOOST_TEST(done.status == 0);
  BOOST_TEST(
      destination.db.value("SELECT COUNT(*) FROM zimbra.mailbox_metadata WHERE section LIKE 'tail %'") ==
      std::to_string(times));
}

/// The same without a restart: semi-sync was off while capture had no room to read on.
BOOST_AUTO_TEST_CASE(p1_r5_nothing_is_said_to_be_protected_that_capture_has_yet_to_read) {
  enrolled_world e("behind", 1, {.first = {.memory = "16MiB"}});
  auto& source = e.world.at(0);
  auto& destination = e.world.at(1);
  const auto is_protected = [&] { return destination.status(e.names[0]).at("protected") == true; };
  source.db.query("SET GLOBAL rpl_semi_sync_master_enabled=OFF");
  BOOST_REQUIRE(eventually(patience, [&] { return !is_protected(); }));
  e.world.kafka.suspend(0);
  constexpr unsigned times = 4000;
  auto many = write_large(source, e.world.id_of(e.names[0]), "behind", 5000, times);
  BOOST_REQUIRE((many.wait_for(for_many_commits) == std::future_status::ready));
  source.db.query("SET GLOBAL rpl_semi_sync_master_enabled=ON");
  e.world.kafka.resume(0);
  BOOST_REQUIRE(eventually(patience, is_protected));
  source.die();
  const auto done = destination.cli({"ha", "promoteAccounts", "accounts", e.names[0]});
  BOOST_TEST_CONTEXT(done.text) BOOST_TEST(done.status == 0);
  BOOST_TEST(
      destination.db.value("SELECT COUNT(*) FROM zimbra.mailbox_metadata WHERE section LIKE 'behind %'") ==
      std::to_string(times));
}
