// The second reader of a live MariaDB's binlog, with a Kafka that comes and goes inside of librdkafka (R4,
// P7).
#include "actors/source/backlog_reader.hpp"
#include "tests/integration/item_routing.hpp"
#include "tests/tools/fixture/eventually.hpp"
#include "tests/tools/fixture/private_mariadb.hpp"
#include "tests/unit/mock_log.hpp"

#include <caf/all.hpp>
#include <fmt/format.h>

using namespace understudy;
using namespace understudy::mock_log;
using fixture::eventually;

namespace {

const account_id anna{"anna"};
const account_id bert{"bert"};

struct world {
  explicit world(std::size_t most_in_flight = 1'000'000) {
    server.set_up(
        "CREATE DATABASE mboxgroup7; CREATE TABLE mboxgroup7.item (mailbox_id INT UNSIGNED NOT NULL,"
        " id INT UNSIGNED NOT NULL, PRIMARY KEY (mailbox_id, id))");
    insert_row(9);
    account_log::options into;
    into.kafka = kafka.settings();
    into.node = node_name("ms1");
    into.first_life = incarnation(100);
    into.most_waiting_bytes = 1; // so that nothing that isn't held is kept behind what is
    into.report = [](const std::string&) {};
    around->log = std::make_shared<account_log>(std::move(into));
    BOOST_REQUIRE(around->log->start());
    settlement::options rules;
    rules.counts = [](broker_time) { return true; };
    rules.acknowledge = [](const binlog_place&) {};
    around->settle = std::make_shared<settlement>(std::move(rules));
    around->settle->begin_at(position());
    around->confirmed = [this](const account_id&, epoch, sequence) { ++confirmed; };
    config.set("scheduler.max-threads", std::size_t{1});
    system = std::make_unique<caf::actor_system>(config);
    supervisor = system->spawn([this]() -> caf::behavior {
      return {[this](const account_refused& told) { refused = told.since.value; }};
    });
    around->supervisor = supervisor;
    backlog_reader::options options;
    options.stream.socket = server.socket();
    options.stream.user = "root";
    options.stream.server_id = 1003;
    options.stream.heartbeat = 100ms;
    options.routing = std::make_shared<item_routing>();
    options.around = around;
    options.admitted = [] { return result<void>{}; };
    options.most_in_flight = most_in_flight;
    options.report = [this](bool is_trouble, const std::string& text) {
      BOOST_TEST_MESSAGE(text);
      ++(is_trouble ? troubles : connections);
    };
    reader = std::make_unique<backlog_reader>(std::move(options));
    // Something of nobody's fills the memory while Kafka is away.
    kafka.go_away();
    around->log->produce(only, event(account_id("filler"), 1, {}), [](const delivery_outcome&) {},
                         {0, false});
  }
  ~world() {
    reader->stop();
    around->log->stop();
    caf::anon_send_exit(supervisor, caf::exit_reason::user_shutdown);
    supervisor = {};
    around->supervisor = {};
  }

