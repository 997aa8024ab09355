// Durations that were measured, and what a table shows of them.
#pragma once
#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace understudy::bench {

using steady = std::chrono::steady_clock;

/// Durations in nanoseconds; one thread at a time.
class samples {
public:
  void add(steady::duration one) { nanoseconds_.push_back(one.count()); }
  void add(const samples& other);
  std::size_t count() const { return nanoseconds_.size(); }
  /// `"p50_ms":…,"p90_ms":…,"p99_ms":…,"max_ms":…`; null without samples. Sorts.
  std::string json_fields();

private:
  std::vector<std::int64_t> nanoseconds_;
};

} // namespace understudy::bench
