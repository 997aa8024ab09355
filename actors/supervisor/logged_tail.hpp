// What Kafka held of this node's accounts when the node began, and what capture meets once more behind its
// settled place. Of an epoch that ended meanwhile it is the account's history up to the fence, and nobody's
// foreign write (R35). Filled before capture starts, then the supervisor's alone.
#pragma once
#include "events/model/gtid.hpp"
#include "events/model/ids.hpp"

#include <map>
#include <set>
#include <unordered_map>

namespace understudy {

class logged_tail {
public:
  void add(const account_id& account, const gtid& id, kafka_offset offset) { held_[account][id] = offset; }

  /// The epochs that ended without this node, by the place of the fence that ended them. What lies behind
  /// one isn't the account's; of other accounts nothing is foreign, so it's forgotten.
  void keep_before(const std::map<account_id, kafka_offset>& fences) {
    for (const auto& [account, fence] : fences)
      if (const auto found = held_.find(account); found != held_.end())
        for (const auto& [id, offset] : found->second)
          if (offset < fence)
            before_fence_[account].insert(id);
    held_.clear();
  }

  /// True, once, for a transaction that lies before its account's fence.
  bool take(const account_id& account, const gtid& id) {
    const auto found = before_fence_.find(account);
    if (found == before_fence_.end() || found->second.erase(id) == 0)
      return false;
    if (found->second.empty())
      before_fence_.erase(found);
    return true;
  }

private:
  std::unordered_map<account_id, std::map<gtid, kafka_offset>> held_;
  std::unordered_map<account_id, std::set<gtid>> before_fence_;
};

} // namespace understudy
