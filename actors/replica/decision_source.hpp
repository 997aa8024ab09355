// What the replica side asks of control: the epochs of an account, as far as control is folded (R27).
#pragma once
#include "events/control/account_terms.hpp"

#include <memory>

namespace understudy {

/// Implemented over the supervisor's folded control state (see decision_board). Any thread, never blocks
/// long.
class decision_source {
public:
  struct answer {
    std::shared_ptr<const account_terms> terms; ///< null: not enrolled as far as control is folded
    bool withdrawn = false;
    kafka_offset requested{-1}; ///< where this node's last request for a snapshot lies
  };
  virtual ~decision_source() = default;
  /// Control is folded below this offset.
  virtual kafka_offset folded() const = 0;
  virtual answer about(const account_id& account) const = 0;
};

} // namespace understudy
