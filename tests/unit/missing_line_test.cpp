// What Kafka lacks of an account, as the binlog is read again: which numbers, both ends, and when it can't be
// (R4, P7).
#include "actors/source/left_out_events.hpp"
#include "actors/source/reading_window.hpp"

#include <boost/test/unit_test.hpp>

using namespace understudy;

namespace {

gtid id(std::uint64_t number, std::uint32_t domain = 0) {
  return {domain, 1, number};
}

gtid_position up_to(std::uint64_t number) {
  gtid_position place;
  place.advance(id(number));
  return place;
}

/// Transactions 110, 120 … were left out as sequences 11, 12 …
missing_line missing(std::uint64_t count) {
  missing_line line(epoch(1), sequence(11), id(110), 7, up_to(100));
  for (std::uint64_t i = 1; i < count; ++i)
    line.leave_out(sequence(11 + i), id(110 + 10 * i));
  return line;
}

/// Its number; 0: it isn't missing; -1: it doesn't fit.
std::int64_t number_of(missing_line& line, std::uint64_t transaction) {
  const auto taken = line.take(id(transaction));
  return !taken ? -1 : !*taken ? 0 : static_cast<std::int64_t>((*taken)->value);
}

constexpr partition_id place{3};
const account_id anna{"anna"};
using verdict = left_out_events::verdict;

struct source {
  left_out_events events;
  std::uint64_t written = 10; ///< numbers that were given; sequence n is of transaction 10 n

  transaction_event next() {
    transaction_event made;
    made.account = anna;
    made.term = epoch(1);
    made.number = sequence(++written);
    made.id = id(10 * written);
    return made;
  }
  verdict write(bool has_room, bool holds_commit = false) {
    const auto event = next();
    const captured_from from{written, holds_commit};
    const auto judged = events.judge(place, event, from, has_room);
    if (judged == verdict::behind)
      events.wait_behind(anna, {place, event, {}, from, holds_commit ? 0U : 100U});
    return judged;
  }
  /// The transactions of these sequences are read again; how many of them were missing.
  unsigned read(std::uint64_t first, std::uint64_t last) {
    unsigned taken = 0;
    for (auto number = first; number <= last; ++number) {
      const auto found = events.take(anna, id(10 * number));
      BOOST_REQUIRE(found);
      if (!*found)
        continue;
      BOOST_TEST((*found)->number.value == number);
      ++taken;
    }
    return taken;
  }
  /// What waited, as it goes out now.
  std::vector<std::uint64_t> go_on() {
    std::vector<std::uint64_t> numbers;
    while (auto next = events.next_behind(anna))
      numbers.push_back(std::get<transaction_event>(next->body).number.value);
    return numbers;
  }
};

} // namespace

BOOST_AUTO_TEST_CASE(r4_what_was_left_out_gets_the_numbers_that_it_had) {
  auto line = missing(3);
  BOOST_TEST(line.count() == 3u);
  BOOST_TEST(number_of(line, 90) == 0);  // before the place
  BOOST_TEST(number_of(line, 105) == 0); // in Kafka already
  BOOST_TEST(number_of(line, 110) == 11);
  BOOST_TEST(number_of(line, 110) == 0); // read again by another connection
  BOOST_TEST(number_of(line, 120) == 12);
  BOOST_TEST(line.before().text() == "0-1-120"); // where another connection begins
  BOOST_TEST(line.next().value == 13u);
  BOOST_TEST(!line.is_complete());
  BOOST_TEST(number_of(line, 130) == 13);
  BOOST_TEST(line.is_complete());
  BOOST_TEST(line.count() == 0u);
  BOOST_TEST(number_of(line, 140) == 0); // captured behind
  BOOST_TEST(line.transaction() == 7u);
}

