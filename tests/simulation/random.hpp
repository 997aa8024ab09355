// Random numbers that are the same on every machine: the standard's distributions aren't.
#pragma once
#include <cstdint>
#include <vector>

namespace understudy::simulation {

/// xorshift64*, seeded through splitmix64 so that neighbouring seeds share nothing.
class random_source {
public:
  explicit random_source(std::uint64_t seed) {
    seed += 0x9e3779b97f4a7c15ULL;
    seed = (seed ^ (seed >> 30)) * 0xbf58476d1ce4e5b9ULL;
    seed = (seed ^ (seed >> 27)) * 0x94d049bb133111ebULL;
    state_ = (seed ^ (seed >> 31)) | 1;
  }
  std::uint64_t next() {
    state_ ^= state_ >> 12;
    state_ ^= state_ << 25;
    state_ ^= state_ >> 27;
    return state_ * 0x2545f4914f6cdd1dULL;
  }
  /// From low to high, both included.
  std::int64_t between(std::int64_t low, std::int64_t high) {
    return low + static_cast<std::int64_t>((next() >> 11) % static_cast<std::uint64_t>(high - low + 1));
  }
  bool percent(int chance) { return between(0, 99) < chance; }
  bool per_mille(int chance) { return between(0, 999) < chance; }
  template <class T>
  T& pick(std::vector<T>& from) {
    return from[static_cast<std::size_t>(between(0, static_cast<std::int64_t>(from.size()) - 1))];
  }
  template <class T>
  const T& pick(const std::vector<T>& from) {
    return from[static_cast<std::size_t>(between(0, static_cast<std::int64_t>(from.size()) - 1))];
  }

private:
  std::uint64_t state_;
};

} // namespace understudy::simulation
