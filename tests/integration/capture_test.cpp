// Capture over connections that come and go, against a live MariaDB (R7, R8, decision 5).
#include "actors/source/capture.hpp"
#include "tests/integration/item_routing.hpp"
#include "tests/tools/fixture/eventually.hpp"
#include "tests/tools/fixture/private_mariadb.hpp"

#include <boost/test/unit_test.hpp>
#include <caf/all.hpp>

#include <future>

using namespace understudy;
using namespace std::chrono_literals;
using fixture::eventually;

namespace {

constexpr auto patience = 20s;

/// A node's way from the binlog to the ACK; nobody is enrolled, so nothing goes to Kafka.
struct world {
  world() {
    server.set_up(
        "CREATE DATABASE mboxgroup7; CREATE TABLE mboxgroup7.item (mailbox_id INT UNSIGNED NOT NULL,"
        " id INT UNSIGNED NOT NULL, PRIMARY KEY (mailbox_id, id))");
    settlement::options rules;
    rules.counts = [](broker_time) { return true; };
    rules.acknowledge = [this](const binlog_place& place) {
      if (reader)
        reader->acknowledge(place);
    };
    around->log = std::make_shared<account_log>(account_log::options{});
    around->settle = std::make_shared<settlement>(std::move(rules));
    around->settle->begin_at(gtid_position::parse(server.value("SELECT @@gtid_binlog_pos")).value());
    config.set("scheduler.max-threads", std::size_t{1});
    system = std::make_unique<caf::actor_system>(config);
    supervisor = system->spawn([this]() -> caf::behavior {
      return {[this](const position_lost&) { ++lost; }, [](const rows_unseen&) {}};
    });
    around->supervisor = supervisor;
    capture::options options;
    options.stream.socket = server.socket();
    options.stream.user = "root";
    options.stream.server_id = 1001;
    options.stream.synchronous = true;
    options.stream.heartbeat = 200ms;
    options.second_server_id = 1002;
    options.routing = std::make_shared<item_routing>();
    options.around = around;
    options.accounts = std::make_shared<known_accounts>(*system, around);
    options.admitted = [] { return result<void>{}; };
    options.attached = [this](bool now, const std::string&) { attached += now ? 1 : 0; };
    options.probe_seen = [] {};
    options.stuck = [](const error&) {};
    reader = std::make_unique<capture>(std::move(options));
    reader->start(std::nullopt);
    BOOST_REQUIRE(eventually(patience, [&] { return attached == 1; }));
  }
  ~world() {
    reader->stop();
    caf::anon_send_exit(supervisor, caf::exit_reason::user_shutdown);
    supervisor = {};
    around->supervisor = {};
  }

  std::future<void> commit(int id) {
    return std::async(std::launch::async, [this, id] {
      server.query("INSERT INTO mboxgroup7.item VALUES (7," + std::to_string(id) + ")");
    });
  }
  bool settled(std::uint64_t number) {
    return eventually(patience, [&] { return around->settle->settled().covers({0, 1, number}); });
  }
  static bool returned(const std::future<void>& write) {
    return write.wait_for(0s) == std::future_status::ready;
  }

  fixture::private_mariadb server;
  std::shared_ptr<account_surroundings> around = std::make_shared<account_surroundings>();
  caf::actor_system_config config;
  std::unique_ptr<caf::actor_system> system;
  caf::actor supervisor;
  std::unique_ptr<capture> reader;
  std::atomic<int> lost{0};
  std::atomic<int> attached{0};
};

} // namespace

/// What settles while nothing may be acknowledged is read again over the next connection, as the same.
BOOST_AUTO_TEST_CASE(r7_r8_a_connection_that_breaks_while_commits_are_being_ended_loses_no_place) {
  world w;
  auto before = w.commit(1);
  BOOST_REQUIRE(eventually(patience, [&] { return world::returned(before); }));
  w.around->settle->hold();
  auto held = w.commit(2);
  BOOST_REQUIRE(w.settled(2));
  w.reader->reconnect();
  BOOST_REQUIRE(eventually(patience, [&] { return w.attached >= 2; }));
  auto behind = w.commit(3);
  BOOST_TEST(w.settled(3));
  BOOST_TEST(!world::returned(held));
  BOOST_TEST(w.lost == 0);
  w.around->settle->go_on();
  BOOST_TEST(eventually(patience, [&] { return world::returned(held) && world::returned(behind); }));
  BOOST_TEST(w.lost == 0);
}
