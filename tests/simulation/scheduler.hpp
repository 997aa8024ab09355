// Simulated time: events in order of time, ties in order of scheduling.
#pragma once
#include "tests/simulation/random.hpp"

#include <cstdint>
#include <functional>
#include <queue>
#include <vector>

namespace understudy::simulation {

/// µs since the start of the simulation.
using instant = std::int64_t;
inline constexpr instant millisecond = 1000;
inline constexpr instant second = 1000 * millisecond;

class scheduler {
public:
  instant now() const { return now_; }
  void at(instant when, std::function<void()> what) {
    events_.push({std::max(when, now_), number_++, std::move(what)});
  }
  void after(instant delay, std::function<void()> what) { at(now_ + delay, std::move(what)); }
  /// Runs the next event; false: there is none before `end`.
  bool step(instant end) {
    if (events_.empty() || events_.top().when > end)
      return false;
    now_ = events_.top().when;
    auto what = std::move(const_cast<event&>(events_.top()).what);
    events_.pop();
    what();
    return true;
  }

private:
  struct event {
    instant when;
    std::uint64_t number;
    std::function<void()> what;
    bool operator<(const event& other) const {
      return std::tie(when, number) > std::tie(other.when, other.number);
    }
  };
  instant now_ = 0;
  std::uint64_t number_ = 0;
  std::priority_queue<event> events_;
};

} // namespace understudy::simulation
