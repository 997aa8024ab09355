// P1–P5 over a thousand seeds (fewer under a sanitizer) of crashes, pauses, cuts, late landings and
// promotions; and once all is well again, each promotion that some whole copy allows comes to its end.
#include "tests/simulation/seeds.hpp"

#include <boost/test/unit_test.hpp>

using namespace understudy::simulation;

BOOST_AUTO_TEST_CASE(p1_to_p5_hold_in_every_seed) {
  const auto outcome = run_seeds(0, UNDERSTUDY_SEEDS, {});
  for (const auto& line : outcome.story)
    BOOST_TEST_MESSAGE(line);
  BOOST_TEST(!outcome.failed.has_value(), "seed " << outcome.failed.value_or(0) << ": " << outcome.what
                                                  << " (simulation_run --seeds 1 --from "
                                                  << outcome.failed.value_or(0) << ")");
  // A simulation in which nothing happens proves nothing.
  BOOST_TEST(outcome.acknowledged > 200u * UNDERSTUDY_SEEDS);
  BOOST_TEST(outcome.epochs > 3u * UNDERSTUDY_SEEDS);
}

/// Three administrators and more want the same accounts elsewhere, by name or not, all the time.
BOOST_AUTO_TEST_CASE(r24_what_living_nodes_carry_out_nobody_takes_from_them) {
  options calm;
  calm.calm = true;
  const auto outcome = run_seeds(0, UNDERSTUDY_SEEDS / 5, calm);
  for (const auto& line : outcome.story)
    BOOST_TEST_MESSAGE(line);
  BOOST_TEST(!outcome.failed.has_value(), "seed " << outcome.failed.value_or(0) << ": " << outcome.what);
  BOOST_TEST(outcome.epochs > 3u * UNDERSTUDY_SEEDS / 5);
}
