// The applier under trouble: conflicts, packets, locks, lost connections, bad accounts in a batch (R36, R41).
#include "tests/integration/replicated_pair.hpp"
#include "tests/tools/fixture/eventually.hpp"

#include <boost/test/unit_test.hpp>
#include <fmt/format.h>

#include <atomic>
#include <future>
#include <thread>

using namespace understudy;
using namespace understudy::apply_test;

namespace {

/// Account 7, and others of further groups, all initialised; `others` are their ids.
struct several {
  replicated_pair pair;
  std::vector<account_id> others;
  explicit several(unsigned count, std::vector<std::string> destination_options = {})
      : pair(std::move(destination_options)) {
    for (unsigned i = 0; i < count; ++i)
      others.push_back(pair.add_account(8 + i));
    pair.initialise();
    for (unsigned i = 0; i < count; ++i)
      pair.initialise(others[i], mailbox_id(8 + i), 1000);
  }
  void deliver(unsigned mailbox, unsigned item, const std::string& metadata = "'m'") {
    pair.source().query(fmt::format(
        "INSERT INTO mboxgroup{0}.mail_item(mailbox_id,id,type,folder_id,date,size,metadata,mod_metadata,"
        "mod_content) VALUES ({0},{1},5,2,0,0,{2},1,1)",
        mailbox, item, metadata));
  }
};

sequence stored(replicated_pair& pair, const account_id& account) {
  return sequence(std::stoull(pair.destination().value(
      fmt::format("SELECT sequence FROM understudy.replica WHERE account_id='{}'", account))));
}

void check_same(replicated_pair& pair, const account_id& account) {
  const auto differences = pair.differences(account);
  BOOST_TEST(differences.empty(), differences);
}

void check_says(const error& why, std::initializer_list<const char*> parts) {
  for (const auto* part : parts)
    BOOST_TEST(why.what.find(part) != std::string::npos, why.what);
}

/// A row by hand, in the way of account 8's event that inserts this item.
void put_in_the_way(replicated_pair& pair, unsigned item) {
  pair.destination().set_up(
      fmt::format("INSERT INTO mboxgroup4.mail_item(mailbox_id,id,type,date,size,mod_metadata,"
                  "mod_content) VALUES (4,{},5,0,0,1,1)",
                  item));
}

} // namespace

BOOST_AUTO_TEST_CASE(r41_a_bad_account_is_taken_out_up_to_its_bad_event_and_the_others_commit) {
  several all(5);
  auto& pair = all.pair;
  put_in_the_way(pair, 501); // its second
  for (unsigned item = 500; item < 503; ++item)
    for (unsigned mailbox = 7; mailbox < 13; ++mailbox)
      all.deliver(mailbox, item);
  const auto outcomes = pair.replicate();
  for (std::size_t i = 0; i < outcomes.size(); ++i) {
    if (i == 1) {
      BOOST_REQUIRE(outcomes[i].stopped);
      BOOST_TEST((outcomes[i].applied == sequence(1)));
      check_says(*outcomes[i].stopped, {"sequence 2", "mboxgroup4", "id=501", "PRIMARY"});
    } else {
      BOOST_TEST((outcomes[i].applied == sequence(3)));
      BOOST_TEST(!outcomes[i].stopped.has_value());
    }
    BOOST_TEST((stored(pair, outcomes[i].account) == outcomes[i].applied));
  }
  BOOST_TEST(pair.writer().counters().transactions <= 3u); // five accounts at once, then the first event of 8
  check_same(pair, replicated_pair::account());
  check_same(pair, all.others[3]);
}

BOOST_AUTO_TEST_CASE(r41_among_the_rows_of_a_prepared_statement_too_the_bad_event_is_found) {
  several all(1);
  auto& pair = all.pair;
  put_in_the_way(pair, 520);
  for (unsigned item = 500; item < 540; ++item)
    for (unsigned mailbox : {7U, 8U})
      all.deliver(mailbox, item);
  const auto outcomes = pair.replicate();
  const auto bulk = pair.destination().query("SHOW GLOBAL STATUS LIKE 'Com_stmt_prepare'");
  BOOST_TEST(*bulk.front().at(1) != "0",
             "no statement was prepared: forty rows of a table should go as values");
  BOOST_TEST(!outcomes[0].stopped.has_value());
  BOOST_TEST((outcomes[0].applied == sequence(40)));
  BOOST_REQUIRE(outcomes[1].stopped);
  BOOST_TEST((outcomes[1].applied == sequence(20)));
  check_says(*outcomes[1].stopped, {"sequence 21", "mboxgroup4", "id=520", "PRIMARY"});
  check_same(pair, replicated_pair::account());
}

