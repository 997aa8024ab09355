#include "actors/supervisor/operations.hpp"

#include "actors/supervisor/node_names.hpp"
#include "actors/supervisor/node_questions.hpp"
#include "actors/supervisor/reply.hpp"

namespace understudy {
namespace {

bool is_change(const std::string& name) {
  return name == "setAccountDestination" || name == "removeAccountDestination" || name == "promoteAccounts" ||
         name == "pauseReplicas" || name == "restartReplicas";
}

/// Each time another command of the same account came first: more of them than people type, so what goes on
/// is somebody's loop.
constexpr unsigned most_decided_again = 5;

} // namespace

operations::operations(operation_surroundings around)
    : around_(std::move(around)) {}

void operations::on_command(command_received received) {
  auto body = parse_request(received.json);
  if (!body) {
    reply_with(received.answer, write_error(2, body.error()));
    return;
  }
  fold_node_names(*body, state());
  if (const auto wrong = why_no_such_node(*body, state())) {
    reply_with(received.answer, write_error(1, *wrong));
    return;
  }
  if (is_change(body->name))
    begin_change(std::move(*body), std::move(received));
  else if (body->name == "monitor")
    monitor(*body, received);
  else if (!answer_question(around_.parts, *body, received.answer))
    reply_with(received.answer,
               write_error(2, {fmt::format("this node doesn't know the command '{}'", body->name),
                               "update this node, or ask another one"}));
}

void operations::on_tick() {
  give_up_on_peers();
  look_for_orphans();
  for (auto it = running_.begin(); it != running_.end();) {
    auto op = it->second;
    if (op->started)
      take_back_stranded(*op);
    if (op->started && !op->undecided.empty()) {
      renew_claims(*op);
      refresh_facts(op);
      decide_now(*op);
    }
    if (op->started && op->open.empty() && op->undecided.empty() && op->records.empty()) {
      op->outcomes.push_back(operation_finished{op->wanted.operation, wall_ms()});
      around_.append(std::exchange(op->outcomes, {}), op->origin);
      answer_if_complete(*op);
      finishing_.insert(it->first);
      it = running_.erase(it);
      continue;
    }
    if (!op->outcomes.empty())
      around_.append(std::exchange(op->outcomes, {}), op->origin);
    answer_as_far_as_it_is(*op);
    ++it;
  }
}

void operations::on_evolution(const control_record& record, const evolution& outcome) {
  for (std::size_t i = 0; i < outcome.events.size(); ++i) {
    if (const auto* finished = std::get_if<operation_finished>(&record.events[i]))
      finishing_.erase(finished->id);
    else if (const auto* adopted = std::get_if<operation_adopted>(&record.events[i]);
             adopted != nullptr && outcome.events[i].applied)
      on_adopted(adopted->id, record.from.node);
  }
  if (running_.empty())
    return;
  if (const auto own = running_.find(record.origin.operation); own != running_.end()) {
    auto op = own->second;
    op->records.erase(record.id);
    for (std::size_t i = 0; i < outcome.events.size(); ++i)
      if (const auto* change = std::get_if<account_change>(&record.events[i]))
        on_own_change(*op, *change, outcome.events[i]);
    if (!op->started && state().operation(record.origin.operation) != nullptr) {
      op->started = true;
      decide_now(*op);
    }
    answer_if_complete(*op);
  }
  for (std::size_t i = 0; i < outcome.events.size(); ++i)
    if (const auto* change = std::get_if<account_change>(&record.events[i]);
        change != nullptr && outcome.events[i].applied)
      for (auto& [id, op] : running_) {
        if (op->open.contains(change->account))
          look_for_ends(*op, record, *change);
        else if (op->undecided.contains(change->account)) {
          look_for_rivals(*op, *change);
          look_for_return(*op, *change);
        }
      }
  for (auto& [id, op] : running_)
    if (op->open.size() < op->wanted.threads && op->started && !op->undecided.empty())
      decide_now(*op); // who ended leaves a turn
}

/// On the operation's behalf: by this process, or by the one that went on with it before.
void operations::on_own_change(operation& op, const account_change& change, const event_outcome& outcome) {
  const auto& id = change.account;
  op.unread.erase(id);
  if (outcome.applied) {
    if (is_decision(change.body) && op.undecided.contains(id))
      take_as_decided(op, id);
    return;
  }
  if (!op.open.contains(id))
    return;
  const auto& winner = outcome.winner;
  if (winner.operation == op.wanted.operation)
    return take_as_decided(op, id); // two processes decided for it: what came first stands
  const bool only_facts = winner.operation == op.decided_on[id];
  // A fact of the account came in between (its replica is ready, it is protected again): nobody decided
  // otherwise, so it is decided again on the newer state.
  if (boot_now() < op.give_up && (only_facts || may_decide_behind(op, id))) {
    op.open.erase(id);
    op.undecided.insert(id);
  } else if (winner.operation.empty() || only_facts) {
    refuse(op, id, outcome.why);
  } else {
    lose(op, id, what_won(id, winner, outcome.why), winner);
  }
}

/// Two promotions are rivals: one wins, and the other is told (R25). Any other command means the same behind
/// what another one changed, as if it had been typed a moment later.
bool operations::may_decide_behind(operation& op, const account_id& id) const {
  return op.wanted.name != "promoteAccounts" && ++op.decided_again[id] <= most_decided_again;
}

} // namespace understudy
