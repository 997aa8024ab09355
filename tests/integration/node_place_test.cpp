// A mailstore whose binlog can't be read on from where capture stood (O07, R9, R11): what a whole node makes
// of it.
#include "tests/integration/node_world.hpp"

#include <boost/test/unit_test.hpp>

#include <fstream>

using namespace understudy;
using namespace understudy::testing;
using fixture::eventually;

namespace {

struct place_world {
  node_world world{{.cluster = short_lease}};
  mailstore& source = world.at(0);

  std::vector<std::string> enrolled(const std::string& prefix, unsigned count) {
    auto names = world.create_accounts(0, prefix, count);
    world.enrol(names, 0, 1);
    return names;
  }
  /// While no node runs there: writes that nobody holds back, and whose binlog is gone.
  void write_and_purge(const std::string& account) {
    source.db.query("SET GLOBAL rpl_semi_sync_master_enabled=OFF");
    write_once(source, account);
    source.db.query("FLUSH BINARY LOGS");
    const auto files = source.db.query("SHOW BINARY LOGS");
    // As long as the server takes the node's old dump for alive, it keeps what that reads.
    BOOST_REQUIRE(eventually(patience, [&] {
      source.db.query("PURGE BINARY LOGS TO '" + *files.back()[0] + "'");
      return source.db.query("SHOW BINARY LOGS").size() == 1;
    }));
    source.db.query("SET GLOBAL rpl_semi_sync_master_enabled=ON");
  }
  void stop() {
    BOOST_REQUIRE(source.node.stop());
    BOOST_REQUIRE(source.db.stop());
  }
  /// Of its MariaDB, which goes on.
  void back_up() {
    stop();
    std::filesystem::copy(source_data, source_backup, std::filesystem::copy_options::recursive);
    source.db.restart();
    source.start_and_wait();
  }
  /// What was written since is gone; the node is started.
  void restore() {
    stop();
    std::filesystem::remove_all(source_data);
    std::filesystem::rename(source_backup, source_data);
    source.db.restart();
    source.start_node();
  }
  std::uint64_t sequence_of(const std::string& name) {
    return source.status(name).at("sequence").to_number<std::uint64_t>();
  }

