#include "events/log/fetch_gauge.hpp"

#include <boost/test/unit_test.hpp>

using namespace understudy;

BOOST_AUTO_TEST_CASE(a_queue_that_was_full_wakes_the_fetcher_once_when_it_is_empty) {
  fetch_gauge gauge(100'000);
  for (int i = 0; i < 100; ++i)
    gauge.took(1000);
  BOOST_TEST(!gauge.must_wake(90)); // full
  BOOST_TEST(!gauge.must_wake(10)); // what is left would be dropped
  BOOST_TEST(gauge.must_wake(0));
  BOOST_TEST(!gauge.must_wake(0));
}

BOOST_AUTO_TEST_CASE(a_reader_that_keeps_up_is_left_alone) {
  fetch_gauge gauge(100'000);
  BOOST_TEST(!gauge.must_wake(0));
  for (int i = 0; i < 1000; ++i) {
    gauge.took(1000);
    BOOST_TEST(!gauge.must_wake(20));
    BOOST_TEST(!gauge.must_wake(0));
  }
}
