// Questions that change nothing: getAccountStatus, and what nodes ask each other. Answered on the questions
// pool, from the folded control, the local MariaDB and the other nodes (with a deadline).
#pragma once
#include "actors/supervisor/account_names.hpp"
#include "actors/supervisor/node_parts.hpp"
#include "storage/profile/volume.hpp"

#include <unordered_map>
#include <vector>

namespace understudy {

/// False: the command isn't a question. Any thread; never blocks.
bool answer_question(const std::shared_ptr<node_parts>& parts, const request_body& body,
                     answer_function answer);

/// All nodes that announced themselves, but this one.
std::vector<peers::address> known_peers(const node_parts& parts);

/// Which registries hold these addresses or UUIDs. Blocking.
registries_asked find_everywhere(node_parts& parts, const std::vector<peers::address>& whom,
                                 const std::vector<std::string>& names);

struct everybodys_figures {
  std::map<node_name, std::vector<account_figures>> answers;
  std::map<node_name, std::vector<volume_answer>> volumes; ///< as node_figures has them
  std::vector<node_name> silent;
};
/// What this node and the others know of these accounts. Blocking. `for_promotion`: also whether their mail
/// servers may have them in memory, and whether they reach the volumes.
everybodys_figures figures_everywhere(node_parts& parts, const std::vector<peers::address>& whom,
                                      const std::vector<account_id>& accounts, bool for_promotion = false);

/// Of some accounts those whose snapshots are being loaded.
using loads_known = std::unordered_map<account_id, load_progress>;
/// On this node. Any thread; never blocks.
loads_known loads_here(const node_parts& parts, const std::vector<account_id>& accounts);
/// On another one; an error if it doesn't answer. Blocking.
result<loads_known> loads_on(node_parts& parts, const node_name& node,
                             const std::vector<account_id>& accounts);

/// Has another node answer `monitor`: its reply as it came, or why there's none. Blocking.
result<reply> monitor_on(node_parts& parts, const node_name& node, const request_body& body);

/// The volumes that a node announced, as map_volumes() takes them.
std::vector<mailstore_volume> announced_volumes(const control_state& state, const profile& rules,
                                                const node_name& node);

} // namespace understudy
