// The guard against a real MariaDB, with the mail server's tables and statements (facts §3).
#include "storage/guard/guard.hpp"
#include "storage/state/catalog_reader.hpp"
#include "storage/state/logged_state.hpp"
#include "storage/state/own_schema.hpp"
#include "storage/state/server_checks.hpp"
#include "tests/tools/fixture/eventually.hpp"
#include "tests/tools/fixture/mailstore_schema.hpp"
#include "tests/tools/fixture/private_mariadb.hpp"

#include <boost/test/unit_test.hpp>

#include <array>
#include <future>
#include <thread>

using namespace understudy;
using namespace std::chrono_literals;
using fixture::private_mariadb;

namespace {

/// Account 7 is guarded; account 107 is its neighbour in the same group database, 8 one in another.
struct mailstore {
  private_mariadb server{{.semi_sync = false}};
  std::shared_ptr<const profile> rules;
  schema_catalog catalog;
  registered_account account{account_id("account-7"), "user7@example.com", mailbox_id(7), group_number(7)};

  mailstore() {
    server.load_mailstore(1);
    server.set_up(fixture::group_schema(7));
    server.set_up(fixture::group_schema(8));
    for (const auto& [id, group] : {std::pair{7, 7}, std::pair{107, 7}, std::pair{8, 8}})
      server.set_up(fmt::format(
          "INSERT INTO zimbra.mailbox(id,group_id,account_id,index_volume_id,comment) VALUES "
          "({0},{1},'account-{0}',"
          "(SELECT index_volume_id FROM zimbra.current_volumes),'user{0}@example.com');"
          "INSERT INTO "
          "mboxgroup{1}.mail_item(mailbox_id,id,type,folder_id,date,size,mod_metadata,mod_content,name) "
          "VALUES ({0},1,1,1,0,0,1,1,'root'),({0},2,1,1,0,0,1,1,'Inbox'),({0},3,1,1,0,0,1,1,'Trash');"
          "INSERT INTO "
          "mboxgroup{1}.mail_item(mailbox_id,id,type,folder_id,date,size,mod_metadata,mod_content) "
          "SELECT {0}, 256+seq, 5, 2, 0, 1000, 1, 1 FROM mboxgroup{1}.seq_1_to_100;"
          "INSERT INTO mboxgroup{1}.tag(mailbox_id,id,name,sequence) VALUES ({0},-1,'flag',1);"
          "INSERT INTO zimbra.mailbox_metadata(mailbox_id,section,metadata) VALUES ({0},'zwc','x')",
          id, group));
    auto local = session(local_setup());
    require(ensure_own_schema(local, node_name("ms1")));
    rules = std::make_shared<const profile>(
        load_profile(UNDERSTUDY_SOURCE_DIR "/config/profiles/carbonio.toml").value());
    catalog = read_catalog(local, *rules).value();
  }

