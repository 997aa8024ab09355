// Operations whose supervisor died go on at another one (R25), and accounts that hang are promoted on.
#include "actors/supervisor/operations.hpp"
#include "actors/support/uuid.hpp"

#include <spdlog/spdlog.h>

namespace understudy {
namespace {

/// Undecided accounts of an operation (claims that don't become ready, …) fail after so many leases.
constexpr int leases_to_give_up = 10;

boot_time later(std::chrono::milliseconds wait) {
  return boot_time(boot_now().value + std::chrono::nanoseconds(wait).count());
}

} // namespace

boot_time operations::time_to_give_up() const {
  return later(around_.parts->lease->rules().lease * leases_to_give_up);
}

/// The start of an operation, and whom it is about: all that another supervisor needs to go on with it.
std::vector<control_event> operations::start_events(const operation& op) const {
  operation_started begun;
  begun.id = op.wanted.operation;
  begun.kind = op.wanted.name;
  begun.by = op.origin.by;
  begun.at_ms = op.origin.at_ms;
  begun.accounts = op.typed.size();
  begun.text = fmt::format("{} {}", op.wanted.name, op.wanted.destination);
  begun.destination = node_name(op.wanted.destination);
  begun.priority = op.wanted.priority;
  begun.no_return = op.wanted.no_return;
  begun.threads = op.wanted.threads;
  std::vector<control_event> events{begun};
  for (const auto& [id, typed] : op.typed) {
    operation_target target{begun.id, id, typed, {}, op.accept_loss.contains(id)};
    if (const auto fresh = op.to_enrol.find(id); fresh != op.to_enrol.end()) {
      target.name = fresh->second.name;
      target.home = fresh->second.home;
    }
    events.emplace_back(std::move(target));
  }
  return events;
}

void operations::look_for_orphans() {
  if (!around_.parts->lease->holds())
    return;
  const auto patience = std::chrono::nanoseconds(around_.parts->lease->rules().lease).count();
  for (const auto& [id, known] : state().operations()) {
    if (known.finished_ms != 0 || running_.contains(id) || finishing_.contains(id) || !next_in_line(known))
      continue;
    const auto [asked, first] = adopting_.try_emplace(id, boot_now());
    if (!first && boot_now().value - asked->second.value < patience)
      continue; // said so, and not read back yet
    asked->second = boot_now();
    around_.append({operation_adopted{id}}, {id, known.started.by, wall_ms()});
  }
}

/// Its own node after a restart; else, when that looks dead, the first by name of those that live. Two that
/// judge differently for a moment do no harm: the later word in control counts.
bool operations::next_in_line(const operation_state& orphan) const {
  if (orphan.node == self())
    return true;
  const bool dead = around_.parts->lease->ask(
      [&](const lease_view& view) { return view.suspected(orphan.node, boot_now()); });
  return dead && std::none_of(state().nodes().begin(), state().nodes().end(), [&](const auto& node) {
           return node.first < self() && node.first != orphan.node && source_lives(node.first);
         });
}

void operations::on_adopted(const operation_id& id, const node_name& by) {
  const auto* known = state().operation(id);
  if (by == self()) {
    if (adopting_.erase(id) > 0 && known != nullptr && known->finished_ms == 0 && !running_.contains(id))
      take_up(*known);
    return;
  }
  adopting_.erase(id);
  const auto here = running_.find(id);
  if (here == running_.end())
    return;
  spdlog::warn("operation {} goes on at {}", id, by);
  if (known != nullptr)
    for (const auto& answer : here->second->answers)
      answer_from_control(*known, answer);
  running_.erase(here);
}

void operations::take_up(const operation_state& orphan) {
  spdlog::warn("operation {} of {} goes on here: {} accounts have no end yet", orphan.started.id,
               orphan.started.by, orphan.open.size());
  auto op = std::make_shared<operation>();
  op->origin = {orphan.started.id, orphan.started.by, orphan.started.at_ms};
  op->wanted.operation = orphan.started.id;
  op->wanted.name = orphan.started.kind;
  op->wanted.destination = orphan.started.destination.value;
  op->wanted.priority = orphan.started.priority;
  op->wanted.no_return = orphan.started.no_return;
  op->wanted.threads = orphan.started.threads;
  op->give_up = time_to_give_up();
  for (const auto& [id, open] : orphan.open) {
    op->typed[id] = open.target.name;
    if (!open.target.home.empty())
      op->to_enrol[id] = {id, open.target.name, open.target.home};
    if (open.target.accept_loss)
      op->accept_loss.insert(id);
    if (open.decided == kafka_offset{-1})
      op->undecided.insert(id);
    else
      find_end(*op, id, open.decided);
  }
  op->facts_wanted = op->wanted.name == "promoteAccounts";
  op->started = true;
  running_[orphan.started.id] = op;
}

/// Decided by this operation before; what came of it meanwhile is told by the account's state.
void operations::find_end(operation& op, const account_id& id, kafka_offset decided) {
  const auto* account = state().account(id);
  if (op.wanted.name == "promoteAccounts") {
    const auto terms = account == nullptr ? std::span<const term_entry>{} : account->terms.all();
    const auto entry =
        std::find_if(terms.begin(), terms.end(), [&](const term_entry& e) { return e.decision == decided; });
    if (entry == terms.end()) {
      close_account(op, id, false, "the account was changed otherwise meanwhile");
      return;
    }
    if (entry->state == term_state::activated) {
      promoted(op, id, entry->primary);
      return;
    }
    if (entry->state == term_state::decided && account->terms.current() != &*entry && account->origin) {
      lose(op, id, what_won(id, *account->origin, "it was promoted otherwise"), *account->origin);
      return;
    }
    op.open.insert(id);
    if (entry->state != term_state::decided)
      given_up(op, id, entry->term, {});
    return;
  }
  if (op.wanted.name != "setAccountDestination") {
    close_account(op, id, true, what_was_done(op.wanted));
    return;
  }
  const auto* wanted = account == nullptr || account->is_withdrawn
                           ? nullptr
                           : account->destination(node_name(op.wanted.destination));
  if (wanted == nullptr)
    close_account(op, id, false, "its destination was removed meanwhile");
  else if (wanted->ready)
    close_account(op, id, true, fmt::format("the replica on {} is whole", op.wanted.destination));
  else
    op.open.insert(id);
}

void operations::take_as_decided(operation& op, const account_id& id) {
  op.open.erase(id);
  op.undecided.erase(id);
  const auto* known = state().operation(op.wanted.operation);
  if (known == nullptr)
    return;
  if (const auto target = known->open.find(id); target != known->open.end()) // else it has its outcome
    find_end(op, id, target->second.decided);
}

bool operations::concerns(const account_id& account) const {
  return std::any_of(running_.begin(), running_.end(), [&](const auto& running) {
    const auto& op = *running.second;
    return op.open.contains(account) || op.undecided.contains(account);
  });
}

void operations::rescue(std::vector<account_id> accounts) {
  auto op = std::make_shared<operation>();
  op->wanted.operation = operation_id(new_uuid());
  op->wanted.name = "promoteAccounts";
  op->origin = {op->wanted.operation, self().value, wall_ms()};
  op->give_up = time_to_give_up();
  for (const auto& id : accounts) {
    op->typed[id] = state().account(id)->name;
    op->undecided.insert(id); // so that concerns() knows
  }
  spdlog::warn("{} accounts were handed over and don't begin elsewhere: they are promoted on, or back",
               accounts.size());
  running_[op->wanted.operation] = op;
  gather_facts(op, [this, op] { start(op); });
}

} // namespace understudy
