// What the Kafka clients of one node say together (case O01): it has half a dozen, and when Kafka is away
// each would say the same. Any thread.
#pragma once
#include "events/log/log_throttle.hpp"

#include <mutex>

namespace understudy {

class client_voice {
public:
  /// As log_throttle, for the lines of all clients.
  std::optional<std::size_t> admit(log_throttle::clock::time_point now) {
    const std::lock_guard lock(mutex_);
    return throttle_.admit(now);
  }
  /// One client more has no broker. True: it's the first, which says so.
  bool cut_off() {
    const std::lock_guard lock(mutex_);
    return ++cut_off_ == 1;
  }
  /// One client less. True: it's the last.
  bool back() {
    const std::lock_guard lock(mutex_);
    return --cut_off_ == 0;
  }

private:
  std::mutex mutex_;
  log_throttle throttle_;
  std::size_t cut_off_ = 0;
};

} // namespace understudy
