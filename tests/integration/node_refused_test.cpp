// An event that Kafka refuses is its account's trouble alone, is seen, and heals (P6, R3); and what such an
// account writes while Kafka is away is bounded in memory and not lost with it (P7, R4).
#include "tests/integration/log_cuts.hpp"
#include "tests/integration/node_world.hpp"

#include <boost/test/unit_test.hpp>
#include <fmt/format.h>

#include <fstream>

using namespace understudy;
using namespace understudy::testing;
using fixture::eventually;

namespace {

enrolled_world& shared_world() {
  static enrolled_world one("pair", 2, {.first = {.memory = "16MiB"}, .own_users = true});
  return one;
}

/// Not even a part of an event has room in it.
constexpr auto too_little = "1100";

/// What one message of the accounts' topic may hold from now on.
void limit_messages(const std::string& brokers, const std::string& bytes) {
  alter_topic({brokers, {}, "test", {}}, "understudy.accounts",
              {{"max.message.bytes", bytes}, {"message.timestamp.type", "LogAppendTime"}});
}

struct with_world {
  enrolled_world& e = shared_world();
  node_world& world = e.world;
  mailstore& source = world.at(0);
  const std::string one = e.names[0], two = e.names[1];

  bool is_protected(const std::string& account) { return source.status(account).at("protected") == true; }
  std::future<void> write_large(const std::string& section, unsigned bytes, unsigned times = 1) {
    return testing::write_large(source, world.id_of(one), section, bytes, times);
  }
  /// So many rows of account one in one transaction.
  std::future<void> write_rows(unsigned rows, const std::string& section) {
    const auto box =
        source.db.query("SELECT group_id, id FROM zimbra.mailbox WHERE account_id='" + world.id_of(one) + "'")
            .at(0);
    const auto sql = fmt::format("INSERT INTO zimbra.mailbox_metadata (mailbox_id, section, metadata) "
                                 "SELECT {}, CONCAT('{} ', seq), REPEAT('x', 100) FROM zimbra.seq_1_to_{}",
                                 *box[1], section, rows);
    return std::async(std::launch::async, [this, sql] { source.db.query(sql); });
  }
  /// The node ends, and another life of it has that durability.
  void restart_as(const std::string& durability) {
    BOOST_REQUIRE(source.node.stop());
    const auto file = source.db.dir() / "understudyd.toml";
    std::string text;
    std::ifstream in(file);
    for (std::string line; std::getline(in, line);)
      if (!line.starts_with("durability"))
        text += line + "\n" + (line == "[cluster]" ? "durability = \"" + durability + "\"\n" : "");
    std::ofstream(file) << text;
    source.start_node();
    BOOST_REQUIRE(eventually(patience, [&] { return source.answers(); }));
  }
  /// So many small transactions of the mailbox, as fast as MariaDB commits them.
  std::future<void> write_small(const std::string& mailbox, unsigned times) {
    const auto sql = fmt::format(
        "BEGIN NOT ATOMIC DECLARE i INT DEFAULT 0; WHILE i < {} DO INSERT INTO zimbra.mailbox_metadata "
        "(mailbox_id, section, metadata) VALUES ({}, CONCAT('small ', i), REPEAT('x', 1000)); SET i = i + 1; "
        "END WHILE; END",
        times, mailbox);
    return std::async(std::launch::async, [this, sql] { source.db.query(sql); });
  }
  std::string mailbox_of(const std::string& account) {
    return source.db.value("SELECT id FROM zimbra.mailbox WHERE account_id='" + world.id_of(account) + "'");
  }
  int peak_memory_mb() {
    std::ifstream status(fmt::format("/proc/{}/status", source.node.pid()));
    for (std::string line; std::getline(status, line);)
      if (line.starts_with("VmHWM:"))
        return std::stoi(line.substr(6)) / 1024;
    return 0;
  }
  /// Account one isn't protected, and its commits aren't held: an event of it is missing from the log. It
  /// stays so until the tables of what is returned are unlocked: no new copy is loaded.
  [[nodiscard]] fixture::sql_client refuse_one(const std::string& section) {
    auto locker = holds_back(world.at(1));
    limit_messages(world.kafka.bootstrap(), too_little);
    auto large = write_large(section, 50'000);
    BOOST_REQUIRE(eventually(patience, [&] { return !is_protected(one); }));
    BOOST_REQUIRE((large.wait_for(patience) == std::future_status::ready));
    limit_messages(world.kafka.bootstrap(), "1048588");
    return locker;
  }
  /// The same by a transaction of more rows than may be kept; it leaves one of them.
  void refuse_rows(const std::string& section) {
    const auto before = source.times_logged("allows to keep; it becomes unprotected");
    auto client = source.db.connect();
    client.query("BEGIN");
    client.query(fmt::format("INSERT INTO zimbra.mailbox_metadata (mailbox_id, section, metadata) SELECT {}, "
                             "CONCAT('{} ', seq), REPEAT('x', 100) FROM zimbra.seq_1_to_100000",
                             mailbox_of(one), section));
    client.query(fmt::format("DELETE FROM zimbra.mailbox_metadata WHERE mailbox_id={} AND section LIKE "
                             "'{} %' AND section<>'{} 1'",
                             mailbox_of(one), section, section));
    client.query("COMMIT");
    BOOST_REQUIRE(eventually(
        patience, [&] { return source.times_logged("allows to keep; it becomes unprotected") > before; }));
    BOOST_REQUIRE(eventually(patience, [&] { return !is_protected(one); }));
  }
  std::int64_t sequence_of_one() { return source.status(one).at("sequence").to_number<std::int64_t>(); }
  bool follows_again() {
    return eventually(patience, [&] { return world.follows(e.names, 1, 0); }) &&
           world.become_same(e.names, 0, 1);
  }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(node_refused, with_world)

/// Its first event too large is what shows that the limit was lowered: no protection is lost for it.
BOOST_AUTO_TEST_CASE(p02_r13_under_a_lowered_limit_events_go_in_parts_and_all_stay_protected) {
  limit_messages(world.kafka.bootstrap(), "20000");
  auto large = write_large("parts", 50'000, 3);
  BOOST_REQUIRE((large.wait_for(patience) == std::future_status::ready));
  BOOST_TEST(source.logged("the topic takes records of 20000 bytes now"));
  BOOST_TEST(!source.logged("it becomes unprotected"));
  BOOST_TEST(is_protected(one));
  BOOST_TEST(follows_again());
}

/// The copy under way lacks it, and no event behind it would show that.
BOOST_AUTO_TEST_CASE(p8_r3_what_is_refused_while_a_copy_is_made_anew_is_on_the_next_one) {
  auto locker = world.at(1).db.connect();
  locker.query("SET sql_log_bin=0");
  locker.query("LOCK TABLES zimbra.mailbox_metadata WRITE");
  const auto sent = source.times_logged("rows of its snapshot are sent");
  refuse_rows("first");
  BOOST_REQUIRE(eventually(patience, [&] {
    const auto shown = source.status(one);
    return shown.at("replicas").as_array().at(0).at("state") == "loading" &&
           source.times_logged("rows of its snapshot are sent") > sent;
  }));
  refuse_rows("second");
  locker.query("UNLOCK TABLES");
  BOOST_TEST(follows_again());
}

BOOST_AUTO_TEST_CASE(r3_an_event_that_kafka_refuses_makes_its_account_unprotected_and_holds_nobody_else) {
  auto locker = holds_back(world.at(1)); // else it heals while it is looked at
  limit_messages(world.kafka.bootstrap(), too_little);
  auto large = write_large("large", 50'000);
  BOOST_TEST(eventually(patience, [&] { return !is_protected(one); }));
  BOOST_TEST((large.wait_for(patience) == std::future_status::ready));
  const auto shown = source.status(one);
  BOOST_TEST_CONTEXT(boost::json::serialize(shown)) {
    BOOST_REQUIRE(shown.contains("unprotectedReason"));
    BOOST_TEST(
        (shown.at("unprotectedReason").as_string().find("can't be cut into parts") != std::string::npos));
    BOOST_TEST(shown.at("unprotectedSince").to_number<int>() > 0);
  }
  BOOST_TEST(source.logged("it becomes unprotected"));
  BOOST_TEST(eventually(
      patience, [&] { return source.metric("understudy_accounts_unprotected{cause=\"account\"}") == 1; }));
  // Kafka takes as much as before, which what doesn't fit finds out: a new snapshot brings what the log
  // lacks.
  locker.query("UNLOCK TABLES");
  limit_messages(world.kafka.bootstrap(), "1048588");
  auto other = write_async(source, world.id_of(two));
  BOOST_TEST(eventually(patience, [&] { return ended(other); }));
  BOOST_TEST(is_protected(two));
  BOOST_TEST(eventually(patience, [&] { return is_protected(one); })); // also if nobody writes it any more
  BOOST_TEST(follows_again());
}

/// A reason of the whole node's concerns each of its accounts from a place of its own.
BOOST_AUTO_TEST_CASE(r5_an_account_says_since_which_sequence_its_node_could_not_protect_it) {
  write_once(source, world.id_of(one));
  const auto last = sequence_of_one();
  const auto says = [&](std::string_view setting) {
    return eventually(patience, [&] {
      const auto shown = source.status(one);
      const auto* reason = shown.if_contains("unprotectedReason");
      return reason != nullptr && reason->as_string().starts_with(setting);
    });
  };
  const auto since = [&] { return source.status(one).at("unprotectedSince").to_number<std::int64_t>(); };
  source.db.query("SET GLOBAL sync_binlog=0");
  BOOST_REQUIRE(says("sync_binlog"));
  BOOST_TEST(since() == last + 1);
  write_once(source, world.id_of(one));
  source.db.query("SET GLOBAL innodb_flush_log_at_trx_commit=2");
  source.db.query("SET GLOBAL sync_binlog=1");
  BOOST_REQUIRE(says("innodb_flush_log_at_trx_commit"));
  BOOST_TEST(since() == last + 1); // another reason, the same time
  source.db.query("SET GLOBAL innodb_flush_log_at_trx_commit=1");
  BOOST_TEST(eventually(patience, [&] { return is_protected(one) && is_protected(two); }));
}

/// A restart meets the refused transaction again, and numbered behind the snapshot that has it, it would stop
/// the replica at a row that is there already.
BOOST_AUTO_TEST_CASE(r3_r16_what_a_snapshot_brought_isnt_produced_again_after_kill_9) {
  auto checkpoint = source.db.connect();
  checkpoint.query("START TRANSACTION");
  checkpoint.query("SELECT 1 FROM understudy.capture FOR UPDATE"); // none is stored meanwhile
  refuse_one("before the snapshot").query("UNLOCK TABLES");
  BOOST_REQUIRE(eventually(patience, [&] { return is_protected(one); }));
  BOOST_TEST(follows_again());
  source.node.kill9();
  checkpoint.query("ROLLBACK");
  source.start_and_wait();
  BOOST_TEST(eventually(patience,
                        [&] { return source.logged("a former life of this node left it out of the log"); }));
  write_once(source, world.id_of(one));
  BOOST_TEST(follows_again());
  BOOST_TEST(eventually(patience, [&] { return is_protected(one); }));
  BOOST_TEST(!world.at(1).logged("its replica here stopped"));
}

/// A promotion was decided when Kafka refused it, and nobody may speak of the epoch before behind that: it is
/// said when the promotion, which waits for the held COMMIT at its guard, was given up.
BOOST_AUTO_TEST_CASE(r3_r28_an_event_refused_behind_a_decision_holds_nobody_for_ever) {
  auto locker = holds_back(world.at(1)); // else what is refused heals while it is looked at
  limit_messages(world.kafka.bootstrap(), too_little);
  auto learns = std::async(std::launch::async, [&] { // what the limit is: so the next refusal comes at once
    auto client = source.db.connect();
    client.query(fmt::format("INSERT INTO zimbra.mailbox_metadata (mailbox_id, section, metadata) SELECT id, "
                             "'decided', REPEAT('x', 50000) FROM zimbra.mailbox WHERE account_id='{}'",
                             world.id_of(two)));
  });
  BOOST_REQUIRE(eventually(patience, [&] { return !is_protected(two); }));
  BOOST_REQUIRE((learns.wait_for(patience) == std::future_status::ready));
  auto client = source.db.connect();
  client.query("START TRANSACTION");
  client.query(fmt::format("INSERT INTO zimbra.mailbox_metadata (mailbox_id, section, metadata) SELECT id, "
                           "'decided', REPEAT('x', 50000) FROM zimbra.mailbox WHERE account_id='{}'",
                           world.id_of(one)));
  auto promoted = std::async(std::launch::async,
                             [&] { return source.cli({"ha", "promoteAccounts", "accounts", one}).status; });
  BOOST_REQUIRE(eventually(patience, [&] { // the guard waits for the open transaction
    return source.db.value("SELECT COUNT(*) FROM information_schema.processlist WHERE time_ms > 100 AND "
                           "info LIKE '%FOR UPDATE'") != "0";
  }));
  auto write = std::async(std::launch::async, [&] { client.query("COMMIT"); });
  BOOST_TEST(eventually(patience, [&] { return ended(write); }));
  BOOST_TEST(!is_protected(one));
  BOOST_TEST(promoted.get() != 0);
  locker.query("UNLOCK TABLES");
  limit_messages(world.kafka.bootstrap(), "1048588");
  for (const auto& name : e.names)
    write_once(source, world.id_of(name));
  BOOST_TEST(follows_again());
}

/// 12 MB of an account whose commits aren't held, at a node that may keep 4 MiB of them.
BOOST_AUTO_TEST_CASE(p7_r3_what_an_unprotected_account_writes_without_kafka_is_bounded_and_heals) {
  auto locker = refuse_one("before the bound");
  world.kafka.suspend();
  locker.query("UNLOCK TABLES");
  constexpr unsigned writes = 400;
  auto many = write_large("many", 30'000, writes);
  BOOST_TEST((many.wait_for(patience) == std::future_status::ready)); // none waits for Kafka
  BOOST_TEST(eventually(patience, [&] { return source.logged("there was no more room"); }));
  BOOST_TEST(source.metric("understudy_errors_total{kind=\"left_out\"}") == 1);
  const auto waiting = source.metric("understudy_inflight_events");
  BOOST_TEST(waiting > 20);
  BOOST_TEST(waiting < writes / 2);
  world.kafka.resume();
  BOOST_TEST(eventually(patience, [&] { return is_protected(one); }));
  BOOST_TEST(follows_again());
  BOOST_TEST(source.metric("understudy_errors_total{kind=\"left_out\"}") == 1); // said once
  auto held = write_async(source, world.id_of(one));
  BOOST_TEST(eventually(patience, [&] { return ended(held); }));
  BOOST_TEST(follows_again());
}

/// What its rows take is bounded, whatever its size; a snapshot, which goes in pieces, brings them instead.
BOOST_AUTO_TEST_CASE(p06_p7_a_transaction_larger_than_memory_is_its_accounts_trouble_alone_and_heals) {
  const auto errors = source.metric("understudy_errors_total{kind=\"produce\"}");
  auto large = write_rows(200'000, "row");
  BOOST_REQUIRE((large.wait_for(patience) == std::future_status::ready));
  large.get();
  BOOST_TEST(source.logged("changed more rows than [limits] memory allows to keep"));
  BOOST_TEST(source.metric("understudy_errors_total{kind=\"produce\"}") == errors + 1);
  auto other = write_async(source, world.id_of(two));
  BOOST_TEST(eventually(patience, [&] { return ended(other); }));
  BOOST_TEST(is_protected(two));
  BOOST_TEST(eventually(patience, [&] { return is_protected(one); }));
  BOOST_TEST(follows_again());
  BOOST_TEST(peak_memory_mb() < 100);
}

/// Nobody's commit waits, so what memory has no room for must be left in the binlog.
BOOST_AUTO_TEST_CASE(p06_p7_asynchronous_capture_reads_no_further_without_kafka_and_a_stop_loses_nothing) {
  const auto others = world.create_accounts(0, "free", 1);
  source.db.query(
      "SET GLOBAL net_write_timeout=1, GLOBAL sync_binlog=0, GLOBAL innodb_flush_log_at_trx_commit=2");
  restart_as("asynchronous");
  // As it was set up for a node that acknowledges, each COMMIT would wait for ever.
  const auto says = [&](const std::string& reason) {
    return eventually(patience, [&] {
      const auto shown = source.status(one);
      const auto* why = shown.if_contains("unprotectedReason");
      return why != nullptr && *why == boost::json::value(reason);
    });
  };
  BOOST_TEST(
      says("durability is asynchronous, but MariaDB holds each COMMIT for an ACK that nobody sends: set "
           "rpl_semi_sync_master_enabled=OFF"));
  BOOST_TEST(source.get("/readyz").find("rpl_semi_sync_master_enabled=OFF") != std::string::npos);
  source.db.query("SET GLOBAL rpl_semi_sync_master_enabled=OFF");
  BOOST_TEST(says("durability is asynchronous"));
  BOOST_TEST(eventually(
      patience, [&] { return source.get("/readyz").find("\"ok\":true") != std::string::npos; })); // as chosen
  BOOST_TEST(eventually(patience,
                        [&] { return source.metric("understudy_semi_sync{state=\"asynchronous\"}") == 1; }));
  write_once(source, world.id_of(one));
  BOOST_REQUIRE(world.become_same(e.names, 0, 1));
  BOOST_REQUIRE(eventually(patience, [&] { return source.status(one).at("sequence").is_number(); }));
  const auto before = sequence_of_one();
  const auto dump = [&] {
    return source.db.value(
        "SELECT IFNULL(MAX(ID), 0) FROM information_schema.PROCESSLIST WHERE COMMAND='Binlog Dump'");
  };
  world.kafka.suspend();
  const auto reads = dump();
  constexpr unsigned writes = 8'000;
  auto enrolled = write_small(mailbox_of(one), writes);
  auto free = write_small(mailbox_of(others[0]), writes);
  BOOST_TEST((enrolled.wait_for(patience) == std::future_status::ready));
  BOOST_TEST((free.wait_for(patience) == std::future_status::ready));
  const auto waiting = [&] { return source.metric("understudy_inflight_events"); };
  // It stood still for longer than the server's own timeout, and still does.
  BOOST_TEST(!eventually(std::chrono::seconds(1), [&] { return dump() != reads; }));
  BOOST_TEST(waiting() > 100);
  BOOST_TEST(waiting() < writes / 2);
  BOOST_TEST(peak_memory_mb() < 100);
  BOOST_TEST(source.node.stop());
  world.kafka.resume();
  restart_as("asynchronous");
  BOOST_TEST(eventually(patience, [&] {
    const auto shown = source.status(one);
    return shown.at("sequence") == before + writes;
  }));
  BOOST_TEST(world.become_same(e.names, 0, 1));
  BOOST_TEST(sequence_of_one() == before + writes);
  BOOST_TEST(source.metric("understudy_errors_total{kind=\"left_out\"}") == 0);
  // And what it promises again is kept again.
  source.db.query("SET GLOBAL net_write_timeout=60, GLOBAL sync_binlog=1, GLOBAL "
                  "innodb_flush_log_at_trx_commit=1, GLOBAL rpl_semi_sync_master_enabled=ON");
  restart_as("synchronous");
  BOOST_TEST(eventually(patience, [&] { return is_protected(one) && is_protected(two); }));
  world.kafka.suspend();
  auto held = write_async(source, world.id_of(one));
  BOOST_TEST(!eventually(std::chrono::milliseconds(500), [&] { return ended(held); }));
  world.kafka.resume();
  BOOST_TEST(eventually(patience, [&] { return ended(held); }));
  BOOST_TEST(follows_again());
}

/// It would add to rows without an error, so the tables are looked at behind every DDL. Without the privilege
/// TRIGGER, which these nodes' users have from README.md, none would be seen.
BOOST_AUTO_TEST_CASE(a06_a_trigger_made_while_rows_are_replicated_stops_its_account_by_name) {
  auto& destination = world.at(1);
  for (int round = 0; round < 20; ++round) // so each of its appliers knows the tables
    for (const auto& name : e.names)
      write_once(source, world.id_of(name));
  BOOST_REQUIRE(world.become_same(e.names, 0, 1));
  destination.db.query("CREATE TRIGGER zimbra.audit BEFORE UPDATE ON zimbra.mailbox_metadata FOR EACH ROW "
                       "SET NEW.metadata = CONCAT(NEW.metadata, ' seen')");
  // The next one meets it, or the one behind that.
  const auto id = world.id_of(two);
  const auto says_so = [&] {
    return destination.logged("it has the trigger audit, which would add to replicated rows");
  };
  bool is_refused = false;
  for (int writes = 0; writes < 2 && !is_refused; ++writes) {
    write_once(source, id);
    BOOST_TEST(eventually(
        patience, [&] { return says_so() || writes_there(destination, id) == writes_there(source, id); }));
    is_refused = eventually(std::chrono::seconds(2), says_so);
  }
  BOOST_TEST(is_refused);
  destination.db.query("DROP TRIGGER zimbra.audit");
  BOOST_TEST(source.cli({"ha", "restartReplicas", "accounts", two}).status == 0);
  BOOST_TEST(follows_again());
}

/// The rows would be on this mailstore alone as long as somebody else's reason stands.
BOOST_AUTO_TEST_CASE(p06_r3_what_was_refused_reaches_the_replicas_of_a_node_that_cannot_protect) {
  const auto reason = [&] {
    const auto shown = source.status(one);
    const auto* why = shown.if_contains("unprotectedReason");
    return why == nullptr ? std::string() : std::string(why->as_string());
  };
  source.db.query("SET GLOBAL sync_binlog=0");
  BOOST_REQUIRE(eventually(patience, [&] { return reason().starts_with("sync_binlog"); }));
  auto large = write_rows(40'000, "unprotected");
  BOOST_REQUIRE((large.wait_for(patience) == std::future_status::ready));
  BOOST_TEST(world.become_same(e.names, 0, 1));
  BOOST_TEST(eventually(patience, [&] { return reason().starts_with("sync_binlog"); }));
  source.db.query("SET GLOBAL sync_binlog=1");
  BOOST_TEST(eventually(patience, [&] { return is_protected(one) && is_protected(two); }));
  BOOST_TEST(follows_again());
}

/// Its commits returned while its events were in the node's memory alone: the binlog still has them.
BOOST_AUTO_TEST_CASE(r4_r7_what_kafka_lacks_is_read_from_the_binlog_again_after_kill_9) {
  auto locker = refuse_one("before the kill");
  const auto before = sequence_of_one();
  world.kafka.suspend();
  locker.query("UNLOCK TABLES");
  const auto first = source.last_written() + 1;
  constexpr unsigned writes = 10;
  auto some = write_large("some", 100, writes);
  BOOST_REQUIRE((some.wait_for(patience) == std::future_status::ready));
  BOOST_TEST(!eventually(too_long_for_a_checkpoint, [&] { return source.last_stored() >= first; }));
  source.node.kill9();
  world.kafka.resume();
  source.start_and_wait();
  BOOST_TEST(eventually(patience, [&] { return sequence_of_one() >= before + writes; }));
  if (!eventually(patience, [&] { return is_protected(one); }))
    BOOST_FAIL("it isn't protected again: " << world.story());
  BOOST_TEST(follows_again());
}

/// Its fence would hand over what the log lacks: each destination that reads it needs a new snapshot, and
/// only the source can make one.
BOOST_AUTO_TEST_CASE(r29_an_unprotected_account_is_held_unless_its_loss_is_accepted) {
  world.at(1).node.kill9(); // so that it stays unprotected
  refuse_one("before the promotion").query("UNLOCK TABLES");
  const std::vector<std::string> promotion{"ha", "promoteAccounts", "accounts", one, "--dry-run"};
  const auto held = source.cli(promotion);
  BOOST_TEST_CONTEXT(held.text) {
    BOOST_TEST(held.says("it is unprotected since sequence"));
    BOOST_TEST(held.says("wait until it is protected again, or give --accept-loss for it"));
  }
  auto accepting = promotion;
  accepting.insert(accepting.end(), {"--accept-loss", one});
  const auto accepted = source.cli(accepting);
  BOOST_TEST_CONTEXT(accepted.text)
  BOOST_TEST(accepted.says("and its loss was accepted"));
  world.at(1).start_and_wait();
  BOOST_TEST(eventually(patience, [&] { return is_protected(one); }));
  BOOST_TEST(follows_again());
}

/// Whoever reads the log looks for two troubles where two lines tell of one.
BOOST_AUTO_TEST_CASE(p8_a_replica_that_stops_says_so_once) {
  auto& destination = world.at(1);
  const auto row = fmt::format("zimbra.mailbox_metadata WHERE section='stops' AND mailbox_id=(SELECT id FROM "
                               "zimbra.mailbox WHERE account_id='{}')",
                               world.id_of(two));
  source.db.query(
      fmt::format("INSERT INTO zimbra.mailbox_metadata (mailbox_id, section, metadata) SELECT id, "
                  "'stops', 'x' FROM zimbra.mailbox WHERE account_id='{}'",
                  world.id_of(two)));
  BOOST_REQUIRE(
      eventually(patience, [&] { return destination.db.value("SELECT COUNT(*) FROM " + row) == "1"; }));
  auto behind_its_back = destination.db.connect();
  behind_its_back.query("SET sql_log_bin=0");
  behind_its_back.query("CREATE DATABASE aside");
  behind_its_back.query("CREATE TABLE aside.kept AS SELECT * FROM " + row);
  behind_its_back.query("DELETE FROM " + row);
  const auto before = destination.times_logged("its replica here stopped"); // by other cases, too
  source.db.query("DELETE FROM " + row);
  BOOST_REQUIRE(
      eventually(patience, [&] { return destination.times_logged("its replica here stopped") > before; }));
  const auto shown = source.whole_status(two).at("replicas").as_array().at(0).as_object();
  BOOST_TEST_CONTEXT(boost::json::serialize(shown)) {
    BOOST_TEST(shown.at("state") == "stopped");
    const std::string why(shown.at("reason").as_string());
    const auto log = destination.node.log_text();
    BOOST_TEST(log.find(why) != std::string::npos);
    BOOST_TEST(log.find(why) == log.rfind(why));
  }
  behind_its_back.query("INSERT INTO zimbra.mailbox_metadata SELECT * FROM aside.kept");
  BOOST_TEST(source.cli({"ha", "restartReplicas", "accounts", two}).status == 0);
  BOOST_TEST(follows_again());
}

BOOST_AUTO_TEST_SUITE_END()