BOOST_AUTO_TEST_CASE(r37_many_rows_are_written_where_nothing_can_be_prepared_and_across_an_alter) {
  several all(0);
  auto& pair = all.pair;
  const auto deliver_and_compare = [&](unsigned from) {
    for (unsigned item = from; item < from + 40; ++item)
      all.deliver(7, item);
    const auto outcomes = pair.replicate();
    BOOST_TEST(!outcomes[0].stopped.has_value());
    check_same(pair, replicated_pair::account());
  };
  pair.destination().set_up("SET GLOBAL max_prepared_stmt_count=0");
  deliver_and_compare(500);
  pair.destination().set_up("SET GLOBAL max_prepared_stmt_count=16382");
  deliver_and_compare(600);
  pair.destination().set_up("ALTER TABLE mboxgroup3.mail_item ADD INDEX by_size (size)");
  deliver_and_compare(700);
  BOOST_TEST(pair.writer().counters().solo == 0u);
}

BOOST_AUTO_TEST_CASE(r36_a_redelivery_is_dropped_a_gap_stops_and_a_foreign_event_too) {
  several all(1);
  auto& pair = all.pair;
  all.deliver(7, 500);
  all.deliver(7, 501);
  all.deliver(8, 500);
  auto batches = pair.capture();
  const auto first = batches[0].events[0];
  auto outcome = need(pair.writer().apply({{batches[0].where, {}, {first}}})).front();
  BOOST_TEST((outcome.applied == sequence(1)));
  outcome = need(pair.writer().apply({batches[0]})).front(); // the first one again
  BOOST_TEST((outcome.applied == sequence(2)));
  BOOST_TEST((outcome.next == batches[0].events[1].next));
  BOOST_TEST(pair.writer().counters().redelivered == 1u);
  auto gap = std::make_shared<transaction_event>(*batches[0].events[1].event);
  gap->number = sequence(9);
  outcome = need(pair.writer().apply({{batches[0].where, {}, {{gap, kafka_offset(99)}}}})).front();
  BOOST_REQUIRE(outcome.stopped);
  BOOST_TEST(outcome.stopped->what.find("sequence 3 should follow") != std::string::npos);
  auto foreign = std::make_shared<transaction_event>(*batches[1].events[0].event);
  foreign->number = sequence(3);
  outcome = need(pair.writer().apply({{batches[0].where, {}, {{foreign, kafka_offset(99)}}}})).front();
  BOOST_TEST(outcome.stopped.has_value());
  check_same(pair, replicated_pair::account());
}

BOOST_AUTO_TEST_CASE(a07_deadlocks_and_lock_waits_repeat_the_whole_transaction) {
  several all(1);
  auto& pair = all.pair;
  all.deliver(7, 500);
  all.deliver(8, 500);
  BOOST_REQUIRE(!pair.replicate().front().stopped);
  pair.source().query("UPDATE mboxgroup7.mail_item SET size=1 WHERE mailbox_id=7 AND id=500");
  pair.source().query("UPDATE mboxgroup8.mail_item SET size=1 WHERE mailbox_id=8 AND id=500");
  const auto batches = pair.capture();
  auto other = pair.destination().connect();
  other.script("BEGIN; SELECT * FROM mboxgroup4.mail_item WHERE mailbox_id=4 AND id=500 FOR UPDATE");
  auto& writer = pair.writer();
  auto applied = std::async(std::launch::async, [&] { return writer.apply(batches); });
  BOOST_REQUIRE(
      fixture::eventually(std::chrono::seconds(60), [&] { return writer.counters().repeats >= 2; }));
  // Nothing of the batch is visible, not even of the account that no lock touches.
  BOOST_TEST(
      pair.destination().value("SELECT size FROM mboxgroup3.mail_item WHERE mailbox_id=3 AND id=500") == "0");
  BOOST_TEST((stored(pair, replicated_pair::account()) == sequence(1)));
  other.query("COMMIT");
  const auto outcomes = need(applied.get());
  for (const auto& outcome : outcomes)
    BOOST_TEST((outcome.applied == sequence(2)));
  check_same(pair, replicated_pair::account());
  check_same(pair, all.others[0]);
}

