#include "actors/gateway/replay_guard.hpp"

#include <boost/test/unit_test.hpp>

using namespace understudy;
using verdict = replay_guard::verdict;

BOOST_AUTO_TEST_CASE(a_nonce_is_taken_once_for_as_long_as_its_time_is_accepted) {
  replay_guard guard(1'000);
  BOOST_CHECK(guard.admit("a", 10'000) == verdict::fresh);
  BOOST_CHECK(guard.admit("a", 10'000) == verdict::replayed);
  // Signed with a clock that runs ahead by the window, it stays acceptable for twice the window.
  BOOST_CHECK(guard.admit("a", 12'000) == verdict::replayed);
  BOOST_CHECK(guard.admit("b", 12'001) == verdict::fresh);
  BOOST_TEST(guard.size() == 1);
}

BOOST_AUTO_TEST_CASE(a_clock_that_steps_back_forgets_nothing) {
  replay_guard guard(1'000);
  guard.admit("a", 10'000);
  guard.admit("b", 2'000);
  BOOST_CHECK(guard.admit("a", 2'000) == verdict::replayed);
  BOOST_CHECK(guard.admit("b", 11'000) == verdict::replayed);
}

BOOST_AUTO_TEST_CASE(p7_a_full_guard_refuses_instead_of_forgetting) {
  replay_guard guard(1'000, 2);
  guard.admit("a", 0);
  guard.admit("b", 0);
  BOOST_CHECK(guard.admit("c", 1) == verdict::full);
  BOOST_CHECK(guard.admit("a", 1) == verdict::replayed);
  BOOST_CHECK(guard.admit("c", 2'001) == verdict::fresh);
}
