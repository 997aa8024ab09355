// The folded control state for everybody in the node: one writer (the supervisor), many readers.
#pragma once
#include "actors/replica/decision_source.hpp"
#include "events/control/evolve.hpp"

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <shared_mutex>

namespace understudy {

class control_view final : public decision_source {
public:
  explicit control_view(node_name self)
      : self_(std::move(self)) {}
  /// The supervisor only.
  evolution fold(const control_record& record, kafka_offset offset, std::optional<broker_time> appended) {
    const std::unique_lock lock(mutex_);
    auto outcome = evolve(state_, record, offset);
    appended_ = appended;
    folded_more_.notify_all();
    return outcome;
  }
  /// Until control is folded up to there, exclusive, or `patience` is over: false. Any thread; blocking.
  bool wait_until_folded(kafka_offset next, std::chrono::milliseconds patience) const {
    std::shared_lock lock(mutex_);
    return folded_more_.wait_for(lock, patience, [&] { return state_.next() >= next; });
  }
  /// The supervisor only, before anybody else reads: what was stored.
  control_state& restore() { return state_; }
  /// The same: when the last record that was folded in was appended.
  void restore_appended(std::optional<broker_time> at) { appended_ = at; }
  /// The supervisor only: it alone writes, so it reads without the lock.
  std::optional<broker_time> appended() const { return appended_; }
  /// The same.
  const control_state& own() const { return state_; }
  /// Any thread; the answer must not point into the state.
  template <class Question>
  auto ask(Question question) const {
    const std::shared_lock lock(mutex_);
    return question(state_);
  }

  kafka_offset folded() const override {
    return ask([](const control_state& state) { return state.next(); });
  }
  answer about(const account_id& account) const override {
    return ask([&](const control_state& state) -> answer {
      const auto* known = state.account(account);
      if (known == nullptr)
        return {};
      const auto* here = known->destination(self_);
      return {std::make_shared<const account_terms>(known->terms), known->is_withdrawn,
              here == nullptr ? kafka_offset{-1} : here->requested};
    });
  }

private:
  node_name self_;
  mutable std::shared_mutex mutex_;
  mutable std::condition_variable_any folded_more_;
  control_state state_;
  std::optional<broker_time> appended_; ///< of the record before state_.next(), if the broker says so
};

} // namespace understudy
