// The supervisor's folded control as other threads may read it: copies of what they ask for, nothing else.
#pragma once
#include "actors/replica/decision_source.hpp"

#include <atomic>
#include <shared_mutex>
#include <unordered_map>

namespace understudy {

/// The supervisor publishes each account that a fold changed, then the offset. Any thread.
class decision_board final : public decision_source {
public:
  void publish(const account_id& account, account_terms terms, bool withdrawn);
  void forget(const account_id& account);
  /// Behind the publish() calls for what lies below `next`.
  void folded_to(kafka_offset next) { folded_.store(next.value, std::memory_order_release); }

  kafka_offset folded() const override { return kafka_offset(folded_.load(std::memory_order_acquire)); }
  answer about(const account_id& account) const override;

private:
  std::atomic<std::int64_t> folded_{0};
  mutable std::shared_mutex mutex_;
  std::unordered_map<account_id, answer> answers_;
};

} // namespace understudy
