// R4: how long a partition may hold commits. Pure.
#pragma once
#include "events/model/ids.hpp"

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

namespace understudy {

/// Tells a partition that can't be written from a Kafka that is away as a whole: only the first is given up
/// on, because without control nobody could be told that its accounts are unprotected.
class partition_patience {
public:
  using time_point = std::chrono::steady_clock::time_point;

  explicit partition_patience(std::chrono::milliseconds patience)
      : patience_(patience) {}

  struct changes {
    std::vector<partition_id> lost; ///< held commits for longer than that
    std::vector<partition_id> back; ///< lost before, and written again
  };
  /// `oldest`: for each partition that has something unconfirmed, the number of the oldest of it.
  /// `kafka_answers`: others are written; time in which they aren't doesn't count. To be called every
  /// `longest_step` or sooner: a longer pause was ours (a stopped process), not the partition's.
  changes look(time_point now, bool kafka_answers, const std::map<partition_id, std::uint64_t>& oldest);

  bool is_lost(partition_id partition) const;

  static constexpr std::chrono::milliseconds longest_step{1000};

private:
  struct wait {
    std::uint64_t oldest = 0;
    std::chrono::steady_clock::duration waited{};
    bool lost = false;
  };
  std::chrono::milliseconds patience_;
  std::map<partition_id, wait> waits_;
  std::optional<time_point> last_;
};

} // namespace understudy
