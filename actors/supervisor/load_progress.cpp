#include "actors/supervisor/load_progress.hpp"

#include <fmt/format.h>

#include <cmath>

namespace understudy {

std::optional<std::uint64_t> seconds_left(const load_progress& load) {
  if (load.rows == 0 || load.rows >= load.total || load.seconds <= 0)
    return std::nullopt;
  const auto left = static_cast<double>(load.total - load.rows) / static_cast<double>(load.rows);
  return static_cast<std::uint64_t>(std::ceil(load.seconds * left));
}

std::string progress_text(const load_progress& load) {
  if (load.total == 0)
    return "its rows are waited for";
  const auto left = seconds_left(load);
  return fmt::format("{} of {} rows{}", load.rows, load.total,
                     left ? fmt::format(", about {} s left", *left) : std::string{});
}

} // namespace understudy
