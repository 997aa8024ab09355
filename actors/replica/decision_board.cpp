#include "actors/replica/decision_board.hpp"

#include <mutex>

namespace understudy {

void decision_board::publish(const account_id& account, account_terms terms, bool withdrawn) {
  auto shared = std::make_shared<const account_terms>(std::move(terms));
  const std::unique_lock lock(mutex_);
  answers_[account] = {std::move(shared), withdrawn};
}

void decision_board::forget(const account_id& account) {
  const std::unique_lock lock(mutex_);
  answers_.erase(account);
}

decision_source::answer decision_board::about(const account_id& account) const {
  const std::shared_lock lock(mutex_);
  const auto found = answers_.find(account);
  return found == answers_.end() ? answer{} : found->second;
}

} // namespace understudy
