// CLOCK_BOOTTIME: runs on while the machine is suspended, is never set (R18).
#pragma once
#include "events/model/ids.hpp"

#include <chrono>
#include <cstdint>
#include <ctime>

namespace understudy {

inline boot_time boot_now() {
  timespec now{};
  clock_gettime(CLOCK_BOOTTIME, &now);
  return boot_time(std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec);
}

/// Wall clock, for display only.
inline std::int64_t wall_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

} // namespace understudy
