#include "actors/source/checkpoint_history.hpp"

namespace understudy {

const settlement::checkpoint* checkpoint_history::renew(settlement::checkpoint now,
                                                        std::optional<settlement::ticket> oldest_missing) {
  const auto has_all = [&](const settlement::checkpoint& taken) {
    return !oldest_missing || taken.next <= *oldest_missing;
  };
  if (!kept_.empty() && kept_.front().beginnings != now.beginnings)
    kept_.clear(); // capture began anew: the server may not know those places any more
  if (has_all(now)) {
    kept_.clear();
    kept_.push_back(std::move(now));
    return &kept_.front();
  }
  while (kept_.size() > 1 && has_all(kept_[1]))
    kept_.pop_front();
  if (kept_.size() < most_kept)
    kept_.push_back(std::move(now));
  return has_all(kept_.front()) ? &kept_.front() : nullptr;
}

} // namespace understudy
