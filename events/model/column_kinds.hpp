// What kinds of column have in common. Pure.
#pragma once
#include "events/model/shape.hpp"

namespace understudy {

/// TINYINT to BIGINT.
inline bool is_integer(column_type type) {
  return type == column_type::tiny || type == column_type::small || type == column_type::medium ||
         type == column_type::integer || type == column_type::big;
}

} // namespace understudy
