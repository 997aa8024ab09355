#include "actors/supervisor/epoch_beginner.hpp"

#include "storage/state/logged_state.hpp"
#include "storage/state/mailstore_queries.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace understudy {
namespace {

/// Few, so that what comes while they write goes together.
constexpr unsigned most_at_work = 4;
constexpr std::size_t most_in_a_transaction = 100;

} // namespace

result<void> expect_role_rows(session_pool& unlogged, known_accounts& accounts,
                              const std::vector<known_account>& expected) {
  auto session = unlogged.borrow();
  if (!session)
    return tl::make_unexpected(static_cast<const error&>(session.error()));
  auto state = local_state::open(**session);
  if (!state)
    return tl::make_unexpected(state.error());
  std::vector<captured_account> rows;
  for (const auto& account : expected)
    rows.push_back({account.account,
                    account.mailbox,
                    {},
                    account_role::none,
                    account.last,
                    account.partition,
                    account.is_protected});
  if (auto stored = state->expect_captured(rows); !stored)
    return stored;
  for (const auto& account : expected)
    accounts.expect(account);
  return {};
}

epoch_beginner::epoch_beginner(std::shared_ptr<worker_pool> pool, std::shared_ptr<session_pool> sessions,
                               std::shared_ptr<session_pool> unlogged, std::shared_ptr<const profile> rules,
                               std::shared_ptr<known_accounts> accounts)
    : pool_(std::move(pool))
    , sessions_(std::move(sessions))
    , unlogged_(std::move(unlogged))
    , rules_(std::move(rules))
    , accounts_(std::move(accounts)) {}

void epoch_beginner::begin(epoch_start start) {
  {
    const std::lock_guard lock(mutex_);
    waiting_.push_back(std::move(start));
    if (working_ == most_at_work)
      return;
    ++working_;
  }
  pool_->submit([self = shared_from_this()] { self->work(); });
}

void epoch_beginner::work() {
  while (true) {
    std::vector<epoch_start> batch;
    {
      const std::lock_guard lock(mutex_);
      if (waiting_.empty()) {
        --working_;
        return;
      }
      const auto end =
          waiting_.begin() + static_cast<std::ptrdiff_t>(std::min(waiting_.size(), most_in_a_transaction));
      batch.assign(std::make_move_iterator(waiting_.begin()), std::make_move_iterator(end));
      waiting_.erase(waiting_.begin(), end);
    }
    write(std::move(batch));
  }
}

void epoch_beginner::write(std::vector<epoch_start> batch) {
  auto session = sessions_->borrow();
  const auto all = [&batch](const result<void>& outcome) {
    for (const auto& each : batch)
      each.done(outcome);
  };
  if (!session)
    return all(tl::make_unexpected(static_cast<const error&>(session.error())));
  std::vector<account_id> ids;
  for (const auto& each : batch)
    ids.push_back(each.account.account);
  const auto found = mailstore_queries(**session, rules_).find_by_id(ids);
  if (!found)
    return all(tl::make_unexpected(found.error()));
  std::vector<role_record> roles;
  std::erase_if(batch, [&](epoch_start& each) {
    auto& account = each.account;
    const auto here = std::ranges::find(*found, account.account, &registered_account::account);
    if (here == found->end()) {
      each.done(failure("it has no mailbox in this mailstore"));
      return true;
    }
    account.mailbox = here->mailbox;
    roles.push_back({account.account, each.term, account_role::source, each.decision});
    return false;
  });
  if (batch.empty())
    return;
  std::vector<known_account> expected;
  for (const auto& each : batch)
    expected.push_back(each.account);
  if (const auto noted = expect_role_rows(*unlogged_, *accounts_, expected); !noted)
    return all(noted);
  const auto written = logged_state(**session).write_roles(roles);
  if (written || batch.size() == 1)
    return all(written);
  // What one of them met mustn't hold up the others.
  for (std::size_t i = 0; i < batch.size(); ++i)
    batch[i].done(logged_state(**session).write_roles({roles[i]}));
}

} // namespace understudy
