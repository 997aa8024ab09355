// An operation's accounts are decided, all at once or in turns, and again where something is waited for.
#include "actors/supervisor/operations.hpp"

#include <spdlog/spdlog.h>

namespace understudy {
namespace {

/// Something that the nodes' figures tell.
bool waits_for_figures(const account_decision& account) {
  return std::any_of(account.gates.begin(), account.gates.end(), [](const gate& g) {
    return !g.passed && (!g.known || g.name == "source answers" || g.name == "fence read" ||
                         g.name == "earlier promotion over");
  });
}

} // namespace

void operations::decide_now(operation& op) {
  go_on_as_decided(op);
  const auto facts = facts_for(op);
  for (auto& wanted : commands_of(op)) {
    if (auto* promotion = std::get_if<promote>(&wanted.body)) {
      keep_to_turns(op, *promotion);
      if (promotion->accounts.empty())
        continue;
    }
    take_decision(op, decide(state(), wanted, facts));
  }
  answer_if_complete(op);
}

std::vector<command> operations::commands_of(const operation& op) const {
  command base;
  base.operation = op.wanted.operation;
  base.by = op.origin.by;
  base.at_ms = op.origin.at_ms;
  const std::vector<account_id> ids(op.undecided.begin(), op.undecided.end());
  std::vector<command> commands;
  const auto add = [&](command_body body) {
    commands.push_back(base);
    commands.back().body = std::move(body);
  };
  if (op.wanted.name == "setAccountDestination") {
    enrol body{{}, node_name(op.wanted.destination), op.wanted.priority};
    for (const auto& id : ids)
      body.accounts.push_back(enrolment_of(op, id));
    add(std::move(body));
  } else if (op.wanted.name == "removeAccountDestination") {
    add(unenrol{ids, node_name(op.wanted.destination)});
  } else if (op.wanted.name == "pauseReplicas") {
    add(pause_replicas{ids});
  } else if (op.wanted.name == "restartReplicas") {
    add(resume_replicas{ids});
  } else {
    std::map<std::pair<promotion_kind, bool>, promote> bodies;
    for (const auto& id : ids) {
      const auto* account = state().account(id);
      const auto* current = account == nullptr ? nullptr : account->terms.current();
      const bool settled = current != nullptr && current->state == term_state::activated;
      const bool planned =
          settled && source_lives(account->primary()) && !op.claims.contains(account->primary());
      const bool named = !op.wanted.destination.empty() && !op.adrift.contains(id);
      bodies[{planned ? promotion_kind::planned : promotion_kind::unplanned, named}].accounts.push_back(id);
    }
    for (auto& [how, body] : bodies) {
      body.kind = how.first;
      body.no_return = op.wanted.no_return;
      body.accept_loss.assign(op.accept_loss.begin(), op.accept_loss.end());
      if (how.second)
        body.destination = node_name(op.wanted.destination);
      add(std::move(body));
    }
  }
  return commands;
}

/// `threads` of its accounts are on their way at once, each until it is active; the others come in their
/// turn. Not those of a mailstore that died: nobody writes them meanwhile.
void operations::keep_to_turns(operation& op, promote& wanted) const {
  if (op.wanted.threads == 0 || wanted.kind != promotion_kind::planned)
    return;
  const auto room = op.wanted.threads - std::min<std::size_t>(op.wanted.threads, op.open.size());
  if (room >= wanted.accounts.size())
    return;
  for (auto id = wanted.accounts.begin() + static_cast<std::ptrdiff_t>(room); id != wanted.accounts.end();
       ++id) {
    auto& answered = op.replies[*id];
    answered.account = op.typed.at(*id);
    answered.outcome = "accepted";
  }
  wanted.accounts.resize(room);
  op.give_up = time_to_give_up(); // nobody is late who waits for a turn
}

void operations::take_decision(operation& op, const decision& made) {
  for (const auto& account : made.accounts) {
    auto& answered = op.replies[account.account];
    answered.account = op.typed.at(account.account);
    if (account.decided) {
      const bool later = ends_later(op, account.account);
      answered.outcome = later ? "accepted" : "done";
      answered.reason = later ? std::string{} : account.text;
      note_unknown(op, account);
      op.undecided.erase(account.account);
      op.open.insert(account.account);
      const auto* before = state().account(account.account);
      op.decided_on[account.account] = before && before->origin ? before->origin->operation : operation_id{};
    } else if (account.waits && boot_now() < op.give_up) {
      answered.outcome = "accepted";
      op.facts_wanted = op.facts_wanted || waits_for_figures(account);
    } else if (const auto* decided = decided_before(op, account.account); decided != nullptr) {
      // Nothing better is possible now: it may still come to its end as it was decided.
      if (boot_now() < op.give_up)
        op.facts_wanted = true;
      else
        close_account(op, account.account, false,
                      fmt::format("given up: {}; it is still promoted to {} if that goes on", account.text,
                                  decided->primary.get()));
    } else {
      refuse(op, account.account, account.waits ? fmt::format("given up: {}", account.text) : account.text);
    }
  }
  if (boot_now() < op.give_up)
    for (const auto& node : made.claims_needed)
      op.claims.try_emplace(node, boot_time{});
  ask_for_declines(op, made.declines);
  renew_claims(op);
  if (!made.events.empty())
    for (auto& id : around_.append(made.events, op.origin))
      op.records.insert(std::move(id));
  std::set<account_id> changed;
  for (const auto& event : made.events)
    if (const auto* change = std::get_if<account_change>(&event))
      changed.insert(change->account);
  op.unread.insert(changed.begin(), changed.end());
  // What was decided with nothing to append is at its end already, unless a replica is still on its way.
  for (const auto& account : made.accounts)
    if (account.decided && !changed.contains(account.account) && !ends_later(op, account.account))
      close_account(op, account.account, true, account.text);
}

/// What nobody could say of the destination is looked at by whoever promoted the account there.
void operations::note_unknown(operation& op, const account_decision& decided) {
  std::string told;
  for (const auto& g : decided.gates)
    if (!g.known && !g.about.empty())
      told += (told.empty() ? "" : "; ") + g.figures;
  op.unsure.erase(decided.account);
  if (told.empty())
    return;
  spdlog::warn("account {}: promoted to {} all the same: {}", decided.account, decided.destination, told);
  op.unsure.emplace(decided.account, std::move(told));
}

/// The command is carried out when something else has happened: a promotion's activation, a whole replica.
bool operations::ends_later(const operation& op, const account_id& id) const {
  if (op.wanted.name == "promoteAccounts")
    return true;
  if (op.wanted.name != "setAccountDestination")
    return false;
  const auto* account = state().account(id);
  const auto* wanted = account == nullptr || account->is_withdrawn
                           ? nullptr
                           : account->destination(node_name(op.wanted.destination));
  return wanted == nullptr || !wanted->ready;
}

/// A living primary of an epoch that isn't active yet is asked through control, which it reads anyway and
/// which keeps the question over its restart (R24).
void operations::ask_for_declines(operation& op, const std::vector<decline_wanted>& declines) {
  std::vector<control_event> questions;
  for (const auto& wanted : declines) {
    const auto* account = state().account(wanted.account);
    const auto* entry = account == nullptr ? nullptr : account->terms.find(wanted.term);
    if (entry == nullptr || entry->decline_asked ||
        !op.declines_asked.emplace(wanted.account, wanted.term).second)
      continue;
    spdlog::info("account {}: {} is asked to decline epoch {}", wanted.account, wanted.node, wanted.term);
    questions.push_back(
        account_change{wanted.account, account->version, decline_asked{wanted.term, wanted.instead}});
  }
  if (!questions.empty())
    around_.append(std::move(questions), op.origin);
}

void operations::renew_claims(operation& op) {
  if (!around_.parts->lease->holds())
    return; // R22: such a claim carries nothing, and ends the commits of a node that may be well
  for (auto& [node, handed_over] : op.claims) {
    const auto status = around_.parts->lease->ask(
        [&](const lease_view& view) { return view.claim_against(node, boot_now()); });
    if (status.stage != claim_stage::none && status.stage != claim_stage::spoilt)
      continue;
    // One that was handed over a moment ago is still on its way back.
    if (boot_now().value - handed_over.value <
        std::chrono::nanoseconds(around_.parts->lease->rules().lease).count())
      continue;
    spdlog::warn("{} is claimed: its accounts are to be promoted without it", node);
    around_.claim(node, state().next());
    handed_over = boot_now();
  }
}

bool operations::is_stranded(const account_state& account, const term_entry& pending) const {
  const bool source_died = pending.origin == term_origin::planned && !source_lives(account.primary());
  return source_died || !source_lives(pending.primary);
}

void operations::take_back_stranded(operation& op) {
  if (op.wanted.name != "promoteAccounts" || !around_.parts->lease->holds())
    return; // cut off from Kafka, this node can't tell who lives
  std::vector<account_id> stranded;
  for (const auto& id : op.open) {
    const auto* account = state().account(id);
    const auto* pending = account == nullptr ? nullptr : account->terms.pending();
    if (pending != nullptr && is_stranded(*account, *pending))
      stranded.push_back(id);
  }
  for (const auto& id : stranded) {
    const auto* pending = state().account(id)->terms.pending();
    if (!op.wanted.destination.empty() && pending->origin == term_origin::planned &&
        !source_lives(pending->primary))
      op.adrift.try_emplace(id, fmt::format("{} isn't up", pending->primary.get()));
    op.open.erase(id);
    op.undecided.insert(id);
  }
  // However long it was on its way: nobody else would look for where it goes on.
  if (!stranded.empty() && boot_now() > op.give_up)
    op.give_up = time_to_give_up();
}

const term_entry* operations::decided_before(const operation& op, const account_id& id) const {
  const auto* known = state().operation(op.wanted.operation);
  const auto* account = state().account(id);
  if (op.wanted.name != "promoteAccounts" || known == nullptr || account == nullptr)
    return nullptr;
  const auto* pending = account->terms.pending();
  const auto target = known->open.find(id);
  const bool ours =
      pending != nullptr && target != known->open.end() && target->second.decided == pending->decision;
  return ours ? pending : nullptr;
}

void operations::go_on_as_decided(operation& op) {
  std::erase_if(op.undecided, [&](const account_id& id) {
    const auto* pending = decided_before(op, id);
    if (pending == nullptr || is_stranded(*state().account(id), *pending))
      return false;
    op.open.insert(id);
    return true;
  });
}

} // namespace understudy