BOOST_AUTO_TEST_CASE(r4_numbers_that_dont_fit_at_either_end_break_the_line_off) {
  auto first_is_gone = missing(3);
  BOOST_TEST(number_of(first_is_gone, 111) == -1);
  BOOST_TEST((first_is_gone.why_broken().find("0-1-111 where 0-1-110, sequence 11") != std::string::npos));
  BOOST_TEST(number_of(first_is_gone, 120) == -1);

  auto one_too_few = missing(3);
  BOOST_TEST(number_of(one_too_few, 110) == 11);
  BOOST_TEST(number_of(one_too_few, 130) == -1);

  auto one_too_many = missing(2);
  BOOST_TEST(number_of(one_too_many, 110) == 11);
  BOOST_TEST(number_of(one_too_many, 115) == -1);

  auto nothing_comes = missing(3);
  BOOST_TEST(number_of(nothing_comes, 110) == 11);
  BOOST_TEST(nothing_comes.read_up_to(id(129)).has_value());
  BOOST_TEST(nothing_comes.read_up_to(id(500, 4)).has_value()); // of another domain
  BOOST_TEST(!nothing_comes.read_up_to(id(131)));
  BOOST_TEST(nothing_comes.is_broken());

  auto all_came = missing(1);
  BOOST_TEST(number_of(all_came, 110) == 11);
  BOOST_TEST(all_came.read_up_to(id(200)).has_value());
}

BOOST_AUTO_TEST_CASE(r4_a_transaction_lies_among_what_is_missing_or_it_doesnt) {
  auto line = missing(3);
  BOOST_TEST(!line.may_contain(id(100)));
  BOOST_TEST(!line.may_contain(id(109)));
  BOOST_TEST(line.may_contain(id(115)));
  BOOST_TEST(!line.may_contain(id(131)));
  BOOST_TEST(line.may_contain(id(1, 5))); // who knows where
}

BOOST_AUTO_TEST_CASE(r4_reading_for_several_accounts_begins_before_the_first_of_each) {
  const auto place = [](std::string_view text) { return gtid_position::parse(text).value(); };
  BOOST_TEST(earliest({}).text() == "");
  BOOST_TEST(earliest({place("0-1-9")}).text() == "0-1-9");
  BOOST_TEST(earliest({place("0-1-9,4-1-2"), place("0-1-7,4-1-3")}).text() == "0-1-7,4-1-2");
  BOOST_TEST(earliest({place("0-1-9,4-1-2"), place("0-1-8")}).text() == "0-1-8"); // before 4's beginning
}

BOOST_AUTO_TEST_CASE(p7_r4_what_is_written_behind_waits_in_memory_only_near_the_end) {
  source s;
  BOOST_TEST((s.write(true) == verdict::written));
  for (int i = 0; i < 1500; ++i) // 12 … 1511
    BOOST_TEST_REQUIRE((s.write(i > 0 && i < 9) == verdict::left_out));
  BOOST_REQUIRE(s.events.follow(anna));
  BOOST_TEST((s.write(true) == verdict::left_out)); // 1512
  BOOST_TEST(s.read(1, 600) == 589U);
  BOOST_TEST((s.write(true) == verdict::behind)); // 1513, for only 912 are missing now
  BOOST_TEST((s.write(true) == verdict::behind));
  BOOST_TEST(s.events.bytes() == 200U);
  BOOST_TEST(s.go_on().empty());
  BOOST_TEST(s.read(601, 1512) == 912U);
  BOOST_TEST(s.go_on() == (std::vector<std::uint64_t>{1513, 1514}), boost::test_tools::per_element());
  BOOST_TEST(!s.events.contains(anna));
  BOOST_TEST(s.events.bytes() == 0U);
  BOOST_TEST((s.write(true) == verdict::written));
}

BOOST_AUTO_TEST_CASE(p7_r4_what_waits_is_left_out_again_when_there_is_no_room) {
  source s;
  BOOST_TEST((s.write(false) == verdict::left_out)); // 11
  BOOST_REQUIRE(s.events.follow(anna));
  BOOST_TEST((s.write(true) == verdict::behind));
  BOOST_TEST((s.write(true) == verdict::behind));
  BOOST_TEST((s.write(false) == verdict::left_out)); // 14, and so are 12 and 13
  BOOST_TEST(s.events.bytes() == 0U);
  BOOST_TEST(s.read(11, 13) == 3U);
  BOOST_TEST((s.write(true) == verdict::behind));
  BOOST_TEST(s.read(14, 14) == 1U);
  auto next = s.events.next_behind(anna);
  BOOST_REQUIRE(next);
  // In the middle of going on, too: what is read of it then is known to be written.
  BOOST_TEST((s.write(false) == verdict::left_out)); // 16
  BOOST_TEST(!s.events.next_behind(anna));
  BOOST_TEST(s.read(14, 16) == 1U);
  BOOST_TEST(s.go_on().empty());
  BOOST_TEST(!s.events.contains(anna));
}

