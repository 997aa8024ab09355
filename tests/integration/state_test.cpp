// Our own state in a real MariaDB: what goes through the binlog and what doesn't, and that all of it comes
// back.
#include "storage/state/capture_beginning.hpp"
#include "storage/state/control_store.hpp"
#include "storage/state/local_state.hpp"
#include "storage/state/logged_state.hpp"
#include "storage/state/mailstore_queries.hpp"
#include "storage/state/server_checks.hpp"
#include "storage/state/waiting_commits.hpp"
#include "tests/integration/state_server.hpp"
#include "tests/tools/fixture/eventually.hpp"

#include <boost/test/unit_test.hpp>

#include <atomic>
#include <thread>

using namespace understudy;
using namespace understudy::state_test;

BOOST_AUTO_TEST_CASE(r6_our_own_schema_leaves_no_trace_in_the_binlog) {
  server().set_up("DROP DATABASE IF EXISTS understudy");
  const auto before = binlog_position();
  auto local = with_own_schema();
  need(ensure_own_schema(local, node_name("ms1"))); // again
  BOOST_TEST(binlog_position() == before);
  auto logged = session();
  BOOST_TEST(!ensure_own_schema(logged, node_name("ms1")));
  server().set_up("UPDATE understudy.schema_version SET version=version+1");
  const auto newer = ensure_own_schema(local, node_name("ms1"));
  BOOST_REQUIRE(!newer);
  BOOST_TEST(newer.error().what.find("version") != std::string::npos);
  server().set_up("UPDATE understudy.schema_version SET version=version-1");
  const auto others = ensure_own_schema(local, node_name("ms2"));
  BOOST_REQUIRE(!others);
  BOOST_TEST(others.error().what.find("belongs to the node ms1, and this node is ms2") != std::string::npos);
  BOOST_TEST(!others.error().retryable);
  BOOST_TEST(server().value("SELECT name FROM understudy.node") == "ms1");
}

