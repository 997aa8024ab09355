// Stream, decoder and slicer against a live MariaDB (rules A, cases B01, B04, B08, S05, O07).
#include "storage/binlog/capture_source.hpp"
#include "tests/integration/item_routing.hpp"
#include "tests/tools/fixture/eventually.hpp"
#include "tests/tools/fixture/private_mariadb.hpp"

#include <boost/test/unit_test.hpp>

#include <atomic>
#include <future>
#include <thread>

namespace understudy {
namespace {

using fixture::eventually;
using fixture::mariadb_options;
using fixture::private_mariadb;
using namespace std::chrono_literals;

constexpr auto patience = 30s;

stream_options options_for(const private_mariadb& server, bool synchronous) {
  stream_options o;
  o.socket = server.socket();
  o.user = "root";
  o.server_id = 1001;
  o.synchronous = synchronous;
  o.heartbeat = 200ms;
  o.silent_heartbeats = 100; // a busy server is none that is silent
  o.start = gtid_position::parse(server.value("SELECT @@gtid_binlog_pos")).value();
  return o;
}

/// item_routing, and the same table of another group.
class two_groups final : public table_routing {
public:
  table_route route(std::string_view database, std::string_view table) const override {
    return one_.route(database == "mboxgroup8" ? "mboxgroup7" : database, table);
  }
  bool holds_accounts(std::string_view database) const override {
    return database == "mboxgroup8" || one_.holds_accounts(database);
  }

private:
  item_routing one_;
};

std::unique_ptr<capture_source> open(const stream_options& options) {
  auto source = capture_source::open(options, std::make_shared<item_routing>());
  BOOST_REQUIRE_MESSAGE(source, source.error().what);
  return std::move(*source);
}

sliced_transaction next(capture_source& source) {
  auto t = source.next_transaction();
  BOOST_REQUIRE_MESSAGE(t, t.error().what);
  BOOST_REQUIRE(t->has_value());
  return std::move(**t);
}

void make_item(const private_mariadb& server) {
  server.set_up(
      "CREATE DATABASE mboxgroup7; CREATE TABLE mboxgroup7.item (mailbox_id INT UNSIGNED NOT NULL,"
      " id INT UNSIGNED NOT NULL, body LONGTEXT CHARACTER SET utf8mb4, PRIMARY KEY (mailbox_id, id))");
}

std::future<void> commit_in_background(const private_mariadb& server, int id) {
  return std::async(std::launch::async, [&server, id] {
    server.query("INSERT INTO mboxgroup7.item VALUES (7," + std::to_string(id) + ",'x')");
  });
}

bool returned(const std::future<void>& f) {
  return f.wait_for(0s) == std::future_status::ready;
}

std::size_t waiting(const private_mariadb& server) {
  return std::stoul(server.value("SELECT COUNT(*) FROM information_schema.processlist"
                                 " WHERE state LIKE '%semi-sync ACK%' OR state='Commit'"));
}

BOOST_AUTO_TEST_CASE(r1_a_commit_waits_for_the_ack) {
  const private_mariadb server;
  make_item(server);
  auto source = open(options_for(server, true));
  auto commit = commit_in_background(server, 1);
  const auto t = next(*source);
  BOOST_TEST(source->synchronous());
  BOOST_TEST(t.wants_ack);
  BOOST_TEST(t.generation == source->generation());
  BOOST_REQUIRE(t.slices.size() == 1U);
  BOOST_TEST(t.slices[0].mailbox.value == 7U);
  BOOST_TEST(eventually(patience, [&] { return waiting(server) == 1; }));
  BOOST_TEST(!returned(commit));
  BOOST_REQUIRE(source->send_ack(t.end));
  BOOST_TEST(eventually(patience, [&] { return returned(commit); }));
  commit.get();
}

BOOST_AUTO_TEST_CASE(r2_one_ack_releases_all_below_it_and_none_above) {
  const private_mariadb server;
  make_item(server);
  auto source = open(options_for(server, true));
  std::vector<std::future<void>> commits;
  commits.push_back(commit_in_background(server, 1));
  const auto first = next(*source);
  // The next group is readable while the first waits; those behind it are written when it is released.
  commits.push_back(commit_in_background(server, 2));
  next(*source);
  commits.push_back(commit_in_background(server, 3));
  BOOST_TEST(eventually(patience, [&] { return waiting(server) == 3; }));
  BOOST_REQUIRE(source->send_ack(first.end));
  BOOST_TEST(eventually(patience, [&] { return returned(commits[0]); }));
  const auto last = next(*source);
  BOOST_TEST(!returned(commits[1]));
  BOOST_TEST(!returned(commits[2]));
  BOOST_REQUIRE(source->send_ack(last.end));
  for (auto& commit : commits)
    BOOST_TEST(eventually(patience, [&] { return returned(commit); }));
}

/// So an ACK in the middle of a group lets nobody go (ack_tracker::take_release).
BOOST_AUTO_TEST_CASE(r2_whoever_commits_in_a_group_waits_for_all_of_it) {
  const private_mariadb server;
  make_item(server);
  server.query("SET GLOBAL binlog_commit_wait_usec=60000000, GLOBAL binlog_commit_wait_count=2");
  auto source = open(options_for(server, true));
  std::vector<std::future<void>> commits;
  for (int id = 1; id <= 2; ++id)
    commits.push_back(commit_in_background(server, id));
  const auto first = next(*source);
  const auto last = next(*source);
  BOOST_TEST(first.group != 0u);
  BOOST_TEST(first.group == last.group);
  const auto acknowledged = [&] {
    return server.value("SELECT VARIABLE_VALUE FROM information_schema.GLOBAL_STATUS"
                        " WHERE VARIABLE_NAME='Rpl_semi_sync_master_yes_tx'");
  };
  const auto before = std::stoul(acknowledged());
  BOOST_REQUIRE(source->send_ack(first.end));
  BOOST_TEST(eventually(patience, [&] { return std::stoul(acknowledged()) == before + 1; }));
  BOOST_TEST(waiting(server) == 2u);
  BOOST_REQUIRE(source->send_ack(last.end));
  for (auto& commit : commits)
    BOOST_TEST(eventually(patience, [&] { return returned(commit); }));
  server.query("SET GLOBAL binlog_commit_wait_count=0");
  auto alone = commit_in_background(server, 3);
  const auto next_one = next(*source);
  BOOST_TEST(next_one.group != first.group);
  BOOST_REQUIRE(source->send_ack(next_one.end));
  BOOST_TEST(eventually(patience, [&] { return returned(alone); }));
}

/// R4: what reads again for an account that was left out stands beside capture, and neither counts for
/// MariaDB nor lets anybody go.
BOOST_AUTO_TEST_CASE(r4_a_reader_beside_capture_is_no_second_replica_and_releases_no_commit) {
  const private_mariadb server;
  make_item(server);
  auto options = options_for(server, true);
  auto capture = open(options);
  options.synchronous = false;
  options.server_id = 1002;
  auto beside = open(options);
  auto commit = commit_in_background(server, 1);
  const auto captured = next(*capture);
  const auto again = next(*beside);
  BOOST_TEST(again.id.text() == captured.id.text());
  BOOST_TEST((again.end == captured.end));
  BOOST_TEST(capture->synchronous());
  BOOST_TEST(!beside->synchronous());
  BOOST_TEST(!again.wants_ack);
  const auto replicas = [&] {
    return server.value("SELECT VARIABLE_VALUE FROM information_schema.GLOBAL_STATUS"
                        " WHERE VARIABLE_NAME='Rpl_semi_sync_master_clients'");
  };
  BOOST_TEST(replicas() == "1");
  BOOST_TEST(eventually(patience, [&] { return waiting(server) == 1; }));
  BOOST_REQUIRE(beside->send_ack(again.end)); // does nothing
  beside.reset();
  const auto dumps = [&] {
    return server.value("SELECT COUNT(*) FROM information_schema.processlist WHERE command='Binlog Dump'");
  };
  BOOST_TEST(eventually(patience, [&] { return dumps() == "1"; }));
  BOOST_TEST(waiting(server) == 1u);
  BOOST_TEST(replicas() == "1");
  BOOST_TEST(!returned(commit));
  BOOST_REQUIRE(capture->send_ack(captured.end));
  BOOST_TEST(eventually(patience, [&] { return returned(commit); }));
  commit.get();
}

BOOST_AUTO_TEST_CASE(r7_waiters_wait_over_a_reconnect_from_the_settled_gtid) {
  const private_mariadb server;
  make_item(server);
  auto options = options_for(server, true);
  auto source = open(options);
  auto settled = commit_in_background(server, 1);
  const auto first = next(*source);
  BOOST_REQUIRE(source->send_ack(first.end));
  settled.get();
  auto commit = commit_in_background(server, 2);
  const auto received = next(*source);
  BOOST_TEST(eventually(patience, [&] { return waiting(server) == 1; }));
  const auto old_generation = source->generation();
  source.reset();
  options.start.advance(first.id);
  source = open(options);
  BOOST_TEST(source->generation() > old_generation);
  const auto again = next(*source);
  BOOST_TEST(again.id.text() == received.id.text());
  BOOST_TEST((again.end == received.end));
  BOOST_TEST((again.start == received.start));
  BOOST_TEST(!returned(commit));
  BOOST_REQUIRE(source->send_ack(again.end));
  BOOST_TEST(eventually(patience, [&] { return returned(commit); }));
}

BOOST_AUTO_TEST_CASE(r7_who_waits_for_a_lost_ack_is_let_go_of_where_the_server_idles) {
  const private_mariadb server;
  make_item(server);
  auto options = options_for(server, true);
  auto source = open(options);
  auto commit = commit_in_background(server, 1);
  const auto received = next(*source);
  BOOST_TEST(eventually(patience, [&] { return waiting(server) == 1; }));
  source.reset(); // with the ACK
  options.start.advance(received.id);
  capture_source* connected = nullptr;
  std::atomic<bool> acknowledged{false};
  std::mutex mutex;
  binlog_place idles_at;
  source = capture_source::open(options, std::make_shared<item_routing>(), [&](const binlog_place& place) {
             const std::lock_guard lock(mutex);
             idles_at = place;
             acknowledged = connected->send_ack(place).has_value();
           }).value();
  connected = source.get();
  auto reader = std::async(std::launch::async, [&] { return source->next_transaction(); });
  BOOST_TEST(eventually(10s, [&] { return acknowledged.load(); }));
  BOOST_TEST(eventually(patience, [&] { return returned(commit); }));
  source->interrupt();
  BOOST_TEST(!reader.get().value().has_value());
  const std::lock_guard lock(mutex);
  BOOST_TEST((idles_at == received.end));
}

BOOST_AUTO_TEST_CASE(asynchronous_capture_holds_nobody) {
  const private_mariadb server(mariadb_options{.semi_sync = false});
  make_item(server);
  auto source = open(options_for(server, false));
  commit_in_background(server, 1).get();
  const auto t = next(*source);
  BOOST_TEST(!t.wants_ack);
  BOOST_TEST(!source->synchronous());
}

BOOST_AUTO_TEST_CASE(b01_events_over_16_mib_at_each_length_around_the_packet) {
  const private_mariadb server(mariadb_options{.extra = {"--max-allowed-packet=64M"}});
  make_item(server);
  auto source = open(options_for(server, true));
  auto client = server.connect();
  // The event of a row with a body of `length` bytes is 43 bytes longer; find the exact difference.
  const auto commit = [&](int id, std::size_t length) {
    auto done = std::async(std::launch::async, [&] {
      client.query("INSERT INTO mboxgroup7.item VALUES (7," + std::to_string(id) + ",REPEAT('x'," +
                   std::to_string(length) + "))");
    });
    auto t = next(*source);
    BOOST_REQUIRE(t.slices.size() == 1U);
    const auto& body = t.slices[0].changes.at(0).after.at(1).content;
    BOOST_TEST(std::get<text_value>(body).utf8.size() == length);
    BOOST_TEST(!returned(done));
    BOOST_REQUIRE(source->send_ack(t.end));
    BOOST_TEST(eventually(20s, [&] { return returned(done); }));
    return t;
  };
  constexpr std::size_t packet_limit = (std::size_t{1} << 24) - 1;
  // Header 19, table id and flags 8, column count 1, bitmap 1, nulls 1, two integers 8, length of the text 4,
  // checksum 4; in front of it in the packet: OK, 0xEF, flag.
  constexpr std::size_t around_text = 19 + 8 + 1 + 1 + 1 + 8 + 4 + 4 + 3;
  int id = 0;
  for (std::size_t length = packet_limit - around_text - 2; length <= packet_limit - around_text + 2;
       ++length)
    commit(++id, length);
  commit(++id, 2 * packet_limit - around_text);
  const auto small = commit(++id, 1);
  const auto position = server.value("SELECT @@gtid_binlog_pos");
  BOOST_TEST(small.id.text() == position);
}

BOOST_AUTO_TEST_CASE(b01_an_event_over_our_limit_is_a_clear_error) {
  const private_mariadb server(mariadb_options{.semi_sync = false, .extra = {"--max-allowed-packet=64M"}});
  make_item(server);
  auto options = options_for(server, false);
  options.max_event_bytes = 1 << 20;
  auto source = open(options);
  server.query("INSERT INTO mboxgroup7.item VALUES (7,1,REPEAT('x',3000000))");
  const auto t = source->next_transaction();
  BOOST_REQUIRE(!t);
  BOOST_TEST(!t.error().retryable);
  BOOST_TEST(t.error().what.find("1048576") != std::string::npos, t.error().what);
}

BOOST_AUTO_TEST_CASE(b04_compressed_binlog_live) {
  const private_mariadb server(
      mariadb_options{.extra = {"--log-bin-compress=ON", "--log-bin-compress-min-len=10"}});
  make_item(server);
  auto source = open(options_for(server, true));
  auto commit = std::async(std::launch::async, [&] {
    server.query("INSERT INTO mboxgroup7.item VALUES (7,1,REPEAT('abc',100000)),(7,2,'x')");
  });
  const auto t = next(*source);
  BOOST_TEST(t.bytes < 10000U); // it was compressed
  BOOST_REQUIRE(t.slices.at(0).changes.size() == 2U);
  const auto& body = t.slices[0].changes[0].after.at(1).content;
  BOOST_TEST(std::get<text_value>(body).utf8.size() == 300000U);
  BOOST_REQUIRE(source->send_ack(t.end));
  BOOST_TEST(eventually(patience, [&] { return returned(commit); }));
}

/// A restarted server gives the same ids to other tables; whoever was away reads both lives in one go.
BOOST_AUTO_TEST_CASE(m01_table_ids_that_begin_anew_name_the_tables_of_their_time) {
  private_mariadb server(mariadb_options{.semi_sync = false});
  make_item(server);
  server.set_up("CREATE DATABASE other; CREATE TABLE other.item LIKE mboxgroup7.item; CREATE DATABASE "
                "mboxgroup8; CREATE TABLE mboxgroup8.item LIKE mboxgroup7.item");
  const auto options = options_for(server, false);
  const auto insert = [&](const std::string& database, int mailbox, int id) {
    server.query("INSERT INTO " + database + ".item VALUES (" + std::to_string(mailbox) + "," +
                 std::to_string(id) + ",'x')");
  };
  /// "table_id: 18 (mboxgroup7.item)", …: what the current file has said so far.
  const auto table_ids = [&] {
    std::vector<std::string> ids;
    const auto file = server.query("SHOW MASTER STATUS").front().at(0).value();
    for (const auto& event : server.query("SHOW BINLOG EVENTS IN '" + file + "'"))
      if (event.at(2) == "Table_map")
        ids.push_back(event.at(5).value());
    return ids;
  };
  insert("mboxgroup7", 7, 1);
  insert("mboxgroup8", 8, 1);
  const auto first_id = table_ids().front().substr(0, table_ids().front().find('('));
  BOOST_REQUIRE(server.stop());
  server.restart();
  insert("other", 9, 1);
  BOOST_TEST(table_ids().front().starts_with(first_id)); // the case is there
  insert("mboxgroup8", 8, 2);
  insert("mboxgroup7", 7, 2);
  server.query("FLUSH TABLES");
  constexpr std::size_t many = 100'000; // a statement of many events under one map
  server.query("INSERT INTO mboxgroup7.item SELECT 7, 10 + seq, 'x' FROM mboxgroup7.seq_1_to_100000");
  insert("mboxgroup8", 8, 3);
  std::vector<std::pair<std::uint32_t, std::size_t>> read; // mailbox, rows
  auto source = capture_source::open(options, std::make_shared<two_groups>()).value();
  while (read.empty() || read.back() != std::pair{8U, std::size_t{3}}) {
    for (const auto& slice : next(*source).slices) {
      auto rows = slice.changes.size();
      if (rows == 1)
        rows = static_cast<std::size_t>(
            std::get<std::uint64_t>(slice.changes.front().after.at(0).content)); // its id
      read.emplace_back(slice.mailbox.value, rows);
    }
  }
  const std::vector<std::pair<std::uint32_t, std::size_t>> wanted{{7, 1}, {8, 1},    {8, 2},
                                                                  {7, 2}, {7, many}, {8, 3}};
  BOOST_TEST((read == wanted));
}

BOOST_AUTO_TEST_CASE(b08_idle_links_live_and_follow_the_log) {
  const private_mariadb server;
  make_item(server);
  auto source = open(options_for(server, true));
  std::optional<sliced_transaction> got;
  std::thread reader([&] { got = next(*source); });
  const auto beats = [&] { return source->counters().heartbeats.load(); };
  BOOST_TEST(eventually(10s, [&] { return beats() >= 3; }));
  server.query("FLUSH BINARY LOGS");
  const auto before = beats();
  BOOST_TEST(eventually(10s, [&] { return beats() >= before + 8; }));
  auto commit = commit_in_background(server, 1);
  reader.join();
  BOOST_REQUIRE(got);
  BOOST_TEST(got->end.file.ends_with(".000002"), got->end.file);
  BOOST_REQUIRE(source->send_ack(got->end));
  BOOST_TEST(eventually(patience, [&] { return returned(commit); }));
}

BOOST_AUTO_TEST_CASE(s05_silence_ends_the_connection) {
  private_mariadb server;
  make_item(server);
  auto options = options_for(server, true);
  options.silent_heartbeats = 5;
  auto source = open(options);
  server.suspend();
  const auto begin = std::chrono::steady_clock::now();
  const auto t = source->next_transaction();
  const auto took = std::chrono::steady_clock::now() - begin;
  server.resume();
  BOOST_REQUIRE(!t);
  BOOST_TEST(t.error().retryable);
  BOOST_TEST((took < 5s));
  auto commit = commit_in_background(server, 1);
  // As capture does: a server that was suspended may keep a new dump of the same id waiting for ever.
  const auto acknowledged = [&] {
    options.server_id ^= 0x80000000U;
    auto again = capture_source::open(options, std::make_shared<item_routing>());
    if (!again)
      return false;
    source = std::move(*again);
    const auto read = source->next_transaction();
    return read && read->has_value() && source->send_ack((*read)->end).has_value() &&
           eventually(1s, [&] { return returned(commit); });
  };
  options.server_id ^= 0x80000000U; // first with the same
  BOOST_TEST(eventually(60s, acknowledged));
  server.kill9(); // a commit that still waits must not keep the test
}

/// The server stops reading ACKs when semi-sync is switched off; a few hundred fill the socket.
BOOST_AUTO_TEST_CASE(s04_a_server_that_reads_no_ack_any_more_holds_up_nobody) {
  private_mariadb server;
  make_item(server);
  auto source = open(options_for(server, true));
  auto commit = commit_in_background(server, 1);
  const auto first = next(*source);
  BOOST_REQUIRE(source->send_ack(first.end));
  BOOST_REQUIRE(eventually(patience, [&] { return returned(commit); }));
  server.query("SET GLOBAL rpl_semi_sync_master_enabled=OFF");
  auto acks = std::async(std::launch::async, [&] {
    for (int i = 0; i < 5'000; ++i)
      if (!source->send_ack(first.end))
        return false;
    return true;
  });
  if (!eventually(20s, [&] { return acks.wait_for(0s) == std::future_status::ready; })) {
    BOOST_ERROR("sending an ACK waits for the server");
    server.kill9();
  }
  BOOST_TEST(acks.get());
  server.query("INSERT INTO mboxgroup7.item VALUES (7,2,'x')");
  const auto second = next(*source);
  BOOST_TEST(source->send_ack(second.end).has_value());
  // Nothing of what went out was cut: the server reads it on, and the last one counts.
  server.query("SET GLOBAL rpl_semi_sync_master_enabled=ON");
  auto third = commit_in_background(server, 3);
  BOOST_TEST(source->send_ack(next(*source).end).has_value());
  BOOST_TEST(eventually(10s, [&] { return returned(third); }));
}

BOOST_AUTO_TEST_CASE(interrupt_ends_a_blocking_read) {
  const private_mariadb server;
  make_item(server);
  auto source = open(options_for(server, true));
  auto read = std::async(std::launch::async, [&] { return source->next_transaction(); });
  BOOST_TEST(eventually(10s, [&] { return source->counters().heartbeats.load() >= 1; }));
  source->interrupt();
  const auto t = read.get();
  BOOST_REQUIRE(t);
  BOOST_TEST(!t->has_value());
  BOOST_TEST(!source->send_ack({"x.000001", 4}).has_value());
}

BOOST_AUTO_TEST_CASE(a_server_that_dies_is_retryable) {
  private_mariadb server;
  make_item(server);
  auto options = options_for(server, true);
  auto source = open(options);
  server.kill9();
  const auto t = source->next_transaction();
  BOOST_REQUIRE(!t);
  BOOST_TEST(t.error().retryable);
  const auto again = capture_source::open(options, std::make_shared<item_routing>());
  BOOST_REQUIRE(!again);
  BOOST_TEST(again.error().retryable);
}

BOOST_AUTO_TEST_CASE(o07_a_position_that_cant_be_served_is_final) {
  const private_mariadb server(mariadb_options{.semi_sync = false});
  make_item(server);
  server.query("INSERT INTO mboxgroup7.item VALUES (7,1,'x')");
  auto options = options_for(server, false);
  const auto refused = [&](const stream_options& o, position_refusal why) {
    auto source = open(o);
    const auto t = source->next_transaction();
    BOOST_REQUIRE(!t);
    BOOST_TEST(!t.error().retryable, t.error().what);
    BOOST_TEST(!t.error().todo.empty());
    BOOST_TEST((source->refusal() == why), t.error().what);
  };
  auto ahead = options;
  ahead.start.advance(gtid{0, 1, 1000000});
  refused(ahead, position_refusal::diverged); // R9
  const auto old_start = options.start;
  server.query("INSERT INTO mboxgroup7.item VALUES (7,2,'x')");
  server.query("FLUSH BINARY LOGS");
  server.query("INSERT INTO mboxgroup7.item VALUES (7,3,'x')");
  const auto last = server.query("SHOW BINARY LOGS").back().at(0).value();
  BOOST_REQUIRE(eventually(10s, [&] {
    server.query("PURGE BINARY LOGS TO '" + last + "'");
    return server.query("SHOW BINARY LOGS").size() == 1;
  }));
  refused(options, position_refusal::purged);
}

BOOST_AUTO_TEST_CASE(a_wrong_password_says_what_to_do) {
  const private_mariadb server(mariadb_options{.semi_sync = false});
  server.set_up("CREATE USER understudy@localhost IDENTIFIED BY 'right'");
  auto options = options_for(server, false);
  options.user = "understudy";
  options.password = "wrong";
  const auto source = capture_source::open(options, std::make_shared<item_routing>());
  BOOST_REQUIRE(!source);
  BOOST_TEST(!source.error().todo.empty());
  BOOST_TEST(source.error().what.find("wrong") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(b10_every_domain_is_captured) {
  const private_mariadb server(mariadb_options{.semi_sync = false});
  make_item(server);
  auto source = open(options_for(server, false));
  auto client = server.connect();
  client.query("INSERT INTO mboxgroup7.item VALUES (7,1,'x')");
  client.query("SET SESSION gtid_domain_id=5");
  client.query("INSERT INTO mboxgroup7.item VALUES (7,2,'x')");
  client.query("SET SESSION gtid_domain_id=0");
  client.query("SET SESSION gtid_seq_no=1000");
  client.query("INSERT INTO mboxgroup7.item VALUES (7,3,'x')");
  gtid_position seen;
  for (int i = 0; i < 3; ++i)
    seen.advance(next(*source).id);
  BOOST_TEST(seen.text() == server.value("SELECT @@gtid_binlog_pos"));
  auto options = options_for(server, false);
  options.start = seen;
  source = open(options);
  client.query("INSERT INTO mboxgroup7.item VALUES (7,4,'x')");
  BOOST_TEST(next(*source).id.number == 1001U);
}

} // namespace
} // namespace understudy
