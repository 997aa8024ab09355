#include "events/log/log_marks.hpp"

#include <boost/test/unit_test.hpp>

using namespace understudy;

BOOST_AUTO_TEST_CASE(
    c01_however_much_of_its_tail_a_log_lost_a_record_near_below_tells_whether_it_is_the_same) {
  log_marks marks;
  BOOST_TEST(!marks.newest());
  constexpr std::int64_t read = 5000;
  for (std::int64_t offset = 0; offset < read; ++offset)
    marks.met({kafka_offset(offset), broker_time(offset * 3)});
  BOOST_TEST(marks.newest()->offset.value == read - 1);
  BOOST_TEST(!marks.newest_below(kafka_offset(0)));
  for (std::int64_t lost = 0; lost < read; ++lost) {
    const auto end = read - lost;
    const auto found = marks.newest_below(kafka_offset(end));
    BOOST_REQUIRE(found);
    BOOST_TEST(found->time.value == found->offset.value * 3);
    BOOST_TEST(found->offset.value < end);
    BOOST_TEST(read - found->offset.value <= 4 * lost + 1);
  }
}

BOOST_AUTO_TEST_CASE(c01_what_a_log_lost_is_not_what_it_is_known_by) {
  log_marks marks;
  for (std::int64_t offset = 0; offset < 100; ++offset)
    marks.met({kafka_offset(offset), broker_time(1)});
  marks.forget_from(kafka_offset(64));
  BOOST_TEST((marks.newest() == marks.newest_below(kafka_offset(64))));
  marks.met({kafka_offset(64), broker_time(2)});
  BOOST_TEST((marks.newest_below(kafka_offset(1000))->offset == kafka_offset(64)));
}
