// What the administrator is told of an operation: its reply, a dry run, how far it is.
#include "actors/supervisor/operations.hpp"
#include "actors/supervisor/reply.hpp"

namespace understudy {
namespace {

constexpr kafka_offset undecided_yet{-1};

} // namespace

void operations::answer_if_complete(operation& op) {
  if (!op.started || op.answers.empty() || !op.records.empty() || op.replies.size() < op.typed.size())
    return;
  const bool decides_again = std::any_of(op.undecided.begin(), op.undecided.end(), [&](const account_id& id) {
    return op.replies.at(id).outcome != "accepted" || op.wanted.name != "promoteAccounts";
  });
  if (!decides_again)
    answer(op, op.replies);
}

/// Many accounts take their time: what isn't decided yet, or isn't read back, is accepted, and monitor says
/// what becomes of it.
void operations::answer_as_far_as_it_is(operation& op) {
  const auto since = boot_now().value - op.taken.value;
  if (op.answers.empty() || !op.started || since < std::chrono::nanoseconds(around_.answer_patience).count())
    return;
  auto so_far = op.replies;
  for (const auto& [id, typed] : op.typed)
    if (auto& known = so_far[id]; known.outcome.empty() || op.unread.contains(id))
      known = {typed, "accepted", {}, {}, {}};
  answer(op, so_far);
}

void operations::answer(operation& op, const std::map<account_id, account_reply>& replies) {
  std::vector<account_reply> all = op.refused;
  for (auto& reply : all)
    reply.left_out = true;
  for (const auto& [id, reply] : replies)
    all.push_back(reply);
  std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.account < b.account; });
  for (const auto& answer : std::exchange(op.answers, {}))
    reply_with(answer, write_change_reply(op.wanted.operation, all));
}

void operations::answer_from_control(const operation_state& known, const answer_function& answer) const {
  const auto name_of = [&](const account_id& id) {
    const auto* account = state().account(id);
    return account == nullptr ? id.value : account->name;
  };
  std::vector<account_reply> replies;
  for (const auto& outcome : known.outcomes)
    replies.push_back({name_of(outcome.account), outcome.ok ? "done" : "failed", outcome.text, {}, {}});
  for (const auto& [id, open] : known.open)
    replies.push_back({open.target.name, "accepted", {}, {}, {}});
  reply_with(answer, write_change_reply(known.started.id, replies));
}

void operations::dry_run(operation& op) {
  for (const auto& [id, typed] : op.typed)
    op.undecided.insert(id);
  const auto facts = facts_for(op);
  std::vector<preview> previews;
  for (const auto& wanted : commands_of(op)) {
    const auto* promotion = std::get_if<promote>(&wanted.body);
    for (const auto& decided : decide(state(), wanted, facts).accounts) {
      preview shown;
      shown.account = op.typed.at(decided.account);
      shown.decided = decided;
      if (decided.is_second) {
        shown.decided.text = fmt::format("promoted only if this comes to nothing: {}", decided.text);
      } else if (decided.waits) {
        shown.decided.decided = true; // nothing but what a dry run doesn't do: a claim, a question
        shown.decided.text = fmt::format("promoted once this is past: {}", decided.text);
      }
      if (const auto* account = state().account(decided.account))
        shown.from = account->primary();
      if (promotion != nullptr)
        shown.planned = promotion->kind == promotion_kind::planned;
      if (const auto known = facts.accounts.find(decided.account); known != facts.accounts.end()) {
        shown.acknowledged = known->second.acknowledged;
        shown.in_log = known->second.in_log;
        if (const auto replica = known->second.replicas.find(decided.destination);
            replica != known->second.replicas.end()) {
          shown.applied = replica->second.applied;
          if (const auto& volumes = replica->second.volumes)
            shown.volumes_reachable = volumes->reached();
        }
      }
      previews.push_back(std::move(shown));
    }
  }
  for (const auto& answer : op.answers)
    reply_with(answer, write_dry_run_reply(previews, op.refused));
  running_.erase(op.wanted.operation);
}

/// What its destination is asked for: who gets a first copy there.
std::vector<account_id> operations::may_be_loading(const operation_state& operation) {
  std::vector<account_id> accounts;
  if (operation.started.kind == "setAccountDestination")
    for (const auto& [id, open] : operation.open)
      if (open.decided != undecided_yet)
        accounts.push_back(id);
  return accounts;
}

void operations::monitor(const request_body& body, const command_received& received) const {
  if (!body.operation_host.empty() && body.operation_host != self().value)
    return monitor_elsewhere(body, received.answer);
  const auto* operation = state().operation(body.operation);
  std::vector<account_id> accounts;
  if (operation != nullptr && !body.summary)
    accounts = may_be_loading(*operation);
  if (accounts.empty() || operation->started.destination == self())
    return tell_progress(body, loads_here(*around_.parts, accounts), received.answer);
  around_.parts->questions->submit([this, parts = around_.parts, body, answer = received.answer, accounts,
                                    destination = operation->started.destination] {
    auto loads = loads_on(*parts, destination, accounts);
    around_.run_here([this, body, answer, loads = std::move(loads)] { tell_progress(body, loads, answer); });
  });
}

void operations::monitor_elsewhere(const request_body& body, const answer_function& answer) const {
  around_.parts->questions->submit([parts = around_.parts, body, answer] {
    const node_name host(body.operation_host);
    auto told = monitor_on(*parts, host, body);
    if (told)
      answer(std::move(*told));
    else
      reply_with(answer, write_error(1, {fmt::format("{} didn't answer: {}", host, told.error().what),
                                         "leave OPERATION_HOST out: any node can be asked about any "
                                         "operation"}));
  });
}

void operations::tell_progress(const request_body& body, const result<loads_known>& loads,
                               const answer_function& answer) const {
  const auto* operation = state().operation(body.operation);
  if (operation == nullptr) {
    reply_with(answer, write_error(1, {fmt::format("operation {} isn't known", body.operation),
                                       "look its UUID up where it was started"}));
    return;
  }
  reply_with(answer,
             write_monitor_reply(
                 *operation, !body.summary,
                 [this](const account_id& id) {
                   const auto* account = state().account(id);
                   return account == nullptr ? id.value : account->name;
                 },
                 [&](const operation_state::open_target& open) { return step_of(*operation, open, loads); }));
}

/// As far as control, this node and the destination know it.
account_step operations::step_of(const operation_state& operation, const operation_state::open_target& open,
                                 const result<loads_known>& loads) const {
  if (open.decided == undecided_yet)
    return {"waiting", "not decided yet"};
  const auto& id = open.target.account;
  if (operation.started.kind == "promoteAccounts")
    return {around_.parts->fences->written(id) > epoch{} ? "fenced" : "decided", {}};
  if (operation.started.kind != "setAccountDestination")
    return {"decided", {}};
  const auto& destination = operation.started.destination;
  if (!loads)
    return {"decided",
            fmt::format("its snapshot for {0} is on its way; {0} didn't answer how far it is", destination)};
  const auto load = loads->find(id);
  if (load == loads->end())
    return {"decided", fmt::format("its snapshot for {} is on its way", destination)};
  return {"loading", progress_text(load->second)};
}

} // namespace understudy
