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
    for (std::size_t i = 0; i < outcome.events.size(); ++i) {
      const auto* change = std::get_if<account_change>(&record.events[i]);
      if (change == nullptr || outcome.events[i].applied || !op->open.contains(change->account))
        continue;
      // A fact of the account came in between (its replica is ready, it is protected again): nobody decided
      // otherwise, so it is decided again on the newer state.
      if (outcome.events[i].winner.operation == op->decided_on[change->account] && boot_now() < op->give_up) {
        op->open.erase(change->account);
        op->undecided.insert(change->account);
        continue;
      }
      const auto& winner = outcome.events[i].winner;
      if (winner.operation.empty() || winner.operation == op->decided_on[change->account])
        refuse(*op, change->account, outcome.events[i].why);
      else
        lose(*op, change->account, what_won(change->account, winner, outcome.events[i].why), winner);
    }
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
        else if (op->undecided.contains(change->account))
          look_for_rivals(*op, *change);
      }
  for (auto& [id, op] : running_)
    if (op->open.size() < op->wanted.threads && op->started && !op->undecided.empty())
      decide_now(*op); // who ended leaves a turn
}

} // namespace understudy
