#include "actors/source/partition_patience.hpp"

#include <algorithm>

namespace understudy {

partition_patience::changes partition_patience::look(time_point now, bool kafka_answers,
                                                     const std::map<partition_id, std::uint64_t>& oldest) {
  using duration = std::chrono::steady_clock::duration;
  const auto step = last_ ? std::min<duration>(now - *last_, longest_step) : duration::zero();
  last_ = now;
  changes found;
  std::erase_if(waits_, [&](const auto& entry) {
    const auto still = oldest.find(entry.first);
    const bool moved = still == oldest.end() || still->second != entry.second.oldest;
    if (moved && entry.second.lost)
      found.back.push_back(entry.first);
    return moved;
  });
  for (const auto& [partition, number] : oldest) {
    auto [entry, is_new] = waits_.try_emplace(partition, wait{number, {}, false});
    auto& waiting = entry->second;
    if (is_new || !kafka_answers)
      continue;
    waiting.waited += step;
    if (waiting.waited >= patience_ && !std::exchange(waiting.lost, true))
      found.lost.push_back(partition);
  }
  return found;
}

bool partition_patience::is_lost(partition_id partition) const {
  const auto found = waits_.find(partition);
  return found != waits_.end() && found->second.lost;
}

} // namespace understudy