  sql_options how(std::vector<std::string> setup = standard_setup()) const {
    sql_options out;
    out.socket = server.socket();
    out.user = "root";
    out.setup = std::move(setup);
    return out;
  }
  sql_session session(std::vector<std::string> setup = standard_setup()) const {
    auto opened = sql_session::open(how(std::move(setup)));
    BOOST_REQUIRE(opened);
    return std::move(*opened);
  }
  template <class T>
  static void require(const tl::expected<T, error>& outcome) {
    BOOST_REQUIRE_MESSAGE(outcome, (outcome ? "" : outcome.error().what));
  }
  std::unique_ptr<guard> take(std::chrono::milliseconds limit = 2s) const {
    auto taken = guard::take(how(), rules, catalog, account, {limit});
    require(taken);
    return std::move(*taken);
  }
  std::string count(const std::string& what) const { return server.value("SELECT COUNT(*) FROM " + what); }
};

mailstore& store() {
  static mailstore one;
  return one;
}

/// What a writer that gives up after a second says: 1205, or 0 if it went through. Rolled back either way.
unsigned try_write(const std::string& statement) {
  auto writer = store().session();
  BOOST_REQUIRE(writer.execute("SET SESSION innodb_lock_wait_timeout=1"));
  BOOST_REQUIRE(writer.begin());
  const auto done = writer.execute(statement);
  BOOST_REQUIRE(writer.rollback());
  return done ? 0 : done.error().number;
}

/// A delivery as the mail server writes it, up to and with its COMMIT.
sql_result<void> deliver(sql_session& session, int mailbox, int group, int id) {
  return session.transaction([&]() -> sql_result<void> {
    for (const auto& statement :
         {fmt::format("INSERT INTO mboxgroup{}.mail_item(mailbox_id,id,type,folder_id,date,size,mod_metadata,"
                      "mod_content) VALUES ({},{},5,2,0,1000,2,2)",
                      group, mailbox, id),
          fmt::format("INSERT INTO mboxgroup{0}.tagged_item(mailbox_id,tag_id,item_id) VALUES ({1},-1,{2})",
                      group, mailbox, id),
          fmt::format("UPDATE mboxgroup{}.mail_item SET size=size+1000 WHERE mailbox_id={} AND id=2", group,
                      mailbox),
          fmt::format("UPDATE zimbra.mailbox SET size_checkpoint=size_checkpoint+1000 WHERE id={}", mailbox)})
      if (auto done = session.execute(statement); !done)
        return tl::make_unexpected(done.error());
    return {};
  });
}

} // namespace

BOOST_AUTO_TEST_CASE(r30_own_writes_wait_and_neighbours_go_on) {
  const auto guarded = store().take();
  BOOST_TEST(guarded->report().rows >= 106u);
  BOOST_TEST(guarded->report().attempts == 1u);
  BOOST_TEST_MESSAGE(guarded->report().rows << " rows in " << guarded->report().took.count() << " us");
  BOOST_TEST(guarded->still_stands().value());
  BOOST_TEST(
      (guarded->report().not_guarded == std::vector<std::string>{"zimbra/volume_blobs", "mboxgroup/watch"}));
  for (const auto* own :
       {"INSERT INTO mboxgroup7.mail_item(mailbox_id,id,type,date,size,mod_metadata,mod_content) VALUES "
        "(7,9000,5,0,0,1,1)",
        "UPDATE mboxgroup7.mail_item SET flags=1 WHERE mailbox_id=7 AND id=300",
        "UPDATE mboxgroup7.mail_item SET index_id=300 WHERE mailbox_id=7 AND id=300",
        "DELETE FROM mboxgroup7.mail_item WHERE mailbox_id=7 AND id=300",
        "UPDATE mboxgroup7.tag SET color=1 WHERE mailbox_id=7",
        "UPDATE zimbra.mailbox SET new_messages=1 WHERE id=7",
        "DELETE FROM zimbra.mailbox_metadata WHERE mailbox_id=7",
        "INSERT INTO zimbra.out_of_office VALUES (7,'x',NOW())",
        "INSERT INTO mboxgroup7.tombstone(mailbox_id,sequence,date) VALUES (7,1,1)",
        "INSERT INTO mboxgroup7.tagged_item(mailbox_id,tag_id,item_id) VALUES (7,-1,300)"})
    BOOST_TEST(try_write(own) == 1205u, own);
  for (const auto* neighbours :
       {"INSERT INTO mboxgroup7.mail_item(mailbox_id,id,type,date,size,mod_metadata,mod_content) VALUES "
        "(107,9000,5,0,0,1,1)",
        "UPDATE mboxgroup7.mail_item SET flags=1 WHERE mailbox_id=107 AND id=300",
        "DELETE FROM mboxgroup7.mail_item WHERE mailbox_id=107 AND id=300",
        "INSERT INTO mboxgroup8.mail_item(mailbox_id,id,type,date,size,mod_metadata,mod_content) VALUES "
        "(8,9000,5,0,0,1,1)",
        "INSERT INTO mboxgroup7.tombstone(mailbox_id,sequence,date) VALUES (107,1,1)",
        "UPDATE zimbra.mailbox SET new_messages=1 WHERE id=8",
        "DELETE FROM zimbra.mailbox_metadata WHERE mailbox_id=8",
        "INSERT INTO zimbra.out_of_office VALUES (107,'x',NOW())",
        "INSERT INTO zimbra.mailbox(id,group_id,account_id,index_volume_id) SELECT 9,9,'new',index_volume_id "
        "FROM "
        "zimbra.current_volumes"})
    BOOST_TEST(try_write(neighbours) == 0u, neighbours);
  BOOST_TEST(guarded->release().value());
  BOOST_TEST(!guarded->still_stands().value());
  BOOST_TEST(try_write("UPDATE zimbra.mailbox SET new_messages=1 WHERE id=7") == 0u);
  BOOST_TEST(store().count("understudy.guard") == "0");
}

