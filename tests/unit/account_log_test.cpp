// The account log over librdkafka's mock cluster: what it writes to a partition, and what becomes of it when
// the producer dies (R12, R13, R14, R15; cases P01, P02).
#include "actors/source/account_log.hpp"
#include "events/codec/parts.hpp"
#include "events/log/gathering.hpp"
#include "tests/tools/fixture/eventually.hpp"
#include "tests/unit/mock_log.hpp"

#include <boost/test/unit_test.hpp>

#include <atomic>
#include <set>

using namespace understudy;
using namespace understudy::mock_log;

namespace {

transaction_event event_of(const std::string& account, std::uint64_t number,
                           const std::shared_ptr<const shape>& table, std::string text = "x") {
  transaction_event made;
  made.account = account_id(account);
  made.term = epoch(1);
  made.number = sequence(number);
  made.id = {0, 1, number};
  made.changes = {insert(table, number, std::move(text))};
  return made;
}

struct world {
  explicit world(std::size_t limit = 1'000'000, std::string brokers = {}) {
    account_log::options options;
    options.kafka = cluster.settings();
    if (!brokers.empty())
      options.kafka.brokers = std::move(brokers);
    options.most_waiting_bytes = 30'000;
    options.node = node_name("ms1");
    options.first_life = incarnation(100);
    options.max_message_bytes = limit;
    options.topic_limit = [this]() -> result<std::size_t> {
      ++looks;
      if (!is_limit_known)
        return failure("no broker", {}, true);
      return topic_limit.load();
    };
    options.report = [this](const std::string&) { ++troubles; };
    log = std::make_unique<account_log>(std::move(options));
    BOOST_REQUIRE(log->start());
  }
  void produce(account_event_body body, captured_from from = {}) {
    log->produce(
        only, std::move(body),
        [this](const delivery_outcome& outcome) { ++(outcome.refused ? refused : confirmed); }, from);
  }

  /// Everything produced so far has had its outcome told.
  bool all_told(unsigned produced) {
    return log->drain(deadline) &&
           fixture::eventually(deadline, [this, produced] { return confirmed + refused == produced; });
  }

  accounts_cluster cluster;
  std::atomic<std::size_t> topic_limit{1'000'000};
  std::atomic<bool> is_limit_known{true};
  std::atomic<unsigned> looks{0};
  std::atomic<unsigned> troubles{0};
  std::atomic<unsigned> confirmed{0};
  std::atomic<unsigned> refused{0};
  std::unique_ptr<account_log> log;
};

} // namespace

BOOST_AUTO_TEST_CASE(r12_r14_a_partition_begins_with_the_incarnation_and_shapes_come_before_their_rows) {
  world w;
  const auto table = items();
  w.produce(event_of("a", 1, table));
  w.produce(event_of("b", 1, table));
  w.log->repeat_shapes(only); // a snapshot or an epoch begins
  w.produce(event_of("a", 2, table));
  BOOST_REQUIRE(w.all_told(3));
  BOOST_TEST(w.confirmed == 3U);
  BOOST_TEST(kinds(w.cluster.read()) == "isttst");
}

BOOST_AUTO_TEST_CASE(p01_after_a_fatal_error_a_new_life_produces_again_in_order_what_isnt_confirmed) {
  world w;
  const auto table = items();
  w.produce(event_of("a", 1, table));
  BOOST_REQUIRE(w.all_told(1));
  w.cluster.answer_next_produce(RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER);
  for (std::uint64_t i = 2; i <= 50; ++i)
    w.produce(event_of("a", i, table));
  BOOST_REQUIRE(w.all_told(50));
  BOOST_TEST(w.confirmed == 50U); // each once
  BOOST_TEST(w.refused == 0U);
  BOOST_TEST(w.troubles == 1U); // one clear line
  BOOST_TEST(w.log->life().value == 101U);
  // The mock cluster takes what comes behind a refused request, which a broker doesn't: so those that the old
  // life had confirmed aren't in the new one.
  std::set<std::uint64_t> everywhere;
  std::vector<std::uint64_t> numbers; // of the new life
  bool begun = false;
  for (const auto& l : w.cluster.read()) {
    const auto* t = std::get_if<transaction_event>(&l.body);
    if (t != nullptr)
      everywhere.insert(t->number.value);
    if (l.life != incarnation(101))
      continue;
    BOOST_TEST((begun || std::holds_alternative<incarnation_event>(l.body)));
    begun = true;
    if (t != nullptr)
      numbers.push_back(t->number.value);
  }
  BOOST_TEST(everywhere.size() == 50U);
  BOOST_TEST(!numbers.empty());
  BOOST_TEST(
      (std::ranges::adjacent_find(numbers, std::ranges::greater_equal{}) == numbers.end())); // once, in order
}

