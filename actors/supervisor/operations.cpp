#include "actors/supervisor/operations.hpp"

#include "actors/supervisor/node_names.hpp"
#include "actors/supervisor/node_questions.hpp"
#include "actors/supervisor/reply.hpp"
#include "actors/support/uuid.hpp"

#include <spdlog/spdlog.h>

namespace understudy {
namespace {

bool is_change(const std::string& name) {
  return name == "setAccountDestination" || name == "removeAccountDestination" || name == "promoteAccounts" ||
         name == "pauseReplicas" || name == "restartReplicas";
}

/// Figures of the nodes are asked for again so often while a source's word is waited for.
constexpr std::chrono::milliseconds facts_age{1000};

std::string same_account_as(const std::string& name) {
  return fmt::format("it is the same account as {}: name it once", name);
}

/// Something that the nodes' figures tell.
bool waits_for_figures(const account_decision& account) {
  return std::any_of(account.gates.begin(), account.gates.end(), [](const gate& g) {
    return !g.passed && (g.name == "source answers" || g.name == "fence read");
  });
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
  if (body->name != "monitor") {
    fold_node_names(*body, state());
    if (const auto wrong = why_no_such_node(*body, state())) {
      reply_with(received.answer, write_error(1, *wrong));
      return;
    }
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
  auto op = std::make_shared<operation>();
  op->origin = {body.operation, received.from.subject, wall_ms()};
  op->answers.push_back(std::move(received.answer));
  op->give_up = time_to_give_up();
  auto named = find_named(state(), body.accounts, body.source_host);
  op->typed = std::move(named.known);
  for (auto& [id, name] : named.twice)
    op->refused.push_back({std::move(id), "refused", same_account_as(name), {}, {}});
  if (body.accounts.empty() && body.source_host.empty()) {
    reply_with(op->answers.front(), write_error(2, {"no accounts are named", "see docs/cli.md"}));
    return;
  }
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
  if (named.unknown.empty())
    resolved(op);
  else
    look_for(op, std::move(named.unknown));
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
  for (const auto& name : names) {
    const auto refused = [&](std::string why) {
      op.refused.push_back({name, "refused", std::move(why), {}, {}});
    };
    const auto homes = homes_of(name, found);
    if (op.wanted.name != "setAccountDestination") {
      refused(why_not_replicated(name, found));
    } else if (homes.size() == 1) {
      if (const auto [named, first] = op.typed.emplace(homes.front().id, name); !first)
        refused(same_account_as(named->second));
      else
        op.to_enrol.emplace(homes.front().id, homes.front());
    } else if (homes.empty()) {
      refused(no_mailstore_has_it(found));
    } else {
      refused(fmt::format("it has a mailbox on {} and on {}: remove the one that isn't its home",
                          homes[0].home, homes[1].home));
    }
  }
}

void operations::resolved(std::shared_ptr<operation> op) {
  const bool nothing_done = !op->refused.empty() && !op->wanted.skip_invalid;
  if (nothing_done || op->typed.empty()) {
    const auto others = op->typed.size();
    const auto statement =
        others == 0 ? std::string{}
                    : fmt::format("nothing was done for the other {} either: correct the list, or leave such "
                                  "accounts out with --skip-invalid",
                                  others == 1 ? std::string("account") : fmt::format("{} accounts", others));
    for (const auto& answer : op->answers)
      reply_with(answer, write_change_reply({}, op->refused, statement));
    return;
  }
  if (op->wanted.name == "promoteAccounts")
    gather_facts(op, [this, op] { start(op); });
  else
    start(op);
}

void operations::refresh_facts(const std::shared_ptr<operation>& op) {
  const auto age = boot_now().value - op->facts_taken.value;
  if (op->asking || !op->facts_wanted || age < std::chrono::nanoseconds(facts_age).count())
    return;
  op->facts_wanted = false;
  gather_facts(op, [] {});
}

void operations::gather_facts(std::shared_ptr<operation> op, std::function<void()> then) {
  auto parts = around_.parts;
  op->asking = true;
  op->facts_taken = boot_now();
  std::vector<account_id> ids;
  for (const auto& [id, name] : op->typed)
    ids.push_back(id);
  parts->questions->submit([this, parts, op, ids, then, peers = known_peers(*parts)] {
    auto figures = figures_everywhere(*parts, peers, ids, true);
    around_.run_here([op, then, figures = std::move(figures)] {
      op->asking = false;
      for (const auto& [node, list] : figures.answers)
        for (const auto& f : list) {
          auto& facts = op->facts[f.account];
          facts.fenced = std::max(facts.fenced, f.fenced);
          facts.in_log = std::max(facts.in_log, f.in_log); // an empty one is less than any
          if (f.state == "source") {
            facts.acknowledged = f.number;
          } else if (!f.state.empty()) {
            auto& replica = facts.replicas[node];
            replica.applied = f.number;
            replica.mailbox_loaded = f.loaded;
            replica.stopped = f.state == "stopped" ? std::optional(f.reason) : std::nullopt;
          }
        }
      then();
    });
  });
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

bool operations::source_lives(const node_name& node) const {
  if (node == self())
    return around_.parts->lease->holds();
  return around_.parts->lease->ask([&](const lease_view& view) {
    const auto peer = view.peer(node);
    return peer.last_renewal_read && !peer.resigned && !peer.claimed && !view.suspected(node, boot_now());
  });
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
    for (const auto& id : ids) {
      const auto fresh = op.to_enrol.find(id);
      body.accounts.push_back(fresh != op.to_enrol.end() ? fresh->second
                                                         : account_to_enrol{id, op.typed.at(id), {}});
    }
    add(std::move(body));
  } else if (op.wanted.name == "removeAccountDestination") {
    add(unenrol{ids, node_name(op.wanted.destination)});
  } else if (op.wanted.name == "pauseReplicas") {
    add(pause_replicas{ids});
  } else if (op.wanted.name == "restartReplicas") {
    add(resume_replicas{ids});
  } else {
    promote planned, unplanned;
    planned.kind = promotion_kind::planned;
    unplanned.kind = promotion_kind::unplanned;
    for (auto* body : {&planned, &unplanned}) {
      body->no_return = op.wanted.no_return;
      if (!op.wanted.destination.empty())
        body->destination = node_name(op.wanted.destination);
    }
    for (const auto& id : ids) {
      const auto* account = state().account(id);
      const auto* current = account == nullptr ? nullptr : account->terms.current();
      const bool settled = current != nullptr && current->state == term_state::activated;
      (settled && source_lives(account->primary()) && !op.claims.contains(account->primary()) ? planned
                                                                                              : unplanned)
          .accounts.push_back(id);
    }
    unplanned.accept_loss.assign(op.accept_loss.begin(), op.accept_loss.end());
    if (!planned.accounts.empty())
      add(std::move(planned));
    if (!unplanned.accounts.empty())
      add(std::move(unplanned));
  }
  return commands;
}

live_facts operations::facts_for(const operation& op) const {
  live_facts facts;
  facts.self = self();
  facts.partitions = static_cast<std::uint32_t>(around_.parts->config.cluster.partitions);
  facts.accounts = op.facts;
  std::map<std::pair<node_name, node_name>, std::vector<std::string>> out_of_reach;
  for (const auto& id : op.undecided) {
    auto& known = facts.accounts[id];
    known.fenced = std::max(known.fenced, around_.fence_written_here(id));
    if (const auto here = around_.parts->replicas->figures_of(id))
      known.fenced = std::max(known.fenced, here->term);
    const auto* account = state().account(id);
    if (account != nullptr && op.wanted.name == "promoteAccounts")
      for (const auto& destination : account->destinations) {
        const auto [names, first] = out_of_reach.try_emplace({account->primary(), destination.node.get()});
        if (first)
          names->second =
              volumes_out_of_reach(state(), *around_.parts->rules, account->primary(), destination.node);
        if (!names->second.empty())
          known.replicas[destination.node].missing_volumes = names->second;
      }
    if (const auto couldnt = op.passed_over.find(id); couldnt != op.passed_over.end())
      for (const auto& [node, why] : couldnt->second)
        known.replicas[node].stopped = why;
  }
  for (const auto& [name, node] : state().nodes())
    facts.nodes[name].lease_runs = source_lives(name);
  for (const auto& [node, at] : op.claims) {
    const auto status = around_.parts->lease->ask(
        [&](const lease_view& view) { return view.claim_against(node, boot_now()); });
    if (status.stage == claim_stage::waiting || status.stage == claim_stage::ready)
      facts.claims[node] = {status.offset, status.stage == claim_stage::ready, status.why};
  }
  return facts;
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
      if (decided.waits) {
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
          shown.volumes_reachable = replica->second.missing_volumes.empty();
        }
      }
      previews.push_back(std::move(shown));
    }
  }
  for (const auto& answer : op.answers)
    reply_with(answer, write_dry_run_reply(previews));
}