BOOST_AUTO_TEST_CASE(r3_r4_a_commit_that_is_held_is_never_left_out) {
  source s;
  BOOST_TEST((s.write(false, true) == verdict::written));
  BOOST_TEST((s.write(false) == verdict::left_out)); // 12
  BOOST_TEST((s.write(false, true) == verdict::behind));
  BOOST_TEST((s.write(false) == verdict::behind)); // what is held can't be left out before it
  BOOST_REQUIRE(s.events.follow(anna));
  BOOST_TEST(s.read(12, 12) == 1U);
  BOOST_TEST(s.go_on() == (std::vector<std::uint64_t>{13, 14}), boost::test_tools::per_element());

  BOOST_TEST((s.write(false) == verdict::left_out));     // 15
  BOOST_TEST((s.write(false, true) == verdict::behind)); // 16
  BOOST_TEST((s.write(false) == verdict::behind));       // 17
  const auto held = s.events.break_off(anna, "purged");
  BOOST_REQUIRE(held.size() == 1U); // it goes out behind a gap that a snapshot fills
  BOOST_TEST(std::get<transaction_event>(held[0].body).number.value == 16U);
  BOOST_TEST(s.events.bytes() == 0U);
  BOOST_TEST((s.write(true, true) == verdict::written));
  BOOST_TEST((s.write(true) == verdict::left_out)); // 19
  const auto known = s.events.all();
  BOOST_REQUIRE(known.size() == 1U);
  BOOST_TEST(known[0].why_not == "purged");
  BOOST_TEST(known[0].last.value == 19U);
  BOOST_TEST(!s.events.follow(anna));
  BOOST_TEST(!s.events.take(anna, id(150)));
}

BOOST_AUTO_TEST_CASE(r4_a_restart_begins_before_the_first_until_all_are_written) {
  source s;
  BOOST_TEST((s.write(false) == verdict::left_out));
  BOOST_TEST((s.write(false) == verdict::left_out));
  BOOST_REQUIRE(s.events.follow(anna));
  const auto first = s.events.take(anna, id(110));
  BOOST_REQUIRE(first);
  BOOST_REQUIRE(*first);
  BOOST_TEST((*first)->from.transaction == 11u); // as if it were of the first of them: that's what is known
  BOOST_TEST(!(*first)->from.holds_commit);
  BOOST_TEST(!(*first)->is_last);
  const auto last = s.events.take(anna, id(120));
  BOOST_REQUIRE(last);
  BOOST_REQUIRE(*last);
  BOOST_TEST((*last)->is_last);
  BOOST_TEST(s.events.oldest().value() == 11u); // until the caller has written it
  BOOST_TEST(s.go_on().empty());
  BOOST_TEST(!s.events.oldest());
}

BOOST_AUTO_TEST_CASE(r11_what_is_missing_of_an_earlier_epoch_is_nobodys_any_more) {
  source s;
  BOOST_TEST((s.write(false) == verdict::left_out));
  auto next = s.next();
  next.term = epoch(2);
  BOOST_TEST((s.events.judge(place, next, {12, true}, true) == verdict::written));
  BOOST_TEST(!s.events.contains(anna));
}

BOOST_AUTO_TEST_CASE(p7_what_is_read_again_waits_for_what_is_on_its_way) {
  reading_window window(1000);
  const account_id bert{"bert"};
  const auto first = window.take(anna, 900);
  BOOST_TEST(window.wait());
  const auto other = window.take(bert, 300);
  BOOST_TEST(window.taken() == 1200u);
  window.give_back(anna, first);
  BOOST_TEST(window.wait());
  const auto stuck = window.take(bert, 900);
  window.forget(bert); // its partition can't be written: nobody waits for that
  BOOST_TEST(window.taken() == 0u);
  const auto again = window.take(bert, 100);
  window.give_back(bert, stuck); // confirmed late
  window.give_back(bert, other);
  BOOST_TEST(window.taken() == 100u);
  window.give_back(bert, again);
  BOOST_TEST(window.taken() == 0u);
  window.take(anna, 2000);
  window.close();
  BOOST_TEST(!window.wait());
}
