// simulation_run [--seeds N] [--from S] [--mutant NAME]: many seeds, a summary; the story of the first
// failure.
#include "tests/simulation/seeds.hpp"

#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <string_view>

using namespace understudy::simulation;

namespace {

int usage() {
  fmt::print(stderr, "usage: simulation_run [--seeds N] [--from S] [--mutant NAME] [--story]\nmutants:");
  for (const auto& known : mutant_names)
    fmt::print(stderr, " {}", known.name);
  fmt::print(stderr, "\n");
  return 2;
}

bool parse_number(std::string_view text, std::uint64_t& out) {
  const auto [rest, code] = std::from_chars(text.data(), text.data() + text.size(), out);
  return code == std::errc{} && rest == text.data() + text.size();
}

bool parse_mutant(std::string_view text, mutant& out) {
  for (const auto& known : mutant_names)
    if (known.name == text) {
      out = known.which;
      return true;
    }
  return false;
}

} // namespace

int main(int argc, char** argv) {
  std::uint64_t from = 0, count = 1000;
  options chosen;
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    const std::string_view value = i + 1 < argc ? argv[i + 1] : "";
    bool good = true;
    if (word == "--story")
      chosen.tell = true;
    else if (word == "--seeds" && ++i)
      good = parse_number(value, count);
    else if (word == "--from" && ++i)
      good = parse_number(value, from);
    else if (word == "--mutant" && ++i)
      good = parse_mutant(value, chosen.broken);
    else
      good = false;
    if (!good)
      return usage();
  }
  const auto outcome = run_seeds(from, count, chosen);
  if (outcome.failed) {
    for (const auto& line : outcome.story)
      fmt::print("{}\n", line);
    fmt::print("seed {} fails: {}\nagain: simulation_run --from {} --seeds 1\n", *outcome.failed,
               outcome.what, *outcome.failed);
    return 1;
  }
  if (chosen.tell)
    for (const auto& line : outcome.story)
      fmt::print("{}\n", line);
  fmt::print(
      "{} seeds from {}: no promise broken; {} writes acknowledged, {} epochs begun, {} accounts without "
      "an active source at the end\n",
      count, from, outcome.acknowledged, outcome.epochs, outcome.stuck);
  return 0;
}
