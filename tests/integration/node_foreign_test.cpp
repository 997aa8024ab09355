// Writes to an account on a mailstore that isn't its primary (R35).
#include "tests/integration/node_world.hpp"

#include <boost/test/unit_test.hpp>
#include <fmt/format.h>

using namespace understudy;
using namespace understudy::testing;
using fixture::eventually;

namespace {

/// The only replica of the account as its own node shows it.
boost::json::object replica(mailstore& host, const std::string& name) {
  return host.status(name).at("replicas").as_array().at(0).as_object();
}

/// The epoch that it's to begin waits for a table that somebody has locked.
bool waits_for_its_role_row(mailstore& host) {
  return host.db.value("SELECT COUNT(*) FROM information_schema.processlist WHERE state LIKE 'Waiting for "
                       "table%' AND info LIKE '%understudy.role%'") != "0";
}

/// A row in a table that the guard leaves out.
void watch_an_item(mailstore& host, const std::string& account) {
  const auto at = host.db.value("SELECT CONCAT(group_id, '.watch SELECT ', id) FROM zimbra.mailbox WHERE "
                                "account_id='" +
                                account + "'");
  host.db.connect().query("INSERT INTO mboxgroup" + at + ", 'somebody', 257");
}

} // namespace

BOOST_AUTO_TEST_CASE(r35_foreign_writes_are_kept_set_right_once_and_then_park_the_replica) {
  enrolled_world enrolled("foreign", 1);
  auto& [world, names, source, other, account] = enrolled;
  const std::string divergent = "understudy_divergent_transactions_total";

  write_once(other, account); // settled at once: nobody there waits for Kafka
  BOOST_TEST(eventually(patience, [&] { return report_of(other).size() == 1; }));
  const auto row = report_of(other).at(0);
  BOOST_TEST(row.at("account") == boost::json::value(account));
  BOOST_TEST(row.at("table") == "zimbra/mailbox_metadata");
  BOOST_TEST(row.at("kind") == "insert");
  BOOST_TEST(row.at("row").at("metadata") == "x");
  BOOST_TEST(other.metric(divergent) == 1);
  BOOST_TEST(world.become_same(names, 0, 1));
  BOOST_TEST(eventually(patience, [&] { return world.follows(names, 1, 0); }));
  BOOST_TEST(writes_there(other, account) == 0u);
  BOOST_TEST(writes_there(source, account) == 0u); // P5: never merged

  write_once(other, account);
  BOOST_TEST(eventually(patience, [&] {
    const auto shown = replica(source, names[0]);
    return shown.at("available") == false && shown.at("state") == "stopped";
  }));
  BOOST_TEST(eventually(patience, [&] { return report_of(other).size() == 2; }));
  BOOST_TEST(other.metric(divergent) == 2);
  BOOST_TEST(other.logged("parked: foreign writes again"));
  write_once(source, account);
  write_once(other, account); // counted and kept, nothing else
  BOOST_TEST(eventually(patience, [&] { return report_of(other).size() == 3; }));
  BOOST_TEST(writes_there(other, account) == 2u);
  for (int more = 0; more < 12; ++more)
    write_once(other, account);
  BOOST_TEST(eventually(patience, [&] { return report_of(other).size() == 15; }));
  BOOST_TEST(other.times_logged("go nowhere else") < 15u); // O01: the log isn't flooded

  // Over a restart it stays so; an administrator's way out is to remove the destination and set it again.
  BOOST_REQUIRE(other.node.stop());
  other.start_and_wait();
  BOOST_TEST(eventually(patience, [&] { return replica(source, names[0]).at("available") == false; }));
  // … also where the process before was killed too early to have stored why.
  other.node.kill9();
  auto unlogged = other.db.connect();
  unlogged.query("SET sql_log_bin=0");
  unlogged.query("DELETE FROM understudy.stopped");
  other.start_and_wait();
  BOOST_TEST(eventually(patience, [&] { return replica(other, names[0]).at("state") == "stopped"; }));
  BOOST_TEST(std::string(replica(other, names[0]).at("reason").as_string()).starts_with("parked: "),
             replica(other, names[0]));
  BOOST_REQUIRE(source.cli({"ha", "removeAccountDestination", other.name, "accounts", names[0]}).status == 0);
  world.enrol(names, 0, 1);
  BOOST_TEST(world.become_same(names, 0, 1));
  BOOST_TEST(writes_there(other, account) == 1u);
}

