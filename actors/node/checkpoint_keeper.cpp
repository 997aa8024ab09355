#include "actors/node/checkpoint_keeper.hpp"

#include "storage/state/local_state.hpp"

#include <spdlog/spdlog.h>

namespace understudy {

checkpoint_keeper::checkpoint_keeper(sql_options local, std::shared_ptr<settlement> settle,
                                     std::shared_ptr<known_accounts> accounts,
                                     std::shared_ptr<account_log> log)
    : local_(std::move(local))
    , settle_(std::move(settle))
    , accounts_(std::move(accounts))
    , log_(std::move(log)) {}

void checkpoint_keeper::keep() {
  auto now = settle_->take_checkpoint();
  const auto* taken = history_.renew(std::move(now), log_->oldest_missing());
  if (taken == nullptr)
    return;
  const auto changed = accounts_->changed_accounts(taken->place);
  if (const auto stored = store(*taken, changed); !stored) {
    // A number that the store doesn't know of would be given again after a restart (R11).
    accounts_->not_stored(changed);
    if (!std::exchange(fails_, true))
      spdlog::warn("the checkpoint can't be stored; it is tried again: {}", stored.error().what);
  } else if (std::exchange(fails_, false)) {
    spdlog::info("the checkpoint is stored again");
  }
}

result<void> checkpoint_keeper::store(const settlement::checkpoint& taken,
                                      const std::vector<captured_account>& changed) {
  if (!session_ || !session_->connected()) {
    auto opened = sql_session::open(local_);
    if (!opened)
      return tl::make_unexpected(static_cast<const error&>(opened.error()));
    session_ = std::move(*opened);
  }
  auto state = local_state::open(*session_);
  if (!state)
    return tl::make_unexpected(state.error());
  return state->store_capture({taken.settled, taken.place, taken.read_from}, changed);
}

} // namespace understudy
