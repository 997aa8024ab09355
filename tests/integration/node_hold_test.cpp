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
/// Ten of Kafka's clients a minute, which a slow machine makes two of, and one each of what a node can't do
/// meanwhile.
constexpr int most_lines_of_an_outage = 30;

struct held_world : enrolled_world {
  held_world()
      : enrolled_world("held", 2) {}
  std::vector<std::string> others = world.create_accounts(0, "free", 1);
};

held_world& shared_world() {
  static held_world one;
  return one;
}

struct with_world {
  held_world& e = shared_world();
  node_world& world = e.world;
  mailstore& source = e.source;

  std::vector<std::string> waiters() {
    std::vector<std::string> ids;
    for (const auto& row : source.db.query("SELECT ID FROM information_schema.PROCESSLIST WHERE STATE LIKE "
                                           "'Waiting for semi-sync ACK%'"))
      ids.push_back(row.at(0).value());
    return ids;
  }
  /// `KILL …` to whoever leads a waiting group, until `write` has ended; what its client was told.
  std::string end_wait(std::future<std::string> write, const std::string& kill) {
    BOOST_REQUIRE(eventually(patience, [&] {
      for (const auto& id : waiters())
        try {
          source.db.query(kill + id);
        } catch (const fixture::sql_error&) {
          // gone already
        }
      return ended(write);
    }));
    return write.get();
  }
  /// A write whose client has set itself a limit.
  std::future<std::string> write_within(const std::string& seconds) {
    return std::async(std::launch::async, [this, seconds]() -> std::string {
      try {
        source.db.query("SET STATEMENT max_statement_time=" + seconds +
                        " FOR INSERT INTO zimbra.mailbox_metadata (mailbox_id, section, metadata) SELECT id, "
                        "CONCAT('write ', UUID()), 'x' FROM zimbra.mailbox WHERE account_id='" +
                        e.account + "'");
        return {};
      } catch (const std::exception& failed) {
        return failed.what();
      }
    });
  }
  /// The id of the connection over which capture reads; empty while there's none.
  std::string dump() {
    const auto found = source.db.query("SELECT ID FROM information_schema.PROCESSLIST WHERE COMMAND='Binlog "
                                       "Dump' AND STATE NOT LIKE '%terminated%'");
    return found.empty() ? "" : found.front().at(0).value();
  }
  /// The server counts capture's connection as one that acknowledges.
  bool is_attached() {
    return source.db.query("SHOW STATUS LIKE 'Rpl_semi_sync_master_clients'").front().at(1) == "1";
  }

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

/// What an old connection still had, and what the new one sends again, is the same.
BOOST_AUTO_TEST_CASE(s05_a_dump_that_is_ended_again_and_again_under_load_loses_and_doubles_nothing) {
  auto load = world.deliver(0, "held", {"--threads", "2", "--duration", "600"});
  for (int round = 0; round < 3; ++round) {
    const auto produced = source.metric("understudy_events_produced_total");
    BOOST_REQUIRE(eventually(
        patience, [&] { return source.metric("understudy_events_produced_total") > produced + 20; }));
    const auto before = dump();
    BOOST_REQUIRE(before != "");
    source.db.query("KILL " + before);
    BOOST_REQUIRE(eventually(patience, [&] {
      const auto now = dump();
      return now != "" && now != before;
    }));
  }
  BOOST_TEST(load.stop());
  BOOST_TEST(world.become_same(e.names, 0, 1));
  for (const std::size_t host : {0U, 1U})
    check_nothing_lost(world.compare(host, "held"), 50);
  BOOST_TEST(source.times_logged("rows may have changed unseen") == 0u);
}

/// Such a commit is in the binlog already, whatever its client is told.
BOOST_AUTO_TEST_CASE(s02_commits_whose_wait_is_ended_from_outside_are_counted_and_reach_the_replica) {
  const auto before = writes_there(source, e.account);
  const std::string unconfirmed = "understudy_unconfirmed_commits_total";
  const auto cut_off = [](const std::string& told) { return told.find("Lost connection") != told.npos; };
  world.kafka.suspend();
  BOOST_TEST(end_wait(write_async(source, e.account), "KILL QUERY ") == ""); // told OK
  BOOST_TEST(eventually(patience, [&] { return source.metric(unconfirmed) >= 1; }));
  const auto counted = source.metric(unconfirmed);
  std::uint64_t writes = 1;
  std::string told;
  for (; writes < 20 && !cut_off(told); ++writes) // whoever waits behind the node's probe is told OK
    told = end_wait(write_async(source, e.account), "KILL CONNECTION ");
  BOOST_TEST(cut_off(told), told);
  BOOST_TEST(eventually(patience, [&] { return source.metric(unconfirmed) > counted; }));
  BOOST_TEST(source.logged("commits go without Kafka's confirmation"));
  // A statement's own limit ends no wait (10.11).
  auto limited = write_within("1");
  ++writes;
  BOOST_TEST(eventually(patience, [&] {
    if (ended(limited)) // ahead of its COMMIT: the machine is busy
      limited = write_within("1");
    return write_waits(source);
  }));
  BOOST_TEST(!eventually(too_long_for_a_commit, [&] { return ended(limited); }));
  // Nobody is told OK by a shutdown.
  BOOST_TEST(source.db.stop());
  const auto by_shutdown = limited.get();
  BOOST_TEST(cut_off(by_shutdown), by_shutdown);
  source.db.restart();
  BOOST_TEST(writes_there(source, e.account) == before + writes);
  BOOST_REQUIRE(eventually(patience, [&] { return is_attached(); }));
  // … which may also wait for the ACK, once the clients are gone.
  auto last = write_async(source, e.account);
  BOOST_TEST(eventually(patience, [&] { return write_waits(source); }));
  source.db.query("SHUTDOWN WAIT FOR ALL SLAVES");
  BOOST_TEST(eventually(patience, [&] {
    return source.db.error_log().find("Delaying shutdown to await semi-sync ACK") != std::string::npos;
  }));
  BOOST_TEST(source.db.running());
  world.kafka.resume();
  BOOST_TEST(eventually(patience, [&] { return !source.db.running(); }));
  const auto by_the_other = last.get();
  BOOST_TEST(cut_off(by_the_other), by_the_other);
  source.db.restart();
  BOOST_TEST(world.become_same(e.names, 0, 1));
  // The last one may have been cut off before it was in the binlog, while a probe waited there.
  BOOST_TEST(writes_there(world.at(1), e.account) >= before + writes);
  // Not forgotten is also that the next one waits.
  BOOST_REQUIRE(eventually(patience, [&] { return world.follows(e.names, 1, 0); }));
  BOOST_TEST(write_async(source, e.account).get() == "");
  BOOST_TEST(world.become_same(e.names, 0, 1));
}

/// The last of this world: its GTIDs are of two domains from here on.
BOOST_AUTO_TEST_CASE(b10_commits_of_two_domains_with_gaps_are_replicated_over_a_restart_at_each_step) {
  const auto write = [&](const std::string& gtid) {
    auto client = source.db.connect();
    client.query(gtid);
    client.query("INSERT INTO zimbra.mailbox_metadata (mailbox_id, section, metadata) SELECT id, "
                 "CONCAT('write ', UUID()), 'x' FROM zimbra.mailbox WHERE account_id='" +
                 e.account + "'");
  };
  const auto sequence = [&] { return source.status(e.names[0]).at("sequence").to_number<std::int64_t>(); };
  const auto before = sequence();
  const auto snapshot_rows = world.at(1).metric("understudy_snapshot_rows_total");
  for (const auto* gtid : {"SET SESSION gtid_domain_id=5", "SET SESSION gtid_domain_id=0",
                           "SET SESSION gtid_domain_id=5, SESSION gtid_seq_no=1000"}) {
    write(gtid);
    source.node.kill9();
    source.start_and_wait();
  }
  write("SET SESSION gtid_domain_id=0");
  BOOST_TEST(sequence() == before + 4);
  BOOST_TEST(world.become_same(e.names, 0, 1));
  BOOST_TEST(eventually(patience, [&] { return world.follows(e.names, 1, 0); }));
  BOOST_TEST(world.at(1).metric("understudy_snapshot_rows_total") == snapshot_rows);
}

BOOST_AUTO_TEST_SUITE_END()