BOOST_AUTO_TEST_CASE(r29_the_role_row_is_written_while_the_guard_stands) {
  const auto guarded = store().take();
  const auto before = store().server.value("SELECT @@GLOBAL.gtid_binlog_pos");
  auto logged = store().session();
  mailstore::require(logged_state(logged).write_role(
      {store().account.account, epoch(2), account_role::replica, kafka_offset(3)}));
  BOOST_TEST(store().server.value("SELECT @@GLOBAL.gtid_binlog_pos") != before);
  BOOST_TEST(guarded->still_stands().value());
}

BOOST_AUTO_TEST_CASE(r30_waiters_are_ended_before_their_commit_and_the_guard_leaves_no_trace) {
  const auto items = store().count("mboxgroup7.mail_item WHERE mailbox_id=7");
  const auto before = store().server.value("SELECT @@GLOBAL.gtid_binlog_pos");
  auto guarded = store().take();
  std::vector<std::future<sql_result<void>>> deliveries;
  for (int i = 0; i < 4; ++i)
    deliveries.push_back(std::async(std::launch::async, [i] {
      auto writer = store().session();
      return deliver(writer, 7, 7, 2000 + i);
    }));
  BOOST_TEST(fixture::eventually(5s, [] {
    return store().server.query("SHOW GLOBAL STATUS LIKE 'Innodb_row_lock_current_waits'").front()[1] == "4";
  }));
  const auto ended = guarded->end_waiters(5s);
  mailstore::require(ended);
  BOOST_TEST(*ended >= 4u);
  for (auto& delivery : deliveries) {
    const auto told = delivery.get();
    BOOST_REQUIRE(!told);
    BOOST_TEST((told.error().kind == sql_failure::interrupted));
  }
  BOOST_TEST(guarded->still_stands().value());
  BOOST_TEST(guarded->release().value());
  BOOST_TEST(store().count("mboxgroup7.mail_item WHERE mailbox_id=7") == items);
  BOOST_TEST(store().server.value("SELECT @@GLOBAL.gtid_binlog_pos") == before);
  BOOST_TEST(guarded->end_waiters(1s).value() == 0u);
}

BOOST_AUTO_TEST_CASE(r30_waits_of_others_are_left_alone) {
  auto guarded = store().take();
  auto blocker = store().session();
  BOOST_REQUIRE(blocker.begin());
  BOOST_REQUIRE(blocker.execute("UPDATE zimbra.mailbox SET new_messages=5 WHERE id=8"));
  auto other = std::async(std::launch::async, [] {
    auto writer = store().session();
    return writer.execute("UPDATE zimbra.mailbox SET new_messages=6 WHERE id=8");
  });
  BOOST_TEST(fixture::eventually(5s, [] {
    return store().server.query("SHOW GLOBAL STATUS LIKE 'Innodb_row_lock_current_waits'").front()[1] == "1";
  }));
  BOOST_TEST(guarded->end_waiters(2s).value() == 0u);
  BOOST_REQUIRE(blocker.rollback());
  BOOST_TEST(other.get().has_value());
}

