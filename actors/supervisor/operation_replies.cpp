// What the administrator is told of an operation: its reply, a dry run, how far it is.
#include "actors/supervisor/operations.hpp"
#include "actors/supervisor/reply.hpp"

namespace understudy {
namespace {

constexpr kafka_offset undecided_yet{-1};

std::string silent_about_loads(const node_name& destination) {
  return fmt::format("{} didn't answer how far it is", destination);
}

/// Its turn didn't come: that isn't the node's silence.
std::string busy_with_others(const node_name& whom) {
  return fmt::format("too many other questions to {} aren't answered yet", whom);
}

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

void operations::monitor(const request_body& body, const command_received& received) {
  if (!body.operation_host.empty() && body.operation_host != self().value)
    return monitor_elsewhere(body, received.answer);
  const auto* operation = state().operation(body.operation);
  std::vector<account_id> accounts;
  if (operation != nullptr && !body.summary)
    accounts = may_be_loading(*operation);
  if (accounts.empty() || operation->started.destination == self())
    return tell_progress(body, loads_here(*around_.parts, accounts), received.answer);
  const auto destination = operation->started.destination;
  ask_peer(
      destination, around_.loads_patience,
      [this, parts = around_.parts, body, answer = received.answer, accounts,
       destination]() -> std::function<void()> {
        auto loads = loads_on(*parts, destination, accounts);
        if (!loads)
          loads = failure(silent_about_loads(destination));
        return [this, body, answer, loads = std::move(loads)] { tell_progress(body, loads, answer); };
      },
      [this, body, answer = received.answer, destination](bool asked) {
        tell_progress(body, failure(asked ? silent_about_loads(destination) : busy_with_others(destination)),
                      answer);
      });
}

void operations::monitor_elsewhere(const request_body& body, const answer_function& answer) {
  const node_name host(body.operation_host);
  const auto refuse = [answer](std::string why) {
    reply_with(answer,
               write_error(1, {std::move(why), "leave OPERATION_HOST out: any node can be asked about "
                                               "any operation"}));
  };
  ask_peer(
      host, around_.monitor_patience,
      [parts = around_.parts, body, answer, host, refuse]() -> std::function<void()> {
        auto told = monitor_on(*parts, host, body);
        if (!told)
          return
              [refuse, why = fmt::format("{} didn't answer: {}", host, told.error().what)] { refuse(why); };
        return [answer, told = std::move(*told)] { answer(told); };
      },
      [host, refuse, patience = around_.monitor_patience](bool asked) {
        refuse(asked ? fmt::format("{} didn't answer within {} ms", host, patience.count())
                     : fmt::format("{} wasn't asked: {}", host, busy_with_others(host)));
      });
}

/// Whoever waits is answered in time, whatever becomes of the question: by the work that `ask` gives back, or
/// by `give_up`. Both run in the supervisor.
void operations::ask_peer(const node_name& whom, std::chrono::milliseconds patience,
                          std::function<std::function<void()>()> ask,
                          std::function<void(bool asked)> give_up) {
  auto question = std::make_shared<peer_question>();
  question->until = boot_time(boot_now().value + std::chrono::nanoseconds(patience).count());
  question->give_up = std::move(give_up);
  peer_questions_.push_back(question);
  around_.in_line_to(whom, [question, ask = std::move(ask), run_here = around_.run_here] {
    if (boot_now() >= question->until)
      return; // nobody waits for it any more, and others do in this line
    question->asked = true;
    run_here([question, tell = ask()] {
      if (!std::exchange(question->is_over, true))
        tell();
    });
  });
}

void operations::give_up_on_peers() {
  std::erase_if(peer_questions_, [](const std::shared_ptr<peer_question>& question) {
    if (!question->is_over && boot_now() < question->until)
      return false;
    if (!std::exchange(question->is_over, true))
      question->give_up(question->asked);
    return true;
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
    return {"decided", fmt::format("its snapshot for {} is on its way; {}", destination, loads.error().what)};
  const auto load = loads->find(id);
  if (load == loads->end())
    return {"decided", fmt::format("its snapshot for {} is on its way", destination)};
  return {"loading", progress_text(load->second)};
}

} // namespace understudy
