// Who may go on now: so many at once, the others in the order in which they came. Pure.
#pragma once
#include "events/model/ids.hpp"

#include <deque>
#include <optional>
#include <unordered_set>

namespace understudy {

class turns {
public:
  explicit turns(std::size_t at_once)
      : at_once_(at_once) {}

  /// True: the account has a turn, from now on or already. False: it's in line.
  bool take(const account_id& account) {
    if (has_turn_.contains(account))
      return true;
    if (has_turn_.size() < at_once_) {
      has_turn_.insert(account);
      return true;
    }
    if (in_line_.insert(account).second)
      line_.push_back(account);
    return false;
  }

  /// False: it had none.
  bool leave(const account_id& account) { return has_turn_.erase(account) > 0; }

  /// Leaves the line if a turn is free: to be asked again whether it still wants one.
  std::optional<account_id> next() {
    if (line_.empty() || has_turn_.size() >= at_once_)
      return {};
    auto first = std::move(line_.front());
    line_.pop_front();
    in_line_.erase(first);
    return first;
  }

private:
  std::size_t at_once_;
  std::unordered_set<account_id> has_turn_;
  std::unordered_set<account_id> in_line_;
  std::deque<account_id> line_;
};

} // namespace understudy
