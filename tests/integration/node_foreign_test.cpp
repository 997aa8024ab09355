// Writes to an account on a mailstore that isn't its primary (R35).
#include "tests/integration/node_world.hpp"

#include <boost/test/unit_test.hpp>
#include <fmt/format.h>

#include <fstream>

using namespace understudy;
using namespace understudy::testing;
using fixture::eventually;

namespace {

std::vector<boost::json::object> report_of(mailstore& host) {
  std::ifstream in(host.db.dir() / "state" / "divergence.jsonl");
  std::vector<boost::json::object> rows;
  for (std::string line; std::getline(in, line);)
    rows.push_back(boost::json::parse(line).as_object());
  return rows;
}

/// The only replica of the account as its own node shows it.
boost::json::object replica(mailstore& host, const std::string& name) {
  return host.status(name).at("replicas").as_array().at(0).as_object();
}

/// Its role row as the source that hands over is written: the fence is out, or on its way.
bool has_left(mailstore& host, const std::string& account) {
  return host.db.value("SELECT role FROM understudy.role WHERE account_id='" + account + "'") == "replica";
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
  node_world world;
  auto& source = world.at(0);
  auto& other = world.at(1);
  const auto names = world.create_accounts(0, "foreign", 1);
  world.enrol(names, 0, 1);
  const auto account = world.id_of(names[0]);
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
  BOOST_TEST(report_of(other).size() == 2u);
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
  BOOST_TEST(replica(source, names[0]).at("available") == false);
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
  node_world world;
  auto& other = world.at(1);
  const auto names = world.create_accounts(0, "down", 1);
  world.enrol(names, 0, 1);
  const auto account = world.id_of(names[0]);
  BOOST_REQUIRE(other.node.stop());
  auto write = write_async(other, account);
  BOOST_REQUIRE(eventually(patience, [&] {
    return other.db.value("SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE "
                          "STATE LIKE 'Waiting for semi-sync ACK%'") != "0";
  }));
  other.start_and_wait();
  BOOST_REQUIRE(eventually(patience, [&] { return ended(write); }));
  BOOST_TEST(eventually(patience, [&] { return report_of(other).size() == 1; }));
  BOOST_TEST(world.become_same(names, 0, 1));
  BOOST_TEST(writes_there(other, account) == 0u);
}

/// It's met before control is acted on: the node that was killed ends what waits for the epoch that it handed
/// over first.
BOOST_AUTO_TEST_CASE(r35_what_a_killed_source_finds_behind_its_own_fence_is_set_right) {
  node_world world;
  auto& source = world.at(0);
  auto& other = world.at(1);
  const auto names = world.create_accounts(0, "killed", 1);
  world.enrol(names, 0, 1);
  const auto account = world.id_of(names[0]);
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
  BOOST_REQUIRE(eventually(patience, [&] {
    return source.db.value("SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE "
                           "STATE LIKE 'Waiting for semi-sync ACK%'") != "0";
  }));
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
  node_world world({.cluster = short_lease});
  auto& source = world.at(0);
  auto& other = world.at(1);
  const auto names = world.create_accounts(0, "tail", 1);
  world.enrol(names, 0, 1);
  const auto account = world.id_of(names[0]);
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
  node_world world({.cluster = short_lease});
  auto& source = world.at(0);
  auto& other = world.at(1);
  const auto names = world.create_accounts(0, "early", 1);
  world.enrol(names, 0, 1);
  const auto account = world.id_of(names[0]);
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
  BOOST_REQUIRE(eventually(patience, [&] {
    return other.db.value("SELECT COUNT(*) FROM information_schema.processlist WHERE state LIKE "
                          "'Waiting for table%' AND info LIKE '%understudy.role%'") != "0";
  }));
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
  node_world world;
  auto& source = world.at(0);
  auto& other = world.at(1);
  const auto names = world.create_accounts(0, "ahead", 1);
  world.enrol(names, 0, 1);
  const auto account = world.id_of(names[0]);
  auto in_the_way = other.db.connect();
  in_the_way.query("LOCK TABLES understudy.role READ");
  auto promoted = std::async(std::launch::async, [&] {
    return source.cli({"ha", "promoteAccounts", "accounts", names[0], "destination", other.name});
  });
  BOOST_REQUIRE(eventually(patience, [&] {
    return other.db.value("SELECT COUNT(*) FROM information_schema.processlist WHERE state LIKE "
                          "'Waiting for table%' AND info LIKE '%understudy.role%'") != "0";
  }));
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
  node_world world;
  auto& source = world.at(0);
  auto& other = world.at(1);
  const auto names = world.create_accounts(0, "behind", 1);
  world.enrol(names, 0, 1);
  const auto account = world.id_of(names[0]);
  auto locker = other.db.connect(); // it begins only when it has applied this
  locker.query("SET sql_log_bin=0");
  locker.query("LOCK TABLES zimbra.mailbox_metadata WRITE");
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
  node_world world;
  auto& source = world.at(0);
  auto& other = world.at(1);
  const auto names = world.create_accounts(0, "back", 1);
  world.enrol(names, 0, 1);
  const auto account = world.id_of(names[0]);
  // The destination can't apply what comes now, and learns it only behind the fence.
  auto locker = other.db.connect();
  locker.query("SET sql_log_bin=0");
  locker.query("LOCK TABLES zimbra.mailbox_metadata WRITE");
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
  node_world world;
  auto& other = world.at(1);
  const auto names = world.create_accounts(0, "away", 1);
  world.enrol(names, 0, 1);
  const auto account = world.id_of(names[0]);
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

std::string role_of(const mailstore& at, const std::string& account) {
  return at.db.value(fmt::format("SELECT role FROM understudy.role WHERE account_id='{}'", account));
}

/// For epochs that it finds lost. (A claim that still stands is another matter: R22.)
bool ends_commits_at_start(mailstore& at) {
  const auto before = at.node.log_text().size();
  at.start_and_wait();
  return at.node.log_text().find("waiting commits are ended (R8, R19)", before) != std::string::npos;
}

BOOST_AUTO_TEST_CASE(r19_r8_a_client_that_waited_over_a_promotion_is_never_told_ok) {
  node_world world({.cluster = short_lease});
  auto& source = world.at(0);
  auto& other = world.at(1);
  const auto names = world.create_accounts(0, "returns", 1);
  world.enrol(names, 0, 1);
  const auto account = world.id_of(names[0]);
  source.node.kill9();
  auto held = write_async(source, account); // in the binlog, in no Kafka
  BOOST_REQUIRE(eventually(
      patience, [&] { return other.cli({"ha", "promoteAccounts", "accounts", names[0]}).status == 0; }));
  write_once(other, account);
  BOOST_TEST(!ended(held));
  source.start_node();
  BOOST_REQUIRE(eventually(patience, [&] { return ended(held); }));
  BOOST_TEST(held.get() != "");
  // Where the claim is read before control, its commits are ended for that first.
  BOOST_TEST(eventually(patience, [&] { return source.logged("waiting commits are ended (R8, R19)"); }));
  BOOST_TEST(!source.logged("without Kafka's confirmation")); // nobody but the node ended it
  // It is committed on that mailstore all the same: found, kept, and never merged.
  BOOST_TEST(eventually(patience, [&] { return report_of(source).size() == 1; }));
  BOOST_TEST(eventually(patience, [&] { return world.follows(names, 0, 1); }));
  BOOST_TEST(world.become_same(names, 0, 1));
  BOOST_TEST(writes_there(source, account) == 1u);
  BOOST_TEST(role_of(source, account) == "replica");
  source.node.kill9();
  BOOST_TEST(!ends_commits_at_start(source));
}

/// What the mailstore doesn't get back is over there as well.
BOOST_AUTO_TEST_CASE(r19_r20_a_start_behind_an_epoch_that_was_lost_for_good_ends_no_commits_twice) {
  node_world world({.mailstores = 3, .cluster = short_lease});
  auto& source = world.at(0);
  auto& other = world.at(1);
  const auto names = world.create_accounts(0, "gone", 1);
  world.enrol(names, 0, 1);
  world.enrol(names, 0, 2);
  const auto account = world.id_of(names[0]);
  source.node.kill9();
  BOOST_REQUIRE(eventually(patience, [&] {
    return other.cli({"ha", "promoteAccounts", "accounts", names[0], "destination", other.name}).status == 0;
  }));
  const auto removed = other.cli({"ha", "removeAccountDestination", source.name, "accounts", names[0]});
  BOOST_TEST(removed.status == 0, removed.text);
  BOOST_TEST(ends_commits_at_start(source));
  BOOST_TEST(eventually(patience, [&] { return role_of(source, account) == "replica"; }));
  source.node.kill9();
  BOOST_TEST(!ends_commits_at_start(source));
  write_once(source, account);
  BOOST_TEST(eventually(patience, [&] { return report_of(source).size() == 1; }));
}

/// A machine that stood still for longer than its lease: control's word that the account moved may be read
/// before the claim that it rests on, and the commit that waits is captured about then.
BOOST_AUTO_TEST_CASE(p5_r8_nor_is_one_whose_node_only_stood_still) {
  node_world world({.cluster = short_lease});
  auto& source = world.at(0);
  auto& other = world.at(1);
  const auto names = world.create_accounts(0, "still", 4);
  world.enrol(names, 0, 1);
  for (const auto& name : names) {
    const auto account = world.id_of(name);
    // All waiting commits were ended for the one before, whosever they were.
    BOOST_REQUIRE(eventually(patience, [&] { return write_async(source, account).get() == ""; }));
    source.node.suspend();
    std::vector<std::future<std::string>> held;
    for (int i = 0; i < 3; ++i)
      held.push_back(write_async(source, account)); // in the binlog, in no Kafka
    BOOST_REQUIRE(eventually(patience, [&] {
      return other.cli({"ha", "promoteAccounts", "accounts", name, "destination", other.name}).status == 0;
    }));
    source.node.resume();
    for (auto& each : held) {
      BOOST_REQUIRE(eventually(patience, [&] { return ended(each); }));
      BOOST_TEST(each.get() != "");
    }
    write_once(other, account);
  }
  BOOST_TEST(eventually(patience, [&] { return world.follows(names, 0, 1); }));
  BOOST_TEST(world.become_same(names, 0, 1));
  // It holds commits as before, for whoever is written there from now on.
  const auto back = other.cli({"ha", "promoteAccounts", "accounts", names[0]});
  BOOST_TEST(back.status == 0, back.text);
  BOOST_TEST(eventually(patience, [&] { return write_async(source, world.id_of(names[0])).get() == ""; }));
}

/// A node that dies before it kept a checkpoint of its accounts' role rows.
std::string enrolled_without_a_checkpoint(node_world& world, const std::vector<std::string>& names) {
  auto& source = world.at(0);
  auto in_the_way = source.db.connect();
  in_the_way.query("LOCK TABLES understudy.capture READ");
  world.enrol(names, 0, 1);
  auto account = world.id_of(names[0]);
  write_once(source, account);
  BOOST_TEST(eventually(patience, [&] { return writes_there(world.at(1), account) == 1u; }));
  source.node.kill9();
  in_the_way.query("UNLOCK TABLES");
  return account;
}

/// Such a node's account is promoted elsewhere, while a client waits.
struct lost_without_a_checkpoint {
  lost_without_a_checkpoint() {
    BOOST_REQUIRE(eventually(patience, [&] {
      return world.at(1).cli({"ha", "promoteAccounts", "accounts", names[0]}).status == 0;
    }));
  }
  void come_back() {
    source.start_node();
    BOOST_REQUIRE(eventually(patience, [&] { return ended(held); }));
    BOOST_TEST(held.get() != "");
  }
  node_world world{{.cluster = short_lease}};
  mailstore& source = world.at(0);
  const std::vector<std::string> names = world.create_accounts(0, "young", 1);
  const std::string account = enrolled_without_a_checkpoint(world, names);
  std::future<std::string> held = write_async(source, account);
};

BOOST_FIXTURE_TEST_CASE(r19_r8_nor_is_one_whose_node_died_before_it_kept_a_checkpoint,
                        lost_without_a_checkpoint) {
  come_back();
  if (!eventually(patience, [&] { return report_of(source).size() == 1; }))
    BOOST_FAIL("nothing is reported: " << world.story());
  BOOST_TEST(eventually(patience, [&] { return world.follows(names, 0, 1); }));
  BOOST_TEST(world.become_same(names, 0, 1));
}

/// Its checkpoint lies below both role rows, that of the epoch and that of its loss.
BOOST_FIXTURE_TEST_CASE(r20_r35_nor_is_what_was_lost_captured_again_when_the_next_life_kept_none_either,
                        lost_without_a_checkpoint) {
  auto in_the_way = source.db.connect();
  in_the_way.query("LOCK TABLES understudy.capture READ");
  come_back();
  BOOST_REQUIRE(eventually(patience, [&] { return role_of(source, account) == "replica"; }));
  source.node.kill9();
  in_the_way.query("UNLOCK TABLES");
  BOOST_TEST(!ends_commits_at_start(source));
  BOOST_TEST(eventually(patience, [&] { return world.follows(names, 0, 1); }));
  BOOST_TEST(world.become_same(names, 0, 1));
  BOOST_TEST(eventually(patience, [&] { return report_of(source).size() >= 1; }));
}

BOOST_AUTO_TEST_CASE(p1_an_account_whose_node_died_before_it_kept_a_checkpoint_is_captured_again) {
  node_world world;
  auto& source = world.at(0);
  const auto names = world.create_accounts(0, "young", 1);
  const auto account = enrolled_without_a_checkpoint(world, names);
  auto held = write_async(source, account); // while the node is away
  source.start_and_wait();
  BOOST_REQUIRE(eventually(patience, [&] { return ended(held); }));
  BOOST_TEST(held.get() == "");
  write_once(source, account);
  BOOST_TEST(eventually(patience, [&] { return writes_there(world.at(1), account) == 3u; }));
  BOOST_TEST(world.become_same(names, 0, 1));
  BOOST_TEST(report_of(source).empty());
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
