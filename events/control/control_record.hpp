// One record of understudy.control.
#pragma once
#include "events/control/control_event.hpp"
#include "events/model/account_event.hpp"

#include <functional>
#include <string>
#include <vector>

namespace understudy {

/// The version of the rules by which control is folded (R26); a record of another version is refused.
inline constexpr std::uint32_t rules_version = 1;

/// On whose behalf a record was written.
struct change_origin {
  operation_id operation; ///< empty for facts
  std::string by;         ///< administrator, or the node
  std::int64_t at_ms = 0; ///< wall clock, for display
  bool operator==(const change_origin&) const = default;
};

struct control_record {
  writer from;
  std::string id; ///< unique; a repeated record is known by it
  std::uint32_t rules = rules_version;
  change_origin origin;
  std::vector<control_event> events;
  bool operator==(const control_record&) const = default;
};

/// Keeps a record well under Kafka's default limit of 1 MB: an event is under 1 kB as JSON.
inline constexpr std::size_t max_events_per_record = 500;

/// Cuts `events` into records of at most `max_events`, never between events of the same account that follow
/// each other. `new_id` gives each record its id.
std::vector<control_record> to_records(const writer& from, const change_origin& origin,
                                       std::vector<control_event> events,
                                       const std::function<std::string()>& new_id,
                                       std::size_t max_events = max_events_per_record);

} // namespace understudy
