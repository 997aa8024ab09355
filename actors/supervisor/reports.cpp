// What the node's other actors tell the supervisor, and what follows from it.
#include "actors/supervisor/supervisor.hpp"
#include "storage/state/local_state.hpp"
#include "storage/state/mailstore_queries.hpp"

#include <spdlog/spdlog.h>

namespace understudy {

void supervisor::on_role(const role_met& role) {
  auto& doing = work(role.account);
  doing.role_seen = std::max(doing.role_seen, role.term);
  if (role.term >= doing.lost_left)
    doing.lost_left = {};
  const auto* account = state().account(role.account);
  if (account != nullptr && account->is_withdrawn && role.role == account_role::source)
    return parts_->accounts->forget(role.account); // withdrawn meanwhile: its commits wait for nobody
  const auto* term = account == nullptr ? nullptr : account->terms.find(role.term);
  if (term != nullptr && term->state == term_state::declined && is_self(term->primary) &&
      role.role == account_role::source)
    close_epoch(*account, role.term); // a statement that was given up landed late
  if (term == nullptr || term->state != term_state::decided)
    return;
  if (role.role != account_role::source) {
    doing.taking.unfenced.reset(); // left since: what begins now is a further role row
    const bool written = doing.handed_over && doing.handed_over->term == role.term;
    const bool ours = term->origin == term_origin::planned || is_self(term->primary);
    if (!role.was_written && ours && !written)
      hand_fence_over(*account, *term, role.last);
    return;
  }
  if (doing.activation_sent >= role.term)
    return;
  // Only what this life began: a former one's row may come behind the word that the fence is written, while
  // this one's own is on its way.
  const bool is_fenced =
      doing.taking.fence && doing.taking.fence->term == role.term && doing.taking.told_for >= role.term;
  if (term->origin != term_origin::enrolment && !is_fenced) {
    doing.taking.unfenced = role; // a former life's, which knew the fence: take_over() finds it
    waiting_.insert(role.account);
    return;
  }
  if (is_fenced && doing.taking.fence->cut != role.last) {
    // Numbers that others have given already would be taken for known events, and so be lost (R11).
    parts_->metrics->error("epoch");
    spdlog::error("account {}: epoch {} isn't begun here: it would go on behind sequence {}, but its fence "
                  "is behind {}; promote it elsewhere, and restart this node",
                  role.account, role.term, role.last, doing.taking.fence->cut);
    close_epoch(*account, role.term);
    return;
  }
  doing.activation_sent = role.term;
  note_unlike_log(*account, role.term);
  activated fact;
  fact.term = role.term;
  fact.cut = role.last;
  if (is_fenced)
    fact.fence = doing.taking.fence->offset;
  fact.gap = parts_->why_unprotected();
  append_fact(role.account, fact);
}

void supervisor::on_refused(const account_refused& refused) {
  parts_->metrics->error("produce");
  spdlog::error("account {}: sequence {} can't be produced: {}; it becomes unprotected", refused.account,
                refused.since, refused.reason);
  auto& doing = work(refused.account);
  doing.refused = refused; // a later one than what is on its way: its COMMIT settles with that one's word
  doing.refused_told = {};
  if (begun_)
    attend(refused.account);
}

/// While a promotion is carried out nobody may speak of the epoch before: the commits that wait for it hold
/// that up at its guard, and when it was given up it is said.
void supervisor::say_refused(const account_state& account, const term_entry& active) {
  const auto found = work_.find(account.id);
  if (found == work_.end() || !found->second.refused)
    return;
  auto& doing = found->second;
  const bool is_told = account.gap && account.gap->missing >= doing.refused->since;
  if (is_told || active.term != doing.refused->term) {
    parts_->log->refusal_is_said(account.id, doing.refused->since);
    doing.refused.reset();
    give_up_holding(account.id); // asked for meanwhile, it would keep the refused one's COMMIT
    return;
  }
  if (doing.refused_told != account.version &&
      say_gap(account, {active.term, doing.refused->reason, doing.refused->since}))
    doing.refused_told = account.version; // else attended again with the next change
}

/// What changed unseen while a promotion was carried out, and couldn't be said (reset_replicas()).
void supervisor::say_unseen(const account_state& account, const term_entry& active) {
  const auto found = work_.find(account.id);
  if (found == work_.end() || found->second.unseen.empty())
    return;
  auto& doing = found->second;
  if (account.gap && account.gap->reason == doing.unseen) {
    doing.unseen.clear();
    return;
  }
  if (account.terms.current() != &active || doing.unseen_told == account.version)
    return;
  doing.unseen_told = account.version;
  append_fact(account.id, unprotected{active.term, doing.unseen,
                                      parts_->accounts->confirmed_of(account.id).next(), false, true});
}

/// The UUID is its identity; commands that name it by its address must mean the same mailbox as the mail
/// server.
void supervisor::take_name(const account_id& id, const std::string& name) {
  const auto* account = state().account(id);
  if (!begun_ || account == nullptr || account->is_withdrawn || !is_self(account->primary()) ||
      name.empty() || account->name == name)
    return;
  spdlog::info("account {}: {} is called {} now", id, account->name, name);
  append_fact(id, renamed{name});
}

void supervisor::on_fence_written(const fence_written& written) {
  work(written.account).handed_over = written;
  handed_over_.try_emplace(written.account);
  parts_->fences->note(written.account, written.term);
  attend(written.account);
}

void supervisor::on_fence_applied(const fence_applied& applied) {
  work(applied.account).taking.fence = applied;
  attend(applied.account);
}

void supervisor::on_loaded(const replica_loaded& loaded) {
  const auto* account = state().account(loaded.account);
  const auto* destination = account == nullptr ? nullptr : account->destination(self_name());
  if (destination == nullptr || destination->ready)
    return;
  if (loaded.request < destination->requested) {
    // Its view may be older than the changes that made somebody ask again; the newer marker was passed over.
    ask_for_snapshot(*account, destination->reset_why ? *destination->reset_why : std::string("new replica"));
    return;
  }
  auto& doing = work(loaded.account);
  if (std::exchange(doing.copy.foreign_in_load, false)) {
    ask_for_snapshot(*account, "foreign write while its copy was loaded");
    return;
  }
  doing.copy.ready_sent = destination->requested;
  spdlog::info("account {}: snapshot {} is loaded, sequence {}", loaded.account, loaded.snapshot,
               loaded.number);
  append_fact(loaded.account,
              replica_ready{self_name(), destination->requested, loaded.snapshot, loaded.number});
}

void supervisor::on_stopped(const replica_stopped& stopped) {
  parts_->metrics->error("apply");
  spdlog::error("account {}: its replica here stopped: {}", stopped.account, stopped.reason);
  const auto* account = state().account(stopped.account);
  const auto* pending = account == nullptr ? nullptr : account->terms.pending();
  if (pending != nullptr && is_self(pending->primary) && pending->origin != term_origin::enrolment)
    decline(*account, pending->term, stopped.reason);
  if (!stopped.needs_snapshot)
    return;
  if (account != nullptr && !account->is_withdrawn && !work(stopped.account).copy.parked)
    ask_for_snapshot(*account, stopped.reason);
}

void supervisor::on_unseen(const rows_unseen& unseen) {
  // A trigger would go unnoticed: it adds to replicated rows without an error (A06).
  parts_->replicas->schema_changed();
  const auto first_line = unseen.what.substr(0, unseen.what.find('\n'));
  if (!unseen.rows_may_have_changed) { // a table or group database was made: ordinary (facts §1)
    spdlog::debug("the mailstore's structure changed: {}", first_line);
    return;
  }
  spdlog::error("rows may have changed unseen, so new snapshots are taken: {}", first_line);
  parts_->metrics->error("capture");
  std::vector<account_id> written_here;
  for (const auto& account : state().accounts())
    if (const auto* active = account.terms.active();
        !account.is_withdrawn && active != nullptr && is_self(active->primary))
      written_here.push_back(account.id);
  const auto group = parts_->rules->group_in(unseen.database);
  if (!group)
    return reset_replicas(written_here, unseen.what, unseen.held);
  // Which group an account is in only the registry knows. A statement that has it locked may wait in its
  // COMMIT for this one's answer: then all of them.
  in_background(*parts_->releasing,
                [this, parts = parts_, group = *group, unseen,
                 accounts = std::move(written_here)]() mutable -> std::function<void()> {
                  auto session = sql_session::open(parts->local);
                  if (session && session->execute("SET SESSION lock_wait_timeout=1"))
                    if (const auto found = mailstore_queries(*session, parts->rules).find_by_id(accounts)) {
                      std::unordered_set<account_id> elsewhere;
                      for (const auto& account : *found)
                        if (account.group != group)
                          elsewhere.insert(account.account);
                      std::erase_if(accounts, [&](const auto& id) { return elsewhere.contains(id); });
                    }
                  return [this, accounts, unseen] { reset_replicas(accounts, unseen.what, unseen.held); };
                });
}

/// No event says what changed: only replicas that are made anew have it, and until they are the account isn't
/// protected. Said in this order, so that what is asked for then counts as asked for behind it.
void supervisor::reset_replicas(const std::vector<account_id>& accounts, const std::string& why,
                                const std::shared_ptr<const void>& held) {
  std::vector<control_event> changes;
  for (const auto& id : accounts) {
    const auto* account = state().account(id);
    const auto* active = account == nullptr ? nullptr : account->terms.active();
    if (active == nullptr)
      continue;
    if (give_up_for(*account, why, changes))
      changes.push_back(account_change{
          id, {}, unprotected{active->term, why, parts_->accounts->confirmed_of(id).next(), false, true}});
    else
      work(id).unseen = why; // its destination begins only if it has already; else its copy isn't whole
    for (const auto& destination : account->destinations)
      changes.push_back(account_change{id, {}, replica_reset{destination.node, why}});
  }
  append(std::move(changes), {}, held);
}

} // namespace understudy