void operations::decide_now(operation& op) {
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
      answered.outcome = ends_later(op, account.account) ? "accepted" : "done";
      op.undecided.erase(account.account);
      op.open.insert(account.account);
      const auto* before = state().account(account.account);
      op.decided_on[account.account] = before && before->origin ? before->origin->operation : operation_id{};
    } else if (account.waits && boot_now() < op.give_up) {
      answered.outcome = "accepted";
      op.facts_wanted = op.facts_wanted || waits_for_figures(account);
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
  // What was decided with nothing to append is at its end already, unless a replica is still on its way.
  for (const auto& account : made.accounts)
    if (account.decided && !changed.contains(account.account) && !ends_later(op, account.account))
      close_account(op, account.account, true, account.text);
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
    questions.push_back(account_change{wanted.account, account->version, decline_asked{wanted.term}});
  }
  if (!questions.empty())
    around_.append(std::move(questions), op.origin);
}

void operations::renew_claims(operation& op) {
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
    around_.parts->link->claim(node, state().next());
    handed_over = boot_now();
  }
}

void operations::take_back_stranded(operation& op) {
  if (op.wanted.name != "promoteAccounts" || boot_now() > op.give_up)
    return;
  std::vector<account_id> stranded;
  for (const auto& id : op.open) {
    const auto* account = state().account(id);
    const auto* pending = account == nullptr ? nullptr : account->terms.pending();
    if (pending == nullptr)
      continue;
    const bool source_died = pending->origin == term_origin::planned && !source_lives(account->primary());
    if (source_died || !source_lives(pending->primary))
      stranded.push_back(id);
  }
  for (const auto& id : stranded) {
    op.open.erase(id);
    op.undecided.insert(id);
  }
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

void operations::answer_if_complete(operation& op) {
  if (op.answers.empty() || !op.records.empty() || op.replies.size() < op.typed.size())
    return;
  const bool decides_again = std::any_of(op.undecided.begin(), op.undecided.end(), [&](const account_id& id) {
    return op.replies.at(id).outcome != "accepted" || op.wanted.name != "promoteAccounts";
  });
  if (decides_again)
    return;
  std::vector<account_reply> all = op.refused;
  for (const auto& [id, reply] : op.replies)
    all.push_back(reply);
  std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.account < b.account; });
  for (const auto& answer : std::exchange(op.answers, {}))
    reply_with(answer, write_change_reply(op.wanted.operation, all));
}

