// The simulator can fail: each broken variant leaves out one rule and is caught by the promises alone.
#include "tests/simulation/seeds.hpp"

#include <boost/test/unit_test.hpp>

using namespace understudy::simulation;

namespace {

/// Rarest of all is the schedule that punishes a hasty claim: one in some hundred.
constexpr std::uint64_t patience = 4000;

void is_caught(mutant which) {
  options chosen;
  chosen.broken = which;
  const auto outcome = run_seeds(0, patience, chosen);
  BOOST_TEST(outcome.failed.has_value(), "no seed breaks a promise");
  BOOST_TEST(!outcome.story.empty());
  BOOST_TEST_MESSAGE(outcome.what);
}

} // namespace

BOOST_AUTO_TEST_CASE(r2_an_ack_before_kafka_is_caught) {
  is_caught(mutant::ack_before_kafka);
}
BOOST_AUTO_TEST_CASE(r9_a_forgotten_tail_is_caught) {
  is_caught(mutant::tail_forgotten);
}
BOOST_AUTO_TEST_CASE(r12_void_records_that_count_are_caught) {
  is_caught(mutant::void_counts);
}
BOOST_AUTO_TEST_CASE(r20_reports_without_a_lease_are_caught) {
  is_caught(mutant::lease_ignored);
}
BOOST_AUTO_TEST_CASE(r20_reports_judged_by_a_clock_that_stood_still_are_caught) {
  is_caught(mutant::broker_time_ignored);
}
BOOST_AUTO_TEST_CASE(r22_a_claim_without_waiting_is_caught) {
  is_caught(mutant::claim_without_waiting);
}
BOOST_AUTO_TEST_CASE(r27_a_beginning_without_a_fence_is_caught) {
  is_caught(mutant::fence_ignored);
}
BOOST_AUTO_TEST_CASE(r36_an_event_applied_twice_is_caught) {
  is_caught(mutant::dedupe_off);
}
