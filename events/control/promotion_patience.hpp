// How long a command waits for the end of another's promotion before it may supersede it (R24).
#pragma once
#include "events/control/control_state.hpp"

#include <chrono>
#include <map>

namespace understudy {

/// Of one command. Time counts from when it first sees that it's the destination's turn, so that an account
/// which only stands in line at its living source is never taken for stuck. Pure.
class promotion_patience {
public:
  /// As many leases as a destination tries by itself before it declines.
  static constexpr int leases = 3;

  /// The epoch under way if it is overdue; 0: there's none, or it isn't.
  epoch overdue(const account_state& account, epoch fenced, boot_time now, std::chrono::milliseconds lease);

private:
  std::map<account_id, std::pair<epoch, boot_time>> turns_;
};

} // namespace understudy
