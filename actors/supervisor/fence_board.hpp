// Which fences this node wrote of accounts whose new primary isn't active yet: whoever decides again must
// know that the epoch before is cut (R24). Any thread.
#pragma once
#include "events/model/ids.hpp"

#include <algorithm>
#include <mutex>
#include <unordered_map>

namespace understudy {

class fence_board {
public:
  /// Kafka confirmed the fence of `term`.
  void note(const account_id& account, epoch term) {
    const std::lock_guard lock(mutex_);
    auto& known = written_[account];
    known = std::max(known, term);
  }
  /// A later epoch is active: nobody asks any more.
  void forget(const account_id& account) {
    const std::lock_guard lock(mutex_);
    written_.erase(account);
  }
  /// 0: none.
  epoch written(const account_id& account) const {
    const std::lock_guard lock(mutex_);
    const auto known = written_.find(account);
    return known == written_.end() ? epoch{} : known->second;
  }

private:
  mutable std::mutex mutex_;
  std::unordered_map<account_id, epoch> written_;
};

} // namespace understudy
