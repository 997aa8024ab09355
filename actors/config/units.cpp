#include "actors/config/units.hpp"

#include <array>
#include <charconv>
#include <optional>

namespace understudy {

namespace {

struct unit {
  std::string_view name;
  std::uint64_t factor;
};

constexpr std::array<unit, 5> spans{
    {{"ms", 1}, {"s", 1000}, {"m", 60'000}, {"h", 3'600'000}, {"d", 86'400'000}}};

constexpr std::array<unit, 8> sizes{{{"B", 1},
                                     {"kB", 1000},
                                     {"MB", 1000'000},
                                     {"GB", 1000'000'000},
                                     {"KiB", 1ULL << 10},
                                     {"MiB", 1ULL << 20},
                                     {"GiB", 1ULL << 30},
                                     {"TiB", 1ULL << 40}}};

/// Limits keep sums of a few of them far from overflow.
constexpr std::uint64_t longest_span = 3650ULL * 86'400'000;
constexpr std::uint64_t largest_size = 1ULL << 50;

template <std::size_t N>
std::optional<std::uint64_t> scaled(std::string_view text, const std::array<unit, N>& units,
                                    std::uint64_t limit) {
  std::uint64_t number = 0;
  auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (code != std::errc{} || end == text.data())
    return std::nullopt;
  std::string_view name(end, static_cast<std::size_t>(text.data() + text.size() - end));
  for (const auto& u : units)
    if (u.name == name && number <= limit / u.factor)
      return number * u.factor;
  return std::nullopt;
}

} // namespace

result<std::chrono::milliseconds> parse_duration(std::string_view text) {
  auto span = scaled(text, spans, longest_span);
  if (!span)
    return failure(fmt::format("\"{}\" isn't a duration", text.substr(0, 40)),
                   "write a whole number and ms, s, m, h or d, such as \"500ms\" or \"7d\"");
  return std::chrono::milliseconds(*span);
}

std::string duration_text(std::chrono::milliseconds span) {
  auto count = static_cast<std::uint64_t>(span.count() < 0 ? 0 : span.count());
  std::string text = fmt::format("{}ms", count);
  for (const auto& u : spans)
    if (count != 0 && count % u.factor == 0)
      text = fmt::format("{}{}", count / u.factor, u.name);
  return text;
}

result<std::uint64_t> parse_size(std::string_view text) {
  auto bytes = scaled(text, sizes, largest_size);
  if (!bytes)
    return failure(fmt::format("\"{}\" isn't a size", text.substr(0, 40)),
                   "write a whole number and B, kB, MB, GB, KiB, MiB, GiB or TiB, such as \"512MiB\"");
  return *bytes;
}

} // namespace understudy
