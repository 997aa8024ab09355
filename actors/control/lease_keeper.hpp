// The thread-safe shell of lease_view: the delivery thread asks whether a report counts, the control link
// feeds what it reads, the supervisor asks about claims.
#pragma once
#include "actors/support/boot_clock.hpp"
#include "events/control/lease_view.hpp"

#include <mutex>

namespace understudy {

class lease_keeper {
public:
  lease_keeper(node_name self, std::string process, std::int64_t started_ms, lease_rules rules)
      : self_(self)
      , rules_(rules)
      , view_(std::move(self), std::move(process), started_ms, rules) {}

  const lease_rules& rules() const { return rules_; }
  /// Any question to the view, under its lock: must be short.
  template <class Question>
  auto ask(Question question) const {
    const std::lock_guard lock(mutex_);
    return question(view_);
  }
  /// R20, judged now. Any thread.
  bool counts(broker_time appended) const {
    return ask([&](const lease_view& view) { return view.counts(appended, boot_now()); });
  }
  bool holds() const {
    return ask([](const lease_view& view) { return view.holds(boot_now()); });
  }
  /// Empty: it does.
  std::string why_not_held() const {
    return ask([](const lease_view& view) { return view.why_not_held(boot_now()); });
  }
  /// Why this process must stop, another one of its name having begun later (R12, R19); none: it needn't.
  std::optional<error> why_replaced() const;
  /// Seconds that the lease still runs; negative: for so long it hasn't.
  double remaining_seconds() const {
    return ask([](const lease_view& view) {
      const auto until = view.runs_until();
      return until ? static_cast<double>(until->value - boot_now().value) / 1e9 : -1.0;
    });
  }
  template <class Change>
  auto change(Change change) {
    const std::lock_guard lock(mutex_);
    return change(view_);
  }

private:
  const node_name self_;
  const lease_rules rules_;
  mutable std::mutex mutex_;
  lease_view view_;
};

} // namespace understudy
