// What the node says of its MariaDB while somebody else changes it: waits ended from outside (S02), semi-sync
// switched off and on (S04, R5, P8), and that the server commits (R10).
#include "actors/node/mariadb_watch.hpp"
#include "storage/binlog/capture_source.hpp"
#include "storage/state/dump_ids.hpp"
#include "storage/state/own_schema.hpp"
#include "storage/state/waiting_commits.hpp"
#include "tests/integration/item_routing.hpp"
#include "tests/tools/fixture/eventually.hpp"
#include "tests/tools/fixture/private_mariadb.hpp"

#include <boost/test/unit_test.hpp>
#include <fmt/format.h>

#include <cstdio>
#include <future>

namespace understudy {
namespace {

using fixture::eventually;
using fixture::private_mariadb;
using namespace std::chrono_literals;

constexpr auto patience = 30s;

/// Captures as the node does, acknowledges while `open`, connects anew when told to.
class acknowledger {
public:
  explicit acknowledger(const private_mariadb& server)
      : server_(server) {
    options_.socket = server.socket();
    options_.user = "root";
    options_.server_id = 1001;
    options_.heartbeat = 200ms;
    options_.start = gtid_position::parse(server.value("SELECT @@gtid_binlog_pos")).value();
    thread_ = std::thread([this] { run(); });
  }
  ~acknowledger() {
    stopping_ = true;
    reconnect();
    thread_.join();
  }
  acknowledger(const acknowledger&) = delete;
  acknowledger& operator=(const acknowledger&) = delete;

  void reconnect() {
    const std::lock_guard lock(mutex_);
    ++reconnects_;
    if (source_)
      source_->interrupt();
  }
  /// Acknowledges everything read so far, and from now on each transaction at once.
  void let_go() {
    const std::lock_guard lock(mutex_);
    holding_ = false;
    if (source_ && !last_.file.empty())
      (void)source_->send_ack(last_);
  }
  void hold() {
    const std::lock_guard lock(mutex_);
    holding_ = true;
  }
  unsigned rows() const { return rows_; }
  unsigned reconnects() const { return reconnects_; }

private:
  void run() {
    while (!stopping_) {
      auto opened = capture_source::open(options_, std::make_shared<item_routing>());
      if (!opened)
        continue;
      {
        const std::lock_guard lock(mutex_);
        source_ = std::move(*opened);
      }
      while (!stopping_) {
        auto next = source_->next_transaction();
        if (!next || !*next)
          break;
        rows_ += static_cast<unsigned>((*next)->slices.size());
        const std::lock_guard lock(mutex_);
        last_ = (*next)->end;
        options_.start.advance((*next)->id);
        if (!holding_)
          (void)source_->send_ack(last_);
      }
      const std::lock_guard lock(mutex_);
      source_.reset();
    }
  }