BOOST_AUTO_TEST_CASE(
    r29_a_planned_fence_is_as_large_as_what_the_broker_gathers_and_no_larger_than_the_topic_allows) {
  const fence_event planned{account_id("a"), epoch(2), kafka_offset(7), true, sequence(5), std::nullopt, {}};
  const fence_event unplanned{account_id("b"), epoch(2), kafka_offset(7), true, std::nullopt,
                              std::nullopt,    {}};
  const auto sizes_with = [&](std::size_t limit) {
    world w(limit);
    w.produce(planned);
    w.produce(unplanned);
    BOOST_REQUIRE(w.all_told(2));
    const auto lines = w.cluster.read();
    BOOST_REQUIRE(kinds(lines) == "iff");
    BOOST_TEST((std::get<fence_event>(lines[1].body) == planned));
    return std::pair(lines[1].bytes, lines[2].bytes);
  };
  BOOST_TEST(sizes_with(1'000'000).first == gathered_bytes);
  BOOST_TEST(sizes_with(1'000'000).second < 1'000U);
  BOOST_TEST(sizes_with(10'000).first <= 10'000U);
}

BOOST_AUTO_TEST_CASE(p02_r13_an_event_over_the_topics_limit_goes_in_parts_and_its_neighbours_whole) {
  world w(20'000);
  const auto table = items();
  const std::string large(100'000, 'x');
  w.produce(event_of("b", 1, table));
  w.produce(event_of("a", 1, table, large));
  w.produce(event_of("b", 2, table));
  BOOST_REQUIRE(w.all_told(3));
  BOOST_TEST(w.confirmed == 3U); // the parts are one event
  const auto lines = w.cluster.read();
  const auto order = kinds(lines);
  BOOST_TEST(order.find_first_not_of('p', 3) == order.size() - 1, order);
  BOOST_TEST((order.starts_with("istppppp") && order.ends_with("pt")), order);
  part_assembler parts(1'000'000);
  std::optional<std::string> whole;
  for (const auto& l : lines)
    if (const auto* part = std::get_if<part_event>(&l.body))
      whole = parts.feed({node_name("ms1"), l.life}, *part, kafka_offset(0)).value();
  BOOST_REQUIRE(whole);
  const auto event = decode(*whole, w.cluster.shapes);
  BOOST_REQUIRE(event);
  BOOST_CHECK(std::get<transaction_event>(event->body) == event_of("a", 1, table, large));
}

/// No account loses its protection for it: what Kafka refused goes in parts that fit.
BOOST_AUTO_TEST_CASE(p02_r13_a_limit_lowered_while_running_is_noticed_by_the_first_refusal) {
  world w;
  const auto table = items();
  w.produce(event_of("b", 1, table));
  BOOST_REQUIRE(w.all_told(1));
  w.topic_limit = 20'000;
  w.cluster.answer_next_produce(RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE);
  w.produce(event_of("a", 1, table, std::string(100'000, 'x')));
  BOOST_REQUIRE(w.all_told(2));
  BOOST_TEST(w.log->life().value == 101U);
  BOOST_TEST(w.troubles == 1U);
  w.produce(event_of("a", 2, table, std::string(100'000, 'x')));
  w.produce(event_of("b", 2, table));
  BOOST_REQUIRE(w.all_told(4));
  BOOST_TEST(w.refused == 0U);
  const auto order = kinds(w.cluster.read());
  BOOST_TEST((order.starts_with("istisppppp") && order.ends_with("pt")), order);
  BOOST_TEST(std::ranges::count(order, 'p') == 12, order);
}

/// R11: librdkafka goes on with what lies behind a refused record. What was overtaken so isn't written any
/// more, and what comes meanwhile waits.
BOOST_AUTO_TEST_CASE(p02_r11_what_is_in_doubt_is_never_written_behind_its_successor) {
  world w;
  const auto table = items();
  w.produce(event_of("b", 1, table));
  BOOST_REQUIRE(w.all_told(1));
  w.topic_limit = 20'000;
  w.cluster.answer_next_produce(RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE);
  for (std::uint64_t i = 1; i <= 200; ++i)
    w.produce(event_of("a", i, table, std::string(1'000, 'x')));
  BOOST_REQUIRE(w.all_told(201));
  std::set<std::uint64_t> there;
  std::uint64_t last = 0;
  for (const auto& l : w.cluster.read()) {
    const auto* t = std::get_if<transaction_event>(&l.body);
    if (t == nullptr || t->account.value != "a")
      continue;
    BOOST_TEST((t->number.value > last || there.contains(t->number.value)),
               "a new number behind a later one");
    last = std::max(last, t->number.value);
    there.insert(t->number.value);
  }
  BOOST_TEST(there.size() + w.refused == 200U);
}

/// A limit that isn't read is no reason to let a commit go: Kafka is away for all others, too.
BOOST_AUTO_TEST_CASE(p02_what_is_too_large_waits_until_the_limit_can_be_read) {
  world w;
  const auto table = items();
  w.produce(event_of("b", 1, table));
  BOOST_REQUIRE(w.all_told(1));
  w.is_limit_known = false;
  w.cluster.answer_next_produce(RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE);
  w.produce(event_of("a", 1, table));
  BOOST_REQUIRE(fixture::eventually(deadline, [&] { return w.looks >= 2; }));
  w.produce(event_of("a", 2, table)); // not ahead of it
  w.produce(event_of("b", 2, table));
  BOOST_REQUIRE(fixture::eventually(deadline, [&] { return w.confirmed == 2U; }));
  BOOST_TEST(w.log->in_flight() == 2U);
  w.is_limit_known = true; // and it is what it was
  BOOST_REQUIRE(w.all_told(4));
  BOOST_TEST(w.refused == 1U);
  const std::vector<std::uint64_t> expected{1, 2, 2};
  BOOST_TEST(numbers(w.cluster.read()) == expected, boost::test_tools::per_element());
}

/// R3: what no part is small enough for is told, and doesn't wait for ever.
BOOST_AUTO_TEST_CASE(p02_an_event_that_fits_nowhere_any_more_is_refused) {
  world w;
  const auto table = items();
  w.produce(event_of("b", 1, table));
  BOOST_REQUIRE(w.all_told(1));
  w.topic_limit = 1100;
  w.cluster.answer_next_produce(RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE);
  w.produce(event_of("a", 1, table));
  BOOST_REQUIRE(w.all_told(2));
  BOOST_REQUIRE(fixture::eventually(deadline, [&] { return w.log->life() == incarnation(101); }));
  w.produce(event_of("a", 2, table, std::string(5000, 'x')));
  BOOST_REQUIRE(w.all_told(3));
  BOOST_TEST(w.refused == 2U);
}

BOOST_AUTO_TEST_CASE(p02_a_limit_raised_while_running_is_noticed_by_what_cannot_be_cut) {
  world w(1100);
  const auto table = items();
  w.topic_limit = 1100;
  w.produce(event_of("a", 1, table));
  BOOST_REQUIRE(w.all_told(1));
  BOOST_TEST(w.refused == 1U);
  const unsigned before = w.looks;
  w.topic_limit = 1'000'000;
  for (std::uint64_t i = 2; i <= 50; ++i)
    w.produce(event_of("a", i, table, std::string(5'000, 'x')));
  BOOST_REQUIRE(w.all_told(50));
  BOOST_TEST(w.refused == 1U);
  BOOST_TEST(w.looks == before + 1); // not one for each of them
  BOOST_TEST(kinds(w.cluster.read()) == "is" + std::string(49, 't'));
}

BOOST_AUTO_TEST_CASE(r3_a_refusal_is_told_for_its_event_and_the_log_goes_on) {
  world w;
  const auto table = items();
  w.produce(event_of("b", 1, table));
  BOOST_REQUIRE(w.all_told(1));
  w.cluster.answer_next_produce(RD_KAFKA_RESP_ERR_INVALID_RECORD);
  w.produce(event_of("a", 1, table));
  BOOST_REQUIRE(w.all_told(2));
  w.produce(event_of("b", 2, table));
  BOOST_REQUIRE(w.all_told(3));
  BOOST_TEST(w.refused == 1U);
  BOOST_TEST(w.confirmed == 2U);
  BOOST_TEST(w.log->in_flight() == 0U);
  BOOST_TEST(w.log->in_flight_bytes() == 0U);
}

/// Nobody holds its COMMIT for control's word: behind a checkpoint that passed it nobody would know.
BOOST_AUTO_TEST_CASE(p1_r3_a_refused_event_that_holds_no_commit_is_kept_in_mind_until_it_is_said) {
  world w;
  const auto table = items();
  w.produce(event_of("b", 1, table));
  BOOST_REQUIRE(w.all_told(1));
  w.cluster.answer_next_produce(RD_KAFKA_RESP_ERR_INVALID_RECORD);
  captured_from from;
  from.transaction = 7;
  from.holds_commit = false;
  w.produce(event_of("a", 1, table), from);
  BOOST_REQUIRE(w.all_told(2));
  BOOST_TEST(w.refused == 1U);
  BOOST_TEST((w.log->oldest_missing() == std::optional<settlement::ticket>(7)));
  w.log->refusal_is_said(account_id("a"), sequence(1));
  BOOST_TEST(!w.log->oldest_missing());
}

/// Nobody listens there: Kafka is away for good.
BOOST_AUTO_TEST_CASE(p7_without_kafka_what_holds_no_commit_is_kept_up_to_the_bound_and_then_left_out) {
  world w(1'000'000, "127.0.0.1:1");
  const auto table = items();
  for (std::uint64_t i = 1; i <= 100; ++i)
    w.produce(event_of("a", i, table, std::string(1000, 'x')), {i, false});
  const auto kept = w.log->in_flight();
  BOOST_TEST(kept > 5U);
  BOOST_TEST(kept < 11U);
  const auto bytes = w.log->in_flight_bytes();
  BOOST_TEST(bytes < 12'000U);
  const auto omitted = w.log->left_out_now();
  BOOST_REQUIRE(omitted.size() == 1U);
  BOOST_TEST(omitted[0].account.value == "a");
  BOOST_TEST(omitted[0].term.value == 1U);
  BOOST_TEST(omitted[0].last.value == 100U);
  BOOST_TEST(w.log->leaves_out(account_id("a")));
  BOOST_TEST(!w.log->has_room());
  // A commit that waits is never let go of for want of room; nor is what ends an epoch.
  w.produce(event_of("b", 1, table, std::string(1000, 'x')), {101, true});
  w.produce(fence_event{account_id("a"), epoch(2), kafka_offset(7), false, sequence(100), std::nullopt});
  BOOST_TEST(w.log->in_flight() == kept + 2);
  BOOST_TEST(w.log->oldest_missing().value() == 1U);
}

BOOST_AUTO_TEST_CASE(p7_an_account_whose_events_were_left_out_is_written_again_once_that_is_said) {
  world w;
  const auto table = items();
  w.produce(event_of("b", 1, table));
  BOOST_REQUIRE(w.all_told(1));
  BOOST_TEST(!w.log->oldest_missing());
  const std::string larger_than_all(20'000, 'x'); // taken while there's room: nothing else waits
  w.cluster.answer_next_produce(RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION); // so that it waits a moment
  w.produce(event_of("a", 1, table, larger_than_all), {1, false});
  w.produce(event_of("a", 2, table), {2, false});
  BOOST_REQUIRE(w.log->leaves_out(account_id("a")));
  BOOST_REQUIRE(w.all_told(2));
  BOOST_TEST(w.log->has_room());
  w.produce(event_of("a", 3, table), {3, false}); // no gap is seen before control has said why
  BOOST_TEST(w.log->left_out_now()[0].last.value == 3U);
  BOOST_TEST(w.log->oldest_missing().value() == 2U); // a restart begins before it
  w.log->resume(account_id("a"));
  BOOST_TEST(!w.log->oldest_missing());
  w.produce(event_of("a", 4, table), {4, false});
  BOOST_REQUIRE(w.all_told(3));
  std::vector<std::uint64_t> expected{1, 1, 4};
  BOOST_TEST(numbers(w.cluster.read()) == expected, boost::test_tools::per_element());
}

/// R4: as the binlog is read again; what is captured meanwhile waits behind it.
BOOST_AUTO_TEST_CASE(r4_what_was_left_out_is_made_up_for_in_its_place) {
  world w;
  const auto table = items();
  w.produce(event_of("b", 1, table)); // the connection stands
  BOOST_REQUIRE(w.all_told(1));
  w.cluster.answer_next_produce(RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION); // so that it waits a moment
  w.produce(event_of("a", 1, table, std::string(20'000, 'x')), {1, false});
  w.produce(event_of("a", 2, table), {2, false});
  w.produce(event_of("a", 3, table), {3, false});
  BOOST_REQUIRE(w.log->leaves_out(account_id("a")));
  BOOST_REQUIRE(w.all_told(2));
  const account_id account("a");
  BOOST_REQUIRE(w.log->follow_missing(account));
  w.produce(event_of("a", 4, table), {4, false});
  w.produce(event_of("a", 5, table), {5, false});
  BOOST_TEST(w.log->in_flight() == 0U);
  const auto read_again = [&](std::uint64_t number) {
    const auto missing = w.log->take_missing(account, {0, 1, number});
    BOOST_REQUIRE(missing);
    BOOST_REQUIRE(*missing);
    BOOST_TEST((*missing)->number.value == number);
    return w.log->make_up_for(**missing, event_of("a", number, table),
                              [&w](const delivery_outcome&) { ++w.confirmed; });
  };
  BOOST_TEST(!read_again(2));
  BOOST_TEST(w.log->oldest_missing().value() == 2U); // a restart reads all of them again
  BOOST_TEST(read_again(3));
  BOOST_TEST(!w.log->leaves_out(account));
  w.produce(event_of("a", 6, table), {6, false});
  BOOST_REQUIRE(w.all_told(7));
  BOOST_TEST(!w.log->oldest_missing());
  std::vector<std::uint64_t> expected{1, 1, 2, 3, 4, 5, 6};
  BOOST_TEST(numbers(w.cluster.read()) == expected, boost::test_tools::per_element());
}

/// R28: nothing of its epoch lies behind a fence that could still count.
BOOST_AUTO_TEST_CASE(r28_r4_a_fence_ends_what_could_be_made_up_for) {
  world w(1'000'000, "127.0.0.1:1");
  const auto table = items();
  for (std::uint64_t i = 1; i <= 100; ++i)
    w.produce(event_of("a", i, table, std::string(1000, 'x')), {i, false});
  const account_id account("a");
  BOOST_REQUIRE(w.log->follow_missing(account));
  const auto first = w.log->left_out_now().at(0).next.value;
  BOOST_TEST(w.log->take_missing(account, {0, 1, first}).has_value());
  w.produce(fence_event{account, epoch(2), kafka_offset(7), false, sequence(100), std::nullopt});
  BOOST_TEST(!w.log->take_missing(account, {0, 1, first + 1}));
  BOOST_TEST(!w.log->follow_missing(account));
  BOOST_TEST(w.log->left_out_now().at(0).why_not == "its epoch ended");
}
