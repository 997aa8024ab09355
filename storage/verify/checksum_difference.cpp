#include "storage/verify/checksum_difference.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

namespace understudy {
namespace {

std::string describe(const table_checksum& source, const table_checksum& here) {
  if (source.rows != here.rows)
    return fmt::format("{} has {} rows at the source and {} here", source.table, source.rows, here.rows);
  return fmt::format("the {} rows of {} aren't the source's", here.rows, here.table);
}

} // namespace

std::string difference_of(const account_checksum& source, const account_checksum& here) {
  std::string first;
  std::size_t others = 0;
  for (const auto& wanted : source) {
    const auto found = std::ranges::find(here, wanted.table, &table_checksum::table);
    const auto is = found == here.end() ? table_checksum{wanted.table, 0, 0} : *found;
    if (is == wanted)
      continue;
    if (first.empty())
      first = describe(wanted, is);
    else
      ++others;
  }
  return others == 0
             ? first
             : fmt::format("{}, and {} more table{}", first, others, others == 1 ? " differs" : "s differ");
}

std::uint64_t rows_of(const account_checksum& tables) {
  return std::accumulate(tables.begin(), tables.end(), std::uint64_t{0},
                         [](std::uint64_t sum, const table_checksum& each) { return sum + each.rows; });
}

} // namespace understudy