/// However small the table is: an update over many rows reads a range of its key, never the whole, which
/// would wait here.
BOOST_AUTO_TEST_CASE(p7_an_update_over_many_rows_touches_no_row_but_its_own) {
  several all(1);
  auto& pair = all.pair;
  auto source = pair.source().connect("mboxgroup7");
  source.script(
      "INSERT INTO mail_item(mailbox_id,id,type,folder_id,date,size,metadata,mod_metadata,mod_content) "
      "SELECT 7,1000+seq,5,2,0,0,'m',1,1 FROM seq_0_to_301");
  BOOST_REQUIRE(!pair.replicate().front().stopped);
  auto other = pair.destination().connect("mboxgroup3");
  other.script("BEGIN; SELECT * FROM mail_item WHERE mailbox_id=3 AND id IN (1000,1301) FOR UPDATE");
  source.script("UPDATE mail_item SET size=id, metadata=CONCAT('m',id) WHERE id BETWEEN 1001 AND 1300");
  const auto batches = pair.capture();
  auto& writer = pair.writer();
  auto applied = std::async(std::launch::async, [&] { return writer.apply(batches); });
  const auto in_time = applied.wait_for(std::chrono::seconds(60));
  other.query("COMMIT");
  BOOST_TEST((in_time == std::future_status::ready));
  BOOST_TEST(!need(applied.get()).front().stopped.has_value());
  BOOST_TEST(writer.counters().repeats == 0u);
  check_same(pair, replicated_pair::account());
}

/// The other session wins (it has changed more), so that the applier is the deadlock's victim.
BOOST_AUTO_TEST_CASE(a07_a_deadlock_repeats_the_whole_transaction) {
  several all(1);
  auto& pair = all.pair;
  all.deliver(7, 500);
  all.deliver(8, 500);
  BOOST_REQUIRE(!pair.replicate().front().stopped);
  pair.destination().set_up("CREATE DATABASE heavy; CREATE TABLE heavy.rows_there (n INT PRIMARY KEY)");
  pair.source().query("UPDATE mboxgroup7.mail_item SET size=1 WHERE mailbox_id=7 AND id=500");
  pair.source().query("UPDATE mboxgroup8.mail_item SET size=1 WHERE mailbox_id=8 AND id=500");
  const auto batches = pair.capture();
  const auto status = [&pair](const std::string& name) {
    return std::stoull(*pair.destination().query("SHOW GLOBAL STATUS LIKE '" + name + "'").front().at(1));
  };
  const auto deadlocks = [&] { return status("Innodb_deadlocks"); };
  const auto before = deadlocks();
  std::future<result<std::vector<apply_outcome>>> applied; // ends behind `other`, which it waits for
  auto other = pair.destination().connect();
  const auto lock = [&other](unsigned mailbox) {
    other.query(fmt::format("SELECT * FROM mboxgroup{0}.mail_item WHERE mailbox_id={0} AND id=500 FOR UPDATE",
                            mailbox));
  };
  auto& writer = pair.writer();
  const auto begin = [&] {
    other.script("BEGIN; INSERT INTO heavy.rows_there SELECT seq FROM heavy.seq_1_to_5000");
    lock(4);
  };
  begin();
  applied = std::async(std::launch::async, [&] { return writer.apply(batches); });
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (deadlocks() == before && std::chrono::steady_clock::now() < end) {
    // Not innodb_trx: who asks it more often than each 100 ms is given the same answer again.
    BOOST_REQUIRE(fixture::eventually(std::chrono::seconds(30),
                                      [&] { return status("Innodb_row_lock_current_waits") != 0; }));
    lock(3); // what the applier holds, while it waits for what we hold
    if (deadlocks() != before)
      break;
    other.query("ROLLBACK"); // its own wait had just ended
    begin();
  }
  BOOST_TEST(deadlocks() > before);
  BOOST_TEST(pair.destination().value("SELECT SUM(sequence) FROM understudy.replica") ==
             "2"); // nothing of it yet
  other.query("ROLLBACK");
  for (const auto& outcome : need(applied.get()))
    BOOST_TEST((outcome.applied == sequence(2)));
  BOOST_TEST(writer.counters().repeats > 0u);
  check_same(pair, replicated_pair::account());
  check_same(pair, all.others[0]);
}

