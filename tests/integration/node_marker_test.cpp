// A snapshot whose marker never comes into the account's line (R16).
#include "tests/integration/node_world.hpp"

#include <boost/test/unit_test.hpp>

using namespace understudy;
using namespace understudy::testing;

BOOST_AUTO_TEST_CASE(r16_a_snapshot_whose_marker_is_lost_is_begun_again) {
  node_world world({.first = {.program = UNDERSTUDYD_LOST_MARKER}});
  const auto names = world.create_accounts(0, "marked", 1);
  world.enrol(names, 0, 1); // waits until its replica is whole
  BOOST_TEST(world.at(0).logged("has no marker in the log, so nobody loads it: it is begun again"));
  write_once(world.at(0), world.id_of(names[0]));
  BOOST_TEST(world.become_same(names, 0, 1));
}
