#include "events/control/placement.hpp"

#include "events/model/invariant.hpp"

#include <algorithm>
#include <set>

namespace understudy {
namespace {

constexpr std::size_t largest_share = 2;

std::string group_name(const std::set<node_name>& nodes) {
  std::string name;
  for (const auto& node : nodes)
    name += node.value + '\n';
  return name;
}

} // namespace

placement::placement(const control_state& state, std::uint32_t partitions)
    : load_(partitions) {
  invariant(partitions > 0, "a topic has at least one partition");
  for (const auto& account : state.accounts()) {
    const auto partition = static_cast<std::uint32_t>(account.partition.value);
    if (account.is_withdrawn || partition >= partitions)
      continue;
    std::set<node_name> nodes{account.primary()};
    for (const auto& destination : account.destinations)
      nodes.insert(destination.node);
    ++load_[partition];
    ++groups_[group_name(nodes)][partition];
  }
}

partition_id placement::place(const node_name& home, const node_name& destination) {
  auto& mine = groups_[group_name({home, destination})];
  const auto share = std::clamp<std::size_t>(load_.size() / groups_.size(), 1, largest_share);
  std::uint32_t best = 0;
  if (mine.size() < share) {
    // Still below its share: the emptiest partition that it doesn't use yet.
    std::uint64_t least = ~std::uint64_t{0};
    for (std::uint32_t partition = 0; partition < load_.size(); ++partition)
      if (!mine.contains(partition) && load_[partition] < least) {
        least = load_[partition];
        best = partition;
      }
  } else {
    best = std::min_element(mine.begin(), mine.end(), [](const auto& a, const auto& b) {
             return a.second < b.second;
           })->first;
  }
  ++load_[best];
  ++mine[best];
  return partition_id(static_cast<std::int32_t>(best));
}

} // namespace understudy
