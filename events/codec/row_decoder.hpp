// Rows from their compact arrays: fields "f" and "r".
#pragma once
#include "events/codec/json_access.hpp"
#include "events/model/row_change.hpp"

#include <memory>
#include <vector>

namespace understudy {

/// Empty after a failure. What it holds is bounded by the text's own length.
std::vector<row_change> read_rows(const event_fields& fields, const shape_lookup& shapes);

} // namespace understudy
