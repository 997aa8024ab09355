// Which partition a new account gets (DESIGN §4.3).
#pragma once
#include "events/control/control_state.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace understudy {

/// Accounts of the same nodes (home and destinations) share partitions, so that a node reads little that
/// isn't for it; each group of nodes gets its share of the partitions, at most two, filled evenly. With more
/// a broker takes and gives the same events in more pieces, one request a partition: 32 clients' COMMITs
/// waited for it 1.8 times as long with eight, and three times with 64 (on two cores). Looks at all accounts
/// once (O(accounts)); then place() counts what it hands out. Pure.
class placement {
public:
  placement(const control_state& state, std::uint32_t partitions);
  partition_id place(const node_name& home, const node_name& destination);

private:
  using group = std::map<std::uint32_t, std::uint64_t>; ///< accounts per partition
  std::vector<std::uint64_t> load_;                     ///< accounts per partition
  std::map<std::string, group> groups_;                 ///< by the nodes' names
};

} // namespace understudy
