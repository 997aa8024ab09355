// How far a snapshot is that a node loads, and how long it will take (DESIGN §4.5). Pure.
#pragma once
#include <cstdint>
#include <optional>
#include <string>

namespace understudy {

struct load_progress {
  std::uint64_t rows = 0;  ///< loaded so far
  std::uint64_t total = 0; ///< of the whole snapshot, as its source estimates it; 0: not known yet
  double seconds = 0;      ///< since the load began
};

/// Until it is whole, in seconds, at its pace so far; none: there's nothing yet to tell it by.
std::optional<std::uint64_t> seconds_left(const load_progress& load);

/// "120 of 400 rows, about 7 s left", as far as it is known.
std::string progress_text(const load_progress& load);

} // namespace understudy
