// A COMMIT of a protected account returns when Kafka holds it, and not before (P1, R2); whatever Kafka does
// meanwhile.
#include "tests/integration/node_world.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <array>

using namespace understudy;
using namespace understudy::testing;
using namespace std::chrono_literals;
using fixture::eventually;

namespace {

/// Long beside a commit's milliseconds, and beside the pause of a garbage collection.
constexpr auto too_long_for_a_commit = 1500ms;
/// Ten of Kafka's clients a minute, and one each of what a node can't do meanwhile.
constexpr int most_lines_of_an_outage = 20;

struct held_world : enrolled_world {
  held_world()
      : enrolled_world("held", 2) {}
  mailstore& source = world.at(0);
  std::vector<std::string> others = world.create_accounts(0, "free", 1);
  std::string account = world.id_of(names[0]);
};

held_world& shared_world() {
  static held_world one;
  return one;
}

struct with_world {
  held_world& e = shared_world();
  node_world& world = e.world;
  mailstore& source = e.source;

  bool commit_waits() {
    return source.db.value("SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE "
                           "STATE LIKE 'Waiting for semi-sync ACK%'") != "0";
  }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(node_hold, with_world)

BOOST_AUTO_TEST_CASE(p1_r2_a_commit_waits_for_kafka_and_returns_with_it) {
  const auto before = writes_there(source, e.account);
  world.kafka.suspend();
  auto write = write_async(source, e.account);
  BOOST_TEST(eventually(patience, [&] { return commit_waits(); }));
  BOOST_TEST(!eventually(too_long_for_a_commit, [&] { return ended(write); }));
  BOOST_TEST(writes_there(source, e.account) == before); // AFTER_SYNC: nobody has seen it
  world.kafka.resume();
  BOOST_REQUIRE(eventually(patience, [&] { return ended(write); }));
  BOOST_TEST(write.get() == "");
  BOOST_TEST(writes_there(source, e.account) == before + 1);
  BOOST_TEST(world.become_same(e.names, 0, 1));
}

BOOST_AUTO_TEST_CASE(r10_r20_a_hold_longer_than_the_lease_ends_with_kafkas_return) {
  world.kafka.suspend();
  // More than a group commit in the hold and the one behind it: the node's probe can't get in between.
  std::vector<std::future<std::string>> writes;
  for (int client = 0; client < 6; ++client) {
    writes.push_back(write_async(source, e.account));
    BOOST_TEST(eventually(patience, [&] { return commit_waits(); }));
  }
  BOOST_TEST(eventually(patience, [&] { return source.metric("understudy_lease_remaining_seconds") < -2; }));
  for (auto& write : writes)
    BOOST_TEST(!ended(write));
  BOOST_TEST(source.logged("the lease has ended, and commits of protected accounts wait: "));
  // P8: nobody knows of the other node's lease what was true before.
  const auto replica = source.status(e.names[0]).at("replicas").at(0);
  BOOST_TEST(boost::json::serialize(replica.at("available")) == "\"unknown\"");
  world.kafka.resume();
  for (auto& write : writes) {
    BOOST_REQUIRE(eventually(patience, [&] { return ended(write); }));
    BOOST_TEST(write.get() == "");
  }
  BOOST_TEST(eventually(patience, [&] { return source.logged("the lease runs again, after "); }));
  BOOST_TEST(world.become_same(e.names, 0, 1));
}

BOOST_AUTO_TEST_CASE(r2_an_account_that_is_not_enrolled_waits_only_behind_others) {
  const auto free = world.id_of(e.others[0]);
  world.kafka.suspend();
  auto first = write_async(source, free);
  BOOST_TEST(eventually(patience, [&] { return ended(first); }));
  BOOST_TEST(first.get() == "");
  auto held = write_async(source, e.account);
  BOOST_TEST(eventually(patience, [&] { return commit_waits(); }));
  auto behind = write_async(source, free); // an ACK is cumulative: it can't pass the held one
  BOOST_TEST(!eventually(too_long_for_a_commit, [&] { return ended(held) || ended(behind); }));
  world.kafka.resume();
  BOOST_TEST(eventually(patience, [&] { return ended(held) && ended(behind); }));
  BOOST_TEST(held.get() == "");
  BOOST_TEST(behind.get() == "");
}

BOOST_AUTO_TEST_CASE(p1_p8_kafka_dies_under_load_writes_wait_and_go_on) {
  auto load = world.deliver(0, "held", {"--threads", "2", "--duration", "600"});
  const std::string produced = "understudy_events_produced_total";
  const auto at_first = source.metric(produced);
  BOOST_REQUIRE(eventually(patience, [&] { return source.metric(produced) > at_first + 50; }));
  std::array<std::size_t, 2> logged_before{};
  for (std::size_t host = 0; host < 2; ++host)
    logged_before[host] = world.at(host).node.log_text().size();
  world.kafka.kill9();
  BOOST_TEST(eventually(patience, [&] { return source.metric("understudy_kafka_connected") == 0; }));
  // Told by the producer's connection; the metric by the link's.
  BOOST_TEST(eventually(patience, [&] {
    return source.logged("no Kafka broker can be reached: commits of protected accounts wait");
  }));
  auto write = write_async(source, e.account);
  BOOST_TEST(!eventually(too_long_for_a_commit, [&] { return ended(write); }));
  // O01: what so many clients and everybody who needs them have to say of it is soon said.
  BOOST_TEST(eventually(patience, [&] { return source.metric("understudy_lease_remaining_seconds") < -10; }));
  for (std::size_t host = 0; host < 2; ++host) {
    const auto said = world.at(host).node.log_text().substr(logged_before[host]);
    BOOST_TEST_CONTEXT(said)
    BOOST_TEST(std::count(said.begin(), said.end(), '\n') <= most_lines_of_an_outage);
  }
  // Nor is a command kept for Kafka's return, when nobody expects it any more.
  const auto refused = source.cli({"ha", "pauseReplicas", "accounts", e.names[0]});
  BOOST_TEST(refused.status == 1);
  BOOST_TEST(refused.says("can't reach Kafka"), refused.text);
  BOOST_TEST(source.cli({"ha", "getAccountStatus", "accounts", e.names[0]}).status == 0);
  world.kafka.restart();
  BOOST_TEST(eventually(patience, [&] { return ended(write); }));
  BOOST_TEST(write.get() == "");
  BOOST_TEST(!source.status(e.names[0]).at("paused").as_bool());
  const auto after = source.metric(produced);
  BOOST_TEST(eventually(patience, [&] { return source.metric(produced) > after + 50; }));
  BOOST_TEST(load.stop());
  BOOST_TEST(eventually(patience, [&] { return source.metric("understudy_kafka_connected") == 1; }));
  BOOST_TEST(world.become_same(e.names, 0, 1));
  for (const std::size_t host : {0U, 1U})
    check_nothing_lost(world.compare(host, "held"), 100);
}

BOOST_AUTO_TEST_SUITE_END()
