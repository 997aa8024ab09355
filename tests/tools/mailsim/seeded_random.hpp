// A small generator whose numbers are the same on every machine and library, unlike std distributions.
#pragma once
#include <cstdint>
#include <string_view>

namespace understudy::mailsim {

class seeded_random {
public:
  explicit seeded_random(std::uint64_t seed)
      : state_(seed) {}

  std::uint64_t next() { // splitmix64
    std::uint64_t mixed = (state_ += 0x9e3779b97f4a7c15U);
    mixed = (mixed ^ (mixed >> 30U)) * 0xbf58476d1ce4e5b9U;
    mixed = (mixed ^ (mixed >> 27U)) * 0x94d049bb133111ebU;
    return mixed ^ (mixed >> 31U);
  }
  /// 0 ≤ result < bound; bound > 0. The bias of the remainder doesn't matter for a workload.
  std::uint32_t below(std::size_t bound) { return static_cast<std::uint32_t>(next() % bound); }
  bool chance(unsigned percent) { return below(100) < percent; }
  template <class Range>
  auto& pick(Range& range) {
    return range[below(std::size(range))];
  }

private:
  std::uint64_t state_;
};

/// FNV-1a: mixes a name into a seed.
constexpr std::uint64_t hash_text(std::string_view text, std::uint64_t seed) {
  std::uint64_t hash = 0xcbf29ce484222325U ^ seed;
  for (const char letter : text)
    hash = (hash ^ static_cast<unsigned char>(letter)) * 0x100000001b3U;
  return hash;
}

} // namespace understudy::mailsim
