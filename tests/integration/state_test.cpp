// Our own state in a real MariaDB: what goes through the binlog and what doesn't, and that all of it comes
// back.
#include "storage/state/catalog_reader.hpp"
#include "storage/state/control_store.hpp"
#include "storage/state/local_state.hpp"
#include "storage/state/logged_state.hpp"
#include "storage/state/mailstore_queries.hpp"
#include "storage/state/own_schema.hpp"
#include "storage/state/server_checks.hpp"
#include "tests/tools/fixture/eventually.hpp"
#include "tests/tools/fixture/mailstore_schema.hpp"
#include "tests/tools/fixture/private_mariadb.hpp"

#include <boost/test/unit_test.hpp>

#include <thread>

using namespace understudy;
using fixture::private_mariadb;

namespace {

/// One server for all cases: starting one takes a second.
private_mariadb& server() {
  static private_mariadb one({.semi_sync = false, .server_id = 5});
  static const bool loaded = [] {
    one.set_up("CREATE DATABASE test");
    one.load_mailstore(1);
    return true;
  }();
  (void)loaded;
  return one;
}

sql_options as_root(std::vector<std::string> setup) {
  sql_options out;
  out.socket = server().socket();
  out.user = "root";
  out.setup = std::move(setup);
  return out;
}

sql_session session(std::vector<std::string> setup = standard_setup()) {
  auto opened = sql_session::open(as_root(std::move(setup)));
  BOOST_REQUIRE_MESSAGE(opened, (opened ? "" : opened.error().what));
  return std::move(*opened);
}

template <class T>
T need(tl::expected<T, error> outcome) {
  BOOST_REQUIRE_MESSAGE(outcome, (outcome ? "" : outcome.error().what));
  return std::move(*outcome);
}
void need(const tl::expected<void, error>& outcome) {
  BOOST_REQUIRE_MESSAGE(outcome, (outcome ? "" : outcome.error().what));
}
template <class T>
T need(sql_result<T> outcome) {
  return need(plain(std::move(outcome)));
}
void need(const sql_result<void>& outcome) {
  need(plain(outcome));
}

std::string binlog_position() {
  return server().value("SELECT @@GLOBAL.gtid_binlog_pos");
}

sql_session with_own_schema() {
  auto local = session(local_setup());
  need(ensure_own_schema(local));
  return local;
}

std::shared_ptr<const profile> rules() {
  return std::make_shared<const profile>(
      need(load_profile(UNDERSTUDY_SOURCE_DIR "/config/profiles/carbonio.toml")));
}

} // namespace

BOOST_AUTO_TEST_CASE(a02_an_update_counts_rows_found_not_rows_changed) {
  auto s = session();
  need(s.execute("CREATE OR REPLACE TABLE test.t(id INT PRIMARY KEY, v INT) ENGINE=InnoDB"));
  BOOST_TEST(need(s.execute("INSERT INTO test.t VALUES (1,1),(2,2)")) == 2u);
  BOOST_TEST(need(s.execute("UPDATE test.t SET v=1 WHERE id=1")) == 1u);
  BOOST_TEST(need(s.execute("UPDATE test.t SET v=1 WHERE id=9")) == 0u);
  BOOST_TEST(need(s.execute("DELETE FROM test.t")) == 2u);
}

