// The workload and the comparison agree about a server that keeps everything, and part where it doesn't.
#include "tests/tools/compare/same.hpp"
#include "tests/tools/compare/server_rows.hpp"
#include "tests/tools/fixture/eventually.hpp"
#include "tests/tools/fixture/private_mariadb.hpp"
#include "tests/tools/mailsim/operations.hpp"
#include "tests/tools/mailsim/provisioning.hpp"
#include "tests/tools/mailsim/workload.hpp"

#include <boost/test/unit_test.hpp>

#include <future>

using namespace understudy;
using namespace std::chrono_literals;
using fixture::run_process;

namespace {

struct mailstore {
  mailstore() { server.load_mailstore(); }

  int simulate(std::vector<std::string> options) {
    std::vector<std::string> command{MAILSIM, "--socket", server.socket(), "--quiet"};
    command.insert(command.end(), options.begin(), options.end());
    const auto ended = run_process(std::move(command), 120s);
    BOOST_TEST_MESSAGE(ended.output);
    return ended.exit_code;
  }
  int compare() {
    const auto ended = run_process({COMPARE, "record", "--socket", server.socket(), record()}, 60s);
    BOOST_TEST_MESSAGE(ended.output);
    return ended.exit_code;
  }
  std::string record() const { return server.dir() / "record"; }
  bool shows(const std::string& condition, const std::string& count) {
    return fixture::eventually(20s, [&] {
      return server.value("SELECT COUNT(*) FROM information_schema.processlist WHERE " + condition) == count;
    });
  }

