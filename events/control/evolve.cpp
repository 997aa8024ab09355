#include "events/control/evolve.hpp"

#include "events/control/evolve_account.hpp"
#include "events/model/invariant.hpp"

#include <algorithm>

namespace understudy {
namespace {

template <class Id>
void note(std::vector<Id>& changed, const Id& id) {
  // Events of one account follow each other in a record, so looking back at one is enough to keep each once.
  if (changed.empty() || changed.back() != id)
    changed.push_back(id);
}

template <class Id>
void make_unique(std::vector<Id>& changed) {
  std::sort(changed.begin(), changed.end());
  changed.erase(std::unique(changed.begin(), changed.end()), changed.end());
}

class folder {
public:
  folder(control_state& state, const control_record& record, evolution& result)
      : state_(state)
      , record_(record)
      , result_(result) {}

  event_outcome operator()(const account_change& change) {
    auto outcome = apply_account_change(state_, change, record_, result_.offset);
    if (!outcome.applied)
      return outcome;
    note(result_.accounts, change.account);
    if (auto* target = open_target(change))
      target->decided = result_.offset;
    return outcome;
  }

  event_outcome operator()(const control_incarnation&) {
    note(result_.nodes, record_.from.node); // its life was noted for the whole record
    return {true, {}, {}};
  }

  event_outcome operator()(const node_announced& announced) {
    auto& node = state_.edit_node(record_.from.node);
    node.announced = announced;
    node.announced_at = result_.offset;
    note(result_.nodes, node.name);
    return {true, {}, {}};
  }

  event_outcome operator()(const returned& event) {
    auto& node = state_.edit_node(record_.from.node);
    if (node.has_returned(event.claim, event.appended))
      return {false, fmt::format("the claim at {} was returned before", event.claim), {}};
    node.returns.push_back({event, result_.offset});
    if (node.returns.size() > max_returns_kept)
      node.returns.erase(node.returns.begin());
    note(result_.nodes, node.name);
    return {true, {}, {}};
  }

  event_outcome operator()(const operation_started& event) {
    if (state_.operation(event.id))
      return {false, fmt::format("operation {} was started before", event.id), {}};
    auto forgotten = state_.add_operation({event, result_.offset, record_.from.node, 0, 0, {}, 0, 0, {}});
    result_.forgotten_operations.insert(result_.forgotten_operations.end(), forgotten.begin(),
                                        forgotten.end());
    note(result_.operations, event.id);
    return {true, {}, {}};
  }

  event_outcome operator()(const operation_target& event) {
    auto* operation = state_.edit_operation(event.id);
    if (!operation || operation->finished_ms != 0)
      return {false, fmt::format("operation {} is not under way", event.id), {}};
    if (!operation->open.try_emplace(event.account, operation_state::open_target{event, kafka_offset{-1}})
             .second)
      return {false, fmt::format("operation {} has account {} already", event.id, event.account), {}};
    ++operation->listed;
    note(result_.operations, event.id);
    return {true, {}, {}};
  }

  event_outcome operator()(const operation_adopted& event) {
    auto* operation = state_.edit_operation(event.id);
    if (!operation || operation->finished_ms != 0)
      return {false, fmt::format("operation {} is not under way", event.id), {}};
    operation->node = record_.from.node;
    note(result_.operations, event.id);
    return {true, {}, {}};
  }

  event_outcome operator()(const operation_outcome& event) {
    auto* operation = state_.edit_operation(event.id);
    if (!operation)
      return {false, fmt::format("operation {} is not known (any more)", event.id), {}};
    // Two supervisors may follow it for a moment: the first word counts.
    if (operation->open.erase(event.account) == 0 && operation->listed > 0)
      return {false, fmt::format("account {} has its outcome in operation {}", event.account, event.id), {}};
    ++(event.ok ? operation->succeeded : operation->failed);
    const auto room = event.ok ? max_outcomes_kept : 2 * max_outcomes_kept;
    if (operation->outcomes.size() < room)
      operation->outcomes.push_back(event);
    note(result_.operations, event.id);
    return {true, {}, {}};
  }

  event_outcome operator()(const operation_finished& event) {
    auto* operation = state_.edit_operation(event.id);
    if (!operation)
      return {false, fmt::format("operation {} is not known (any more)", event.id), {}};
    if (operation->finished_ms != 0)
      return {false, fmt::format("operation {} was finished before", event.id), {}};
    operation->finished_ms = event.at_ms;
    operation->open.clear();
    note(result_.operations, event.id);
    return {true, {}, {}};
  }

private:
  /// The account's place in the operation on whose behalf it was decided; null: none.
  operation_state::open_target* open_target(const account_change& change) {
    if (!is_decision(change.body))
      return nullptr;
    auto* operation = state_.edit_operation(record_.origin.operation);
    if (!operation)
      return nullptr;
    const auto found = operation->open.find(change.account);
    if (found == operation->open.end())
      return nullptr;
    note(result_.operations, operation->started.id);
    return &found->second;
  }

  control_state& state_;
  const control_record& record_;
  evolution& result_;
};

/// Empty: the record's events are looked at one by one.
std::string why_void(control_state& state, const control_record& record) {
  if (record.rules != rules_version)
    return fmt::format("written by rules version {}, this node folds version {}", record.rules,
                       rules_version);
  const auto* node = state.node(record.from.node);
  if (node && record.from.life < node->life)
    return fmt::format("written by life {} of {}, behind its life {}", record.from.life, record.from.node,
                       node->life);
  if (!state.remember_record(record.id))
    return fmt::format("record {} was there before", record.id);
  return {};
}

} // namespace

evolution evolve(control_state& state, const control_record& record, kafka_offset offset) {
  invariant(offset >= state.next(), "control must be folded in order");
  state.set_next(offset.next());
  evolution result;
  result.offset = offset;
  result.why = why_void(state, record);
  if (!result.why.empty())
    return result;
  result.applied = true;
  if (auto& node = state.edit_node(record.from.node); node.life != record.from.life) {
    node.life = record.from.life;
    note(result.nodes, node.name);
  }
  folder fold(state, record, result);
  for (const auto& event : record.events)
    result.events.push_back(std::visit(fold, event));
  make_unique(result.accounts);
  make_unique(result.nodes);
  make_unique(result.operations);
  return result;
}

} // namespace understudy
