#include "events/codec/base64.hpp"

#include <array>
#include <cstdint>

namespace understudy {
namespace {

constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::uint8_t foreign = 0xff;

constexpr std::array<std::uint8_t, 256> make_values() {
  std::array<std::uint8_t, 256> values{};
  values.fill(foreign);
  for (std::size_t i = 0; i < alphabet.size(); ++i)
    values[static_cast<std::uint8_t>(alphabet[i])] = static_cast<std::uint8_t>(i);
  return values;
}
constexpr auto values = make_values();

std::uint32_t byte_at(std::string_view text, std::size_t i) {
  return static_cast<std::uint8_t>(text[i]);
}

} // namespace

void append_base64(std::string& out, std::string_view bytes) {
  std::size_t to = out.size();
  out.resize(to + (bytes.size() + 2) / 3 * 4);
  std::size_t i = 0;
  for (; i + 3 <= bytes.size(); i += 3) {
    const auto group = byte_at(bytes, i) << 16 | byte_at(bytes, i + 1) << 8 | byte_at(bytes, i + 2);
    out[to++] = alphabet[group >> 18];
    out[to++] = alphabet[group >> 12 & 63];
    out[to++] = alphabet[group >> 6 & 63];
    out[to++] = alphabet[group & 63];
  }
  if (i == bytes.size())
    return;
  const bool two = i + 2 == bytes.size();
  const auto group = byte_at(bytes, i) << 16 | (two ? byte_at(bytes, i + 1) << 8 : 0);
  out[to++] = alphabet[group >> 18];
  out[to++] = alphabet[group >> 12 & 63];
  out[to++] = two ? alphabet[group >> 6 & 63] : '=';
  out[to++] = '=';
}

bool read_base64(std::string_view text, std::string& bytes) {
  bytes.clear();
  if (text.size() % 4 != 0)
    return false;
  std::size_t padding = 0;
  while (padding < 2 && text.ends_with('=')) {
    text.remove_suffix(1);
    ++padding;
  }
  bytes.resize(text.size() * 3 / 4);
  std::size_t to = 0;
  std::uint32_t group = 0;
  unsigned bits = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const std::uint32_t digit = values[byte_at(text, i)];
    if (digit == foreign)
      return false;
    group = (group << 6 | digit) & 0xffffff;
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      bytes[to++] = static_cast<char>(group >> bits & 0xff);
    }
  }
  return (group & ((1U << bits) - 1)) == 0;
}

} // namespace understudy