  const private_mariadb& server_;
  stream_options options_;
  std::mutex mutex_;
  std::unique_ptr<capture_source> source_;
  binlog_place last_;
  bool holding_ = false;
  std::atomic<unsigned> rows_{0};
  std::atomic<unsigned> reconnects_{0};
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

struct world {
  world() {
    server.set_up(
        "CREATE DATABASE mboxgroup7; CREATE TABLE mboxgroup7.item (mailbox_id INT UNSIGNED NOT NULL,"
        " id INT UNSIGNED NOT NULL, PRIMARY KEY (mailbox_id, id))");
    sql_options how;
    how.socket = server.socket();
    how.user = "root";
    mariadb_watch::options options;
    options.local = options.logged = how;
    options.local.setup = local_setup();
    options.logged.setup = standard_setup();
    options.heartbeat = 100ms;
    options.lease = lease;
    options.oldest_hold = [this] { return oldest_hold.load(); };
    options.dump_server_id = 1001;
    options.endings = endings;
    local = options.local;
    options.reconnect = [this] { capture->reconnect(); };
    options.report = [this](const std::string& text) {
      const std::lock_guard lock(mutex);
      reports.push_back(text);
    };
    options.unconfirmed = [this](std::uint64_t commits) {
      const std::lock_guard lock(mutex);
      counted += commits;
    };
    options.advise = [this](const std::string& text) {
      const std::lock_guard lock(mutex);
      advice.push_back(text);
    };
    auto session = sql_session::open(options.local);
    BOOST_REQUIRE(session);
    BOOST_REQUIRE(ensure_own_schema(*session, node_name("ms1")));
    capture = std::make_unique<acknowledger>(server);
    watch = std::make_unique<mariadb_watch>(std::move(options));
    // An attached one that the server doesn't count yet is said to be a fault.
    BOOST_REQUIRE(eventually(patience, [this] {
      return server.query("SHOW STATUS LIKE 'Rpl_semi_sync_master_clients'").front().at(1).value() == "1";
    }));
    watch->start();
    watch->attached(true, {});
    BOOST_REQUIRE(eventually(patience, [this] { return watch->semi_sync_state() == "synchronous"; }));
  }
  ~world() {
    capture->let_go();
    watch.reset();
    capture.reset();
  }
  std::string said() {
    const std::lock_guard lock(mutex);
    return reports.empty() ? "" : reports.back();
  }
  /// How often it advised something that contains `part`.
  std::ptrdiff_t advised(std::string_view part) {
    const std::lock_guard lock(mutex);
    return std::ranges::count_if(
        advice, [&](const std::string& text) { return text.find(part) != std::string::npos; });
  }
  /// How many commits it said were let go without a confirmation.
  unsigned long long told() {
    const std::lock_guard lock(mutex);
    unsigned long long sum = 0;
    for (const auto& text : reports)
      if (unsigned long long number = 0; std::sscanf(text.c_str(), "MariaDB let %llu", &number) == 1)
        sum += number;
    return sum;
  }
  std::future<void> commit(int id) {
    return std::async(std::launch::async, [this, id] {
      server.query(fmt::format("INSERT INTO mboxgroup7.item VALUES (7,{})", id));
    });
  }
  /// As somebody with the privilege may: ends the statements that wait for an ACK, whoever leads the group.
  void kill_waiters() {
    for (const auto& row :
         server.query("SELECT ID FROM information_schema.PROCESSLIST WHERE STATE LIKE '%semi-sync ACK%'"))
      try {
        server.query("KILL QUERY " + row.at(0).value());
      } catch (const fixture::sql_error&) {
        // gone already
      }
  }

