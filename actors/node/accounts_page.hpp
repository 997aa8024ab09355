// What /accounts answers: the accounts as control has them, with the figures of the replicas here (DESIGN
// §10).
#pragma once
#include "actors/metrics/http_server.hpp"
#include "actors/supervisor/node_parts.hpp"

#include <string>

namespace understudy {

/// JSON. One page by the accounts' ids, or the replicas here that lag most. Any thread, once the node has
/// started.
std::string accounts_page(const node_parts& parts, const accounts_query& query);

} // namespace understudy
