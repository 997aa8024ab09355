#include "actors/source/former_lines.hpp"

#include <algorithm>

namespace understudy {

void former_lines::add(const account_id& account, known_events events,
                       const std::optional<known_marker>& marker) {
  if (!events.empty() || marker)
    lines_.try_emplace(account, line{std::move(events), marker});
}

void former_lines::drop_if_empty(std::unordered_map<account_id, line>::iterator found) {
  if (found->second.events.empty() && !found->second.marker)
    lines_.erase(found);
}

std::optional<known_event> former_lines::take(const account_id& account, const gtid& transaction) {
  const auto found = lines_.find(account);
  if (found == lines_.end())
    return std::nullopt;
  const auto event = found->second.events.extract(transaction);
  if (event.empty())
    return std::nullopt;
  drop_if_empty(found);
  return event.mapped();
}

std::optional<sequence> former_lines::left_out_before(const account_id& account, const gtid& transaction) {
  const auto found = lines_.find(account);
  if (found == lines_.end() || !found->second.marker)
    return std::nullopt;
  auto& marker = found->second.marker;
  gtid_position view;
  view.advance(marker->last_id);
  if (view.covers(transaction))
    return marker->number;
  marker.reset();
  drop_if_empty(found);
  return std::nullopt;
}

bool former_lines::are_met(const account_id& account, const gtid_position& met) const {
  const auto found = lines_.find(account);
  if (found == lines_.end())
    return true;
  const auto& [events, marker] = found->second;
  return (!marker || met.covers(marker->last_id)) &&
         std::ranges::all_of(events, [&](const auto& event) { return met.covers(event.first); });
}

} // namespace understudy
