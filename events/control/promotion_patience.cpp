#include "events/control/promotion_patience.hpp"

namespace understudy {

epoch promotion_patience::overdue(const account_state& account, epoch fenced, boot_time now,
                                  std::chrono::milliseconds lease) {
  const auto* pending = account.promotion();
  const bool is_its_turn = pending && (pending->origin == term_origin::unplanned || fenced >= pending->term);
  if (!is_its_turn) {
    turns_.erase(account.id);
    return {};
  }
  auto& [term, since] = turns_[account.id];
  if (term != pending->term) {
    term = pending->term;
    since = now;
  }
  return now.value - since.value > std::chrono::nanoseconds(lease * leases).count() ? term : epoch{};
}

} // namespace understudy
