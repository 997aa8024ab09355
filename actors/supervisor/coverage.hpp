// Accounts of the local mailstore that no enrolment covers: nothing is promised for them (DESIGN §10).
#pragma once
#include "events/model/error.hpp"
#include "events/model/ids.hpp"

#include <cstdint>
#include <functional>
#include <string>

namespace understudy {

struct node_parts;

/// Mailboxes of the local registry whose accounts have neither their source nor a replica here. Reads the
/// whole registry; blocking.
/// `renamed` is called for those whose source is here and that control knows by another name: a capture that
/// began anew didn't see it change.
result<std::uint64_t>
count_uncovered(const node_parts& parts,
                const std::function<void(const account_id&, const std::string&)>& renamed);

} // namespace understudy