  gtid_position position() { return gtid_position::parse(server.value("SELECT @@gtid_binlog_pos")).value(); }
  gtid last() { return position().domains().begin()->second; }
  transaction_event event(const account_id& account, std::uint64_t number, const gtid& id) {
    transaction_event made;
    made.account = account;
    made.term = epoch(1);
    made.number = sequence(number);
    made.id = id;
    made.changes = {insert(table, number, std::string(100, 'x'))};
    return made;
  }
  void insert_row(unsigned mailbox) {
    server.query(fmt::format("INSERT INTO mboxgroup7.item VALUES ({}, {})", mailbox, ++rows));
  }
  /// The account's next event, of a transaction that may follow, goes nowhere.
  void leave_out(const account_id& account, const gtid& id) {
    around->log->produce(only, event(account, ++written[account], id), [](const delivery_outcome&) {},
                         {++tickets, false, around->settle.get()});
    BOOST_REQUIRE(around->log->leaves_out(account));
  }
  void write(const account_id& account, unsigned times = 1) {
    for (unsigned i = 0; i < times; ++i) {
      insert_row(account == anna ? 7 : 107);
      leave_out(account, last());
    }
  }
  void follow(const account_id& account) {
    reader->follow({{account, mailbox_id(account == anna ? 7 : 107), epoch(1)}});
  }
  bool is_in_order(const account_id& account) {
    return eventually(deadline, [&] { return !around->log->leaves_out(account); }) &&
           around->log->drain(deadline);
  }
  /// Nothing of it is connected any more.
  bool leaves_the_server() {
    return eventually(deadline, [&] {
      return server.value(
                 "SELECT COUNT(*) FROM information_schema.processlist WHERE command='Binlog Dump'") == "0";
    });
  }
  std::string why_not(const account_id& account) {
    for (const auto& each : around->log->left_out_now())
      if (each.account == account)
        return each.why_not;
    return {};
  }
  std::vector<std::uint64_t> numbers_of(const account_id& account) {
    std::vector<std::uint64_t> all;
    for (const auto& line : kafka.read())
      if (const auto* event = std::get_if<transaction_event>(&line.body); event && event->account == account)
        all.push_back(event->number.value);
    return all;
  }
  static std::vector<std::uint64_t> up_to(std::uint64_t last) {
    std::vector<std::uint64_t> all;
    for (std::uint64_t number = 1; number <= last; ++number)
      all.push_back(number);
    return all;
  }

  accounts_cluster kafka;
  fixture::private_mariadb server{{.semi_sync = false}};
  std::shared_ptr<const shape> table = items();
  std::shared_ptr<account_surroundings> around = std::make_shared<account_surroundings>();
  caf::actor_system_config config;
  std::unique_ptr<caf::actor_system> system;
  caf::actor supervisor;
  std::unique_ptr<backlog_reader> reader;
  std::atomic<unsigned> confirmed{0}, troubles{0}, connections{0};
  std::atomic<std::uint64_t> refused{0};
  unsigned rows = 0;
  std::uint64_t tickets = 0;
  std::map<account_id, std::uint64_t> written;
};

} // namespace

BOOST_AUTO_TEST_CASE(r4_several_accounts_are_read_again_at_once_each_in_its_order) {
  world w;
  w.write(anna, 3);
  w.write(bert, 5);
  w.write(anna, 4);
  w.kafka.come_back();
  w.reader->follow({{anna, mailbox_id(7), epoch(1)}, {bert, mailbox_id(107), epoch(1)}});
  BOOST_TEST(w.is_in_order(anna));
  BOOST_TEST(w.is_in_order(bert));
  BOOST_TEST(w.numbers_of(anna) == world::up_to(7), boost::test_tools::per_element());
  BOOST_TEST(w.numbers_of(bert) == world::up_to(5), boost::test_tools::per_element());
  BOOST_TEST(eventually(deadline, [&] { return w.confirmed == 12U; }));
  BOOST_TEST(!w.around->log->oldest_missing());
  BOOST_TEST(!w.reader->follows(anna));
  BOOST_TEST(w.reader->events() == 12u);
  BOOST_TEST(w.leaves_the_server());
}

