// By which records a partition's log is known again: one that was deleted and made anew, or lost its tail and
// grew again, has others at their offsets. Pure.
#pragma once
#include "events/model/ids.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <optional>

namespace understudy {

/// A record that was read: no other log has one of this broker time at this offset.
struct log_mark {
  kafka_offset offset;
  broker_time time; ///< LogAppendTime
  bool operator==(const log_mark&) const = default;
};

/// Some of the records that were read, the more of them the nearer to the last: however much of its tail a
/// log has lost, there's one below that isn't much further away than what was lost.
class log_marks {
public:
  void met(const log_mark& read) {
    newest_ = read;
    const auto zeros =
        static_cast<std::size_t>(std::countr_zero(static_cast<std::uint64_t>(read.offset.value)));
    by_zeros_.at(std::min(zeros, by_zeros_.size() - 1)) = read;
  }
  const std::optional<log_mark>& newest() const { return newest_; }
  std::optional<log_mark> newest_below(kafka_offset end) const {
    std::optional<log_mark> found;
    const auto look_at = [&](const std::optional<log_mark>& mark) {
      if (mark && mark->offset < end && (!found || found->offset < mark->offset))
        found = mark;
    };
    look_at(newest_);
    std::ranges::for_each(by_zeros_, look_at);
    return found;
  }
  /// The log lost its tail from `offset` on.
  void forget_from(kafka_offset offset) {
    for (auto& mark : by_zeros_)
      if (mark && mark->offset >= offset)
        mark.reset();
    newest_ = newest_below(offset);
  }

private:
  std::optional<log_mark> newest_;
  std::array<std::optional<log_mark>, 64> by_zeros_; ///< the last one by how many zeros its offset ends with
};

} // namespace understudy
