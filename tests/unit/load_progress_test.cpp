// How far a snapshot is that is loaded (DESIGN §4.5).
#include "actors/supervisor/load_progress.hpp"

#include <boost/test/unit_test.hpp>

using namespace understudy;

BOOST_AUTO_TEST_CASE(p8_a_load_says_how_long_it_will_take_at_its_pace) {
  BOOST_TEST(progress_text({100, 400, 2.0}) == "100 of 400 rows, about 6 s left");
  BOOST_TEST(progress_text({300, 400, 2.0}) == "300 of 400 rows, about 1 s left"); // 0.67: never too early
  BOOST_TEST(seconds_left({100, 400, 4.0}).value() == 12u);
}

BOOST_AUTO_TEST_CASE(p8_what_nothing_tells_of_a_load_is_not_guessed) {
  BOOST_TEST(progress_text({0, 0, 9.0}) == "its rows are waited for");
  BOOST_TEST(progress_text({0, 400, 9.0}) == "0 of 400 rows");
  BOOST_TEST(progress_text({400, 400, 9.0}) == "400 of 400 rows"); // the total is an estimate
  BOOST_TEST(progress_text({100, 400, 0}) == "100 of 400 rows");
}
