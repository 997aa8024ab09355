// Where a restart begins: before everything that Kafka lacks, and near the end (R4, R7).
#include "actors/source/checkpoint_history.hpp"

#include <boost/test/unit_test.hpp>

using namespace understudy;

namespace {

using ticket = settlement::ticket;

settlement::checkpoint before(ticket next) {
  settlement::checkpoint taken;
  taken.next = next;
  return taken;
}

/// Where a restart would begin; 0: nothing is kept.
ticket begins_at(checkpoint_history& history, ticket now, std::optional<ticket> oldest_missing = {}) {
  const auto* taken = history.renew(before(now), oldest_missing);
  return taken == nullptr ? 0 : taken->next;
}

} // namespace

BOOST_AUTO_TEST_CASE(r4_a_checkpoint_waits_for_what_kafka_lacks_and_follows_it) {
  checkpoint_history history;
  BOOST_TEST(begins_at(history, 10) == 10U);
  BOOST_TEST(begins_at(history, 20, 20) == 20U); // not settled itself: it's behind the checkpoint anyway
  BOOST_TEST(begins_at(history, 30, 25) == 20U);
  BOOST_TEST(begins_at(history, 40, 25) == 20U);
  BOOST_TEST(begins_at(history, 50, 35) == 30U);
  BOOST_TEST(begins_at(history, 60) == 60U);
  BOOST_TEST(begins_at(history, 70, 65) == 60U);
}

BOOST_AUTO_TEST_CASE(r9_no_place_from_before_capture_began_anew_is_stored_again) {
  checkpoint_history history;
  BOOST_TEST(begins_at(history, 10) == 10U);
  auto now = before(20);
  now.beginnings = 1;
  BOOST_TEST(history.renew(now, 15) == nullptr); // the place of 10 has nothing before it that Kafka lacks
  now.next = 30;
  BOOST_REQUIRE(history.renew(now, 25) != nullptr);
  BOOST_TEST(history.renew(now, 25)->next == 20U);
}

BOOST_AUTO_TEST_CASE(r4_nothing_is_kept_before_a_place_is_known_that_has_all_before_it) {
  checkpoint_history history;
  BOOST_TEST(begins_at(history, 10, 5) == 0U);
  BOOST_TEST(begins_at(history, 20, 12) == 10U);
}

BOOST_AUTO_TEST_CASE(p7_an_outage_of_any_length_keeps_a_bounded_number_of_checkpoints) {
  checkpoint_history history;
  BOOST_TEST(begins_at(history, 1) == 1U);
  for (ticket now = 10; now < 100'000; now += 10)
    BOOST_TEST_REQUIRE(begins_at(history, now, 5) == 1U);
  // It goes on where it can, and is near again once there's nothing behind.
  const auto found = begins_at(history, 100'000, 99'000);
  BOOST_TEST(found > 1U);
  BOOST_TEST(found <= 99'000U);
  BOOST_TEST(begins_at(history, 100'010, 100'005) == 100'000U);
}
