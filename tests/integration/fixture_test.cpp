// The fixtures keep what they say: others' tests rest on them.
#include "tests/tools/fixture/eventually.hpp"
#include "tests/tools/fixture/private_kafka.hpp"
#include "tests/tools/fixture/private_mariadb.hpp"

#include <boost/test/unit_test.hpp>

#include <csignal>
#include <thread>

using namespace understudy::fixture;
using namespace std::chrono_literals;

BOOST_AUTO_TEST_CASE(a_child_process_reports_how_it_ended) {
  BOOST_TEST(run_process({"sh", "-c", "echo out; echo err >&2; exit 3"}).exit_code == 3);
  BOOST_TEST(run_process({"sh", "-c", "echo out; echo err >&2"}).output == "out\nerr\n");
  BOOST_CHECK_THROW(run_process({"/no/such/program"}), std::runtime_error);
  node_process sleeper({.command = {"sleep", "600"}});
  sleeper.suspend();
  BOOST_TEST(sleeper.running());
  BOOST_TEST(sleeper.stop(5s));
  BOOST_TEST(sleeper.wait(0ms).value_or(0) == 128 + SIGTERM);
}

BOOST_AUTO_TEST_CASE(r5_with_semi_sync_a_commit_waits_while_nobody_captures) {
  private_mariadb server;
  server.set_up("CREATE DATABASE d; CREATE TABLE d.t(id INT PRIMARY KEY)");
  std::thread committing([&] {
    try {
      server.query("INSERT INTO d.t VALUES (1)");
      BOOST_ERROR("a commit returned without an ACK");
    } catch (const sql_error& lost) {
      BOOST_TEST(lost.connection_lost());
    }
  });
  BOOST_TEST(eventually(10s, [&] {
    return !server
                .query(
                    "SELECT 1 FROM information_schema.processlist WHERE state LIKE 'Waiting for semi-sync%'")
                .empty();
  }));
  server.kill9();
  committing.join();
}

BOOST_AUTO_TEST_CASE(a_mariadb_comes_back_with_what_it_committed) {
  private_mariadb server({.semi_sync = false, .server_id = 7});
  server.query("CREATE DATABASE d");
  server.query("CREATE TABLE d.t(id INT PRIMARY KEY, v VARBINARY(10) NULL)");
  server.query(std::string_view("INSERT INTO d.t VALUES (1,'a\0b'),(2,NULL)", 41));
  server.kill9();
  server.restart();
  const auto rows = server.query("SELECT id, v FROM d.t ORDER BY id");
  BOOST_REQUIRE(rows.size() == 2u);
  BOOST_TEST(*rows[0][1] == std::string("a\0b", 3));
  BOOST_TEST(!rows[1][1].has_value());
  BOOST_TEST(server.value("SELECT @@server_id") == "7");
  BOOST_TEST(server.stop());
}

BOOST_AUTO_TEST_CASE(kafka_answers_alone_and_as_three) {
  private_kafka one;
  private_kafka three({.brokers = 3, .properties = {"min.insync.replicas=2"}});
  BOOST_TEST(one.size() == 1u);
  three.kill9(1);
  three.restart();
  one.suspend();
  one.resume();
  one.stop();
  one.restart();
}
