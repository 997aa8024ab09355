// Which nodes a command means: host names have no case (RFC 1123). Pure.
#pragma once
#include "actors/supervisor/requests.hpp"
#include "events/control/control_state.hpp"

#include <optional>

namespace understudy {

/// Writes the nodes that the command names as they write themselves. A name that no node has stays as it is.
void fold_node_names(request_body& body, const control_state& state);

/// Says which node of the command never announced itself; nothing: all did. For fold_node_names()' outcome.
std::optional<error> why_no_such_node(const request_body& body, const control_state& state);

} // namespace understudy
