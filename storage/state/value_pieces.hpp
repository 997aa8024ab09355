// Long lists of values, as many statements.
#pragma once
#include "events/model/error.hpp"

#include <algorithm>
#include <span>
#include <vector>

namespace understudy {

/// Values of one IN list: far below any packet limit, many enough that round trips don't count.
inline constexpr std::size_t values_per_query = 500;

/// Calls `each` with one piece after the other, until one fails.
template <class Value, class Each>
result<void> in_pieces(const std::vector<Value>& values, Each each) {
  for (std::size_t from = 0; from < values.size(); from += values_per_query)
    if (result<void> done =
            each(std::span(values).subspan(from, std::min(values_per_query, values.size() - from)));
        !done)
      return done;
  return {};
}

} // namespace understudy
