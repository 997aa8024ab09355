#include "events/control/control_record.hpp"

namespace understudy {
namespace {

const account_id* account_of(const control_event& event) {
  const auto* change = std::get_if<account_change>(&event);
  return change ? &change->account : nullptr;
}

bool belong_together(const control_event& a, const control_event& b) {
  const auto* first = account_of(a);
  const auto* second = account_of(b);
  return first && second && *first == *second;
}

} // namespace

bool is_decision(const account_change_body& body) {
  return std::visit(
      [](const auto& b) {
        using body_type = std::decay_t<decltype(b)>;
        return std::is_same_v<body_type, enrolled> || std::is_same_v<body_type, destination_set> ||
               std::is_same_v<body_type, destination_removed> || std::is_same_v<body_type, withdrawn> ||
               std::is_same_v<body_type, promotion_decided> || std::is_same_v<body_type, paused> ||
               std::is_same_v<body_type, resumed>;
      },
      body);
}

std::vector<control_record> to_records(const writer& from, const change_origin& origin,
                                       std::vector<control_event> events,
                                       const std::function<std::string()>& new_id, std::size_t max_events) {
  std::vector<control_record> records;
  for (auto& event : events) {
    const bool full = records.empty() || (records.back().events.size() >= max_events &&
                                          !belong_together(records.back().events.back(), event));
    if (full)
      records.push_back({from, new_id(), rules_version, origin, {}});
    records.back().events.push_back(std::move(event));
  }
  return records;
}

} // namespace understudy
