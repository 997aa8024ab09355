// The gates of one account's promotion (R24, R29, R31, R32). Part of decide().
#pragma once
#include "events/control/decide.hpp"

namespace understudy {

struct promotion_gates {
  std::vector<gate> gates; ///< of the account, its source, and of the destinations that were looked at
  node_name destination;   ///< the chosen one, or the first looked at
  std::optional<promotion_decided> event; ///< none: a gate holds
  bool waits = false;                     ///< account_decision::waits
  bool is_second = false;                 ///< account_decision::is_second
  std::vector<node_name> claims_needed;
  std::vector<decline_wanted> declines;
};

promotion_gates decide_promotion(const account_state& account, const promote& wanted, bool accept_loss,
                                 const live_facts& facts);

} // namespace understudy
