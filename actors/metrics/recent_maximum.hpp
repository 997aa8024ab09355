// The greatest value of the last while: what a histogram can't say, in fixed memory.
#pragma once
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace understudy {

/// A ring with the greatest value of each second. Pure: time is an argument; not for several threads at once.
class recent_maximum {
public:
  /// Values of so many seconds back count, the running second included.
  static constexpr std::size_t window_seconds = 60;

  /// Values that aren't positive (or NaN) change nothing. A time before the latest one seen counts as that
  /// one: threads read the clock before they get here.
  void add(double value, std::chrono::seconds now);
  /// 0 if there was nothing within the window.
  double at(std::chrono::seconds now) const;

private:
  struct slot {
    std::int64_t second = -1;
    double greatest = 0;
  };
  std::array<slot, window_seconds> ring_{};
  std::int64_t latest_ = 0;
};

} // namespace understudy