BOOST_AUTO_TEST_CASE(the_privileges_that_doctor_asks_for_are_enough) {
  store().server.query("CREATE OR REPLACE USER understudy@localhost");
  auto how = store().how();
  how.user = "understudy";
  auto user = sql_session::open(how);
  BOOST_REQUIRE(user);
  const auto checks = check_server(*user, {});
  mailstore::require(checks);
  BOOST_TEST(!allows(*checks, check_scope::capture));
  for (const auto& check : *checks)
    if (check.remedy.starts_with("GRANT"))
      store().server.query(check.remedy.substr(0, check.remedy.size() - 1));
  BOOST_REQUIRE(user->reconnect());
  const auto again = check_server(*user, {});
  mailstore::require(again);
  BOOST_TEST(allows(*again, check_scope::capture));
  BOOST_TEST(allows(*again, check_scope::apply));
  auto local_how = how;
  local_how.setup = local_setup();
  auto local = sql_session::open(local_how);
  BOOST_REQUIRE(local);
  mailstore::require(ensure_own_schema(*local, node_name("ms1")));
  BOOST_TEST((read_catalog(*local, *store().rules).value() == store().catalog));
  auto guarded = guard::take(how, store().rules, store().catalog, store().account, {2s});
  mailstore::require(guarded);
  auto waiting = std::async(std::launch::async, [] {
    auto writer = store().session();
    return writer.execute("UPDATE zimbra.mailbox SET new_messages=new_messages+1 WHERE id=7");
  });
  BOOST_TEST(fixture::eventually(5s, [] {
    return store().server.query("SHOW GLOBAL STATUS LIKE 'Innodb_row_lock_current_waits'").front()[1] == "1";
  }));
  BOOST_TEST((*guarded)->end_waiters(5s).value() >= 1u);
  BOOST_TEST(!waiting.get().has_value());
}

BOOST_AUTO_TEST_CASE(r30_locks_that_cannot_be_had_in_time_are_given_up_whole) {
  auto writer = store().session();
  BOOST_REQUIRE(writer.begin());
  BOOST_REQUIRE(writer.execute("UPDATE mboxgroup7.mail_item SET flags=2 WHERE mailbox_id=7 AND id=2"));
  const auto begun = std::chrono::steady_clock::now();
  const auto taken = guard::take(store().how(), store().rules, store().catalog, store().account, {300ms});
  BOOST_REQUIRE(!taken);
  BOOST_TEST(taken.error().retryable);
  BOOST_TEST((std::chrono::steady_clock::now() - begun < 3s));
  BOOST_REQUIRE(writer.rollback());
  BOOST_TEST(try_write("UPDATE zimbra.mailbox SET new_messages=1 WHERE id=7") == 0u);
  BOOST_TEST(try_write("UPDATE mboxgroup7.mail_item SET flags=1 WHERE mailbox_id=7") == 0u);
}

BOOST_AUTO_TEST_CASE(r30_a_guard_whose_connection_was_killed_does_not_stand) {
  auto guarded = store().take();
  store().server.query(fmt::format("KILL CONNECTION {}", guarded->holder_id()));
  BOOST_TEST(fixture::eventually(5s, [&] { return !guarded->still_stands().value(); }));
  BOOST_TEST(!guarded->release().value());
}

BOOST_AUTO_TEST_CASE(r30_two_guards_of_one_account_exclude_each_other) {
  auto first = store().take();
  const auto second = guard::take(store().how(), store().rules, store().catalog, store().account, {200ms});
  BOOST_REQUIRE(!second);
  BOOST_TEST(second.error().what.find("has kept rows of it locked for longer than [limits] guard") !=
             std::string::npos);
  BOOST_TEST(second.error().todo == "try again when it has ended");
  BOOST_TEST(first->still_stands().value());
}

