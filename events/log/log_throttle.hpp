// Limits how many lines of a client's log are passed on (case O01). Pure: time is an argument.
#pragma once
#include <chrono>
#include <cstddef>
#include <optional>

namespace understudy {

/// In each window the first lines pass, the rest are counted; the count goes with the first line of a later
/// window. One thread at a time.
class log_throttle {
public:
  using clock = std::chrono::steady_clock;

  explicit log_throttle(std::size_t lines = 10, clock::duration window = std::chrono::minutes(1))
      : lines_(lines)
      , window_(window) {}

  /// Nothing: don't show the line. Else: show it, and say that so many before it weren't shown.
  std::optional<std::size_t> admit(clock::time_point now) {
    if (!begun_ || now - *begun_ >= window_) {
      begun_ = now;
      shown_ = 0;
    }
    if (shown_ >= lines_) {
      ++hidden_;
      return std::nullopt;
    }
    ++shown_;
    const auto hidden = hidden_;
    hidden_ = 0;
    return hidden;
  }

private:
  std::size_t lines_;
  clock::duration window_;
  std::optional<clock::time_point> begun_;
  std::size_t shown_ = 0;
  std::size_t hidden_ = 0;
};

} // namespace understudy
