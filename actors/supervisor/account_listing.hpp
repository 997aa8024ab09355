// getAccountStatus: which accounts are asked for, and what control and the nodes know of them.
#pragma once
#include "actors/supervisor/node_parts.hpp"
#include "actors/supervisor/requests.hpp"

namespace understudy {

/// The page behind `body.next`. `more` is where the next one goes on; empty: it's the last. Blocking.
status_page list_accounts(node_parts& parts, const request_body& body, std::string& more);

/// Keeps the accounts that have a replica which is known to be available or, if `available` is false, known
/// not to be. Returns how many of the others have one of which it isn't known. Pure.
std::size_t keep_by_availability(std::vector<account_status>& accounts, bool available);

} // namespace understudy