/// Its COMMIT waits for the node, which reads it before anything else.
BOOST_AUTO_TEST_CASE(r35_a_foreign_write_while_the_node_is_down_is_found_when_it_starts) {
  enrolled_world enrolled("down", 1);
  auto& [world, names, source, other, account] = enrolled;
  BOOST_REQUIRE(other.node.stop());
  auto write = write_async(other, account);
  BOOST_REQUIRE(eventually(patience, [&] { return commits_waiting(other) > 0; }));
  other.start_and_wait();
  BOOST_REQUIRE(eventually(patience, [&] { return ended(write); }));
  BOOST_TEST(eventually(patience, [&] { return report_of(other).size() == 1; }));
  BOOST_TEST(world.become_same(names, 0, 1));
  BOOST_TEST(writes_there(other, account) == 0u);
}

/// It's met before control is acted on: the node that was killed ends what waits for the epoch that it handed
/// over first.
BOOST_AUTO_TEST_CASE(r35_what_a_killed_source_finds_behind_its_own_fence_is_set_right) {
  enrolled_world enrolled("killed", 1);
  auto& [world, names, source, other, account] = enrolled;
  write_once(source, account);
  BOOST_REQUIRE(eventually(patience, [&] {
    return source.db.value("SELECT role FROM understudy.capture_account WHERE account_id='" + account +
                           "'") == "source";
  }));
  auto locker = source.db.connect(); // no checkpoint has what follows
  locker.query("LOCK TABLES understudy.capture WRITE");
  BOOST_REQUIRE(
      other.cli({"ha", "promoteAccounts", "accounts", names[0], "destination", other.name}).status == 0);
  BOOST_REQUIRE(eventually(patience, [&] { return world.follows(names, 0, 1); }));
  source.node.kill9();
  locker.query("UNLOCK TABLES");
  auto write = write_async(source, account);
  BOOST_REQUIRE(eventually(patience, [&] { return write_waits(source); }));
  source.start_and_wait();
  BOOST_TEST(write.get() != "");
  BOOST_TEST(source.logged("accounts were promoted elsewhere while this node was away"));
  BOOST_TEST(eventually(patience, [&] { return report_of(source).size() == 1; }));
  BOOST_TEST(eventually(patience, [&] { // while it's loaded there is no mailbox
    return source.db.value(
               "SELECT COUNT(*) FROM zimbra.mailbox JOIN zimbra.mailbox_metadata ON id=mailbox_id "
               "WHERE section LIKE 'write %' AND account_id='" +
               account + "'") == "1";
  }));
  BOOST_TEST(eventually(patience, [&] { return world.follows(names, 0, 1); }));
  write_once(other, account);
  BOOST_TEST(world.become_same(names, 0, 1));
  BOOST_TEST(writes_there(source, account) == 2u);
}

BOOST_AUTO_TEST_CASE(
    r35_what_was_acknowledged_before_a_death_is_no_foreign_write_when_the_mailstore_returns) {
  enrolled_world enrolled("tail", 1, {.cluster = short_lease});
  auto& [world, names, source, other, account] = enrolled;
  for (int i = 0; i < 5; ++i)
    write_once(source, account); // in Kafka; the node's checkpoint doesn't cover all of it
  source.die();
  BOOST_REQUIRE(eventually(
      patience, [&] { return other.cli({"ha", "promoteAccounts", "accounts", names[0]}).status == 0; }));
  BOOST_TEST(writes_there(other, account) == 5u);
  write_once(other, account);
  source.db.restart();
  source.start_and_wait();
  BOOST_TEST(eventually(patience, [&] { return world.follows(names, 0, 1); }));
  BOOST_TEST(world.become_same(names, 0, 1));
  BOOST_TEST(report_of(source).empty());
  BOOST_TEST(!source.logged("they are kept in"));
  BOOST_TEST(!source.logged("without Kafka's confirmation"));
}

BOOST_AUTO_TEST_CASE(r35_nor_is_it_when_the_mailstore_returns_before_its_successor_is_active) {
  enrolled_world enrolled("early", 1, {.cluster = short_lease});
  auto& [world, names, source, other, account] = enrolled;
  for (int i = 0; i < 5; ++i)
    write_once(source, account);
  source.die();
  // The new primary can't write its role row, so control doesn't learn of the fence that it has written.
  auto in_the_way = other.db.connect();
  in_the_way.query("LOCK TABLES understudy.role READ");
  auto promoted = std::async(std::launch::async, [&] {
    return eventually(patience,
                      [&] { return other.cli({"ha", "promoteAccounts", "accounts", names[0]}).status == 0; });
  });
  BOOST_REQUIRE(eventually(patience, [&] { return waits_for_its_role_row(other); }));
  source.db.restart();
  source.start_and_wait();
  BOOST_TEST(source.logged("accounts were promoted elsewhere while this node was away"));
  BOOST_TEST(!ended(promoted));
  in_the_way.query("UNLOCK TABLES");
  BOOST_TEST(promoted.get());
  BOOST_TEST(writes_there(other, account) == 5u);
  BOOST_TEST(eventually(patience, [&] { return world.follows(names, 0, 1); }));
  BOOST_TEST(world.become_same(names, 0, 1));
  BOOST_TEST(report_of(source).empty());
  BOOST_TEST(!source.logged("they are kept in"));
}

