// Why snapshots that this node is to send can't be made, for whoever asks for an account's status. Any
// thread.
#pragma once
#include "events/model/ids.hpp"

#include <algorithm>
#include <chrono>
#include <mutex>
#include <string>
#include <unordered_map>

namespace understudy {

class snapshot_troubles {
public:
  struct told {
    std::chrono::seconds pause; ///< before the next attempt: doubles with each, up to a minute
    bool is_new;                ///< it wasn't said yet
  };
  told note(const account_id& account, const std::string& why) {
    const std::lock_guard lock(mutex_);
    auto& known = known_[account];
    const bool is_new = known.why != why;
    known.why = why;
    known.pause = std::min(known.pause * 2, longest);
    return {known.pause / 2, is_new};
  }
  /// One was sent, or none is wanted any more.
  void forget(const account_id& account) {
    const std::lock_guard lock(mutex_);
    known_.erase(account);
  }
  /// Empty: nothing is known to be wrong.
  std::string of(const account_id& account) const {
    const std::lock_guard lock(mutex_);
    const auto known = known_.find(account);
    return known == known_.end() ? std::string() : known->second.why;
  }

private:
  static constexpr std::chrono::seconds longest{120};
  struct trouble {
    std::string why;
    std::chrono::seconds pause{1}; ///< twice what the last attempt was told
  };
  mutable std::mutex mutex_;
  std::unordered_map<account_id, trouble> known_;
};

} // namespace understudy
