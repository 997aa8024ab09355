#include "actors/supervisor/volume_reach.hpp"

#include <algorithm>

namespace understudy {

volume_facts judge_volumes(const node_name& source, const std::vector<mailstore_volume>& there,
                           const node_name& destination, const std::vector<mailstore_volume>& here,
                           const std::vector<volume_answer>& said) {
  volume_facts facts;
  const auto mapping = map_volumes(there, here);
  if (mapping.numbers.empty() && mapping.unreachable.empty())
    facts.unknown.push_back(fmt::format("{} announced no volume that holds blobs", source));
  if (mapping.numbers.empty())
    for (const auto& volume : mapping.unreachable)
      facts.missing.push_back(fmt::format("volume {}: {}: {} has no centralised volume of this name and path",
                                          volume.name, volume.path, destination));
  for (const auto& volume : here) {
    const bool is_wanted = std::any_of(mapping.numbers.begin(), mapping.numbers.end(),
                                       [&](const auto& pair) { return pair.second == volume.id; });
    if (!is_wanted)
      continue;
    const auto answer = std::find_if(said.begin(), said.end(), [&](const volume_answer& known) {
      return known.id == volume.id && known.path == volume.path;
    });
    if (answer == said.end())
      facts.unknown.push_back(
          fmt::format("volume {}: {}: {} doesn't say", volume.name, volume.path, destination));
    else if (answer->reached != true)
      (answer->reached ? facts.missing : facts.unknown)
          .push_back(fmt::format("volume {}: {}: {}", volume.name, volume.path, answer->why));
  }
  return facts;
}

} // namespace understudy
