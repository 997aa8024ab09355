#include "cli/printable.hpp"

#include <cstdint>

namespace understudy {

namespace {

struct decoded {
  std::uint32_t point = 0;
  std::size_t length = 0; ///< 0: not UTF-8
};

decoded next_point(std::string_view text) {
  auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  auto first = byte(0);
  if (first < 0x80)
    return {first, 1};
  std::size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || text.size() < length)
    return {};
  std::uint32_t point = first & (0xffU >> (length + 1));
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80)
      return {};
    point = (point << 6) | (byte(i) & 0x3fU);
  }
  constexpr std::uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
  bool surrogate = point >= 0xd800 && point <= 0xdfff;
  if (point < least[length] || surrogate || point > 0x10ffff)
    return {};
  return {point, length};
}

bool steers(std::uint32_t p) {
  bool control = p < 0x20 || (p >= 0x7f && p < 0xa0) || p == 0x2028 || p == 0x2029 || p == 0xfeff;
  bool direction = p == 0x061c || p == 0x200e || p == 0x200f || (p >= 0x202a && p <= 0x202e) ||
                   (p >= 0x2066 && p <= 0x2069);
  bool invisible = p >= 0x200b && p <= 0x200d;
  return control || direction || invisible;
}

} // namespace

bool is_printable(std::string_view text) {
  while (!text.empty()) {
    auto next = next_point(text);
    if (next.length == 0 || steers(next.point))
      return false;
    text.remove_prefix(next.length);
  }
  return true;
}

std::string printable(std::string_view text, std::size_t limit) {
  std::string shown;
  while (!text.empty()) {
    auto next = next_point(text);
    auto length = next.length == 0 ? 1 : next.length;
    if (shown.size() + length > limit)
      return shown + "…";
    if (next.length == 0 || steers(next.point))
      shown += '?';
    else
      shown += text.substr(0, length);
    text.remove_prefix(length);
  }
  return shown;
}

} // namespace understudy