BOOST_AUTO_TEST_CASE(
    a08_batches_respect_max_allowed_packet_and_the_row_that_cant_fit_stops_its_account_alone) {
  several all(6, {"--max-allowed-packet=1M"});
  auto& pair = all.pair;
  pair.source().query("SET GLOBAL max_allowed_packet=16*1024*1024");
  for (unsigned i = 0; i < 150; ++i)
    for (unsigned mailbox : {7U, 8U})
      all.deliver(mailbox, 1000 + i, "REPEAT('x',10000)");
  for (const auto& outcome : pair.replicate())
    BOOST_TEST(!outcome.stopped.has_value());
  check_same(pair, replicated_pair::account());
  all.deliver(7, 2000, "REPEAT('y',3000000)");
  for (unsigned mailbox = 8; mailbox < 14; ++mailbox)
    all.deliver(mailbox, 2000);
  const auto batches = pair.capture();
  const auto outcomes = need(pair.writer().apply(batches));
  BOOST_REQUIRE(outcomes[0].stopped);
  check_says(*outcomes[0].stopped, {"max_allowed_packet is 1048576", "it takes 300"});
  BOOST_TEST(outcomes[0].stopped->what.starts_with("sequence 151: insert into "), outcomes[0].stopped->what);
  for (std::size_t i = 1; i < outcomes.size(); ++i)
    BOOST_TEST(!outcomes[i].stopped.has_value());
  // Raised, and restartReplicas: it heals.
  pair.destination().query("SET GLOBAL max_allowed_packet=16*1024*1024");
  pair.writer().refresh_schema();
  BOOST_TEST(!need(pair.writer().apply({batches[0]})).front().stopped.has_value());
  check_same(pair, replicated_pair::account());
}

BOOST_AUTO_TEST_CASE(what_is_replayed_is_in_the_binlog_only_where_that_is_asked_for) {
  several all(1);
  auto& pair = all.pair;
  for (const bool logged : {false, true}) {
    applier_options options;
    options.connection = pair.destination_sql();
    options.logged = logged;
    auto writer = need(applier::open(options, pair.rules()));
    all.deliver(7, logged ? 1001 : 1000);
    const auto before = pair.destination().value("SELECT @@gtid_binlog_pos");
    BOOST_TEST(!need(writer->apply(pair.capture())).front().stopped.has_value());
    BOOST_TEST((pair.destination().value("SELECT @@gtid_binlog_pos") != before) == logged);
  }
  check_same(pair, replicated_pair::account());
}

BOOST_AUTO_TEST_CASE(r36_exactly_once_though_connections_are_killed_at_any_moment) {
  several all(2);
  auto& pair = all.pair;
  auto& writer = pair.writer();
  std::atomic<bool> done{false};
  std::atomic<int> kills{0}; // a batch must get through at last
  std::thread killer([&] {
    auto admin = pair.destination().connect();
    while (!done) {
      kills.wait(0);
      for (const auto& row :
           admin.query("SELECT ID FROM information_schema.PROCESSLIST WHERE ID<>CONNECTION_ID() "
                       "AND (INFO LIKE 'COMMIT%' OR INFO LIKE 'INSERT INTO%' OR INFO LIKE "
                       "'UPDATE %') LIMIT 1"))
        try {
          admin.query("KILL " + *row[0]);
          --kills;
        } catch (const fixture::sql_error&) {
          // gone already
        }
    }
  });
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  unsigned item = 1000;
  while (writer.counters().repeats < 6 && std::chrono::steady_clock::now() < deadline) {
    for (unsigned i = 0; i < 20; ++i, ++item)
      for (unsigned mailbox = 7; mailbox < 10; ++mailbox)
        all.deliver(mailbox, item);
    kills = 3;
    kills.notify_one();
    for (const auto& outcome : pair.replicate())
      BOOST_TEST(!outcome.stopped.has_value(), (outcome.stopped ? outcome.stopped->what : ""));
  }
  done = true;
  kills = 1;
  kills.notify_one();
  killer.join();
  BOOST_TEST(writer.counters().repeats > 0u);
  check_same(pair, replicated_pair::account());
  check_same(pair, all.others[0]);
  check_same(pair, all.others[1]);
}

