#include "actors/supervisor/turns.hpp"

#include <boost/test/unit_test.hpp>

using namespace understudy;

BOOST_AUTO_TEST_CASE(so_many_have_a_turn_and_the_others_follow_in_order) {
  turns two(2);
  const account_id anna("anna"), bert("bert"), carla("carla"), dora("dora");
  BOOST_TEST(two.take(anna));
  BOOST_TEST(two.take(bert));
  BOOST_TEST(!two.take(carla));
  BOOST_TEST(!two.take(dora));
  BOOST_TEST(!two.take(carla)); // once in line
  BOOST_TEST(two.take(anna));   // still its own
  BOOST_TEST(!two.next().has_value());
  two.leave(anna);
  BOOST_TEST((two.next() == carla));
  BOOST_TEST((two.next() == dora)); // carla didn't want it any more
  BOOST_TEST(two.take(dora));
  BOOST_TEST(!two.next().has_value());
  two.leave(carla); // had none
  BOOST_TEST(!two.take(carla));
}