BOOST_AUTO_TEST_CASE(o06_a_password_may_hold_anything) {
  const std::string password = R"(a; # , ' " \ = @ % ü)";
  auto admin = session();
  need(admin.execute(R"(CREATE OR REPLACE USER odd@localhost IDENTIFIED BY 'a; # , '' " \\ = @ % ü')"));
  auto how = as_root({});
  how.user = "odd";
  how.password = password;
  BOOST_TEST(sql_session::open(how).has_value());
  how.password = "wrong; secret";
  auto refused = sql_session::open(how);
  BOOST_REQUIRE(!refused);
  BOOST_TEST((refused.error().kind == sql_failure::access_denied));
  BOOST_TEST(refused.error().what.find("secret") == std::string::npos);
  how.socket = "/nowhere/mysqld.sock";
  BOOST_TEST((sql_session::open(how).error().kind == sql_failure::cannot_connect));
}

BOOST_AUTO_TEST_CASE(r37_the_setup_is_run_again_after_a_reconnect) {
  auto s = session(local_setup());
  const auto first = s.thread_id();
  server().query("KILL CONNECTION " + std::to_string(first));
  auto lost = s.query_value("SELECT 1");
  BOOST_REQUIRE(!lost);
  BOOST_TEST((lost.error().kind == sql_failure::connection_lost));
  BOOST_TEST(lost.error().retryable);
  BOOST_TEST(!s.connected());
  BOOST_TEST(!s.query_value("SELECT 1"));
  need(s.reconnect());
  BOOST_TEST(s.thread_id() != first);
  BOOST_TEST(*need(s.query_value("SELECT @@SESSION.sql_log_bin")) == "0");
  BOOST_TEST(*need(s.query_value("SELECT @@SESSION.time_zone")) == "+00:00");
  BOOST_TEST(*need(s.query_value("SELECT @@SESSION.tx_isolation")) == "READ-COMMITTED");
  BOOST_TEST(s.max_packet() > 1'000'000u);
}

BOOST_AUTO_TEST_CASE(values_go_there_and_back_byte_by_byte) {
  auto s = session();
  std::string bytes;
  for (int i = 0; i < 256; ++i)
    bytes.push_back(static_cast<char>(i));
  BOOST_TEST(*need(s.query_value("SELECT " + sql_bytes(bytes))) == bytes);
  const std::string text = std::string("a\0\\'\"\n\x1a", 7) + "ü€😀";
  for (const auto* mode : {"", "NO_BACKSLASH_ESCAPES", "ANSI_QUOTES"}) {
    need(s.execute(std::string("SET SESSION sql_mode='") + mode + "'"));
    BOOST_TEST(*need(s.query_value("SELECT " + sql_text(text))) == text);
  }
  std::uint64_t rows = 0;
  BOOST_TEST(need(s.query_each("SELECT seq, NULL FROM test.seq_1_to_5000", [&](const sql_row_view& row) {
               BOOST_TEST_REQUIRE(row.is_null(1));
               return ++rows < 10;
             })) == 10u);
  BOOST_TEST(*need(s.query_value("SELECT 7")) == "7");
}

BOOST_AUTO_TEST_CASE(a07_a_failed_transaction_is_rolled_back_whole) {
  auto s = session();
  need(s.execute("CREATE OR REPLACE TABLE test.t(id INT PRIMARY KEY) ENGINE=InnoDB"));
  auto failed = s.transaction([&]() -> sql_result<void> {
    if (auto done = s.execute("INSERT INTO test.t VALUES (1)"); !done)
      return tl::make_unexpected(done.error());
    return s.execute("INSERT INTO test.t VALUES (1)").map([](std::uint64_t) {});
  });
  BOOST_REQUIRE(!failed);
  BOOST_TEST((failed.error().kind == sql_failure::duplicate_key));
  BOOST_TEST(failed.error().number == 1062u);
  BOOST_TEST(*need(s.query_value("SELECT COUNT(*) FROM test.t")) == "0");
}

BOOST_AUTO_TEST_CASE(r6_our_own_schema_leaves_no_trace_in_the_binlog) {
  server().set_up("DROP DATABASE IF EXISTS understudy");
  const auto before = binlog_position();
  auto local = with_own_schema();
  need(ensure_own_schema(local)); // again
  BOOST_TEST(binlog_position() == before);
  auto logged = session();
  BOOST_TEST(!ensure_own_schema(logged));
  server().set_up("UPDATE understudy.schema_version SET version=version+1");
  const auto newer = ensure_own_schema(local);
  BOOST_REQUIRE(!newer);
  BOOST_TEST(newer.error().what.find("version") != std::string::npos);
  server().set_up("UPDATE understudy.schema_version SET version=version-1");
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
  capture_checkpoint at{need(gtid_position::parse("0-5-17,3-5-2")), {"binlog.000007", 5'000'000'000ull}};
  std::vector<captured_account> accounts;
  for (unsigned i = 1; i <= 2500; ++i)
    accounts.push_back({account_id("account-" + std::to_string(i)), mailbox_id(i), epoch(1),
                        account_role::source, sequence(i), partition_id(static_cast<std::int32_t>(i % 64)),
                        i % 2 == 0});
  need(state.store_capture(at, accounts));
  accounts[0].number = sequence(99);
  accounts[0].role = account_role::replica;
  at.place.offset += 1;
  need(state.store_capture(at, {accounts[0]}, {accounts[1].account}));
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
  const std::map<partition_id, kafka_offset> offsets{{partition_id(0), kafka_offset(10)},
                                                     {partition_id(63), kafka_offset(9'000'000'000)}};
  need(state.store_reader_offsets(offsets));
  need(state.store_reader_offsets({{partition_id(0), kafka_offset(11)}}));
  need(state.store_reader_offsets({}));
  need(state.store_capture_offsets(offsets));
  BOOST_TEST(need(state.reader_offsets()).at(partition_id(0)).value == 11);
  BOOST_TEST((need(state.capture_offsets()) == offsets));
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

BOOST_AUTO_TEST_CASE(the_catalog_shows_the_real_mailstores_keys) {
  server().set_up(fixture::group_schema(7));
  auto s = session();
  const auto p = rules();
  const auto catalog = need(read_catalog(s, *p));
  const auto* item = catalog.find("mboxgroup7", "mail_item");
  BOOST_REQUIRE(item != nullptr);
  BOOST_TEST(item->columns.size() == 25u);
  BOOST_TEST((item->row_key()->columns == std::vector<std::string>{"mailbox_id", "id"}));
  BOOST_TEST(item->indexes.front().name == "PRIMARY");
  BOOST_TEST(item->column("size")->is_unsigned);
  BOOST_TEST(item->column("blob_digest")->collation == "utf8mb3_bin");
  BOOST_TEST(item->foreign_keys.size() == 3u);
  BOOST_TEST(catalog.find("mboxgroup7", "tombstone")->row_key() == nullptr);
  BOOST_TEST(catalog.find("mboxgroup7", "tombstone")->index_beginning_with("mailbox_id")->name ==
             "i_sequence");
  BOOST_TEST(catalog.find("zimbra", "volume_blobs")->column("id")->auto_increment);
  bool cascades = false;
  for (const auto& key : catalog.find("mboxgroup7", "tagged_item")->foreign_keys)
    cascades |= key.referenced_table == "mail_item" && key.on_delete == reference_action::cascade &&
                key.referenced_columns == std::vector<std::string>{"mailbox_id", "id"};
  BOOST_TEST(cascades);
  BOOST_TEST(catalog.referring_to("mboxgroup7", "mail_item").size() >= 5u);
  BOOST_TEST(need(table_definition(s, {"mboxgroup7", "mail_item"})).starts_with("CREATE TABLE `mail_item`"));
}

BOOST_AUTO_TEST_CASE(the_mailstore_answers_by_the_profiles_names) {
  server().set_up(fixture::group_schema(1));
  server().set_up(
      "DELETE FROM mboxgroup1.mail_item; DELETE FROM zimbra.mailbox;"
      "INSERT INTO zimbra.mailbox(id,group_id,account_id,index_volume_id,comment) SELECT n, n, "
      "CONCAT('account-',n), (SELECT index_volume_id FROM zimbra.current_volumes), "
      "CONCAT('user',n,'@example.com') FROM (SELECT 1 n UNION SELECT 2 UNION SELECT 99) x;"
      "INSERT INTO mboxgroup1.mail_item(mailbox_id,id,type,date,size,mod_metadata,mod_content) VALUES "
      "(1,2,1,0,0,1,1),(1,300,5,0,0,1,1)");
  auto s = session();
  mailstore_queries queries(s, rules());
  std::vector<registered_account> all;
  need(queries.each_account([&](registered_account account) { all.push_back(account); }));
  BOOST_TEST(all.size() == 3u);
  const auto found = need(queries.find_by_name({"user1@example.com", "nobody@example.com", "it's"}));
  BOOST_REQUIRE(found.size() == 1u);
  BOOST_TEST((found[0] == registered_account{account_id("account-1"), "user1@example.com", mailbox_id(1),
                                             group_number(1)}));
  BOOST_TEST(need(queries.find_by_id({account_id("account-2"), account_id("account-99")})).size() == 2u);
  BOOST_TEST(need(queries.find_by_id({})).empty());
  const auto items = need(queries.highest_items(all));
  BOOST_TEST(items.at(mailbox_id(1)) == 300u);
  BOOST_TEST(items.at(mailbox_id(99)) == 0u); // its group database isn't there

  const auto volumes = need(queries.volumes());
  BOOST_REQUIRE(volumes.size() == 3u);
  for (const auto& volume : volumes) {
    BOOST_TEST(volume.is_current);
    BOOST_TEST(volume.holds_blobs != volume.holds_index);
    BOOST_TEST(volume.is_centralised == volume.holds_blobs);
  }
  BOOST_TEST(need(queries.current_index_volume()) > 0);
  BOOST_TEST(need(queries.identity()).server_id == 5u);
  BOOST_TEST(!need(queries.binlog_position()).empty());
}

BOOST_AUTO_TEST_CASE(mailbox_ids_are_taken_as_the_mail_server_takes_them) {
  server().set_up("UPDATE zimbra.current_volumes SET next_mailbox_id=200");
  auto s = session();
  mailstore_queries queries(s, rules());
  BOOST_TEST(need(queries.allocate_mailbox(s)).value == 200u);
  BOOST_TEST(need(queries.allocate_mailbox(s)).value == 201u);
  BOOST_TEST(server().value("SELECT next_mailbox_id FROM zimbra.current_volumes") == "202");
  need(queries.reserve_mailbox(s, mailbox_id(150), account_id("x")));
  BOOST_TEST(server().value("SELECT next_mailbox_id FROM zimbra.current_volumes") == "202");
  need(queries.reserve_mailbox(s, mailbox_id(500), account_id("x")));
  BOOST_TEST(server().value("SELECT next_mailbox_id FROM zimbra.current_volumes") == "501");
  BOOST_TEST(!queries.reserve_mailbox(s, mailbox_id(1), account_id("x")));
  need(queries.reserve_mailbox(s, mailbox_id(1), account_id("account-1")));
}

BOOST_AUTO_TEST_CASE(r5_this_server_is_judged_as_it_is) {
  auto s = session();
  const auto checks = need(check_server(s, {}));
  BOOST_TEST(allows(checks, check_scope::capture));
  BOOST_TEST(allows(checks, check_scope::apply));
  BOOST_TEST(!allows(checks, check_scope::synchronous)); // started without semi-sync
  for (const auto& check : checks)
    BOOST_TEST_MESSAGE(check.name << ": " << check.found << "   " << check.remedy);
  BOOST_TEST(!need(read_semi_sync(s)).on);
}

BOOST_AUTO_TEST_CASE(r6_local_state_commits_while_commits_are_held) {
  private_mariadb held; // all of R5, and nobody acknowledges
  sql_options how = as_root(local_setup());
  how.socket = held.socket();
  auto local = need(sql_session::open(how));
  need(ensure_own_schema(local));
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
  need(state.store_reader_offsets({{partition_id(1), kafka_offset(1)}}));
  mailstore_queries queries(local, rules());
  BOOST_TEST(!need(queries.binlog_position()).empty());
  BOOST_TEST(need(read_semi_sync(local)).waiting == 1u);
  held.kill9();
  waiting.join();
}