/// The reader stands at the binlog's end, behind what the second account lacks.
BOOST_AUTO_TEST_CASE(r4_an_account_that_is_added_later_is_read_from_its_own_beginning) {
  world w;
  w.write(bert, 3);
  w.write(anna, 2);
  auto next = w.last();
  next.number += 2;
  w.leave_out(anna, next); // captured, if not written yet as far as this reader knows
  w.kafka.come_back();
  w.follow(anna);
  BOOST_REQUIRE(eventually(deadline, [&] { return w.reader->events() == 2; }));
  w.follow(bert);
  BOOST_TEST(w.is_in_order(bert));
  BOOST_TEST(w.reader->follows(anna));
  w.insert_row(9);
  w.insert_row(7);
  BOOST_TEST(w.is_in_order(anna));
  BOOST_TEST(w.numbers_of(anna) == world::up_to(3), boost::test_tools::per_element());
  BOOST_TEST(w.numbers_of(bert) == world::up_to(3), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(r4_an_account_that_is_left_alone_meanwhile_goes_on_where_it_was) {
  world w;
  w.write(anna, 2);
  auto next = w.last();
  next.number += 1;
  w.leave_out(anna, next);
  w.kafka.come_back();
  w.follow(anna);
  BOOST_REQUIRE(eventually(deadline, [&] { return w.reader->events() == 2; }));
  w.reader->leave(anna);
  BOOST_TEST(!w.reader->follows(anna));
  BOOST_TEST(w.leaves_the_server());
  w.insert_row(7);
  w.follow(anna);
  BOOST_TEST(w.is_in_order(anna));
  BOOST_TEST(w.numbers_of(anna) == world::up_to(3), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(r4_rows_that_changed_unseen_and_roles_that_changed_break_it_off) {
  world w;
  w.write(anna, 2);
  w.server.query("TRUNCATE mboxgroup7.item");
  w.write(anna, 1);
  w.write(bert, 1); // behind the statement
  w.kafka.come_back();
  w.reader->follow({{anna, mailbox_id(7), epoch(1)}, {bert, mailbox_id(107), epoch(1)}});
  BOOST_TEST(w.is_in_order(bert));
  BOOST_TEST(eventually(deadline, [&] { return !w.why_not(anna).empty(); }));
  BOOST_TEST(w.why_not(anna).find("rows may have changed unseen in") != std::string::npos);
  BOOST_TEST(w.around->log->oldest_missing().has_value()); // until control was told
  w.around->log->resume(anna);
  BOOST_TEST(!w.around->log->oldest_missing());
}

/// What its transactions were is another history, or they are gone.
BOOST_AUTO_TEST_CASE(r4_a_binlog_that_doesnt_have_what_was_captured_breaks_it_off) {
  world w;
  w.write(anna, 2);
  w.insert_row(9);
  w.leave_out(anna, w.last()); // of another mailbox: it never comes
  w.write(bert, 1);
  w.insert_row(9);
  w.kafka.come_back();
  w.follow(anna);
  BOOST_TEST(eventually(deadline, [&] { return !w.why_not(anna).empty(); }));
  BOOST_TEST(w.why_not(anna).find("sequence 3 didn't come") != std::string::npos);
  w.server.query("FLUSH BINARY LOGS");
  const auto newest = w.server.query("SHOW BINARY LOGS").back().at(0).value();
  BOOST_REQUIRE(eventually(deadline, [&] {
    w.server.query("PURGE BINARY LOGS TO '" + newest + "'");
    return w.server.query("SHOW BINARY LOGS").size() == 1;
  }));
  w.follow(bert); // from before anything was written
  BOOST_TEST(eventually(deadline, [&] { return !w.why_not(bert).empty(); }));
  BOOST_TEST(w.troubles == 1U);
}

BOOST_AUTO_TEST_CASE(r3_r4_what_kafka_refuses_for_good_is_told_and_the_rest_goes_on) {
  world w;
  w.write(anna, 3);
  w.kafka.come_back();
  BOOST_REQUIRE(w.around->log->drain(deadline));
  for (int request = 0; request < 2; ++request) // the first may be about the shape alone
    w.kafka.answer_next_produce(RD_KAFKA_RESP_ERR_INVALID_RECORD);
  w.follow(anna);
  BOOST_TEST(w.is_in_order(anna));
  BOOST_TEST(eventually(deadline, [&] { return w.refused != 0U; }));
  BOOST_TEST(eventually(deadline, [&] { return w.confirmed == 3U; })); // its number is used up, too
}

BOOST_AUTO_TEST_CASE(p7_it_reads_on_only_while_little_is_on_its_way) {
  world w(5000);
  w.write(anna, 200);
  w.follow(anna); // Kafka is away still
  BOOST_REQUIRE(eventually(deadline, [&] { return w.around->log->in_flight() > 2; }));
  BOOST_TEST(!eventually(500ms, [&] { return w.around->log->in_flight() > 12; }));
  BOOST_TEST(w.reader->events() < 10u);
  w.kafka.come_back();
  BOOST_TEST(w.is_in_order(anna));
  BOOST_TEST(w.numbers_of(anna) == world::up_to(200), boost::test_tools::per_element());
}
