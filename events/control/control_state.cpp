#include "events/control/control_state.hpp"

#include <algorithm>

namespace understudy {
namespace {

template <class T>
bool same(const std::shared_ptr<const T>& a, const std::shared_ptr<const T>& b) {
  return a && b ? *a == *b : a == b;
}

template <class Map, class Key>
auto* find_in(Map& map, const Key& key) {
  const auto at = map.find(key);
  return at == map.end() ? nullptr : &at->second;
}

} // namespace

bool destination_state::operator==(const destination_state& other) const {
  return node == other.node && priority == other.priority && requested == other.requested &&
         ready == other.ready && from == other.from && same(reset_why, other.reset_why);
}

bool node_state::has_returned(kafka_offset claim, const std::optional<broker_time>& appended) const {
  return std::any_of(returns.begin(), returns.end(),
                     [&](const claim_return& r) { return r.said.ends(claim, appended); });
}

const node_name& account_state::primary() const {
  static const node_name none;
  if (const auto* entry = terms.active())
    return entry->primary.get();
  const auto* entry = terms.current();
  return entry ? entry->primary.get() : none;
}

const term_entry* account_state::promotion() const {
  const auto* entry = terms.pending();
  return entry && entry->origin != term_origin::enrolment ? entry : nullptr;
}

const destination_state* account_state::destination(const node_name& node) const {
  const auto at = std::find_if(destinations.begin(), destinations.end(),
                               [&](const destination_state& d) { return d.node == node; });
  return at == destinations.end() ? nullptr : &*at;
}

bool protection_gap::is_whole(const destination_state& replica) const {
  return replica.ready && (replica.from >= missing || replica.requested >= at);
}

bool account_state::operator==(const account_state& other) const {
  return id == other.id && name == other.name && partition == other.partition && version == other.version &&
         is_withdrawn == other.is_withdrawn && is_paused == other.is_paused && terms == other.terms &&
         destinations == other.destinations && same(gap, other.gap) && same(origin, other.origin);
}

const account_state* control_state::account(const account_id& id) const {
  const auto at = accounts_.find(id);
  return at == accounts_.end() ? nullptr : &*at;
}

const node_state* control_state::node(const node_name& name) const {
  return find_in(nodes_, name);
}

const operation_state* control_state::operation(const operation_id& id) const {
  return find_in(operations_, id);
}

account_state& control_state::edit_account(const account_id& id) {
  auto at = accounts_.find(id);
  if (at == accounts_.end()) {
    account_state fresh;
    fresh.id = id;
    at = accounts_.insert(std::move(fresh)).first;
  }
  return const_cast<account_state&>(*at); // its id, by which it is found, never changes
}

node_state& control_state::edit_node(const node_name& name) {
  auto& node = nodes_[name];
  node.name = name;
  return node;
}

operation_state* control_state::edit_operation(const operation_id& id) {
  return find_in(operations_, id);
}

std::vector<operation_id> control_state::add_operation(operation_state operation) {
  auto id = operation.started.id;
  operations_.insert_or_assign(std::move(id), std::move(operation));
  // Of one that isn't finished somebody still wants to know how it ends, or goes on with it.
  std::vector<std::pair<kafka_offset, operation_id>> finished;
  for (const auto& [known, kept] : operations_)
    if (kept.finished_ms != 0)
      finished.emplace_back(kept.offset, known);
  std::vector<operation_id> forgotten;
  if (finished.size() <= max_operations_kept)
    return forgotten;
  std::sort(finished.begin(), finished.end());
  finished.resize(finished.size() - max_operations_kept);
  for (auto& [offset, oldest] : finished) {
    operations_.erase(oldest);
    forgotten.push_back(std::move(oldest));
  }
  return forgotten;
}

std::size_t control_state::unfinished_operations() const {
  return static_cast<std::size_t>(
      std::count_if(operations_.begin(), operations_.end(),
                    [](const auto& known) { return known.second.finished_ms == 0; }));
}

bool control_state::remember_record(const std::string& id) {
  if (!known_records_.insert(id).second)
    return false;
  record_ids_.push_back(id);
  if (record_ids_.size() > max_record_ids_kept) {
    known_records_.erase(record_ids_.front());
    record_ids_.pop_front();
  }
  return true;
}

std::shared_ptr<const change_origin> control_state::share(const change_origin& origin) {
  auto& known = origins_[origin.operation.value];
  if (auto shared = known.lock(); shared && *shared == origin)
    return shared;
  auto shared = std::make_shared<const change_origin>(origin);
  known = shared;
  // Names of operations that no account remembers any more are swept now and then, not each time.
  if (origins_.size() > 4 * max_operations_kept)
    std::erase_if(origins_, [](const auto& entry) { return entry.second.expired(); });
  return shared;
}

bool control_state::operator==(const control_state& other) const {
  return next_ == other.next_ && accounts_ == other.accounts_ && nodes_ == other.nodes_ &&
         operations_ == other.operations_ && record_ids_ == other.record_ids_;
}

} // namespace understudy
