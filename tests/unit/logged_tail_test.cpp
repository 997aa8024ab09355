// R35: what is in the account's log before its fence is no foreign write, though capture meets it again.
#include "actors/supervisor/logged_tail.hpp"

#include <boost/test/unit_test.hpp>

using namespace understudy;

BOOST_AUTO_TEST_CASE(r35_only_what_lies_before_the_fence_is_the_accounts_history) {
  const account_id ended("ended"), still_here("still here");
  logged_tail tail;
  tail.add(ended, {0, 1, 7}, kafka_offset{40});
  tail.add(ended, {0, 1, 8}, kafka_offset{42});
  tail.add(still_here, {0, 1, 9}, kafka_offset{43});
  tail.keep_before({{ended, kafka_offset{41}}});
  BOOST_TEST(tail.take(ended, {0, 1, 7}));
  BOOST_TEST(!tail.take(ended, {0, 1, 7})); // met once
  BOOST_TEST(!tail.take(ended, {0, 1, 8})); // landed behind the fence: void
  BOOST_TEST(!tail.take(still_here, {0, 1, 9}));
}