void operations::monitor(const request_body& body, const command_received& received) const {
  const auto* operation = state().operation(body.operation);
  if (operation == nullptr) {
    reply_with(received.answer, write_error(1, {fmt::format("operation {} isn't known", body.operation),
                                                "look its UUID up where it was started"}));
    return;
  }
  reply_with(received.answer,
             write_monitor_reply(
                 *operation, !body.summary,
                 [this](const account_id& id) {
                   const auto* account = state().account(id);
                   return account == nullptr ? id.value : account->name;
                 },
                 [&](const operation_state::open_target& open) { return step_of(*operation, open); }));
}

/// As far as control and this node know it.
account_step operations::step_of(const operation_state& operation,
                                 const operation_state::open_target& open) const {
  if (open.decided == kafka_offset{-1})
    return {"waiting", "not decided yet"};
  const auto& id = open.target.account;
  if (operation.started.kind == "promoteAccounts")
    return {around_.parts->fences->written(id) > epoch{} ? "fenced" : "decided", {}};
  if (operation.started.kind != "setAccountDestination")
    return {"decided", {}};
  const auto replica =
      operation.started.destination == self() ? around_.parts->replicas->figures_of(id) : std::nullopt;
  if (!replica || replica->state != "loading")
    return {"decided", fmt::format("its snapshot for {} is on its way", operation.started.destination)};
  return {"loading", fmt::format("{} of {} rows", replica->rows_loaded, replica->rows_total)};
}

} // namespace understudy
