// Fences that lay in Kafka before this node began: which of what it had written itself they cut off (R27).
#pragma once
#include "events/control/account_terms.hpp"
#include "events/model/ids.hpp"

#include <algorithm>
#include <unordered_map>
#include <vector>

namespace understudy {

/// Where Kafka has had a transaction of ours since a former life of this node.
struct logged_place {
  epoch term; ///< that it was written in
  kafka_offset offset;
};

/// All that can have cut what was read up to one's own incarnation record lies before that record, too. So
/// this answers before control does: there a fence is known only once its epoch is active.
class logged_fences {
public:
  struct fence {
    epoch term;
    kafka_offset decision;
    kafka_offset offset;
  };
  void add(const account_id& account, const fence& read) { fences_[account].push_back(read); }

  /// Whether the epoch was over where this lies: then it is nobody's history. `terms` as of any time behind
  /// this node's start.
  bool cut(const account_id& account, const account_terms& terms, const logged_place& written) const {
    // Retention, which takes the oldest first, may have taken a fence that control tells of.
    if (const auto told = terms.fence_behind(written.term); told && *told < written.offset)
      return true;
    const auto found = fences_.find(account);
    return found != fences_.end() &&
           std::any_of(found->second.begin(), found->second.end(), [&](const fence& read) {
             const auto* decided = terms.find(read.term);
             return read.term > written.term && read.offset < written.offset &&
                    (decided != nullptr ? decided->decision == read.decision : terms.forgot(read.term));
           });
  }

private:
  std::unordered_map<account_id, std::vector<fence>> fences_;
};

} // namespace understudy
