#include "storage/binlog/row_image.hpp"

#include "storage/binlog/row_values.hpp"

#include <algorithm>

namespace understudy {
namespace {

bool bit(byte_span bits, std::size_t i) {
  return (bits[i / 8] >> i % 8 & 1) != 0;
}

} // namespace

bool row_image::read(byte_reader& in, const table_map& map, byte_span columns) {
  const auto count = map.columns.size();
  places_.resize(count);
  std::size_t present = 0;
  for (std::size_t i = 0; i < count; ++i)
    present += bit(columns, i);
  // The null bitmap counts only the columns that are there.
  const auto nulls = in.take((present + 7) / 8);
  if (in.failed())
    return false;
  std::size_t n = 0;
  for (std::size_t i = 0; i < count; ++i) {
    auto& p = places_[i];
    p.stored = {};
    if (!bit(columns, i)) {
      p.is = state::absent;
    } else if (bit(nulls, n++)) {
      p.is = state::null;
    } else {
      p.is = state::present;
      p.stored = take_stored(in, map.columns[i]);
    }
  }
  return !in.failed();
}

bool row_image::same(const place& a, const place& b) {
  if (a.is == state::absent || b.is == state::absent)
    return false;
  return a.is == b.is && std::equal(a.stored.begin(), a.stored.end(), b.stored.begin(), b.stored.end());
}

} // namespace understudy
