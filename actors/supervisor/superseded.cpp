// Who learns that others took its accounts tells no client OK for what came after (P5, R8): from the moment
// it reads a claim on this node, or a decision that ends an epoch of it, nothing is acknowledged until every
// connection that waits in a COMMIT was ended.
#include "actors/supervisor/supervisor.hpp"
#include "storage/state/logged_state.hpp"
#include "storage/state/waiting_commits.hpp"

#include <spdlog/spdlog.h>

namespace understudy {
namespace {

constexpr std::chrono::seconds end_again{1};

} // namespace

void supervisor::step_down(const std::vector<standing_claim>& claims) {
  claim_seen_ = return_from(claims);
  spdlog::critical("{} claims this node's accounts: all waiting commits are ended (R8)", claims.back().by);
  end_commits();
}

/// What is in flight, and what is captured from now on, settles as foreign: unless it waits here, its clients
/// would be told OK.
void supervisor::lose_epoch(const account_state& account, epoch term) {
  if (begun_ && parts_->accounts->is_written(account.id)) { // before that nothing is acknowledged (R19)
    if (!ending_)
      spdlog::warn("account {}: its epoch ended without this node: all waiting commits are ended (R8)",
                   account.id);

    end_commits();
  }
  close_epoch(account, term);
}

void supervisor::end_commits() {
  parts_->settle->hold();
  if (std::exchange(ending_, true)) {
    end_again_ = true; // a commit may have been looked over that waits for what is asked for now
    return;
  }
  end_commits_now();
}

void supervisor::end_commits_now() {
  end_again_ = false;
  in_background(*parts_->releasing, [this, claim = claim_seen_, parts = parts_]() -> std::function<void()> {
    const auto ended = end_waiting_commits(parts->local, *parts->endings);
    return [this, claim, ended] { on_commits_ended(claim, ended); };
  });
}

void supervisor::on_commits_ended(const returned& claim, const result<std::uint64_t>& ended) {
  if (!ended) {
    spdlog::error("the waiting commits couldn't be ended, tried again: {}", ended.error().what);
    delayed_send(this, end_again, run_here{[this] { end_commits_now(); }});
    return;
  }
  if (*ended > 0)
    spdlog::warn("{} connections that waited in a COMMIT were ended", *ended);
  if (end_again_)
    return end_commits_now();
  ending_ = false;
  parts_->settle->go_on();
  if (claim == returned_sent_)
    return;
  returned_sent_ = claim;
  append({claim});
}

bool supervisor::is_lost_before(const account_id& id, epoch term) {
  const auto& doing = work(id);
  return std::max({doing.role_begun, doing.role_left, doing.closed}) < term;
}

/// R20: the row says in the binlog that the epoch is over, and that whoever waited for it was told so: later
/// starts find it, and end nobody's commits for it again. What comes before it is as foreign as what comes
/// behind it, so that no guard needs to stand meanwhile.
/// Not while capture has no place to go on from: nobody would acknowledge the row.
void supervisor::leave_lost_epoch(const account_state& account, const term_entry& active) {
  waiting_.insert(account.id); // until capture has met the row
  auto& doing = work(account.id);
  if (!begun_ || ending_ || lost_ || doing.busy || doing.lost_left >= active.term)
    return;
  doing.busy = true;
  in_background(*parts_->promotions,
                [this, parts = parts_,
                 row = role_record{account.id, active.term, account_role::replica,
                                   active.decision}]() -> std::function<void()> {
                  const auto written = [&]() -> result<void> {
                    auto session = parts->sessions->borrow();
                    if (!session)
                      return tl::make_unexpected(static_cast<const error&>(session.error()));
                    return logged_state(**session).write_role(row);
                  }();
                  return [this, row, written] {
                    auto& doing = work(row.account);
                    doing.busy = false;
                    if (written)
                      doing.lost_left = row.term;
                    else
                      spdlog::warn("account {}: that its epoch is over can't be noted yet, tried again: {}",
                                   row.account, written.error().what);
                  };
                });
}

} // namespace understudy
