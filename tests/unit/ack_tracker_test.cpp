#include "events/model/invariant.hpp"
#include "storage/settle/ack_tracker.hpp"

#include <boost/test/unit_test.hpp>

#include <random>

using namespace understudy;

namespace {

gtid id(std::uint64_t number) {
  return {0, 1, number};
}
binlog_place place(std::uint64_t offset) {
  return {"binlog.000001", offset};
}

} // namespace

BOOST_AUTO_TEST_CASE(r2_nothing_captured_releases_nothing) {
  ack_tracker tracker;
  BOOST_TEST(!tracker.take_release());
  BOOST_TEST(!tracker.oldest());
}

BOOST_AUTO_TEST_CASE(r2_a_later_transaction_waits_for_an_earlier_one) {
  ack_tracker tracker;
  const auto first = tracker.begin(id(1), place(100), 1);
  const auto second = tracker.begin(id(2), place(200), 1);
  tracker.settle(second);
  BOOST_TEST(!tracker.take_release());
  tracker.settle(first);
  const auto release = tracker.take_release();
  BOOST_TEST_REQUIRE(release.has_value());
  BOOST_TEST(release->place.offset == 200u);
  BOOST_TEST(release->settled.text() == "0-1-2");
  BOOST_TEST(!tracker.take_release());
}

BOOST_AUTO_TEST_CASE(r17_a_transaction_settles_with_its_last_slice) {
  ack_tracker tracker;
  const auto ticket = tracker.begin(id(1), place(100), 3);
  tracker.settle(ticket);
  tracker.settle(ticket);
  BOOST_TEST(!tracker.take_release());
  BOOST_TEST((*tracker.oldest_id() == id(1)));
  tracker.settle(ticket);
  BOOST_TEST(tracker.take_release().has_value());
}

BOOST_AUTO_TEST_CASE(r3_a_transaction_without_slices_settles_at_once) {
  ack_tracker tracker;
  tracker.begin(id(1), place(100), 0);
  BOOST_TEST(tracker.take_release()->place.offset == 100u);
}

BOOST_AUTO_TEST_CASE(r2_nothing_is_released_in_the_middle_of_what_was_committed_together) {
  ack_tracker tracker;
  const auto first = tracker.begin(id(1), place(100), 1, 7);
  const auto second = tracker.begin(id(2), place(200), 1, 7);
  const auto next = tracker.begin(id(3), place(300), 1, 8);
  tracker.settle(first);
  BOOST_TEST(!tracker.take_release());
  tracker.settle(second);
  BOOST_TEST(tracker.take_release()->place.offset == 200u);
  tracker.settle(next); // all of its group that was read, for now
  BOOST_TEST(tracker.take_release()->place.offset == 300u);
  tracker.begin(id(4), place(400), 0, 8);
  BOOST_TEST(tracker.take_release()->place.offset == 400u);
}

BOOST_AUTO_TEST_CASE(r7_tickets_of_an_older_generation_are_ignored) {
  ack_tracker tracker;
  const auto old = tracker.begin(id(1), place(100), 1);
  tracker.reset({});
  const auto again = tracker.begin(id(1), place(100), 1);
  BOOST_TEST(old != again);
  tracker.settle(old);
  BOOST_TEST(!tracker.take_release());
  tracker.settle(again);
  BOOST_TEST(tracker.take_release().has_value());
  BOOST_TEST(tracker.settled().text() == "0-1-1");
}

BOOST_AUTO_TEST_CASE(r2_settling_too_often_is_a_broken_invariant) {
  ack_tracker tracker;
  const auto first = tracker.begin(id(1), place(100), 1);
  const auto second = tracker.begin(id(2), place(200), 1);
  tracker.settle(second);
  BOOST_CHECK_THROW(tracker.settle(second), broken_invariant);
  tracker.settle(first);
  BOOST_CHECK_THROW(tracker.settle(first), broken_invariant);
  BOOST_CHECK_THROW(tracker.settle(second + 1), broken_invariant);
}

// Against a model: any order of settling, with resets in between.
BOOST_AUTO_TEST_CASE(r2_never_releases_above_unsettled_and_releases_all_in_the_end) {
  for (unsigned seed = 0; seed < 300; ++seed) {
    std::mt19937 random(seed);
    ack_tracker tracker;
    std::vector<std::pair<ack_tracker::ticket, unsigned>> open; // ticket, slices left
    std::map<ack_tracker::ticket, std::uint64_t> places;
    std::map<std::uint64_t, std::uint64_t> groups; // of each place
    std::uint64_t number = 0, released = 0, settled_below = 0, group = 1;
    const auto check = [&] {
      while (const auto release = tracker.take_release()) {
        BOOST_TEST_REQUIRE(release->place.offset > released);
        released = release->place.offset;
      }
      settled_below = number;
      for (const auto& [ticket, left] : open)
        if (left > 0)
          settled_below = std::min(settled_below, places[ticket] - 1);
      BOOST_TEST_REQUIRE(released <= settled_below);
      const bool is_within = settled_below > 0 && settled_below < number && groups[settled_below] != 0 &&
                             groups[settled_below] == groups[settled_below + 1];
      BOOST_TEST_REQUIRE((is_within || released == settled_below));
    };
    for (int step = 0; step < 200; ++step) {
      const auto dice = random() % 100;
      if (dice < 40) {
        ++number;
        const auto slices = random() % 4;
        group += random() % 3 == 0 ? 1 : 0;
        groups[number] = random() % 8 == 0 ? 0 : group;
        const auto ticket =
            tracker.begin(id(number), place(number), static_cast<std::uint32_t>(slices), groups[number]);
        places[ticket] = number;
        if (slices > 0)
          open.emplace_back(ticket, slices);
      } else if (dice < 98 && !open.empty()) {
        auto& [ticket, left] = open[random() % open.size()];
        if (left > 0) {
          tracker.settle(ticket);
          --left;
        }
      } else if (dice == 98) { // the connection broke: read again from what was released
        gtid_position from;
        from.advance(id(released));
        tracker.reset(from);
        open.clear();
        number = released;
      }
      check();
    }
    for (auto& [ticket, left] : open)
      for (; left > 0; --left)
        tracker.settle(ticket);
    check();
    BOOST_TEST_REQUIRE(tracker.unsettled() == 0u);
    BOOST_TEST_REQUIRE(released == number);
  }
}
