#include "actors/metrics/recent_maximum.hpp"

#include <algorithm>

namespace understudy {

void recent_maximum::add(double value, std::chrono::seconds now) {
  if (!(value > 0))
    return;
  latest_ = std::max(latest_, std::int64_t{now.count()});
  auto& place = ring_[static_cast<std::size_t>(latest_) % window_seconds];
  if (place.second != latest_)
    place = {latest_, 0};
  place.greatest = std::max(place.greatest, value);
}

double recent_maximum::at(std::chrono::seconds now) const {
  const auto second = std::max(latest_, std::int64_t{now.count()});
  double greatest = 0;
  for (const auto& place : ring_)
    if (place.second >= 0 && second - place.second < static_cast<std::int64_t>(window_seconds))
      greatest = std::max(greatest, place.greatest);
  return greatest;
}

} // namespace understudy
