// Accounts of the local mailstore that no enrolment covers: nothing is promised for them (DESIGN §10).
#pragma once
#include "events/model/error.hpp"

#include <cstdint>

namespace understudy {

struct node_parts;

/// Mailboxes of the local registry whose accounts have neither their source nor a replica here. Reads the
/// whole registry; blocking.
result<std::uint64_t> count_uncovered(const node_parts& parts);

} // namespace understudy
