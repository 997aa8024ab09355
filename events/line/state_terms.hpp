// A folded control state as lines look it up.
#pragma once
#include "events/control/control_state.hpp"
#include "events/line/line_verdict.hpp"

namespace understudy {

/// Refers to the state, which must outlive it and is read on the caller's thread. A reader on another thread
/// keeps its own terms_lookup, fed with copies of account_state::terms.
class state_terms final : public terms_lookup {
public:
  explicit state_terms(const control_state& state)
      : state_(state) {}
  kafka_offset folded() const override { return state_.next(); }
  const account_terms* terms(const account_id& account) const override {
    const auto* known = state_.account(account);
    return known ? &known->terms : nullptr;
  }
  bool withdrawn(const account_id& account) const override {
    const auto* known = state_.account(account);
    return known && known->is_withdrawn;
  }

private:
  const control_state& state_;
};

} // namespace understudy
