// How one account's state takes a decision or a fact (R25). Part of evolve().
#pragma once
#include "events/control/evolve.hpp"

namespace understudy {

/// Applies `change`, part of `record` at `offset`, or says why it is void. An applied change raises the
/// account's version by 1.
event_outcome apply_account_change(control_state& state, const account_change& change,
                                   const control_record& record, kafka_offset offset);

} // namespace understudy
