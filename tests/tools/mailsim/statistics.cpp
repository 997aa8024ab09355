#include "tests/tools/mailsim/statistics.hpp"

#include <algorithm>

namespace understudy::mailsim {

void statistics::add(const statistics& other) {
  committed += other.committed;
  errors += other.errors;
  lost += other.lost;
  commit_microseconds.insert(commit_microseconds.end(), other.commit_microseconds.begin(),
                             other.commit_microseconds.end());
  if (!other.last_error.empty())
    last_error = other.last_error;
}

double statistics::commit_percentile(double part) {
  if (commit_microseconds.empty())
    return 0;
  const auto index = static_cast<std::size_t>(part * static_cast<double>(commit_microseconds.size() - 1));
  std::ranges::nth_element(commit_microseconds,
                           commit_microseconds.begin() + static_cast<std::ptrdiff_t>(index));
  return commit_microseconds[index] / 1000.0;
}

} // namespace understudy::mailsim