BOOST_AUTO_TEST_CASE(r37_the_applier_sets_its_session_up_again_after_a_reconnect) {
  several all(1, {"--sql-mode=STRICT_ALL_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE,NO_BACKSLASH_ESCAPES",
                  "--default-time-zone=+09:00", "--auto-increment-increment=10"});
  auto& pair = all.pair;
  const auto write = [&pair](unsigned item) {
    pair.source()
        .connect("mboxgroup7")
        .script(fmt::format(
            "SET sql_mode=''; INSERT INTO appointment VALUES (7,'u{0}',2,'0000-00-00',NULL);"
            "INSERT INTO appointment VALUES (7,'v{0}',2,'2024-00-15','0000-00-00');"
            "DELETE FROM appointment WHERE uid='v{0}'; UPDATE tag SET unread=unread+1 WHERE mailbox_id=7;"
            "INSERT INTO appointment VALUES (7,'w{0}\\\\''',1,'2024-02-29',NULL);",
            item));
  };
  pair.source().set_up("ALTER TABLE mboxgroup7.appointment DROP INDEX i_item_id, ADD INDEX plain_item_id "
                       "(mailbox_id, item_id)");
  pair.destination().set_up("ALTER TABLE mboxgroup3.appointment DROP INDEX i_item_id, ADD INDEX "
                            "plain_item_id (mailbox_id, item_id)");
  pair.writer().refresh_schema();
  write(1);
  auto outcome = pair.replicate().front();
  BOOST_TEST(!outcome.stopped.has_value(), (outcome.stopped ? outcome.stopped->what : ""));
  for (const auto& row : pair.destination().query(
           "SELECT ID FROM information_schema.PROCESSLIST WHERE COMMAND='Sleep' AND ID<>CONNECTION_ID()"))
    pair.destination().query("KILL " + *row[0]);
  write(2);
  outcome = pair.replicate().front();
  BOOST_TEST(!outcome.stopped.has_value(), (outcome.stopped ? outcome.stopped->what : ""));
  check_same(pair, replicated_pair::account());
}

BOOST_AUTO_TEST_CASE(m02_a_column_that_is_missing_here_stops_the_account_and_heals_once_it_is_there) {
  several all(1);
  auto& pair = all.pair;
  pair.source().set_up("ALTER TABLE mboxgroup7.mail_item ADD COLUMN x INT FIRST");
  all.deliver(7, 500);
  all.deliver(8, 500);
  const auto batches = pair.capture();
  auto outcomes = need(pair.writer().apply(batches));
  BOOST_REQUIRE(outcomes[0].stopped);
  BOOST_TEST(outcomes[0].stopped->what.find("column x is missing here") != std::string::npos);
  BOOST_TEST((outcomes[1].applied == sequence(1)));
  pair.destination().set_up("ALTER TABLE mboxgroup3.mail_item ADD COLUMN x INT FIRST");
  outcomes = need(pair.writer().apply({batches[0]}));
  BOOST_TEST(!outcomes[0].stopped.has_value());
  check_same(pair, replicated_pair::account());
}

