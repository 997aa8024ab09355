// What becomes of an account in an operation: its end is there, it can't have it, or another command won it.
#include "actors/supervisor/operations.hpp"

namespace understudy {
namespace {

std::string who_gave_up(const account_state& account, const term_entry& entry, const std::string& why) {
  const bool taken_back = entry.state == term_state::aborted;
  return fmt::format("{} {}{}{}", taken_back ? account.primary() : entry.primary.get(),
                     taken_back ? "took it back" : "couldn't begin", why.empty() ? "" : ": ", why);
}

} // namespace

void operations::look_for_ends(operation& op, const control_record& record, const account_change& change) {
  const auto& name = op.wanted.name;
  const auto& account = change.account;
  const auto& body = change.body;
  if (name != "promoteAccounts" && op.unread.contains(account))
    return; // whatever this is, it came before ours, which may be void now
  if (name == "promoteAccounts") {
    if (const auto* begun = std::get_if<activated>(&body))
      promotion_ends(op, account, *begun);
    else if (const auto* aborted = std::get_if<promotion_aborted>(&body))
      given_up(op, account, aborted->term, aborted->reason);
    else if (const auto* refused = std::get_if<declined>(&body))
      given_up(op, account, refused->term, refused->reason);
    else if (const auto* decided = std::get_if<promotion_decided>(&body);
             decided != nullptr && record.origin.operation != op.wanted.operation)
      lose(op, account, what_won(account, record.origin, "it is promoted otherwise"), record.origin);
  } else if (name == "setAccountDestination") {
    const auto* now = state().account(account)->destination(node_name(op.wanted.destination));
    if (now != nullptr && now->ready)
      close_account(op, account, true, fmt::format("the replica on {} is whole", op.wanted.destination));
    else if (now == nullptr && state().account(account)->primary().value == op.wanted.destination)
      close_account(op, account, true, fmt::format("it is active on {}", op.wanted.destination));
    else if (now == nullptr)
      close_account(op, account, false, "its destination was removed meanwhile");
  } else {
    const auto told = op.replies.find(account); // none, if another supervisor decided
    close_account(op, account, true,
                  told == op.replies.end() ? what_was_done(op.wanted) : told->second.reason);
  }
}

std::string operations::what_was_done(const request_body& wanted) {
  if (wanted.name == "removeAccountDestination")
    return fmt::format("not replicated to {} any more", wanted.destination);
  return wanted.name == "pauseReplicas" ? "its replicas are paused" : "its replicas go on";
}

/// A command that waits (for a claim, an answer) isn't carried out behind a promotion that came first.
void operations::look_for_rivals(operation& op, const account_change& undecided) {
  if (op.wanted.name != "promoteAccounts")
    return;
  const auto* begun = std::get_if<activated>(&undecided.body);
  const auto* account = state().account(undecided.account);
  if (begun == nullptr || account == nullptr)
    return;
  const auto* entry = account->terms.find(begun->term);
  if (entry != nullptr && entry->origin != term_origin::enrolment)
    promotion_ends(op, undecided.account, *begun);
}

/// It wasn't handed over after all, and nobody named another destination.
void operations::look_for_return(operation& op, const account_change& undecided) {
  const auto adrift = op.adrift.find(undecided.account);
  if (adrift != op.adrift.end() && std::holds_alternative<promotion_aborted>(undecided.body))
    close_account(
        op, undecided.account, false,
        fmt::format("{}: it stays on {}", adrift->second, state().account(undecided.account)->primary()));
}

/// What its command was decided without.
std::string operations::but_unknown(const operation& op, const account_id& id) {
  const auto unsure = op.unsure.find(id);
  return unsure == op.unsure.end() ? std::string{} : "; " + unsure->second;
}

/// By this operation. Another destination than the one that was named was taken where that couldn't begin;
/// who did so may have died since, and the reason with it.
void operations::promoted(operation& op, const account_id& id, const node_name& to) {
  if (!op.wanted.destination.empty() && op.wanted.destination != to.value)
    close_account(op, id, false,
                  fmt::format("{} didn't begin: it is active on {}", op.wanted.destination, to));
  else
    close_account(op, id, true, fmt::format("it is active on {}{}", to, but_unknown(op, id)));
}

void operations::promotion_ends(operation& op, const account_id& id, const activated& begun) {
  const auto* account = state().account(id);
  const auto* entry = account->terms.find(begun.term);
  const auto adrift = op.adrift.find(id);
  if (adrift != op.adrift.end() && account->primary().value != op.wanted.destination)
    close_account(op, id, false, fmt::format("{}: it is active on {}", adrift->second, account->primary()));
  else if (entry == nullptr || decided_by(op, id, *entry) || !account->origin)
    promoted(op, id, account->primary());
  else
    lose(op, id, what_won(id, *account->origin, fmt::format("it is active on {}", account->primary())),
         *account->origin);
}

/// True, too, if control knows the operation no more: nothing can be said against it.
bool operations::decided_by(const operation& op, const account_id& account, const term_entry& entry) const {
  const auto* known = state().operation(op.wanted.operation);
  if (known == nullptr)
    return true;
  const auto target = known->open.find(account);
  return target == known->open.end() || target->second.decided == entry.decision;
}

/// Where the winner takes the account, if it's a promotion.
std::string operations::what_won(const account_id& id, const change_origin& winner,
                                 const std::string& otherwise) const {
  const auto* account = state().account(id);
  if (account == nullptr)
    return otherwise;
  for (const auto& entry : account->terms.all())
    if (entry.rivals && entry.rivals->decided.origin->operation == winner.operation)
      return fmt::format("it is promoted to {} in epoch {}", entry.primary.get(), entry.term);
  const auto* operation = state().operation(winner.operation);
  const auto* active = account->terms.active();
  if (active != nullptr && operation != nullptr && operation->started.kind == "promoteAccounts")
    return fmt::format("it was promoted to {} in epoch {}", active->primary.get(), active->term);
  return otherwise;
}

void operations::refuse(operation& op, const account_id& account, const std::string& why) {
  auto& answered = op.replies[account];
  answered.account = op.typed.at(account);
  answered.outcome = "refused";
  answered.reason = why;
  close_account(op, account, false, why);
}

void operations::lose(operation& op, const account_id& account, const std::string& what,
                      const change_origin& winner) {
  const auto* operation = state().operation(winner.operation);
  const auto node = operation == nullptr ? node_name{} : operation->node;
  refuse(op, account, what);
  auto& answered = op.replies[account];
  answered.winner = winner;
  answered.winner_node = node.value;
  op.outcomes.back() = operation_outcome{op.wanted.operation, account, false,
                                         fmt::format("{} ({})", what, signature(winner, node))};
}

/// The decided epoch never begins: the next priority is looked at. Where the command named a destination,
/// only if a living source may have handed the account over: then somebody has to take it (R28).
void operations::given_up(operation& op, const account_id& account, epoch term, const std::string& why) {
  const auto* entry = state().account(account)->terms.find(term);
  if (entry != nullptr && !decided_by(op, account, *entry))
    return; // an earlier one that nobody waits for any more
  const auto superseded = entry == nullptr ? std::string{} : why_superseded(*entry);
  if (!superseded.empty() && why == superseded)
    return close_account(op, account, false, why);
  const auto told = entry == nullptr ? why : who_gave_up(*state().account(account), *entry, why);
  if (!superseded.empty())
    return close_account(op, account, false, fmt::format("{}; and {}", told, superseded));
  const bool its_own =
      entry != nullptr && entry->state == term_state::aborted && source_lives(entry->primary);
  const bool named = !op.wanted.destination.empty();
  const bool handed_over =
      entry != nullptr && entry->origin == term_origin::planned && entry->state == term_state::declined;
  if (entry == nullptr || its_own || (named && !handed_over) || boot_now() > op.give_up) {
    close_account(op, account, false, told);
    return;
  }
  if (named)
    op.adrift.try_emplace(account, told);
  op.passed_over[account][entry->primary.get()] = why.empty() ? "it couldn't begin" : why;
  op.open.erase(account);
  op.undecided.insert(account);
  op.facts_wanted = true;
}

void operations::close_account(operation& op, const account_id& account, bool ok, const std::string& text) {
  op.open.erase(account);
  op.undecided.erase(account);
  op.outcomes.push_back(operation_outcome{op.wanted.operation, account, ok, text});
}

} // namespace understudy
