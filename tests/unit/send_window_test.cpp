// What waits to be handed to librdkafka (events/log/send_window.hpp): in order, all of it, and never while
// librdkafka would have to wait with it.
#include "events/log/send_window.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>

using namespace understudy;

namespace {

const partition_id first{0}, second{1};
constexpr std::size_t record_bytes = 10; // "key" and "payload"

/// A producer's way with it; what was handed over, in order.
struct sender {
  send_window window;
  std::vector<std::uint64_t> sent;

  void produce(std::uint64_t token, partition_id partition = first) {
    if (window.open("topic", partition, record_bytes))
      sent.push_back(token);
    else
      window.wait("topic", partition, {"key", "payload", token});
  }
  void answer(partition_id partition = first) {
    window.answered("topic", partition, record_bytes);
    for (const auto& each : window.next("topic", partition))
      sent.push_back(each.token);
  }
};

std::vector<std::uint64_t> up_to(std::uint64_t last) {
  std::vector<std::uint64_t> all(last);
  std::generate(all.begin(), all.end(), [n = std::uint64_t{0}]() mutable { return ++n; });
  return all;
}

} // namespace

BOOST_AUTO_TEST_CASE(what_comes_behind_five_unanswered_goes_together_with_the_next_answer) {
  sender s;
  for (std::uint64_t token = 1; token <= 20; ++token)
    s.produce(token);
  BOOST_TEST(s.sent == up_to(5), boost::test_tools::per_element());
  BOOST_TEST(s.window.waiting() == 15U);
  BOOST_TEST(s.window.bytes() == 20 * record_bytes);
  s.answer();
  BOOST_TEST(s.sent == up_to(20), boost::test_tools::per_element());
  BOOST_TEST(s.window.waiting() == 0U);
  BOOST_TEST(s.window.bytes() == 19 * record_bytes);
  s.produce(21);
  for (int answers = 0; answers < 14; ++answers)
    s.answer();
  BOOST_TEST(s.sent.size() == 20U); // five are unanswered still
  s.answer();
  BOOST_TEST(s.sent == up_to(21), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(partitions_wait_for_their_own_answers_alone) {
  sender s;
  for (std::uint64_t token = 1; token <= 6; ++token)
    s.produce(token);
  s.produce(7, second);
  BOOST_TEST(s.sent.back() == 7U);
  s.answer(second);
  BOOST_TEST(s.window.waiting() == 1U);
}

BOOST_AUTO_TEST_CASE(what_is_put_back_stays_ahead_of_what_came_since) {
  sender s;
  for (std::uint64_t token = 1; token <= 8; ++token)
    s.produce(token);
  s.window.answered("topic", first, record_bytes);
  auto next = s.window.next("topic", first);
  BOOST_REQUIRE(next.size() == 3U);
  next.pop_front(); // that one was taken
  s.window.put_back("topic", first, std::move(next));
  s.produce(9);
  const auto rest = s.window.give_up();
  BOOST_REQUIRE(rest.size() == 3U);
  for (std::uint64_t i = 0; i < rest.size(); ++i)
    BOOST_TEST(rest[i].second.token == 7 + i);
  BOOST_TEST(s.window.waiting() == 0U);
  BOOST_TEST(s.window.bytes() == 5 * record_bytes);
}
