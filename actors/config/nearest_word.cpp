#include "actors/config/nearest_word.hpp"

#include <algorithm>
#include <numeric>

namespace understudy {

namespace {

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      std::size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, replaced});
    }
  }
  return row.back();
}

} // namespace

std::string nearest_word(std::string_view word, const std::vector<std::string>& known) {
  constexpr std::size_t longest = 64; // nobody mistypes longer words into one of ours
  std::string best;
  std::size_t distance = 3;
  if (word.size() > longest)
    return best;
  for (const auto& candidate : known) {
    auto d = edit_distance(word, candidate);
    if (d < distance && 2 * d < word.size()) {
      distance = d;
      best = candidate;
    }
  }
  return best;
}

} // namespace understudy
