// Runs many seeds.
#pragma once
#include "tests/simulation/options.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace understudy::simulation {

struct seeds_outcome {
  std::optional<std::uint64_t> failed; ///< the first seed that broke a promise
  std::string what;
  std::vector<std::string> story; ///< of the failed seed; of the last one if the story was asked for
  std::uint64_t acknowledged = 0, epochs = 0, stuck = 0;
};

/// Stops at the first failure, and runs that seed once more to tell its story.
seeds_outcome run_seeds(std::uint64_t from, std::uint64_t count, options chosen);

} // namespace understudy::simulation
