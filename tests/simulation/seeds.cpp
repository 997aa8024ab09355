#include "tests/simulation/seeds.hpp"

#include "events/model/invariant.hpp"
#include "tests/simulation/world.hpp"

namespace understudy::simulation {
namespace {

/// Empty: no promise was broken.
std::string broken_promise(world& simulated) {
  try {
    simulated.run();
    return {};
  } catch (const violation& broken) {
    return broken.what;
  } catch (const broken_invariant& broken) {
    return broken.what();
  }
}

} // namespace

seeds_outcome run_seeds(std::uint64_t from, std::uint64_t count, options chosen) {
  seeds_outcome outcome;
  for (auto seed = from; seed < from + count; ++seed) {
    world simulated(seed, chosen);
    const auto what = broken_promise(simulated);
    if (chosen.tell)
      outcome.story = simulated.log.lines();
    if (what.empty()) {
      const auto figures = simulated.result();
      outcome.acknowledged += figures.acknowledged;
      outcome.epochs += figures.epochs;
      outcome.stuck += figures.stuck_accounts;
      continue;
    }
    outcome.failed = seed;
    outcome.what = what;
    if (!chosen.tell) {
      chosen.tell = true;
      world again(seed, chosen);
      broken_promise(again);
      outcome.story = again.log.lines();
    }
    return outcome;
  }
  return outcome;
}

} // namespace understudy::simulation
