// A session against a real MariaDB: found rows, errors, reconnects, values byte by byte.
#include "storage/state/control_store.hpp"
#include "storage/state/logged_state.hpp"
#include "storage/state/server_mark.hpp"
#include "tests/integration/state_server.hpp"

#include <boost/test/unit_test.hpp>

using namespace understudy;
using namespace understudy::state_test;

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
  std::string text("a\0\\'\"\n\x1a", 7);
  text.append("ü€😀");
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

BOOST_AUTO_TEST_CASE(r36_a_server_that_lost_what_was_committed_there_gets_no_session) {
  auto local = with_own_schema();
  server_mark mark;
  auto how = as_root(standard_setup());
  how.admits = [&](sql_session& opened) { return mark.check(opened); };
  auto before = sql_session::open(how); // nothing is known of it yet
  BOOST_REQUIRE(before);
  need(logged_state(*before).write_probe(7));
  need(logged_state(*before).write_probe(7)); // as another process would: it grows all the same
  BOOST_TEST(server().value("SELECT n FROM understudy.probe") == "8");
  mark.saw(8);
  mark.saw(5);
  BOOST_TEST(mark.least() == 8u);
  BOOST_TEST(sql_session::open(how).has_value());

  const auto is_refused = [&](const char* found) {
    const auto refused = sql_session::open(how);
    BOOST_REQUIRE(!refused);
    BOOST_TEST((refused.error().kind == sql_failure::another_server));
    BOOST_TEST(refused.error().retryable);
    BOOST_TEST(refused.error().what.find(found) != std::string::npos, refused.error().what);
    BOOST_TEST(!before->reconnect());
    BOOST_TEST(!before->connected());
  };
  server().set_up("UPDATE understudy.probe SET n=7");
  is_refused("probe 8 was committed there, its last one is 7");
  server().set_up("DELETE FROM understudy.probe");
  is_refused("its last one is gone");
  server().set_up("DROP DATABASE understudy");
  is_refused("the database understudy is gone");
  local = with_own_schema();
  server().set_up("UPDATE understudy.probe SET n=9");
  need(before->reconnect());
  mark.saw(kafka_offset(5));
  is_refused("up to offset 5, now it is gone");
  need(control_store(local).store({{kafka_offset(4), 1}, {}, {}, {}}));
  is_refused("up to offset 5, now it is 4");
  need(control_store(local).store({{kafka_offset(6), 1}, {}, {}, {}}));
  need(before->reconnect());
  need(control_store(local).clear());
}
