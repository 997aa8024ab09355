#include "events/codec/json_writer.hpp"

#include "events/codec/base64.hpp"

#include <array>
#include <charconv>
#include <cstdint>

namespace understudy {
namespace {

constexpr std::string_view hex = "0123456789abcdef";

/// The letter behind the backslash, 'u' for \u00xx, 0 where nothing is escaped.
constexpr std::array<char, 256> make_escapes() {
  std::array<char, 256> escapes{};
  for (std::size_t i = 0; i < 0x20; ++i)
    escapes[i] = 'u';
  escapes['\n'] = 'n';
  escapes['\r'] = 'r';
  escapes['\t'] = 't';
  escapes['"'] = '"';
  escapes['\\'] = '\\';
  return escapes;
}
constexpr auto escapes = make_escapes();

} // namespace

std::size_t escaped_size(char byte) {
  const char escape = escapes[static_cast<std::uint8_t>(byte)];
  return escape == 0 ? 1 : escape == 'u' ? 6 : 2;
}

void json_writer::text(std::string_view utf8) {
  comma();
  out_ += '"';
  std::size_t done = 0;
  for (std::size_t i = 0; i < utf8.size(); ++i) {
    const auto byte = static_cast<std::uint8_t>(utf8[i]);
    const char escape = escapes[byte];
    if (escape == 0)
      continue;
    out_.append(utf8, done, i - done);
    done = i + 1;
    out_ += '\\';
    out_ += escape;
    if (escape == 'u') {
      out_ += "00";
      out_ += hex[byte >> 4];
      out_ += hex[byte & 15];
    }
  }
  out_.append(utf8, done);
  out_ += '"';
}

void json_writer::base64(std::string_view bytes) {
  comma();
  out_ += '"';
  append_base64(out_, bytes);
  out_ += '"';
}

template <std::integral Number>
void json_writer::number(Number n) {
  comma();
  std::array<char, 24> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), n).ptr;
  out_.append(digits.data(), end);
}

template void json_writer::number(std::int32_t);
template void json_writer::number(std::int64_t);
template void json_writer::number(std::uint8_t);
template void json_writer::number(std::uint16_t);
template void json_writer::number(std::uint32_t);
template void json_writer::number(std::uint64_t);

} // namespace understudy
