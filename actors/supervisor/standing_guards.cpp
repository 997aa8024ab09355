// Guards from when they stand until their accounts are active elsewhere (R29, R30).
#include "actors/supervisor/supervisor.hpp"
#include "storage/snapshot/group_database.hpp"
#include "storage/state/mailstore_queries.hpp"
#include "storage/state/sql_fields.hpp"

#include <spdlog/spdlog.h>

namespace understudy {
namespace {

result<std::shared_ptr<guard>> taken_for(node_parts& parts, sql_session& session,
                                         const registered_account& account) {
  const auto catalog = parts.catalogs.of(session, account_databases(*parts.rules, account.group));
  if (!catalog)
    return tl::make_unexpected(catalog.error());
  guard_options limits;
  limits.limit = parts.config.limits.guard;
  auto taken = guard::take(parts.local, parts.rules, **catalog, account, limits);
  if (!taken)
    return tl::make_unexpected(taken.error());
  return std::shared_ptr<guard>(std::move(*taken));
}

/// The guard that stands: this one, or one that was taken in its place.
result<std::shared_ptr<guard>> standing_again(node_parts& parts, const std::shared_ptr<guard>& before) {
  const auto stands = before->still_stands();
  if (!stands)
    return tl::make_unexpected(stands.error());
  if (*stands || before->is_released())
    return before;
  auto session = parts.sessions->borrow();
  if (!session)
    return passed_on(session);
  return taken_for(parts, **session, before->account());
}

result<std::shared_ptr<guard>> guard_of(node_parts& parts, const account_id& id) {
  auto session = parts.sessions->borrow();
  if (!session)
    return passed_on(session);
  auto found = mailstore_queries(**session, parts.rules).mailbox_of(id);
  if (!found)
    return tl::make_unexpected(found.error());
  return taken_for(parts, **session, *found);
}

} // namespace

void supervisor::stand(const account_id& id, std::shared_ptr<guard> standing) {
  work(id).guarding.standing = std::move(standing);
  guarded_.insert(id);
}

/// R19: it was handed over by a process before this one, nobody has begun yet, and the directory still names
/// this mailstore. Where the account is handed over still, that takes its guard.
void supervisor::guard_what_was_left(const account_state& account, const term_entry& active) {
  const auto* current = account.terms.current();
  if (!is_self(active.primary) || current == &active ||
      !parts_->accounts->is_handed_over(account.id, active.term))
    return;
  auto& doing = work(account.id);
  if (doing.busy || doing.guarding.standing || std::exchange(doing.guarding.watched, true))
    return;
  in_background(*parts_->promotions,
                [this, parts = parts_, id = account.id, term = active.term]() -> std::function<void()> {
                  auto taken = guard_of(*parts, id);
                  return [this, id, term, taken = std::move(taken)] {
                    auto& doing = work(id);
                    doing.guarding.watched = false;
                    const auto* account = state().account(id);
                    const auto* active = account == nullptr ? nullptr : account->terms.active();
                    const bool is_over = active == nullptr || account->is_withdrawn || active->term != term ||
                                         account->terms.current() == active;
                    if (taken && (is_over || doing.guarding.standing))
                      return let_go(*taken);
                    if (is_over)
                      return;
                    if (taken) {
                      doing.guarding.since = std::chrono::steady_clock::now();
                      return stand(id, *taken);
                    }
                    if (std::exchange(doing.guarding.trouble, taken.error().what) != taken.error().what)
                      spdlog::warn("account {}: its guard can't be taken again; it is tried again: {}", id,
                                   taken.error().what);
                    waiting_.insert(id);
                  };
                });
}

/// Somebody may end its connection (KILL), and MariaDB may be restarted: then whoever waited, and whoever
/// connects anew, would be told OK for what isn't in the account's next epoch.
void supervisor::watch_guards() {
  std::erase_if(guarded_, [this](const account_id& id) {
    const auto found = work_.find(id);
    return found == work_.end() || !found->second.guarding.standing;
  });
  for (const auto& id : guarded_) {
    auto& doing = work(id);
    if (doing.busy || std::exchange(doing.guarding.watched, true))
      continue;
    in_background(*parts_->promotions,
                  [this, parts = parts_, id, before = doing.guarding.standing]() -> std::function<void()> {
                    auto standing = standing_again(*parts, before);
                    return [this, id, before, standing = std::move(standing)] {
                      on_guard_watched(id, before, standing);
                    };
                  });
  }
}

void supervisor::on_guard_watched(const account_id& id, const std::shared_ptr<guard>& before,
                                  const result<std::shared_ptr<guard>>& standing) {
  auto& doing = work(id);
  doing.guarding.watched = false;
  if (!standing) {
    if (doing.guarding.standing == before &&
        std::exchange(doing.guarding.trouble, standing.error().what) != standing.error().what)
      spdlog::warn("account {}: its guard can't be held; it is tried again: {}", id, standing.error().what);
    return;
  }
  doing.guarding.trouble.clear();
  if (*standing == before)
    return;
  if (doing.guarding.standing == before) {
    spdlog::warn("account {}: its guard had ended before its promotion did, and is taken again: what was "
                 "committed meanwhile is a foreign write",
                 id);
    return stand(id, *standing);
  }
  let_go(*standing);
}

void supervisor::let_go(std::shared_ptr<guard> unwanted) {
  in_background(*parts_->promotions, [unwanted = std::move(unwanted)]() -> std::function<void()> {
    (void)unwanted->release(); // what can't be rolled back by word ends with its session
    return [] {};
  });
}

void supervisor::release_guard(const account_state& account, bool end_waiters) {
  const auto found = work_.find(account.id);
  if (found == work_.end() || !found->second.guarding.standing)
    return end_turn(account.id); // behind a restart it may never have been taken again
  auto standing = std::exchange(found->second.guarding.standing, nullptr);
  end_turn(account.id);
  in_background(*parts_->promotions, [id = account.id, standing, end_waiters]() -> std::function<void()> {
    const auto ended =
        end_waiters ? standing->end_waiters(std::chrono::seconds(1)) : result<std::uint64_t>(0U);
    const auto released = standing->release();
    return [id, ended, released] {
      if (!ended || !released)
        spdlog::warn("account {}: the guard's end: {}", id, (!ended ? ended.error() : released.error()).what);
      else if (*ended > 0)
        spdlog::info("account {}: {} statements that waited at the guard were ended", id, *ended);
    };
  });
}

} // namespace understudy