/// Its mail server still holds the mailbox, and writes once more before the epoch begins there: the row is in
/// nobody's log.
BOOST_AUTO_TEST_CASE(p2_r35_a_foreign_write_ahead_of_its_own_role_row_is_on_no_mailstore_alone) {
  enrolled_world enrolled("ahead", 1);
  auto& [world, names, source, other, account] = enrolled;
  auto in_the_way = other.db.connect();
  in_the_way.query("LOCK TABLES understudy.role READ");
  auto promoted = std::async(std::launch::async, [&] {
    return source.cli({"ha", "promoteAccounts", "accounts", names[0], "destination", other.name});
  });
  BOOST_REQUIRE(eventually(patience, [&] { return waits_for_its_role_row(other); }));
  write_once(other, account);
  BOOST_TEST(eventually(patience, [&] { return report_of(other).size() == 1; }));
  in_the_way.query("UNLOCK TABLES");
  const auto done = promoted.get();
  BOOST_TEST(done.status == 0, done.text);
  BOOST_TEST(writes_there(other, account) == 1u);
  BOOST_TEST(eventually(patience, [&] { return world.follows(names, 0, 1); }));
  BOOST_TEST(world.become_same(names, 0, 1));
  BOOST_TEST(other.logged("its replicas are initialised anew"));
}

/// The guard leaves out tables that the mail server writes by itself; nor does it survive a KILL.
BOOST_AUTO_TEST_CASE(p2_r35_a_foreign_write_behind_the_fence_stays_on_no_replica) {
  enrolled_world enrolled("behind", 1);
  auto& [world, names, source, other, account] = enrolled;
  auto locker = holds_back(other); // it begins only when it has applied this
  write_once(source, account);
  auto promoted = std::async(std::launch::async,
                             [&] { return other.cli({"ha", "promoteAccounts", "accounts", names[0]}); });
  BOOST_REQUIRE(eventually(patience, [&] { return has_left(source, account); }));
  watch_an_item(source, account);
  BOOST_TEST(eventually(patience, [&] { return report_of(source).size() == 1; }));
  locker.query("UNLOCK TABLES");
  const auto answer = promoted.get();
  BOOST_TEST_CONTEXT(answer.text) BOOST_TEST(answer.status == 0);
  BOOST_TEST(eventually(patience, [&] { return world.follows(names, 0, 1); }));
  BOOST_TEST(world.become_same(names, 0, 1));
  BOOST_TEST(report_of(source).size() == 1u);
}

/// It comes back to its source, where a client was told OK: the others get what they lack.
BOOST_AUTO_TEST_CASE(p1_r35_what_was_written_behind_a_fence_that_comes_to_nothing_is_on_every_replica) {
  enrolled_world enrolled("back", 1);
  auto& [world, names, source, other, account] = enrolled;
  // The destination can't apply what comes now, and learns it only behind the fence.
  auto locker = holds_back(other);
  write_once(source, account);
  auto promoted = std::async(std::launch::async,
                             [&] { return source.cli({"ha", "promoteAccounts", "accounts", names[0]}); });
  BOOST_REQUIRE(eventually(patience, [&] { return has_left(source, account); }));
  watch_an_item(source, account);
  BOOST_TEST(eventually(patience, [&] { return report_of(source).size() == 1; }));
  locker.query("ALTER TABLE zimbra.mailbox_metadata CHANGE metadata other MEDIUMTEXT CHARACTER SET utf8mb3");
  locker.query("UNLOCK TABLES");
  promoted.wait();
  BOOST_REQUIRE(eventually(patience, [&] { return source.logged("active here in epoch 3"); }));
  locker.query("ALTER TABLE zimbra.mailbox_metadata CHANGE other metadata MEDIUMTEXT CHARACTER SET utf8mb3");
  BOOST_TEST(source.cli({"ha", "restartReplicas", "accounts", names[0]}).status == 0);
  BOOST_TEST(eventually(patience, [&] { return world.follows(names, 1, 0); }));
  BOOST_TEST(world.become_same(names, 0, 1));
}

