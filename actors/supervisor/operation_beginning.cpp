// From a command to its start in control: whom its names mean, on this node or any other, and who is refused
// before anything is decided.
#include "actors/supervisor/node_questions.hpp"
#include "actors/supervisor/operations.hpp"
#include "actors/supervisor/reply.hpp"
#include "actors/support/uuid.hpp"

namespace understudy {
namespace {

std::string same_account_as(const std::string& name) {
  return fmt::format("it is the same account as {}: name it once", name);
}

} // namespace

void operations::begin_change(request_body body, command_received received) {
  if (body.operation.empty())
    body.operation = operation_id(new_uuid());
  // The command line repeats a command whose answer it didn't get (R25): it is under way or done.
  if (const auto known = running_.find(body.operation); known != running_.end()) {
    known->second->answers.push_back(std::move(received.answer));
    answer_if_complete(*known->second);
    return;
  }
  if (const auto* done = state().operation(body.operation)) {
    answer_from_control(*done, received.answer);
    return;
  }
  // It would be carried out whenever Kafka is back, by then unexpected.
  const auto& link = around_.parts->link;
  if (!body.dry_run && link && !link->connected()) {
    reply_with(received.answer,
               write_error(1, {fmt::format("{} can't reach Kafka, and without it nothing can "
                                           "be decided: nothing was done",
                                           self()),
                               "try again when Kafka answers, or ask another node (--node)"}));
    return;
  }
  if (!body.dry_run && state().unfinished_operations() >= max_operations_unfinished) {
    reply_with(
        received.answer,
        write_error(1, {fmt::format("{} operations aren't finished yet, more than are looked after: nothing "
                                    "was done",
                                    state().unfinished_operations()),
                        "see what they wait for (ha monitor; a destination that is down?), and name many "
                        "accounts in one command (input_file)"}));
    return;
  }
  auto op = std::make_shared<operation>();
  op->taken = boot_now();
  op->origin = {body.operation, received.from.subject, wall_ms()};
  op->answers.push_back(std::move(received.answer));
  op->give_up = time_to_give_up();
  auto named = find_named(state(), body.accounts, body.source_host);
  op->typed = std::move(named.known);
  for (auto& [id, name] : named.twice)
    op->refused.push_back({std::move(id), "refused", same_account_as(name), {}, {}});
  for (const auto& [name, homes] : named.shared)
    op->refused.push_back({name, "refused", shared_address(homes[0], homes[1]), {}, {}});
  if (body.accounts.empty() && body.source_host.empty()) {
    reply_with(op->answers.front(), write_error(2, {"no accounts are named", "see docs/cli.md"}));
    return;
  }
  auto looked_for = std::move(named.unknown);
  // Who has the address now may be somebody else: the account that had it was deleted, and made anew.
  if (body.name == "setAccountDestination")
    for (const auto& [id, name] : op->typed)
      if (!domain_of(name).empty())
        looked_for.push_back(name);
  if (body.accounts.empty() && op->typed.empty()) {
    reply_with(op->answers.front(),
               write_error(1, {fmt::format("{} is the mail host of no replicated account", body.source_host),
                               "see getAccountStatus for who is where"}));
    return;
  }
  auto accepted = accepted_losses(state(), body, op->typed);
  if (!accepted) {
    reply_with(op->answers.front(), write_error(1, accepted.error()));
    return;
  }
  op->accept_loss = std::move(*accepted);
  if (body.dry_run && body.summary) {
    reply_with(op->answers.front(), write_dry_run_total(op->typed.size()));
    return;
  }
  op->wanted = std::move(body);
  running_[op->wanted.operation] = op;
  if (looked_for.empty())
    resolved(op);
  else
    look_for(op, std::move(looked_for));
}

void operations::look_for(std::shared_ptr<operation> op, std::vector<std::string> names) {
  auto parts = around_.parts;
  parts->questions->submit([this, parts, op, names = std::move(names), peers = known_peers(*parts)] {
    auto found = find_everywhere(*parts, peers, names);
    around_.run_here([this, op, names, found = std::move(found)] {
      take_found(*op, names, found);
      resolved(op);
    });
  });
}

void operations::take_found(operation& op, const std::vector<std::string>& names,
                            const registries_asked& found) {
  const account_homes everywhere(found);
  std::unordered_map<std::string, account_id> known;
  for (const auto& [id, name] : op.typed)
    known.emplace(name, id);
  for (const auto& name : names) {
    const auto refused = [&](std::string why) {
      op.refused.push_back({name, "refused", std::move(why), {}, {}});
    };
    auto homes = everywhere.of(name);
    if (const auto replicated = known.find(name); replicated != known.end()) {
      const auto& id = replicated->second;
      const auto other =
          std::find_if(homes.begin(), homes.end(), [&](const account_home& home) { return home.id != id; });
      if (other == homes.end())
        continue;
      refused(shared_address({{id, name, state().account(id)->primary()}, {}}, *other));
      op.typed.erase(id);
      continue;
    }
    keep_last_source(homes, state());
    if (op.wanted.name != "setAccountDestination") {
      refused(why_not_replicated(name, everywhere, found));
    } else if (homes.size() == 1) {
      if (const auto [named, first] = op.typed.emplace(homes.front().id, name); !first)
        refused(same_account_as(named->second));
      else
        op.to_enrol.emplace(homes.front().id, homes.front());
    } else if (homes.empty()) {
      refused(no_mailstore_has_it(found));
    } else if (homes[0].id != homes[1].id) {
      refused(shared_address(homes[0], homes[1]));
    } else {
      refused(fmt::format("it has a mailbox on {} and on {}: remove the one that isn't its home",
                          homes[0].home, homes[1].home));
    }
  }
}

account_to_enrol operations::enrolment_of(const operation& op, const account_id& id) {
  const auto fresh = op.to_enrol.find(id);
  return fresh != op.to_enrol.end() ? fresh->second : account_to_enrol{id, op.typed.at(id), {}};
}

/// The list is wrong where it names an account of the destination's own: that is said before any of the
/// others is enrolled. Whose source becomes the destination later is held by the same gate.
void operations::refuse_sources(operation& op) {
  std::erase_if(op.typed, [&](const auto& named) {
    const auto& [id, name] = named;
    const auto wanted = enrolment_of(op, id);
    auto judged = source_gate(home_of(state(), wanted), node_name(op.wanted.destination));
    if (!judged.passed)
      op.refused.push_back(
          {name, "refused", std::move(judged.figures), {}, {}, false, std::move(judged.name)});
    return !judged.passed;
  });
}

void operations::resolved(std::shared_ptr<operation> op) {
  if (op->wanted.name == "setAccountDestination")
    refuse_sources(*op);
  const bool as_a_whole = !op->refused.empty() && !op->wanted.skip_invalid;
  if (as_a_whole || op->typed.empty()) {
    refuse_all(*op);
    return;
  }
  if (op->wanted.name == "promoteAccounts")
    gather_facts(op, [this, op] { start(op); });
  else
    start(op);
}

/// Nothing was begun: there's no operation to ask for.
void operations::refuse_all(operation& op) {
  const auto others = op.typed.size();
  const auto statement =
      others == 0 ? std::string{}
                  : fmt::format("nothing {} done for the other {} either: correct the list, or leave such "
                                "accounts out with --skip-invalid",
                                op.wanted.dry_run ? "would be" : "was",
                                others == 1 ? std::string("account") : fmt::format("{} accounts", others));
  for (const auto& answer : op.answers)
    reply_with(answer, op.wanted.dry_run ? write_dry_run_reply({}, op.refused, statement)
                                         : write_change_reply({}, op.refused, statement));
  running_.erase(op.wanted.operation);
}

void operations::start(std::shared_ptr<operation> op) {
  if (op->wanted.dry_run) {
    dry_run(*op);
    return;
  }
  for (const auto& [id, typed] : op->typed)
    op->undecided.insert(id);
  running_[op->wanted.operation] = op;
  around_.append(start_events(*op), op->origin); // decided once it was read back: then everybody knows it
}

} // namespace understudy
