// JSON of single control events. Part of control_codec.
#pragma once
#include "events/control/control_event.hpp"
#include "events/control/json_fields.hpp"

namespace understudy {

boost::json::object to_json(const control_event& event);
control_event control_event_from(const json_fields& in);

boost::json::object to_json(const node_announced& announced);
node_announced node_announced_from(const json_fields& in);
boost::json::object to_json(const operation_started& started);
operation_started operation_started_from(const json_fields& in);
boost::json::object to_json(const operation_target& target);
operation_target operation_target_from(const json_fields& in);
boost::json::object to_json(const operation_outcome& outcome);
operation_outcome operation_outcome_from(const json_fields& in);
boost::json::array to_json(const std::vector<claim_reference>& claims);
std::vector<claim_reference> claims_from(const json_fields& in, std::string_view key);
boost::json::object to_json(const returned& e);
returned returned_from(const json_fields& in);

} // namespace understudy