/// Its COMMIT is settled at once, so a restart doesn't read it again.
BOOST_AUTO_TEST_CASE(p2_r35_a_foreign_write_while_kafka_is_away_is_set_right_after_a_restart) {
  enrolled_world enrolled("away", 1);
  auto& [world, names, source, other, account] = enrolled;
  world.kafka.kill9();
  write_once(other, account);
  const auto written = other.last_written();
  BOOST_TEST(eventually(patience, [&] { return other.last_stored() >= written; }));
  BOOST_TEST(eventually(patience, [&] {
    return other.db.value("SELECT COUNT(*) FROM understudy.stopped WHERE reason LIKE '%foreign write%'") ==
           "1";
  }));
  other.node.kill9();
  world.kafka.restart();
  other.start_and_wait();
  BOOST_TEST(world.become_same(names, 0, 1));
  BOOST_TEST(eventually(patience, [&] { return world.follows(names, 1, 0); }));
  BOOST_TEST(writes_there(other, account) == 0u);
}

/// Where the rows of the copy before are gone already, and the last of the next are still to come.
BOOST_AUTO_TEST_CASE(p2_r35_a_foreign_write_into_a_copy_that_is_being_loaded_is_set_right) {
  node_world world;
  auto& source = world.at(0);
  auto& other = world.at(1);
  const auto names = world.create_accounts(0, "into", 1);
  const auto account = world.id_of(names[0]);
  const auto insert = [&](mailstore& host, std::string_view table, std::string_view values) {
    const auto box = host.db.query(
        fmt::format("SELECT group_id, id FROM zimbra.mailbox WHERE account_id='{}'", account))[0];
    return fmt::format("INSERT INTO mboxgroup{}.{} SELECT {}, {}", *box[0], table, *box[1], values);
  };
  // More than a chunk, ahead of the table that is in the way below.
  source.db.query(
      insert(source, "imap_folder", "seq, 'source', seq, seq, NULL FROM zimbra.seq_1000_to_4000"));
  world.enrol(names, 0, 1);
  const auto purged = "'source', 1, NULL, 'r', 'f', NULL";
  auto in_the_way = other.db.connect();
  in_the_way.query("SET foreign_key_checks=0");
  in_the_way.query("BEGIN");
  in_the_way.query(
      insert(other, "purged_messages", purged)); // the load waits for it at its own row of this key
  // A change that capture can't see makes a new copy be asked for.
  auto unseen = source.db.connect();
  unseen.query("SET SESSION binlog_format=STATEMENT");
  unseen.query(insert(source, "purged_messages", purged));
  BOOST_REQUIRE(eventually(patience, [&] {
    return other.db.value("SELECT COUNT(*) FROM information_schema.processlist WHERE state='Update' AND "
                          "info LIKE 'INSERT INTO%purged_messages%'") != "0";
  }));
  write_once(other, account);
  BOOST_TEST(eventually(patience, [&] { return report_of(other).size() == 1; }));
  in_the_way.query("ROLLBACK");
  BOOST_TEST(eventually(patience, [&] { return world.follows(names, 1, 0); }));
  BOOST_TEST(world.become_same(names, 0, 1));
  BOOST_TEST(writes_there(other, account) == 0u);
}

/// Left from a move by hand, say: nobody can tell whether anybody needs it.
BOOST_AUTO_TEST_CASE(r35_a_mailbox_that_was_there_before_is_in_the_way_until_somebody_gives_it_over) {
  node_world world({.mailstores = 3});
  auto& source = world.at(0);
  auto& other = world.at(2);
  const auto names = world.create_accounts(0, "there", 1);
  world.enrol(names, 0, 1);
  const auto account = world.id_of(names[0]);
  other.db.query(fmt::format("INSERT INTO zimbra.mailbox (id, group_id, account_id, index_volume_id) SELECT "
                             "42, 42, '{}', MIN(id) FROM zimbra.volume",
                             account));
  write_once(other, account);
  const auto enrolled = source.cli({"ha", "setAccountDestination", other.name, "5", "accounts", names[0]});
  BOOST_TEST(enrolled.status == 0, enrolled.text);
  BOOST_REQUIRE(eventually(patience, [&] { return replica(source, names[0]).at("state") == "stopped"; }));
  BOOST_TEST(other.logged("mailbox 42 here is this account's, but no replica of it"));
  BOOST_TEST(writes_there(other, account) == 1u);
  // What it says is what helps: a statement, then a command.
  const std::string reason(replica(source, names[0]).at("reason").as_string());
  const auto from = reason.find('`') + 1;
  other.db.query(reason.substr(from, reason.find('`', from) - from));
  BOOST_TEST(
      reason.ends_with(fmt::format("`understudy ha restartReplicas accounts {}`: it is replaced", names[0])));
  BOOST_TEST(source.cli({"ha", "restartReplicas", "accounts", names[0]}).status == 0);
  BOOST_TEST(eventually(patience, [&] { return world.follows(names, 2, 0); }));
  BOOST_TEST(world.become_same(names, 0, 2));
}