BOOST_AUTO_TEST_CASE(r25_the_last_records_are_kept_also_in_an_older_program_s_table) {
  auto local = with_own_schema();
  server().set_up("ALTER TABLE understudy.control DROP COLUMN appended, DROP COLUMN records");
  need(ensure_own_schema(local, node_name("ms1")));
  control_store store(local);
  for (const control_position& at :
       {control_position{kafka_offset(9), 1, broker_time(1766000000123), R"({"records":["it's"]})"},
        {kafka_offset(10), 1, {}, {}}}) {
    need(store.store({at, {}, {}, {}, {}}));
    BOOST_TEST((need(store.position()) == at));
  }
  need(store.clear());
}

BOOST_AUTO_TEST_CASE(a_role_keeps_what_the_rows_were_also_in_an_older_program_s_table) {
  auto local = with_own_schema();
  server().set_up(
      "ALTER TABLE understudy.role DROP COLUMN at_cut, DROP COLUMN read_file, DROP COLUMN read_place");
  const auto before = binlog_position();
  need(ensure_own_schema(local, node_name("ms1")));
  BOOST_TEST(binlog_position() == before);
  auto s = session();
  logged_state state(s);
  role_record role{account_id("a-1"), epoch(3), account_role::replica, kafka_offset(42), {}, {}};
  role.at_cut = {{"mboxgroup/tag", 3, 99}, {"zimbra/mailbox", 1, ~std::uint64_t{0}}};
  role.read_at = {"binlog.000007", 1234567890123U};
  need(state.write_role(role));
  BOOST_TEST((*need(state.role_of(role.account)) == role));
  role.at_cut.clear();
  role.read_at = {};
  need(state.write_role(role));
  BOOST_TEST((*need(state.role_of(role.account)) == role));
}

BOOST_AUTO_TEST_CASE(c01_a_log_is_known_again_also_with_an_older_program_s_table) {
  auto local = with_own_schema();
  server().set_up("ALTER TABLE understudy.reader DROP COLUMN mark_offset, DROP COLUMN mark_time;"
                  "REPLACE INTO understudy.reader(partition_no, next_offset) VALUES (7, 9)");
  need(ensure_own_schema(local, node_name("ms1")));
  auto state = need(local_state::open(local));
  const partition_id seven(7);
  BOOST_TEST((need(state.reader_places()).at(seven) == reader_place{kafka_offset(9)}));
  const reader_place marked{kafka_offset(9), log_mark{kafka_offset(8), broker_time(1)}};
  need(state.store_progress({{seven, marked}}));
  BOOST_TEST((need(state.reader_places()).at(seven) == marked));
}

BOOST_AUTO_TEST_CASE(r30_an_older_program_s_table_of_guards_gets_a_key_for_each_of_them) {
  auto local = with_own_schema();
  server().set_up("DROP TABLE understudy.guard;"
                  "CREATE TABLE understudy.guard(account_id VARCHAR(127) PRIMARY KEY, connection BIGINT "
                  "UNSIGNED NOT NULL) ENGINE=InnoDB");
  const auto before = binlog_position();
  for (int start = 0; start < 2; ++start)
    need(ensure_own_schema(local, node_name("ms1")));
  BOOST_TEST(binlog_position() == before);
  BOOST_TEST(server().value("SELECT GROUP_CONCAT(column_name, column_key ORDER BY ordinal_position) FROM "
                            "information_schema.columns "
                            "WHERE table_schema='understudy' AND table_name='guard'") ==
             "holderPRI,account_id");
}

BOOST_AUTO_TEST_CASE(r11_a_role_goes_through_the_binlog_even_if_it_is_the_same) {
  auto local = with_own_schema();
  auto s = session();
  logged_state state(s);
  const role_record role{account_id("a-1"), epoch(3), account_role::source, kafka_offset(42)};
  for (int i = 0; i < 2; ++i) {
    const auto before = binlog_position();
    need(state.write_role(role));
    BOOST_TEST(binlog_position() != before);
  }
  BOOST_TEST((*need(state.role_of(role.account)) == role));
  BOOST_TEST(!need(state.role_of(account_id("a-2"))).has_value());
  BOOST_TEST(need(state.roles()).size() == 1u);
}

/// A process that begins has to know of it: the one before wrote it and died while its COMMIT was held.
BOOST_AUTO_TEST_CASE(r9_a_role_that_waits_in_its_commit_is_among_those_ahead) {
  auto local = with_own_schema();
  auto writer = session();
  need(logged_state(writer).write_role({account_id("a-1"), epoch(1), account_role::source, kafka_offset(1)}));
  need(writer.execute("START TRANSACTION"));
  const role_record waits{account_id("a-1"), epoch(3), account_role::source, kafka_offset(42)};
  need(logged_state(writer).write_role(waits));
  auto reader = session();
  const auto ahead = need(logged_state(reader).roles_ahead());
  BOOST_REQUIRE(ahead.size() == 1U);
  BOOST_TEST((ahead.front() == waits));
  BOOST_TEST(need(logged_state(reader).roles()).front().term.value == 1U); // as committed, otherwise
  need(writer.execute("ROLLBACK"));
}

/// An account that came back to its source (R29): as replica it left, as source of that very term it begins.
BOOST_AUTO_TEST_CASE(r19_a_role_as_source_is_ahead_of_one_as_replica_of_its_term) {
  auto local = with_own_schema();
  auto s = session();
  const auto ahead_of = [&](account_role captured, account_role written) {
    const account_id account("a-7");
    need(need(local_state::open(local))
             .store_capture({}, {{account, mailbox_id(7), epoch(3), captured, {}, {}}}));
    need(logged_state(s).write_role({account, epoch(3), written, kafka_offset(42)}));
    const auto ahead = need(logged_state(s).roles_ahead());
    return std::ranges::any_of(ahead, [&](const auto& role) { return role.account == account; });
  };
  BOOST_TEST(ahead_of(account_role::replica, account_role::source));
  BOOST_TEST(!ahead_of(account_role::source, account_role::source));
  BOOST_TEST(!ahead_of(account_role::replica, account_role::replica));
  BOOST_TEST(!ahead_of(account_role::none, account_role::source)); // forgotten
  local.execute("DELETE FROM understudy.capture_account").value();
  local.execute("DELETE FROM understudy.capture").value();
}

BOOST_AUTO_TEST_CASE(r36_a_replica_moves_on_from_the_expected_sequence_only) {
  auto local = with_own_schema();
  auto s = session();
  logged_state state(s);
  replica_record replica;
  replica.account = account_id("it's");
  replica.mailbox = mailbox_id(4294967295u);
  replica.term = epoch(1);
  replica.applied = sequence(18446744073709551614ull);
  replica.partition = partition_id(63);
  replica.next = kafka_offset(7);
  replica.snapshot = "0e9e3b5e";
  replica.request = kafka_offset(6);
  need(state.write_replica(replica));
  BOOST_TEST((*need(state.replica_of(replica.account)) == replica));
  const auto before = binlog_position();
  need(state.advance_replica(replica.account, replica.applied, replica.applied.next(), epoch(2),
                             kafka_offset(8)));
  BOOST_TEST(binlog_position() != before);
  const auto again = state.advance_replica(replica.account, replica.applied, replica.applied.next(), epoch(2),
                                           kafka_offset(8));
  BOOST_REQUIRE(!again);
  BOOST_TEST(again.error().what.find("18446744073709551615") != std::string::npos);
  BOOST_TEST(
      !state.advance_replica(account_id("nobody"), sequence(0), sequence(1), epoch(1), kafka_offset(1)));
  BOOST_TEST(need(state.replicas()).size() == 1u);
  need(state.remove_replica(replica.account));
  BOOST_TEST(need(state.replicas()).empty());
}

BOOST_AUTO_TEST_CASE(the_rows_of_a_whole_mailstores_accounts_are_found) {
  auto local = with_own_schema();
  auto s = session();
  logged_state state(s);
  std::vector<role_record> roles;
  std::vector<account_id> accounts;
  for (int n = 0; n < 1'200; ++n) {
    accounts.emplace_back(fmt::format("many-{:04}", n));
    roles.push_back({accounts.back(), epoch(2), account_role::source, kafka_offset(n)});
  }
  need(state.write_roles(roles));
  replica_record copy;
  for (const std::size_t n : {0U, 499U, 500U, 1'199U}) {
    copy.account = accounts[n];
    need(state.write_replica(copy));
  }
  accounts.emplace_back("nobody");
  BOOST_TEST((need(state.roles_of(accounts)) == roles));
  BOOST_TEST(need(state.replicas_of(accounts)).size() == 4u);
  BOOST_TEST(need(state.roles_of({})).empty());
  for (const auto& replica : need(state.replicas()))
    need(state.remove_replica(replica.account));
}

BOOST_AUTO_TEST_CASE(r10_r36_marks_and_probes_reach_the_binlog) {
  auto local = with_own_schema();
  auto s = session();
  logged_state state(s);
  for (const auto slot : {0, 255}) {
    const auto before = binlog_position();
    need(state.mark_origin(static_cast<std::uint8_t>(slot)));
    BOOST_TEST(binlog_position() != before);
  }
  const auto before = binlog_position();
  need(state.write_probe(1));
  need(state.write_probe(2));
  BOOST_TEST(binlog_position() != before);
}

BOOST_AUTO_TEST_CASE(r7_the_settled_checkpoint_comes_back_with_the_accounts_as_of_it) {
  auto local = with_own_schema();
  auto state = need(local_state::open(local));
  BOOST_TEST(!need(state.capture()).has_value());
  const auto before = binlog_position();
  capture_checkpoint at{
      need(gtid_position::parse("0-5-17,3-5-2")),
      {"binlog.000007", 5'000'000'000ull},
      {{partition_id(0), kafka_offset(10)}, {partition_id(63), kafka_offset(9'000'000'000)}}};
  std::vector<captured_account> accounts;
  for (unsigned i = 1; i <= 2500; ++i)
    accounts.push_back({account_id("account-" + std::to_string(i)), mailbox_id(i), epoch(1),
                        account_role::source, sequence(i), partition_id(static_cast<std::int32_t>(i % 64)),
                        i % 2 == 0});
  need(state.store_capture(at, accounts));
  accounts[0].number = sequence(99);
  accounts[0].role = account_role::replica;
  at.place.offset += 1;
  auto later = at;
  later.read_from = {{partition_id(0), kafka_offset(11)}}; // nothing new of the other one
  need(state.store_capture(later, {accounts[0]}, {accounts[1].account}));
  at.read_from[partition_id(0)] = kafka_offset(11);
  BOOST_TEST(binlog_position() == before);
  BOOST_TEST((*need(state.capture()) == at));
  std::map<account_id, captured_account> read;
  need(state.each_captured([&](captured_account account) { read.emplace(account.account, account); }));
  BOOST_TEST(read.size() == 2499u);
  BOOST_TEST((read.at(accounts[0].account) == accounts[0]));
  BOOST_TEST((read.at(accounts[2499].account) == accounts[2499]));
  auto logged = session();
  BOOST_TEST(!local_state::open(logged));
}

BOOST_AUTO_TEST_CASE(readers_offsets_and_stopped_accounts_come_back) {
  auto local = with_own_schema();
  auto state = need(local_state::open(local));
  const auto before = binlog_position();
  const reader_place marked{kafka_offset(9'000'000'000),
                            log_mark{kafka_offset(9'000'000'005), broker_time(1766000000123)}};
  need(state.store_progress({{partition_id(0), marked}, {partition_id(63), marked}}));
  need(state.store_progress({{partition_id(0), {kafka_offset(11)}}}));
  need(state.store_progress({}));
  BOOST_TEST((need(state.reader_places()).at(partition_id(0)) == reader_place{kafka_offset(11)}));
  BOOST_TEST((need(state.reader_places()).at(partition_id(63)) == marked));
  const stopped_account stopped{account_id("a"), kafka_offset(5), "row is missing in `mail_item`: id=\"7\"\n",
                                std::chrono::system_clock::time_point(std::chrono::seconds(1'700'000'000))};
  need(state.store_stopped(stopped));
  BOOST_TEST((need(state.stopped()) == std::vector{stopped}));
  need(state.remove_stopped(stopped.account));
  BOOST_TEST(need(state.stopped()).empty());
  BOOST_TEST(binlog_position() == before);
}

BOOST_AUTO_TEST_CASE(the_folded_control_state_comes_back_document_by_document) {
  auto local = with_own_schema();
  control_store store(local);
  BOOST_TEST(!need(store.position()).has_value());
  const auto before = binlog_position();
  control_changes changes;
  changes.position = {kafka_offset(100), 3};
  const std::string document = R"({"name":"u\"ser\\1","note":"ü😀"})";
  for (int i = 0; i < 1500; ++i)
    changes.accounts[account_id("account-" + std::to_string(i))] = document;
  changes.nodes[node_name("mailstore1.example.com")] = "{}";
  changes.operations[operation_id("op")] = std::string(3'000'000, 'x');
  need(store.store(changes));
  control_changes removal;
  removal.position = {kafka_offset(101), 3};
  for (int i = 0; i < 1200; ++i)
    removal.accounts[account_id("account-" + std::to_string(i))] = std::nullopt;
  need(store.store(removal));
  BOOST_TEST((*need(store.position()) == removal.position));
  std::size_t accounts = 0;
  need(store.each_account([&](account_id, std::string read) { accounts += read == document ? 1 : 0; }));
  BOOST_TEST(accounts == 300u);
  std::size_t bytes = 0;
  need(store.each_operation([&](operation_id id, std::string read) {
    BOOST_TEST(id.value == "op");
    bytes += read.size();
  }));
  BOOST_TEST(bytes == 3'000'000u);
  std::size_t nodes = 0;
  need(store.each_node([&](node_name, std::string) { ++nodes; }));
  BOOST_TEST(nodes == 1u);
  need(store.clear());
  BOOST_TEST(!need(store.position()).has_value());
  BOOST_TEST(binlog_position() == before);
}

BOOST_AUTO_TEST_CASE(r6_local_state_commits_while_commits_are_held) {
  private_mariadb held; // all of R5, and nobody acknowledges
  sql_options how = as_root(local_setup());
  how.socket = held.socket();
  auto local = need(sql_session::open(how));
  need(ensure_own_schema(local, node_name("ms1")));
  const auto checks = need(check_server(local, {}));
  BOOST_TEST(allows(checks, check_scope::synchronous));
  auto state = need(local_state::open(local));
  std::thread waiting([&] {
    how.setup = standard_setup();
    auto logged = sql_session::open(how);
    BOOST_REQUIRE(logged);
    const auto lost = logged_state(*logged).write_probe(1);
    BOOST_REQUIRE(!lost);
    BOOST_TEST((lost.error().kind == sql_failure::connection_lost));
  });
  BOOST_TEST(fixture::eventually(std::chrono::seconds(10),
                                 [&] { return need(read_semi_sync(local)).waiting == 1; }));
  need(state.store_capture({need(gtid_position::parse("0-1-1")), {"binlog.000001", 4}}, {}));
  need(state.store_progress({{partition_id(1), {kafka_offset(1)}}}));
  mailstore_queries queries(local, rules());
  BOOST_TEST(!need(queries.binlog_position()).empty());
  need(ensure_own_schema(local,
                         node_name("ms1"))); // the next process's start, while the last one's probe waits
  const auto beginning = need(read_capture_beginning(local)); // O07: the held commit is behind it
  BOOST_TEST(beginning.position.empty());
  BOOST_TEST(beginning.roles.empty());
  BOOST_TEST(need(read_semi_sync(local)).waiting == 1u);
  held.kill9();
  waiting.join();
}

BOOST_AUTO_TEST_CASE(r8_a_leader_and_its_followers_all_lose_their_connection) {
  private_mariadb held; // nobody acknowledges
  sql_options how = as_root(local_setup());
  how.socket = held.socket();
  auto local = need(sql_session::open(how));
  need(ensure_own_schema(local, node_name("ms1")));
  held.set_up("CREATE DATABASE d; CREATE TABLE d.t (n INT PRIMARY KEY) ENGINE=InnoDB");
  how.setup = standard_setup();
  std::vector<std::thread> writers;
  std::atomic<int> lost{0};
  for (int n = 0; n < 5; ++n)
    writers.emplace_back([&, n] {
      auto session = sql_session::open(how);
      const auto done = session ? session->execute(fmt::format("INSERT INTO d.t VALUES ({})", n))
                                : sql_result<std::uint64_t>(0);
      if (!done && done.error().kind == sql_failure::connection_lost)
        ++lost;
    });
  BOOST_TEST(fixture::eventually(std::chrono::seconds(20), [&] {
    return need(local.query_value(
               "SELECT COUNT(*) FROM information_schema.processlist WHERE state='Commit' OR "
               "state LIKE 'Waiting for semi-sync ACK%'")) == "5";
  }));
  commit_endings endings;
  BOOST_TEST(need(end_waiting_commits(local, endings)) == 5u);
  for (auto& writer : writers)
    writer.join();
  BOOST_TEST(lost == 5); // a follower whose leader is killed first is told OK (tried)
}