  const std::chrono::milliseconds lease{400};
  std::atomic<std::chrono::milliseconds> oldest_hold{0ms};
  private_mariadb server;
  std::shared_ptr<commit_endings> endings = std::make_shared<commit_endings>();
  sql_options local;
  std::mutex mutex;
  std::vector<std::string> reports;
  std::vector<std::string> advice;
  unsigned long long counted = 0;
  std::unique_ptr<acknowledger> capture;
  std::unique_ptr<mariadb_watch> watch;
};

BOOST_AUTO_TEST_CASE(s02_a_wait_ended_from_outside_is_counted_said_and_captured_all_the_same) {
  world w;
  BOOST_TEST(w.watch->why_unprotected() == "");
  BOOST_TEST(eventually(patience, [&] { return w.watch->facts().committed.has_value(); })); // R10
  w.capture->hold();
  auto commit = w.commit(1);
  BOOST_TEST((commit.wait_for(500ms) == std::future_status::timeout));
  BOOST_REQUIRE(eventually(patience, [&] {
    w.kill_waiters();
    return commit.wait_for(0ms) == std::future_status::ready;
  }));
  commit.get(); // told OK, though nobody has confirmed it
  BOOST_TEST(eventually(patience, [&] { return w.told() > 0; }), w.said());
  BOOST_TEST(w.told() == w.counted);
  BOOST_TEST(eventually(patience, [&] { return w.capture->rows() == 1; }));
}

BOOST_AUTO_TEST_CASE(r8_waits_that_the_node_ends_itself_are_not_said_to_be_anybody_elses_doing) {
  world w;
  const auto released = [&] {
    return std::stoull(w.server.query("SHOW STATUS LIKE 'Rpl_semi_sync_master_no_tx'").front().at(1).value());
  };
  w.capture->hold();
  std::vector<std::future<void>> commits;
  for (int id = 1; id <= 8; ++id)
    commits.push_back(w.commit(id));
  BOOST_REQUIRE(eventually(patience, [&] {
    return w.server.value("SELECT COUNT(*) FROM information_schema.processlist WHERE state LIKE "
                          "'Waiting for semi-sync%' OR state IN ('Commit', 'Writing to binlog')") == "9";
  })); // the probe, too
  const auto before = released();
  BOOST_REQUIRE(end_waiting_commits(w.local, *w.endings));
  for (auto& commit : commits)
    BOOST_CHECK_THROW(commit.get(), fixture::sql_error);
  const auto own = released();
  BOOST_TEST(own > before);
  // Somebody else's are told as before, and they alone.
  auto commit = w.commit(9);
  BOOST_REQUIRE(eventually(patience, [&] {
    w.kill_waiters();
    return commit.wait_for(0ms) == std::future_status::ready;
  }));
  commit.get();
  BOOST_TEST(eventually(patience, [&] { return w.told() > 0 && w.told() == released() - own; }),
             fmt::format("{} told, {} and {} released", w.told(), own - before, released() - own));
}

BOOST_AUTO_TEST_CASE(s04_semi_sync_switched_off_and_on_is_said_and_holds_again) {
  world w;
  for (int round = 0; round < 3; ++round) {
    w.server.query("SET GLOBAL rpl_semi_sync_master_enabled=OFF");
    BOOST_REQUIRE(eventually(patience, [&] { return w.watch->semi_sync_state() == "off"; }));
    BOOST_TEST(w.watch->why_unprotected().find("set rpl_semi_sync_master_enabled=ON") != std::string::npos,
               w.watch->why_unprotected());
    w.server.query("SET GLOBAL rpl_semi_sync_master_enabled=ON");
    BOOST_REQUIRE(eventually(patience, [&] { return w.watch->semi_sync_state() == "synchronous"; }));
    BOOST_TEST(w.watch->why_unprotected() == "");
    // By effect: held, a COMMIT waits; let go, it returns.
    BOOST_REQUIRE(eventually(patience, [&] { // once our connection counts again
      return w.server.query("SHOW STATUS LIKE 'Rpl_semi_sync_master_clients'").front().at(1).value() == "1";
    }));
    w.capture->hold();
    auto commit = w.commit(round);
    BOOST_TEST((commit.wait_for(500ms) == std::future_status::timeout));
    w.capture->let_go();
    BOOST_REQUIRE((commit.wait_for(patience) == std::future_status::ready));
    commit.get();
  }
}

/// Whoever waited was told OK, and no look saw it.
BOOST_AUTO_TEST_CASE(r5_semi_sync_switched_off_and_on_between_two_looks_is_a_gap) {
  world w;
  BOOST_REQUIRE(eventually(patience, [&] { return w.watch->semi_sync_state() == "synchronous"; }));
  w.capture->hold();
  auto commit = w.commit(0);
  BOOST_TEST((commit.wait_for(500ms) == std::future_status::timeout));
  w.server.query("SET GLOBAL rpl_semi_sync_master_enabled=OFF");
  w.server.query("SET GLOBAL rpl_semi_sync_master_enabled=ON");
  BOOST_TEST(eventually(patience, [&] {
    return w.watch->why_unprotected().find("switched off for a moment") != std::string::npos;
  }));
  BOOST_TEST((commit.wait_for(patience) == std::future_status::ready));
  BOOST_TEST(eventually(patience, [&] { return w.watch->why_unprotected().empty(); }));
  w.capture->let_go();
  commit.get();
}

/// As behind a RESET MASTER: the dump stays at the end of a file that is gone, and is told so for ever.
BOOST_AUTO_TEST_CASE(r10_a_binlog_that_a_written_probe_does_not_come_through_is_read_anew) {
  world w;
  std::uint64_t read = 7;
  const auto in_leases = [&](int leases, const auto& meanwhile) {
    const auto end = std::chrono::steady_clock::now() + leases * w.lease;
    BOOST_REQUIRE(eventually(patience, [&] {
      meanwhile();
      w.watch->nothing_to_read(read);
      return std::chrono::steady_clock::now() > end;
    }));
    return w.capture->reconnects();
  };
  w.capture->hold();                                              // the probe waits in its COMMIT
  BOOST_TEST(in_leases(3, [&] { w.watch->probe_seen(); }) == 0u); // for our ACK alone
  w.capture->let_go();
  w.capture->hold();                               // the next one
  BOOST_TEST(in_leases(3, [&] { ++read; }) == 0u); // behind what is still to be read
  w.oldest_hold = 1ms;
  BOOST_TEST(in_leases(3, [] {}) == 0u); // behind what waits for Kafka
  w.oldest_hold = 0ms;
  const auto anew = in_leases(4, [] {});
  BOOST_TEST(anew >= 1u);
  BOOST_TEST(anew <= 4u);
  BOOST_TEST(w.said().starts_with("what is written to MariaDB doesn't come through the binlog"), w.said());
}

BOOST_AUTO_TEST_CASE(p8_each_setting_that_is_not_as_it_should_be_is_told_once) {
  world w;
  const auto becomes = [&](std::ptrdiff_t times, std::string_view part) {
    BOOST_TEST(eventually(patience, [&] { return w.advised(part) == times; }),
               part << ": " << w.advised(part));
  };
  w.server.query("SET GLOBAL max_allowed_packet=1048576"); // takes no protection away
  becomes(1, "max_allowed_packet is 1048576: set max_allowed_packet=64M");
  w.server.query("SET GLOBAL read_only=ON");
  becomes(1, "read_only is ON: set read_only=OFF");
  // The first of several that take the protection away is the reason; the others are told beside it.
  w.server.query("SET GLOBAL sync_binlog=0");
  BOOST_TEST(eventually(patience, [&] { return w.watch->why_unprotected().find("sync_binlog") == 0; }));
  w.server.query("SET GLOBAL innodb_flush_log_at_trx_commit=2");
  becomes(1, "innodb_flush_log_at_trx_commit is 2: set innodb_flush_log_at_trx_commit=1");
  BOOST_TEST(w.advised("sync_binlog") == 0);
  w.server.query("SET GLOBAL read_only=OFF");
  w.server.query("SET GLOBAL sync_binlog=1");
  BOOST_TEST(eventually(patience, [&] { return w.watch->why_unprotected().find("innodb_flush") == 0; }));
  w.server.query("SET GLOBAL read_only=ON");
  becomes(2, "read_only is ON");
  BOOST_TEST(w.advised("max_allowed_packet is 1048576") == 1);
}

/// A native replica, say: it would lack what is replicated here.
BOOST_AUTO_TEST_CASE(p8_another_reader_of_a_binlog_without_replayed_events_is_said) {
  world w;
  w.server.set_up(
      "CREATE USER tool@localhost; GRANT REPLICATION SLAVE, REPLICATION MASTER ADMIN, REPLICATION "
      "SLAVE ADMIN ON *.* TO tool@localhost");
  BOOST_TEST(w.said() == "");
  stream_options options;
  options.socket = w.server.socket();
  options.user = "tool";
  options.server_id = 1002;
  options.synchronous = false;
  options.start = gtid_position::parse(w.server.value("SELECT @@gtid_binlog_pos")).value();
  auto reader = capture_source::open(options, std::make_shared<item_routing>());
  BOOST_REQUIRE_MESSAGE(reader, (reader ? "" : reader.error().what));
  BOOST_TEST(eventually(patience,
                        [&] {
                          return w.said().starts_with(
                              "1 other connections read this binlog, which lacks what is replicated here");
                        }),
             w.said());
}

BOOST_AUTO_TEST_CASE(p8_a_replica_with_the_server_id_of_one_of_our_dumps_is_said_with_the_line_to_set) {
  world w;
  stream_options options;
  options.socket = w.server.socket();
  options.user = "root";
  options.server_id = dump_ids_of(1001).backlog;
  options.host = "db2.example.test";
  options.synchronous = false;
  options.start = gtid_position::parse(w.server.value("SELECT @@gtid_binlog_pos")).value();
  auto replica = binlog_stream::connect(options);
  BOOST_REQUIRE_MESSAGE(replica, (replica ? "" : replica.error().what));
  const auto words = fmt::format("MariaDB's replica server_id is {} at db2.example.test", options.server_id);
  BOOST_TEST(eventually(patience, [&] { return w.advised(words) == 1; }));
  BOOST_TEST(w.advised("set [mariadb] server_id = 1002    (in understudyd.toml)") == 1);
  BOOST_TEST(w.advised("the same as our dump's") == 1); // our own dump is no clash
  BOOST_TEST(w.watch->why_unprotected() == "");
}

} // namespace
} // namespace understudy