  fixture::private_mariadb server{{.semi_sync = false}};
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(workload_and_comparison, mailstore)

BOOST_AUTO_TEST_CASE(the_whole_mix_leaves_exactly_what_its_record_says) {
  BOOST_TEST(simulate({"--create", "--accounts", "6", "--threads", "3", "--transactions", "4000", "--record",
                       record()}) == 0);
  BOOST_TEST(compare() == 0);
  // Every kind of operation occurred, none failed.
  const auto recorded = record::read_record({record()});
  std::map<std::string, unsigned> seen;
  for (const auto& [id, account] : recorded)
    for (const auto& transaction : account.transactions) {
      seen[transaction.operation] += 1;
      BOOST_TEST((transaction.told == record::outcome::ok));
    }
  for (const auto& operation : mailsim::all_operations())
    BOOST_TEST(seen[std::string(operation.name)] > 0u, operation.name);

  server.kill9();
  server.restart();
  BOOST_TEST(compare() == 0);
  BOOST_TEST(simulate({"--continue", record(), "--transactions", "500", "--delete-mailboxes", "1"}) == 0);
  BOOST_TEST(compare() == 0);
}

BOOST_AUTO_TEST_CASE(a_row_that_is_taken_away_is_found) {
  BOOST_TEST(simulate({"--create", "--accounts", "1", "--mix", "deliver-only", "--transactions", "20",
                       "--record", record()}) == 0);
  BOOST_TEST(compare() == 0);
  server.query("UPDATE mboxgroup1.mail_item SET subject='other' WHERE id=260");
  BOOST_TEST(compare() == 1);
}

BOOST_AUTO_TEST_CASE(a_seed_repeats_itself_and_same_sees_a_changed_byte) {
  mailstore other;
  const std::vector<std::string> options{"--create", "--accounts",     "2",  "--threads", "1", "--seed",
                                         "7",        "--transactions", "600"};
  BOOST_TEST(simulate(options) == 0);
  BOOST_TEST(other.simulate(options) == 0);
  auto a = server.connect();
  auto b = other.server.connect();
  const auto account = mailsim::account_uuid("user1@example.test", 7);
  const auto result = compare::same_account(a, b, account);
  for (const auto& difference : result.differences)
    BOOST_TEST_MESSAGE(difference);
  BOOST_TEST(result.same());
  BOOST_TEST(result.rows > 200u);
  b.query("UPDATE mboxgroup1.mail_item SET name=UPPER(name) WHERE id=2"); // equal to the collation, not to us
  BOOST_TEST(compare::same_account(a, b, account).difference_count == 2u);
}

BOOST_AUTO_TEST_CASE(same_sees_a_changed_byte_of_a_value_over_half_of_max_allowed_packet) {
  mailstore other;
  const std::vector<std::string> options{"--create", "--accounts",     "1", "--mix", "deliver-only", "--seed",
                                         "7",        "--transactions", "20"};
  for (auto* one : {static_cast<mailstore*>(this), &other}) {
    BOOST_REQUIRE(one->simulate(options) == 0);
    one->server.query("SET GLOBAL max_allowed_packet=1024*1024");
    one->server.query("UPDATE mboxgroup1.mail_item SET metadata=REPEAT('x', 700000) WHERE id=2");
  }
  auto a = server.connect();
  auto b = other.server.connect();
  const auto account = mailsim::account_uuid("user1@example.test", 7);
  BOOST_TEST(compare::same_account(a, b, account).same());
  b.query("UPDATE mboxgroup1.mail_item SET metadata=CONCAT(REPEAT('x', 699999), 'y') WHERE id=2");
  BOOST_TEST(compare::same_account(a, b, account).difference_count == 2u);
}

BOOST_AUTO_TEST_CASE(a_server_that_dies_leaves_uncertain_transactions_not_lost_ones) {
  fixture::node_process running(
      {.command = {MAILSIM, "--socket", server.socket(), "--quiet", "--create", "--accounts", "8",
                   "--threads", "8", "--duration", "60", "--record", record()},
       .log = server.dir() / "mailsim.log"});
  auto watching = server.connect();
  BOOST_REQUIRE(fixture::eventually(60s, [&] {
    try {
      return std::stoi(watching.value("SELECT COUNT(*) FROM mboxgroup1.mail_item")) > 80;
    } catch (const fixture::sql_error&) {
      return false; // not created yet
    }
  }));
  server.kill9();
  BOOST_TEST(running.wait(20s).value_or(-1) == 4);
  BOOST_TEST_MESSAGE(running.log_text());
  server.restart();
  BOOST_TEST(compare() == 0);
  BOOST_TEST(simulate({"--continue", record(), "--transactions", "200"}) == 0);
  BOOST_TEST(compare() == 0);
}

BOOST_AUTO_TEST_CASE(what_a_client_that_was_cut_off_committed_is_known_to_the_next) {
  constexpr std::array mostly_read{mailsim::operation{"read", 10'000, mailsim::mark_read},
                                   mailsim::operation{"deliver", 1, mailsim::deliver}};
  constexpr unsigned cut_off_after = 1; // seconds
  server.query("SET GLOBAL rpl_semi_sync_master_wait_point=AFTER_SYNC");
  record::record_writer writer(record());
  mailsim::account_driver account("user1@example.test", 1, 1, writer);
  auto sql = mailsim::connect({.socket = server.socket()});
  BOOST_REQUIRE((account.create(sql, 0).told == record::outcome::ok));
  BOOST_REQUIRE((account.step(sql, mailsim::deliveries()).told == record::outcome::ok));
  server.query("SET GLOBAL rpl_semi_sync_master_timeout=18446744073709551615");
  server.query("SET GLOBAL rpl_semi_sync_master_enabled=ON"); // and nobody acknowledges
  auto told = record::outcome::error;
  for (int tries = 0; tries < 10 && told == record::outcome::error; ++tries) { // cut off ahead of its COMMIT
    auto impatient = mailsim::connect({.socket = server.socket(), .read_timeout_seconds = cut_off_after});
    told = account.step(impatient, mostly_read).told;
  }
  BOOST_REQUIRE((told == record::outcome::lost));
  auto next = std::async(std::launch::async, [&] { return account.step(sql, mostly_read); });
  BOOST_TEST(shows("time_ms > 500 AND info LIKE 'SELECT%LOCK IN SHARE MODE'", "1")); // it waits for that one
  server.query("SET GLOBAL rpl_semi_sync_master_enabled=OFF");
  BOOST_TEST((next.get().told == record::outcome::ok));
  BOOST_TEST(compare() == 0);
}

BOOST_AUTO_TEST_CASE(sigterm_ends_it_while_it_prepares_too) {
  server.query("SET GLOBAL rpl_semi_sync_master_timeout=18446744073709551615");
  server.query("SET GLOBAL rpl_semi_sync_master_enabled=ON"); // and nobody acknowledges
  fixture::node_process preparing(
      {.command = {MAILSIM, "--socket", server.socket(), "--create"}, .log = server.dir() / "log"});
  BOOST_REQUIRE(shows("info='COMMIT' AND time_ms > 100", "1"));
  BOOST_TEST(preparing.stop(10s));
  server.query("SET GLOBAL rpl_semi_sync_master_enabled=OFF");
}

BOOST_AUTO_TEST_CASE(p2_a_commit_while_rows_are_compared_is_seen_whole_or_not_at_all) {
  BOOST_REQUIRE(simulate({"--create", "--accounts", "1", "--record", record()}) == 0);
  const auto id = mailsim::account_uuid("user1@example.test", 1);
  record::effects rows; // the tables are read in the order of their names, mail_item between these two
  rows.inserted("imap_folder", {900}, {{"remote_path", std::string("INBOX.900")}});
  rows.inserted("pop3_message", {901}, {{"uid", std::string("UID-901")}});
  record::record_writer(record()).intent(id, 2, "two_tables", rows);

  auto committing = server.connect();
  committing.query("BEGIN");
  committing.query("INSERT INTO mboxgroup1.imap_folder (mailbox_id, item_id, data_source_id, local_path, "
                   "remote_path) VALUES (1, 900, 'd', '/900', 'INBOX.900')");
  committing.query("INSERT INTO mboxgroup1.pop3_message (mailbox_id, item_id, data_source_id, uid) VALUES "
                   "(1, 901, 'd', 'UID-901')");
  auto in_the_way = server.connect();
  in_the_way.query("LOCK TABLES mboxgroup1.mail_item WRITE");
  auto compared = std::async(std::launch::async, [this] { return compare(); });
  BOOST_TEST(shows("state LIKE 'Waiting for table%' AND info LIKE '%mail_item%'", "1"));
  committing.query("COMMIT");
  in_the_way.query("UNLOCK TABLES");
  BOOST_TEST(compared.get() == 0);
}

BOOST_AUTO_TEST_SUITE_END()