  const std::filesystem::path source_data = source.db.dir() / "data";
  const std::filesystem::path source_backup = source.db.dir() / "backup";
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(node_place, place_world)

BOOST_AUTO_TEST_CASE(o07_r16_a_purged_position_initialises_replicas_anew_and_numbers_go_on) {
  const auto names = enrolled("purged", 2);
  const auto account = world.id_of(names[0]);
  write_once(source, account);
  BOOST_REQUIRE(world.become_same(names, 0, 1));
  const auto number = sequence_of(names[0]);
  BOOST_REQUIRE(source.node.stop());
  write_and_purge(account);
  auto held = write_async(source, account); // nobody is there to release it
  source.start_and_wait();
  BOOST_TEST(eventually(patience, [&] { return source.logged("doesn't reach back to"); }));
  BOOST_TEST(eventually(patience, [&] { return ended(held); }));
  BOOST_TEST(held.get() == "");
  BOOST_TEST(eventually(patience, [&] { return world.follows(names, 1, 0); }));
  BOOST_TEST(world.become_same(names, 0, 1));
  BOOST_TEST(writes_there(world.at(1), account) == 3u);
  BOOST_TEST(source.metric("understudy_errors_total{kind=\"binlog_position\"}") == 1);
  BOOST_TEST(source.metric("understudy_accounts_unprotected{cause=\"account\"}") == 0);
  BOOST_TEST(sequence_of(names[0]) == number + 1); // R11: the held one alone was captured
}

/// It would keep its lock on the probe's table, so that nobody could drop that before a node is there again.
BOOST_AUTO_TEST_CASE(a_clean_stop_leaves_no_commit_of_the_node_behind) {
  node_world busy{{.mailstores = 1, .cluster = "lease = \"2s\"\nheartbeat = \"10ms\"\nskew = \"250ms\"\n"}};
  auto& store = busy.at(0);
  for (int stops = 0; stops < 10; ++stops) {
    BOOST_REQUIRE(store.node.stop());
    BOOST_TEST(store.db
                   .query("SELECT INFO FROM information_schema.PROCESSLIST WHERE "
                          "STATE LIKE 'Waiting for semi-sync ACK%'")
                   .empty());
    store.start_and_wait();
  }
}

BOOST_AUTO_TEST_CASE(o07_a_node_without_its_own_tables_finds_its_accounts_again) {
  const auto names = enrolled("tables", 1);
  const auto account = world.id_of(names[0]);
  write_once(source, account);
  BOOST_REQUIRE(world.become_same(names, 0, 1));
  const auto number = sequence_of(names[0]);
  BOOST_REQUIRE(source.node.stop());
  source.db.set_up("DROP DATABASE understudy");
  source.start_and_wait();
  BOOST_TEST(eventually(patience, [&] { return source.logged("doesn't know where it stood"); }));
  BOOST_TEST(eventually(patience, [&] { return world.follows(names, 1, 0); }));
  write_once(source, account);
  BOOST_TEST(world.become_same(names, 0, 1));
  BOOST_TEST(sequence_of(names[0]) == number + 1);
}

/// What the error says to do.
BOOST_AUTO_TEST_CASE(b09_behind_a_damaged_event_capture_goes_on_once_its_place_is_deleted) {
  const auto names = enrolled("damaged", 1);
  const auto account = world.id_of(names[0]);
  write_once(source, account);
  BOOST_REQUIRE(world.become_same(names, 0, 1));
  BOOST_REQUIRE(source.node.stop());
  source.db.query("SET GLOBAL rpl_semi_sync_master_enabled=OFF");
  write_once(source, account);
  source.db.query("SET GLOBAL rpl_semi_sync_master_enabled=ON");
  const auto end = source.db.query("SHOW MASTER STATUS").at(0);
  std::fstream file(source.db.dir() / "data" / *end[0], std::ios::binary | std::ios::in | std::ios::out);
  file.seekp(std::stoll(*end[1]) - 6).put('!'); // before the checksum
  file.close();
  source.start_node();
  BOOST_TEST(eventually(patience, [&] { return !source.node.running(); }));
  BOOST_TEST(source.logged("checksum doesn't fit: the event is damaged (event type 16 at " + *end[0]));
  auto held = write_async(source, account);
  source.db.set_up("DELETE FROM understudy.capture");
  source.start_and_wait();
  BOOST_TEST(eventually(patience, [&] { return ended(held); }));
  BOOST_TEST(held.get() == "");
  BOOST_TEST(eventually(patience, [&] { return world.follows(names, 1, 0); }));
  BOOST_TEST(world.become_same(names, 0, 1));
  BOOST_TEST(writes_there(world.at(1), account) == 3u);
}

BOOST_AUTO_TEST_CASE(r9_a_restored_backup_counts_as_dead_and_its_accounts_live_on_elsewhere) {
  // More accounts than writes of role rows go on at a time: none of those may be waited for (R6).
  const auto names = enrolled("restored", 20);
  const auto account = world.id_of(names[0]);
  back_up();
  for (int n = 0; n < 3; ++n)
    write_once(source, account);
  BOOST_REQUIRE(world.become_same(names, 0, 1));
  restore();
  BOOST_REQUIRE(eventually(patience, [&] { return source.logged("count as dead here"); }));
  auto write = write_async(source, account); // the restored server's own history: never numbered on, never OK
  BOOST_REQUIRE(eventually(patience, [&] {
    return world.at(1).cli({"ha", "promoteAccounts", "source_mail_host", source.name}).status == 0;
  }));
  BOOST_TEST(writes_there(world.at(1), account) == 3u);
  write_once(world.at(1), account);
  // It begins anew when nothing is written there any more, as a replica.
  BOOST_TEST(eventually(patience, [&] { return world.follows(names, 0, 1); }));
  BOOST_TEST(world.become_same(names, 0, 1));
  BOOST_TEST(writes_there(source, account) == 4u);
  BOOST_REQUIRE(eventually(patience, [&] { return ended(write); }));
  BOOST_TEST(write.get() != "");
}

/// It gives the GTIDs again that Kafka knows of the history that was lost: they are of other transactions
/// now.
BOOST_AUTO_TEST_CASE(p1_r9_what_a_restored_backup_writes_later_is_not_taken_for_what_kafka_has) {
  const auto names = enrolled("again", 1);
  const auto account = world.id_of(names[0]);
  back_up();
  write_large(source, account, "before", 10, 300).get();
  BOOST_REQUIRE(world.become_same(names, 0, 1));
  restore();
  BOOST_REQUIRE(eventually(patience, [&] { return source.logged("count as dead here"); }));
  const auto promote_to = [&](std::size_t to) {
    return world.at(1).cli({"ha", "promoteAccounts", "accounts", names[0], "destination", world.at(to).name});
  };
  BOOST_REQUIRE(eventually(patience, [&] { return promote_to(1).status == 0; }));
  BOOST_REQUIRE(eventually(patience, [&] { return world.follows(names, 0, 1); }));
  BOOST_REQUIRE(eventually(patience, [&] { return promote_to(0).status == 0; }));
  BOOST_REQUIRE(eventually(patience, [&] { return world.follows(names, 1, 0); }));
  const auto number = sequence_of(names[0]);
  write_large(source, account, "behind", 10, 200).get();
  BOOST_TEST(eventually(patience, [&] { return sequence_of(names[0]) == number + 200; }));
  BOOST_TEST(source.status(names[0]).at("protected") == true);
  BOOST_TEST(world.become_same(names, 0, 1));
}

/// Nobody restarts anything: the dump would get heartbeats of the file that is gone, and commits hang, for
/// ever.
BOOST_AUTO_TEST_CASE(r9_r10_a_binlog_that_is_reset_under_its_node_is_another_history) {
  const auto names = enrolled("reset", 1);
  const auto account = world.id_of(names[0]);
  for (int n = 0; n < 3; ++n)
    write_once(source, account);
  BOOST_REQUIRE(world.become_same(names, 0, 1));
  // What waits for Kafka alone came through the binlog, however long it waits.
  world.kafka.suspend();
  auto held = write_async(source, account);
  BOOST_REQUIRE(
      eventually(patience, [&] { return source.metric("understudy_lease_remaining_seconds") < -2; }));
  world.kafka.resume();
  BOOST_REQUIRE(eventually(patience, [&] { return ended(held); }));
  BOOST_TEST(held.get() == "");
  BOOST_TEST(!source.logged("doesn't come through the binlog that capture reads"));
  BOOST_REQUIRE(world.become_same(names, 0, 1));
  source.db.query("RESET MASTER");
  auto write = write_async(source, account);
  BOOST_REQUIRE(eventually(patience, [&] { return source.logged("count as dead here"); }));
  BOOST_TEST(source.logged("doesn't come through the binlog that capture reads"));
  BOOST_TEST(!ended(write));
  BOOST_REQUIRE(eventually(patience, [&] {
    return world.at(1).cli({"ha", "promoteAccounts", "accounts", names[0]}).status == 0;
  }));
  BOOST_TEST(writes_there(world.at(1), account) == 4u);
  BOOST_REQUIRE(eventually(patience, [&] { return ended(write); }));
  BOOST_TEST(write.get() != "");
  BOOST_TEST(eventually(patience, [&] { return world.follows(names, 0, 1); }));
  BOOST_TEST(world.become_same(names, 0, 1));
  write_once(world.at(1), account);
  BOOST_TEST(world.become_same(names, 1, 0));
}

/// Its replicas are all there is: they must not be asked to begin anew with what the empty server has.
BOOST_AUTO_TEST_CASE(r9_an_emptied_mailstore_counts_as_dead_and_its_replicas_stay_whole) {
  const auto names = enrolled("emptied", 1);
  const auto account = world.id_of(names[0]);
  write_once(source, account);
  BOOST_REQUIRE(world.become_same(names, 0, 1));
  source.die();
  source.db.make_anew();
  source.db.load_mailstore(1);
  source.start_node();
  BOOST_REQUIRE(
      eventually(patience, [&] { return source.logged("it has no mailbox of account " + account); }));
  BOOST_TEST(source.logged("count as dead here"));
  BOOST_REQUIRE(eventually(patience, [&] {
    return world.at(1).cli({"ha", "promoteAccounts", "accounts", names[0]}).status == 0;
  }));
  BOOST_TEST(writes_there(world.at(1), account) == 1u);
  BOOST_TEST(eventually(patience, [&] { return world.follows(names, 0, 1); }));
  BOOST_TEST(world.become_same(names, 0, 1));
}

/// The binlog alone doesn't tell: nothing was written there in that epoch.
BOOST_AUTO_TEST_CASE(r9_a_backup_from_before_an_account_came_is_not_its_mailstore) {
  auto& other = world.at(1);
  const auto names = enrolled("came", 1);
  const auto account = world.id_of(names[0]);
  BOOST_REQUIRE(world.become_same(names, 0, 1));
  const auto data = other.db.dir() / "data";
  const auto backup = other.db.dir() / "backup";
  other.db.kill9();
  std::filesystem::copy(data, backup, std::filesystem::copy_options::recursive);
  other.db.restart();
  write_once(source, account);
  BOOST_REQUIRE(world.become_same(names, 0, 1));
  BOOST_REQUIRE(eventually(
      patience, [&] { return source.cli({"ha", "promoteAccounts", "accounts", names[0]}).status == 0; }));
  BOOST_REQUIRE(eventually(patience, [&] { return world.follows(names, 0, 1); }));
  other.die();
  std::filesystem::remove_all(data);
  std::filesystem::rename(backup, data);
  other.db.restart();
  other.start_node();
  BOOST_REQUIRE(eventually(patience, [&] { return other.logged("and it doesn't know of that"); }));
  BOOST_TEST(other.logged("count as dead here"));
  BOOST_REQUIRE(eventually(
      patience, [&] { return source.cli({"ha", "promoteAccounts", "accounts", names[0]}).status == 0; }));
  BOOST_TEST(writes_there(source, account) == 1u);
  BOOST_TEST(eventually(patience, [&] { return world.follows(names, 1, 0); }));
  BOOST_TEST(world.become_same(names, 0, 1));
}

BOOST_AUTO_TEST_CASE(r11_an_account_enrolled_again_goes_on_with_its_numbers) {
  const auto names = enrolled("again", 1);
  const auto account = world.id_of(names[0]);
  write_once(source, account);
  BOOST_REQUIRE(world.become_same(names, 0, 1));
  const auto number = sequence_of(names[0]);
  BOOST_REQUIRE(number > 0u);
  const auto remove = [&] {
    const auto done = source.cli({"ha", "removeAccountDestination", world.at(1).name, "accounts", names[0]});
    BOOST_TEST_CONTEXT(done.text) BOOST_REQUIRE(done.status == 0);
    BOOST_REQUIRE(eventually(patience, [&] { return !source.status(names[0]).contains("accountId"); }));
  };
  remove();
  write_once(source, account); // concerns nobody
  world.enrol(names, 0, 1);
  BOOST_TEST(sequence_of(names[0]) == number);
  write_once(source, account);
  BOOST_TEST(world.become_same(names, 0, 1));
  BOOST_TEST(sequence_of(names[0]) == number + 1);
  // Also when a restart lies between: what was withdrawn stays so, and its numbers are kept.
  remove();
  BOOST_REQUIRE(source.node.stop());
  source.start_and_wait();
  write_once(source, account);
  world.enrol(names, 0, 1);
  write_once(source, account);
  BOOST_TEST(world.become_same(names, 0, 1));
  BOOST_TEST(sequence_of(names[0]) == number + 2);
  BOOST_TEST(source.metric("understudy_divergent_transactions_total") == 0);
}

BOOST_AUTO_TEST_SUITE_END()
