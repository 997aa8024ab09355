#include "bench/programs/samples.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace understudy::bench {

void samples::add(const samples& other) {
  nanoseconds_.insert(nanoseconds_.end(), other.nanoseconds_.begin(), other.nanoseconds_.end());
}

std::string samples::json_fields() {
  if (nanoseconds_.empty())
    return R"("p50_ms":null,"p90_ms":null,"p99_ms":null,"max_ms":null)";
  std::ranges::sort(nanoseconds_);
  const auto at = [&](double part) {
    const auto index = static_cast<std::size_t>(part * static_cast<double>(nanoseconds_.size() - 1) + 0.5);
    return static_cast<double>(nanoseconds_[index]) / 1e6;
  };
  return fmt::format(R"("p50_ms":{:.4f},"p90_ms":{:.4f},"p99_ms":{:.4f},"max_ms":{:.4f})", at(0.5), at(0.9),
                     at(0.99), at(1));
}

} // namespace understudy::bench