BOOST_AUTO_TEST_CASE(r30_guards_of_neighbours_do_not_wait_for_each_other) {
  const auto take = [](std::uint32_t id, std::uint32_t group) {
    return guard::take(store().how(), store().rules, store().catalog,
                       {account_id(fmt::format("account-{}", id)), "", mailbox_id(id), group_number(group)},
                       {1s});
  };
  using mailbox = std::pair<std::uint32_t, std::uint32_t>;
  const std::array<mailbox, 3> upwards{
      {{7, 7}, {8, 8}, {107, 7}}}; // 7 and 8 are neighbours in zimbra's tables
  const std::array<mailbox, 3> downwards{{{107, 7}, {8, 8}, {7, 7}}};
  for (const auto& order : {upwards, downwards}) {
    std::vector<std::unique_ptr<guard>> standing;
    for (const auto& [id, group] : order) {
      auto taken = take(id, group);
      store().require(taken);
      standing.push_back(std::move(*taken));
    }
  }
}

BOOST_AUTO_TEST_CASE(r30_a_guard_that_waited_for_another_of_its_account_keeps_no_others_away) {
  auto first = store().take(); // of a process that died, whose session MariaDB hasn't ended yet
  auto second = std::async(std::launch::async, [] { return store().take(20s); });
  BOOST_REQUIRE(fixture::eventually(5s, [] {
    return store().server.value("SELECT VARIABLE_VALUE FROM information_schema.global_status WHERE "
                                "VARIABLE_NAME='INNODB_ROW_LOCK_CURRENT_WAITS'") == "1";
  }));
  BOOST_REQUIRE(first->release().value());
  const auto standing = second.get();
  const auto neighbour =
      guard::take(store().how(), store().rules, store().catalog,
                  {account_id("account-8"), "user8@example.com", mailbox_id(8), group_number(8)}, {1s});
  store().require(neighbour);
  BOOST_TEST(standing->still_stands().value());
  auto writer = std::async(std::launch::async, [] {
    auto session = store().session();
    return deliver(session, 8, 8, 700);
  });
  std::uint64_t ended = 0;
  BOOST_TEST(fixture::eventually(5s, [&] {
    ended += (*neighbour)->end_waiters(100ms).value();
    return ended == 1;
  }));
  BOOST_TEST(!writer.get());
}

BOOST_AUTO_TEST_CASE(r30_a_guard_is_taken_in_the_middle_of_deliveries) {
  std::atomic<bool> stop{false};
  std::atomic<unsigned> delivered{0};
  std::vector<std::thread> clients;
  for (int client = 0; client < 3; ++client)
    clients.emplace_back([&, client] {
      auto writer = store().session();
      for (int i = 0; !stop; ++i)
        if (deliver(writer, 7, 7, 100'000 * (client + 1) + i))
          ++delivered;
    });
  BOOST_TEST(fixture::eventually(10s, [&] { return delivered > 20; }));
  for (int round = 0; round < 5; ++round) {
    auto guarded = store().take(5s);
    BOOST_TEST_MESSAGE("rows " << guarded->report().rows << ", " << guarded->report().took.count()
                               << " us, attempts " << guarded->report().attempts);
    const auto items = store().count("mboxgroup7.mail_item WHERE mailbox_id=7");
    const auto seen = delivered.load();
    mailstore::require(guarded->end_waiters(5s));
    BOOST_TEST(store().count("mboxgroup7.mail_item WHERE mailbox_id=7") == items);
    BOOST_TEST(delivered - seen <= 3u); // COMMITs that had returned but weren't counted yet
    BOOST_TEST(guarded->release().value());
    const auto after = delivered.load();
    BOOST_TEST(fixture::eventually(10s, [&] { return delivered > after + 5; }));
  }
  stop = true;
  for (auto& client : clients)
    client.join();
}
