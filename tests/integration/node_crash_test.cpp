// Nodes, MariaDBs and the broker die at random moments under load, or are asked to stop, and come back:
// nothing is lost, accounts are protected again, and everything goes on where it was (P1–P3, R36).
#include "tests/integration/node_world.hpp"

#include <boost/test/unit_test.hpp>
#include <fmt/format.h>

#include <csignal>
#include <random>

using namespace understudy;
using namespace understudy::testing;
using namespace std::chrono_literals;
using fixture::eventually;

namespace {

/// The moments follow from it, counted in events that Kafka has confirmed.
constexpr std::uint32_t seed = 20'261'128;
constexpr unsigned clients = 4;

struct loaded_world {
  node_world world;
  std::vector<std::string> names = world.create_accounts(0, "busy", clients);
  loaded_world() { world.enrol(names, 0, 1); }
  static loaded_world& instance() {
    static loaded_world one;
    return one;
  }
};

std::size_t count_of(const std::string& text, const std::string& part) {
  std::size_t count = 0;
  for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + part.size()))
    ++count;
  return count;
}

struct with_load {
  loaded_world& e = loaded_world::instance();
  node_world& world = e.world;
  mailstore& source = world.at(0);
  mailstore& replica = world.at(1);
  std::minstd_rand random{seed};
  /// Clients that come back when their server does, as the mail server's service manager sees to.
  fixture::node_process load = world.deliver(
      0, "busy", {"--threads", std::to_string(clients), "--duration", "600", "--reconnect", "60"});

  /// So many further events are in Kafka.
  bool goes_on(unsigned events = 30) {
    double from = -1;
    return eventually(patience, [&] {
      const auto now = source.metric("understudy_events_produced_total");
      if (from < 0 || now < from) // a counter begins at 0 with the process
        from = now;
      return from >= 0 && now >= from + events;
    });
  }
  bool goes_on_to_a_random_moment() { return goes_on(1 + static_cast<unsigned>(random() % 100)); }

  /// A client's COMMIT and the node's own probe are held, and no Kafka is there to let go of them.
  bool commits_wait() {
    const auto held = source.db.value("SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE "
                                      "STATE LIKE 'Waiting for semi-sync ACK%'");
    try {
      source.db.query("SELECT n FROM understudy.probe WHERE id=1 FOR UPDATE NOWAIT");
      return false;
    } catch (const fixture::sql_error&) {
      return held != "0";
    }
  }

  void ends_when_asked(mailstore& store) {
    const auto before = count_of(store.node.log_text(), " stopped\n");
    store.node.signal(SIGTERM);
    BOOST_TEST(store.node.wait(60s).value_or(-1) == 0);
    BOOST_TEST(count_of(store.node.log_text(), " stopped\n") == before + 1);
  }

  /// What was stored of capture's place is no further back than what is held at a time: each client's COMMIT,
  /// the probe's, and a few of our own.
  void capture_stored_its_place(mailstore& stopped) {
    const auto stored = stopped.last_stored();
    const auto written = stopped.last_written();
    BOOST_TEST_CONTEXT(stopped.name << ": stored " << stored << " of " << written)
    BOOST_TEST(stored + 2 * clients >= written);
  }

  void all_is_there() {
    BOOST_TEST(goes_on());
    BOOST_TEST(load.stop());
    BOOST_TEST(world.become_same(e.names, 0, 1));
    for (const std::size_t host : {0U, 1U})
      check_nothing_lost(world.compare(host, "busy"), 200);
    BOOST_TEST(eventually(patience, [&] { return world.follows(e.names, 1, 0); }));
    // Each went on where it was: nothing began anew but what the first start began.
    BOOST_TEST(count_of(replica.node.log_text(), " is loaded, sequence ") == e.names.size());
    for (const auto* store : {&source, &replica})
      BOOST_TEST(count_of(store->node.log_text(), "capture begins anew") == 1u);
  }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(node_crash, with_load)

BOOST_AUTO_TEST_CASE(p1_p3_nodes_are_killed_at_random_moments_and_while_they_start) {
  BOOST_TEST_INFO_SCOPE("seed " << seed);
  for (int death = 0; death < 3; ++death) {
    auto& victim = death == 1 ? replica : source;
    BOOST_REQUIRE(goes_on_to_a_random_moment());
    victim.node.kill9();
    if (death >= 1) {
      const auto* step = random() % 2 == 0 ? " control is read: " : " metrics at ";
      const auto before = count_of(victim.node.log_text(), step);
      victim.start_node();
      BOOST_TEST(eventually(patience, [&] { return count_of(victim.node.log_text(), step) > before; }));
      victim.node.kill9();
    }
    victim.start_and_wait();
  }
  all_is_there();
}

BOOST_AUTO_TEST_CASE(p1_mariadbs_are_killed_and_come_back) {
  BOOST_TEST_INFO_SCOPE("seed " << seed);
  BOOST_REQUIRE(goes_on_to_a_random_moment());
  source.db.kill9();
  BOOST_TEST(eventually(patience, [&] { return source.logged("capture isn't attached to MariaDB"); }));
  source.db.restart();
  BOOST_REQUIRE(goes_on_to_a_random_moment());
  replica.db.kill9();
  BOOST_TEST(goes_on()); // a destination's death holds nobody
  replica.db.restart();
  all_is_there();
}

BOOST_AUTO_TEST_CASE(p1_kafka_is_killed_and_a_node_ends_and_starts_while_it_is_away) {
  BOOST_TEST_INFO_SCOPE("seed " << seed);
  BOOST_REQUIRE(goes_on_to_a_random_moment());
  world.kafka.kill9();
  BOOST_REQUIRE(eventually(patience, [&] { return commits_wait(); }));
  // The COMMITs it holds stay in the server with their rows locked, over its end and its start.
  ends_when_asked(source);
  source.start_node();
  world.kafka.restart();
  all_is_there();
}

BOOST_AUTO_TEST_CASE(sigterm_ends_nodes_cleanly_and_they_go_on_where_they_were) {
  BOOST_TEST_INFO_SCOPE("seed " << seed);
  for (auto* store : {&replica, &source}) {
    BOOST_REQUIRE(goes_on_to_a_random_moment());
    ends_when_asked(*store);
    capture_stored_its_place(*store);
    store->start_and_wait();
  }
  all_is_there();
}

BOOST_AUTO_TEST_SUITE_END()
