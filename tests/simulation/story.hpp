// What happened, line by line, for whoever reads a failing seed.
#pragma once
#include "tests/simulation/scheduler.hpp"

#include <fmt/format.h>

#include <string>
#include <vector>

namespace understudy::simulation {

/// A broken invariant of a promise: ends the run of the seed.
struct violation {
  std::string what;
};

class story {
public:
  story(const scheduler& time, bool tell)
      : time_(time)
      , tell_(tell) {}

  template <class... Args>
  void tell(fmt::format_string<Args...> text, Args&&... args) {
    if (tell_)
      lines_.push_back(fmt::format("{:9.3f} ms  ", static_cast<double>(time_.now()) / millisecond) +
                       fmt::format(text, std::forward<Args>(args)...));
  }

  template <class... Args>
  [[noreturn]] void violated(fmt::format_string<Args...> text, Args&&... args) {
    auto what = fmt::format(text, std::forward<Args>(args)...);
    tell("VIOLATED: {}", what);
    throw violation{std::move(what)};
  }

  const std::vector<std::string>& lines() const { return lines_; }

private:
  const scheduler& time_;
  bool tell_;
  std::vector<std::string> lines_;
};

} // namespace understudy::simulation
