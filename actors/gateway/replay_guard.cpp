#include "actors/gateway/replay_guard.hpp"

namespace understudy {

replay_guard::verdict replay_guard::admit(const std::string& nonce, std::int64_t now_ms) {
  while (!by_age_.empty() && by_age_.front().first < now_ms - 2 * window_ms_) {
    seen_.erase(by_age_.front().second);
    by_age_.pop_front();
  }
  if (seen_.contains(nonce))
    return verdict::replayed;
  if (seen_.size() >= limit_)
    return verdict::full;
  seen_.insert(nonce);
  by_age_.emplace_back(now_ms, nonce);
  return verdict::fresh;
}

} // namespace understudy
