// Counts and commit times of a run; the threads' parts are put together at its end.
#pragma once
#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace understudy::mailsim {

struct statistics {
  std::uint64_t committed = 0;
  std::uint64_t errors = 0; ///< told an error: rolled back
  std::uint64_t lost = 0;   ///< connection lost in COMMIT: nobody knows
  std::vector<std::uint32_t> commit_microseconds;
  std::string last_error;

  void add(const statistics& other);
  /// In ms; 0 ≤ part ≤ 1. Sorts.
  double commit_percentile(double part);
};

} // namespace understudy::mailsim
