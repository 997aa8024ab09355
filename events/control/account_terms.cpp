#include "events/control/account_terms.hpp"

#include <algorithm>
#include <limits>

namespace understudy {

bool term_entry::names_claim_on(const node_name& node) const {
  return claims && std::any_of(claims->begin(), claims->end(),
                               [&](const claim_reference& claim) { return claim.node == node; });
}

bool term_entry::never_began() const {
  return state == term_state::aborted || state == term_state::declined;
}

bool term_entry::is_void_before(kafka_offset decision) const {
  return never_began() && closed < decision;
}

bool term_entry::operator==(const term_entry& other) const {
  const bool same_claims = claims && other.claims ? *claims == *other.claims : claims == other.claims;
  const bool same_rivals = rivals && other.rivals ? *rivals == *other.rivals : rivals == other.rivals;
  return same_claims && same_rivals && term == other.term && primary == other.primary &&
         decision == other.decision && closed == other.closed && fence == other.fence &&
         activated_ms == other.activated_ms && origin == other.origin && state == other.state &&
         return_source == other.return_source && decline_asked == other.decline_asked;
}

std::string whose(const term_entry& entry) {
  return entry.rivals ? fmt::format(" ({})", signature(entry.rivals->decided)) : std::string{};
}

std::string why_superseded(const term_entry& entry) {
  if (!entry.decline_asked)
    return {};
  if (!entry.rivals || !entry.rivals->supersedes)
    return "another destination was asked for";
  const auto& rival = *entry.rivals->supersedes;
  const auto& wanted = rival.destination.get();
  return fmt::format("{} was asked for instead ({})",
                     wanted.empty() ? std::string("another destination") : wanted.value, signature(rival));
}

const term_entry* account_terms::find(epoch term) const {
  const auto at = std::lower_bound(entries_.begin(), entries_.end(), term,
                                   [](const term_entry& e, epoch t) { return e.term < t; });
  return at != entries_.end() && at->term == term ? &*at : nullptr;
}

const term_entry* account_terms::current() const {
  for (auto entry = entries_.rbegin(); entry != entries_.rend() && entry->term >= first_; ++entry)
    if (entry->state != term_state::aborted)
      return &*entry;
  return nullptr;
}

const term_entry* account_terms::active() const {
  for (auto entry = entries_.rbegin(); entry != entries_.rend() && entry->term >= first_; ++entry)
    if (entry->state == term_state::activated)
      return &*entry;
  return nullptr;
}

const term_entry* account_terms::pending() const {
  const auto* entry = current();
  return entry && entry->state == term_state::decided ? entry : nullptr;
}

epoch account_terms::in_force_at(kafka_offset offset) const {
  epoch in_force = first_;
  for (const auto& entry : entries_)
    if (entry.term > first_ && entry.fence.value >= 0 && entry.fence < offset)
      in_force = entry.term;
  return in_force;
}

std::optional<kafka_offset> account_terms::fence_behind(epoch term) const {
  std::optional<kafka_offset> first;
  for (const auto& entry : entries_)
    if (entry.term > term && entry.fence.value >= 0)
      first = std::min(first.value_or(entry.fence), entry.fence);
  return first;
}

std::vector<const term_entry*> account_terms::unclosed(epoch fenced) const {
  const auto* last_active = active();
  const epoch floor = std::max({first_, fenced, last_active ? last_active->term : epoch{}});
  std::vector<const term_entry*> open;
  for (const auto& entry : entries_)
    if (entry.term >= floor && !entry.never_began())
      open.push_back(&entry);
  return open;
}

bool account_terms::ended_by_a_claim(epoch term) const {
  const auto* ended = find(term);
  return ended && std::any_of(entries_.begin(), entries_.end(), [&](const term_entry& entry) {
           return entry.term > term && entry.origin == term_origin::unplanned &&
                  entry.primary != ended->primary;
         });
}

bool account_terms::handed_over_by(const node_name& node, epoch term) const {
  const auto* begun = find(term);
  if (begun == nullptr || begun->origin != term_origin::planned)
    return false;
  const term_entry* before = nullptr;
  for (const auto& entry : entries_)
    if (entry.term < term && entry.state == term_state::activated)
      before = &entry;
  return before != nullptr && before->primary == node;
}

std::optional<std::int64_t> account_terms::primary_until_ms(const node_name& node) const {
  const term_entry* successor = nullptr;
  for (auto entry = entries_.rbegin(); entry != entries_.rend(); ++entry) {
    if (entry->state != term_state::activated)
      continue;
    if (entry->primary == node)
      return successor ? successor->activated_ms : std::numeric_limits<std::int64_t>::max();
    successor = &*entry;
  }
  return std::nullopt;
}

epoch account_terms::next_term() const {
  return entries_.empty() ? epoch{1} : entries_.back().term.next();
}

bool account_terms::forgot(epoch term) const {
  return term >= epoch{1} && term < next_term() && find(term) == nullptr;
}

void account_terms::enrol(term_entry entry) {
  first_ = entry.term;
  add(std::move(entry));
}

void account_terms::add(term_entry entry) {
  entries_.push_back(std::move(entry));
  if (entries_.size() > max_terms_kept)
    drop_one();
}

/// Never the active one, nor one behind it in which its primary may write: who is to be claimed is told by
/// them alone.
void account_terms::drop_one() {
  const auto* in_force = active();
  const auto* last = current();
  const auto oldest = std::find_if(entries_.begin(), entries_.end(), [&](const term_entry& entry) {
    const bool is_over = in_force != nullptr && entry.term < in_force->term;
    return is_over || entry.term < first_ || (entry.never_began() && &entry != last);
  });
  if (oldest != entries_.end())
    entries_.erase(oldest);
}

term_entry* account_terms::edit(epoch term) {
  return const_cast<term_entry*>(std::as_const(*this).find(term));
}

void account_terms::restore(epoch first, std::vector<term_entry> entries) {
  first_ = first;
  entries_ = std::move(entries);
}

} // namespace understudy
