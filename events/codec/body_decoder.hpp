// The fields of each type of record, behind the envelope.
#pragma once
#include "events/codec/json_access.hpp"
#include "events/model/account_event.hpp"

#include <string_view>

namespace understudy {

/// After a failure the body is of no use.
account_event_body read_body(std::string_view type, const event_fields& fields, const shape_lookup& shapes);

} // namespace understudy
