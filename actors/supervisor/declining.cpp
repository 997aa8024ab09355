// Promotions that don't come to their end as decided: declined, aborted, taken back (R24, R28, R29).
#include "actors/supervisor/supervisor.hpp"
#include "storage/state/logged_state.hpp"

#include <spdlog/spdlog.h>

namespace understudy {
namespace {

/// A destination that can't begin for a reason that may pass (MariaDB restarts) tries for so many leases.
constexpr int leases_to_begin = 3;
/// An operation that follows the account acts within a second or two; only then its source does.
constexpr int leases_to_rescue = 3;

bool is_over(boot_time since, std::chrono::milliseconds lease, int leases) {
  return since.value != 0 &&
         boot_now().value - since.value > std::chrono::nanoseconds(lease * leases).count();
}

/// The account's role row, once no transaction that writes it is on its way: one that waits in its COMMIT
/// can't be seen, but holds the row.
result<std::optional<role_record>> settled_role(node_parts& parts, const account_id& account) {
  auto session = sql_session::open(parts.local);
  if (!session)
    return tl::make_unexpected(static_cast<const error&>(session.error()));
  return logged_state(*session).settled_role_of(account);
}

} // namespace

bool supervisor::looks_dead(const node_name& node) const {
  return parts_->lease->ask([&](const lease_view& view) { return view.suspected(node, boot_now()); });
}

/// Empty: nothing is known that keeps this node from beginning the epoch.
std::string supervisor::why_not_begin(const account_state& account, const term_entry& pending) const {
  if (pending.decline_asked)
    return why_superseded(pending);
  if (account.primary() == self_name())
    return {}; // it comes back to its source, which has everything
  if (const auto* here = account.destination(self_name()); here == nullptr || !here->ready)
    return here == nullptr || here->reset_why == nullptr ? "its replica isn't whole" : *here->reset_why;
  if (const auto figures = parts_->replicas->figures_of(account.id); figures && figures->state == "stopped")
    return figures->reason;
  return {};
}

/// An unplanned epoch leaves its fence behind, whatever becomes of it: the source that was claimed for it may
/// live again, and then nobody could be promoted but on a claim, which a living node gives back at once
/// (R22).
bool supervisor::ends_the_one_before(const account_state& account, epoch term) {
  const auto* entry = account.terms.find(term);
  if (entry == nullptr || entry->state != term_state::decided || entry->origin != term_origin::unplanned)
    return true;
  const auto figures = parts_->replicas->figures_of(account.id);
  if (parts_->fences->written(account.id) >= term || (figures && figures->term >= term))
    return true;
  write_fence(account, *entry);
  return false;
}

/// R24: before the role row only. Whoever waits for this epoch may decide again without a claim on this node.
void supervisor::decline(const account_state& account, epoch term, const std::string& why) {
  auto& doing = work(account.id);
  if (doing.declined >= term || doing.role_begun >= term)
    return;
  if (doing.busy) {
    waiting_.insert(account.id);
    return;
  }
  if (!ends_the_one_before(account, term)) {
    waiting_.insert(account.id);
    return;
  }
  doing.busy = true;
  in_background(*parts_->sql, [this, parts = parts_, id = account.id, term, why]() -> std::function<void()> {
    const auto role = settled_role(*parts, id);
    return [this, id, term, why, role] {
      auto& doing = work(id);
      doing.busy = false;
      if (!role) {
        spdlog::warn("account {}: epoch {} can't be declined yet: {}", id, term, role.error().what);
        waiting_.insert(id);
      } else if (*role && (*role)->term >= term && (*role)->role == account_role::source) {
        doing.role_begun = std::max(doing.role_begun, (*role)->term); // too late: it begins here
        waiting_.insert(id);
      } else {
        spdlog::warn("account {}: epoch {} is declined here: {}", id, term, why);
        doing.declined = term;
        doing.taking.told_for = {};
        append_fact(id, declined{term, why});
      }
    };
  });
}

void supervisor::couldnt_begin(const account_id& id, epoch term, const error& why) {
  auto& doing = work(id);
  spdlog::error("account {}: epoch {} can't begin here: {}", id, term, why.what);
  waiting_.insert(id);
  if (doing.taking.failing_since.value == 0)
    doing.taking.failing_since = boot_now();
  const bool for_good =
      !why.retryable || is_over(doing.taking.failing_since, parts_->lease->rules().lease, leases_to_begin);
  const auto* account = state().account(id);
  if (for_good && account != nullptr) {
    doing.taking.failing_since = {};
    decline(*account, term, why.what);
  }
}

/// The source couldn't hand over: it alone aborts a planned epoch; its own next one (R29) it declines.
void supervisor::give_up_handing_over(const account_id& id, epoch term, const error& why) {
  const auto* account = state().account(id);
  const auto* entry = account == nullptr ? nullptr : account->terms.find(term);
  if (entry == nullptr)
    return;
  if (entry->origin == term_origin::planned)
    append_fact(id, promotion_aborted{term, why.what});
  else
    append_fact(id, declined{term, why.what});
}

/// R28: the destination declined a planned epoch. If the fence isn't handed over the source takes it back, so
/// that its account stays where it is; if it is, somebody has to be promoted (rescue_stranded).
void supervisor::abort_declined(const account_state& account, const term_entry& declined_one) {
  const auto* active = account.terms.active();
  if (declined_one.origin != term_origin::planned || active == nullptr || !is_self(active->primary))
    return;
  auto& doing = work(account.id);
  if (doing.busy) {
    waiting_.insert(account.id);
    return;
  }
  if (doing.role_left >= declined_one.term)
    return; // handed over, or the abort is on its way
  doing.busy = true;
  in_background(*parts_->sql,
                [this, parts = parts_, id = account.id, term = declined_one.term]() -> std::function<void()> {
                  const auto role = settled_role(*parts, id);
                  return [this, id, term, role] {
                    auto& doing = work(id);
                    doing.busy = false;
                    if (!role) {
                      waiting_.insert(id);
                      return;
                    }
                    doing.role_left = std::max(doing.role_left, term);
                    const auto* account = state().account(id);
                    const auto* entry = account == nullptr ? nullptr : account->terms.find(term);
                    if (entry == nullptr)
                      return;
                    if (!*role || (*role)->term < term)
                      append_fact(id, promotion_aborted{term, "its new primary declined it"});
                    else // by a former life of this process: a fence that's there already is repeated, which
                         // changes nothing, so that this one knows where it lies
                      hand_fence_over(*account, *entry, parts_->accounts->confirmed_of(id));
                  };
                });
}

/// R29: the fence of the epoch is out, and its destination doesn't begin.
void supervisor::rescue_stranded() {
  const auto lease = parts_->lease->rules().lease;
  std::vector<account_id> stranded;
  for (auto& [id, since] : handed_over_) {
    const auto* account = state().account(id);
    const auto* current = account == nullptr ? nullptr : account->terms.current();
    const bool hangs = current != nullptr && (current->state == term_state::declined ||
                                              (current->state == term_state::decided &&
                                               !is_self(current->primary) && looks_dead(current->primary)));
    if (!hangs || operations_->concerns(id)) {
      since = {};
    } else if (since.value == 0) {
      since = boot_now();
    } else if (is_over(since, lease, leases_to_rescue)) {
      since = {};
      stranded.push_back(id);
    }
  }
  if (!stranded.empty())
    operations_->rescue(std::move(stranded));
}

/// A further epoch of its source (R29): first the fence behind everything it wrote, then its role row again.
/// The guard stands all the while.
void supervisor::come_back(const account_state& account, const term_entry& pending) {
  auto& doing = work(account.id);
  if (doing.handed_over && doing.handed_over->term == pending.term) {
    doing.taking.fence = fence_applied{account.id, pending.term, doing.handed_over->cut,
                                       doing.handed_over->offset, account.is_protected()};
    return; // take_over() goes on
  }
  const auto* active = account.terms.active();
  if (doing.closed >= active->term) {
    decline(account, pending.term,
            "its own epoch was ended by a claim, so where that was cut isn't known to it");
    return;
  }
  hand_over(account, pending);
}

} // namespace understudy