BOOST_AUTO_TEST_CASE(p6_a_volume_that_is_not_known_yet_is_told_from_what_fails_for_good) {
  several all(1);
  auto& pair = all.pair;
  all.deliver(7, 500);
  all.deliver(8, 500);
  pair.source().query("INSERT INTO mboxgroup7.mail_item(mailbox_id,id,type,folder_id,date,size,locator,"
                      "mod_metadata,mod_content) VALUES (7,501,5,2,0,0,'77',1,1)");
  all.deliver(8, 501);
  auto batches = pair.capture();
  auto outcomes = need(pair.writer().apply(batches));
  BOOST_REQUIRE(outcomes[0].stopped);
  BOOST_TEST(outcomes[0].stopped->retryable);
  check_says(*outcomes[0].stopped, {"sequence 2", "volume 77"});
  BOOST_TEST((outcomes[0].applied == sequence(1)));
  BOOST_TEST((outcomes[1].applied == sequence(2)));
  // Tried again each second: that reads no tables.
  const auto solo = pair.writer().counters().solo.load();
  outcomes = need(pair.writer().apply({batches[0]}));
  BOOST_REQUIRE(outcomes[0].stopped);
  BOOST_TEST(outcomes[0].stopped->retryable);
  BOOST_TEST(pair.writer().counters().solo.load() == solo);
  batches[0].where.volumes = std::make_shared<const volume_map>(volume_map{{77, 5}});
  outcomes = need(pair.writer().apply({batches[0]}));
  BOOST_TEST(!outcomes[0].stopped.has_value());
  BOOST_TEST(pair.destination().value("SELECT locator FROM mboxgroup3.mail_item WHERE id=501") == "5");
}

/// What a rollback leaves of a table without a key, the repeated transaction would add once more.
BOOST_AUTO_TEST_CASE(p3_r36_a_table_without_transactions_stops_its_account_and_names_the_engine) {
  several all(1);
  auto& pair = all.pair;
  pair.destination().set_up(
      "ALTER TABLE mboxgroup3.tombstone DROP FOREIGN KEY fk_tombstone_mailbox_id_mailbox");
  pair.destination().set_up("ALTER TABLE mboxgroup3.tombstone ENGINE=Aria");
  pair.source().query("INSERT INTO mboxgroup7.tombstone VALUES (7,1,1,5,'x')");
  all.deliver(8, 500);
  const auto batches = pair.capture();
  auto outcomes = need(pair.writer().apply(batches));
  BOOST_REQUIRE(outcomes[0].stopped);
  check_says(*outcomes[0].stopped, {"`mboxgroup3`.`tombstone`", "its engine is Aria instead of InnoDB"});
  BOOST_TEST((outcomes[1].applied == sequence(1)));
  BOOST_TEST(pair.destination().value("SELECT COUNT(*) FROM mboxgroup3.tombstone") == "0");
  pair.destination().set_up("ALTER TABLE mboxgroup3.tombstone ENGINE=InnoDB");
  outcomes = need(pair.writer().apply({batches[0]}));
  BOOST_TEST(!outcomes[0].stopped.has_value(), (outcomes[0].stopped ? outcomes[0].stopped->what : ""));
  check_same(pair, replicated_pair::account());
}

BOOST_AUTO_TEST_CASE(a06_a_trigger_on_a_replicated_table_is_refused_by_name) {
  several all(0);
  auto& pair = all.pair;
  all.deliver(7, 500);
  BOOST_TEST(!pair.replicate().front().stopped.has_value()); // the applier knows the table now
  const auto is_refused = [&](const std::string& trigger, const std::string& change) {
    pair.destination().set_up(trigger);
    pair.source().query(change);
    pair.writer().refresh_schema(); // as behind a DDL that capture meets
    const auto batches = pair.capture();
    auto outcome = need(pair.writer().apply(batches)).front();
    BOOST_REQUIRE(outcome.stopped);
    BOOST_TEST(outcome.stopped->what.find("trigger audit") != std::string::npos, outcome.stopped->what);
    pair.destination().set_up("DROP TRIGGER mboxgroup3.audit");
    outcome = need(pair.writer().apply(batches)).front();
    BOOST_TEST(!outcome.stopped.has_value());
    check_same(pair, replicated_pair::account());
  };
  is_refused(
      "CREATE TRIGGER mboxgroup3.audit AFTER INSERT ON mboxgroup3.mail_item FOR EACH ROW "
      "INSERT INTO mboxgroup3.watch VALUES (NEW.mailbox_id,'x',NEW.id)",
      "INSERT INTO mboxgroup7.mail_item(mailbox_id,id,type,folder_id,date,size,mod_metadata,mod_content) "
      "VALUES (7,501,5,2,0,0,1,1)");
  is_refused("CREATE TRIGGER mboxgroup3.audit BEFORE UPDATE ON mboxgroup3.mail_item FOR EACH ROW "
             "SET NEW.size = NEW.size + 1",
             "UPDATE mboxgroup7.mail_item SET unread = 1 WHERE mailbox_id = 7 AND id = 501");
}
