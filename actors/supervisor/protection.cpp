// Whether an account's commits are held, and what control says of it (R3, R4, R5).
#include "actors/supervisor/coverage.hpp"
#include "actors/supervisor/supervisor.hpp"
#include "storage/state/mailstore_queries.hpp"

#include <spdlog/spdlog.h>

#include <set>

namespace understudy {
namespace {

/// Between two counts of the accounts that no enrolment covers; longer where one takes long, so that a large
/// mailstore spends a hundredth of one thread on it.
constexpr std::chrono::seconds uncovered_pause{10};
constexpr int uncovered_share = 100;

} // namespace

void supervisor::take_gap(std::string gap) {
  if (gap == node_gap_)
    return;
  node_gap_ = std::move(gap);
  if (node_gap_.empty())
    spdlog::info("commits of this mailstore are protected again");
  else
    spdlog::error("commits of this mailstore aren't protected: {}", node_gap_);
  for (const auto& account : state().accounts())
    if (const auto* active = account.terms.active(); active != nullptr && is_self(active->primary))
      waiting_.insert(account.id);
}

/// What MariaDB let go meanwhile may lie in the binlog alone: capture may be far behind (P7).
void supervisor::end_gap() {
  end_unknown_ = true;
  if (std::exchange(ending_gap_, true))
    return;
  in_background(*parts_->sql, [this, parts = parts_]() -> std::function<void()> {
    auto session = sql_session::open(parts->local);
    const auto end =
        session ? mailstore_queries(*session, parts->rules).binlog_position()
                : result<gtid_position>(tl::make_unexpected(static_cast<const error&>(session.error())));
    return [this, end] {
      ending_gap_ = false;
      if (!end)
        return; // asked again at the next tick
      end_unknown_ = false;
      parts_->accounts->must_meet(*end);
      take_gap(parts_->why_unprotected());
    };
  });
}

/// Behind a decision that ends the account's epoch nothing counts that is said of that epoch. A planned one
/// that this node hasn't begun to carry out, which may be in line for long, is given up ahead of it (R28:
/// before its role row). False: it's being carried out, or its destination's to end.
bool supervisor::give_up_for(const account_state& account, const std::string& why,
                             std::vector<control_event>& facts) {
  const auto* active = account.terms.active();
  const auto* current = account.terms.current();
  if (current == active)
    return true;
  auto& doing = work(account.id);
  const bool is_ours = current != nullptr && current->origin == term_origin::planned && active != nullptr &&
                       is_self(active->primary);
  if (!is_ours || doing.busy || std::max(doing.role_left, doing.role_maybe_left) >= current->term)
    return false;
  const auto left = [&](const role_record& role) {
    return role.account == account.id && role.term >= current->term;
  };
  // Its role row may be a former life's.
  if (parts_->accounts->is_handed_over(account.id, active->term) ||
      std::ranges::any_of(parts_->roles_ahead, left))
    return false;
  doing.role_left = current->term; // it isn't begun any more
  facts.push_back(account_change{account.id, {}, promotion_aborted{current->term, why}});
  return true;
}

/// False: it can't be said yet.
bool supervisor::say_gap(const account_state& account, unprotected gap) {
  std::vector<control_event> facts;
  if (!give_up_for(account, gap.reason, facts))
    return false;
  if (facts.empty()) {
    append_fact(account.id, std::move(gap));
    return true;
  }
  facts.push_back(account_change{account.id, {}, std::move(gap)});
  append(std::move(facts));
  return true;
}

void supervisor::attend_protection(const account_state& account, const term_entry& active) {
  auto& doing = work(account.id);
  const bool lost = patience_.is_lost(account.partition);
  // Asked of the log itself, behind whatever it left out before commits were held.
  const bool lacks_events = parts_->log->leaves_out(account.id);
  // A gap of the whole node holds back commits all the same, if the server waits at all: it leaves nothing
  // out of the log. One of this account's own, or of its partition, mustn't hold up the others (R3, R4).
  const bool holds = account.is_protected() || (account.gap->missing == sequence{} && !lost && !lacks_events);
  const bool told = doing.protection.told.value_or(parts_->accounts->is_protected(account.id));
  doing.protection.told = holds;
  if (told != holds) {
    doing.protection.again = {};
    parts_->accounts->set_protected(account.id, holds);
  }
  // What isn't in Kafka now may be acknowledged without it from now on; it's written all the same.
  const auto say_unprotected = [&](const std::string& why) {
    if (doing.protection.unprotected_told == account.version)
      return; // on its way
    const auto since = parts_->accounts->confirmed_of(account.id).next();
    if (say_gap(account, {active.term, why, since, true}))
      doing.protection.unprotected_told = account.version;
    else
      waiting_.insert(account.id);
  };
  if (account.is_protected()) {
    doing.protection.again = {};
    if (!node_gap_.empty())
      say_unprotected(node_gap_);
    else if (lost)
      say_unprotected(fmt::format("partition {} of understudy.accounts can't be written", account.partition));
    return;
  }
  // A reason of the whole node's that isn't the one any more: what is set right must not be said to be wrong.
  const bool is_nodes = account.gap->missing == sequence{} && !account.gap->lacks_changes() && !lost;
  const bool may_reword = account.terms.current() == &active; // it's no reason to give a promotion up
  if (may_reword && is_nodes && !node_gap_.empty() && account.gap->reason != node_gap_)
    say_unprotected(node_gap_);
  if (!holds && (lost || lacks_events || !node_gap_.empty()))
    give_up_holding(account.id);
  if (lost || lacks_events)
    return;
  // Whatever else keeps it unprotected.
  const bool lacks = account.gap->lacks_changes();
  const bool is_whole = !lacks || replicas_have_what_is_missing(account);
  if (!node_gap_.empty()) {
    if (may_reword && lacks && is_whole && account.gap->reason != node_gap_)
      say_unprotected(node_gap_);
    return;
  }
  if (!is_whole)
    return;
  if (holds_commits(account)) // begins before it is said (R4)
    append_fact(account.id, protected_again{active.term});
  else
    waiting_.insert(account.id);
}

/// What the log lacks only replicas have that were made anew behind it. One that stands where it stood before
/// would notice with the account's next event at the earliest; so long only this mailstore has those rows.
bool supervisor::replicas_have_what_is_missing(const account_state& account) {
  auto& asked = work(account.id).missing_asked;
  const auto& gap = *account.gap;
  bool all = !account.destinations.empty();
  std::vector<control_event> owed;
  for (const auto& destination : account.destinations) {
    if (gap.is_whole(destination))
      continue;
    all = false;
    // Once for each copy: one that was on its way when the next event was refused lacks that again.
    auto& before = asked.try_emplace(destination.node, kafka_offset{-1}).first->second;
    if (destination.ready && std::exchange(before, destination.requested) != destination.requested)
      owed.push_back(account_change{
          account.id,
          {},
          replica_reset{destination.node, fmt::format("the log lacks its sequence {}", gap.missing)}});
  }
  if (!owed.empty())
    append(std::move(owed));
  return all;
}

/// What was asked for protection's sake isn't kept up without it: Kafka may be away again (R3).
void supervisor::give_up_holding(const account_id& id) {
  auto& doing = work(id);
  if (!std::exchange(doing.protection.again.asked, false))
    return;
  doing.protection.again.unheld_up_to.reset();
  parts_->accounts->set_protected(id, false);
}

bool supervisor::holds_commits(const account_state& account) {
  // What a former life acknowledged without Kafka lies in the binlog alone until capture has met it again.
  if (lost_ || end_unknown_ || !parts_->accounts->met_what_was_there())
    return false;
  auto& doing = work(account.id);
  if (!std::exchange(doing.protection.again.asked, true)) {
    if (!parts_->accounts->set_protected(account.id, true))
      doing.protection.again.unheld_up_to = 0; // whoever will write it begins with holding
  }
  if (!doing.protection.again.unheld_up_to)
    return false;
  const auto oldest = parts_->log->oldest_unconfirmed();
  const auto waits = oldest.find(account.partition);
  return waits == oldest.end() || waits->second > *doing.protection.again.unheld_up_to;
}

void supervisor::on_holds_again(const holds_again& holding) {
  auto& doing = work(holding.account);
  if (!doing.protection.again.asked || doing.protection.again.unheld_up_to)
    return;
  doing.protection.again.unheld_up_to = parts_->log->last_number();
  attend(holding.account);
}

void supervisor::look_at_partitions() {
  const auto found =
      patience_.look(std::chrono::steady_clock::now(), parts_->link->connected() && parts_->lease->holds(),
                     parts_->log->oldest_unconfirmed());
  if (found.lost.empty() && found.back.empty())
    return;
  std::set<partition_id> concerned;
  for (const auto partition : found.lost) {
    parts_->metrics->error("partition");
    spdlog::error(
        "partition {} of understudy.accounts can't be written: its accounts become unprotected, the "
        "others' commits go on",
        partition);
    concerned.insert(partition);
  }
  for (const auto partition : found.back) {
    spdlog::info("partition {} of understudy.accounts is written again", partition);
    concerned.insert(partition);
  }
  for (const auto& account : state().accounts()) {
    const auto* active = account.terms.active();
    if (!account.is_withdrawn && active != nullptr && is_self(active->primary) &&
        concerned.contains(account.partition))
      waiting_.insert(account.id);
  }
}

void supervisor::look_for_uncovered() {
  const auto now = std::chrono::steady_clock::now();
  if (counting_uncovered_ || now < next_uncovered_)
    return;
  counting_uncovered_ = true;
  in_background(*parts_->questions, [this, parts = parts_]() -> std::function<void()> {
    const auto began = std::chrono::steady_clock::now();
    std::vector<std::pair<account_id, std::string>> names;
    const auto counted = count_uncovered(
        *parts, [&](const account_id& id, const std::string& name) { names.emplace_back(id, name); });
    const auto ended = std::chrono::steady_clock::now();
    return [this, counted, ended, took = ended - began, names = std::move(names)] {
      for (const auto& [id, name] : names)
        take_name(id, name);
      counting_uncovered_ = false;
      next_uncovered_ =
          ended + std::max<std::chrono::steady_clock::duration>(uncovered_pause, took * uncovered_share);
      if (counted)
        parts_->uncovered = *counted;
      else
        spdlog::debug("accounts without an enrolment can't be counted now: {}", counted.error().what);
    };
  });
}

} // namespace understudy
