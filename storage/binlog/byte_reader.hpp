// Reads little pieces off a byte range without ever leaving it.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace understudy {

using byte_span = std::span<const std::uint8_t>;

inline std::string_view as_text(byte_span bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// A cursor. A read past the end gives zeros or nothing and sets failed(), which stays set: check once, at
/// the end of a structure.
class byte_reader {
public:
  explicit byte_reader(byte_span bytes)
      : at_(bytes.data())
      , left_(bytes.size()) {}

  bool failed() const { return failed_; }
  std::size_t left() const { return left_; }
  byte_span rest() const { return {at_, left_}; }

  byte_span take(std::uint64_t n) {
    if (n > left_) {
      failed_ = true;
      left_ = 0;
      return {};
    }
    const byte_span out{at_, static_cast<std::size_t>(n)};
    at_ += n;
    left_ -= static_cast<std::size_t>(n);
    return out;
  }
  std::string_view text(std::uint64_t n) { return as_text(take(n)); }

  /// An unsigned number of 1 to 8 bytes, little-endian.
  std::uint64_t little(unsigned n) {
    const auto bytes = take(n);
    std::uint64_t x = 0;
    for (std::size_t i = bytes.size(); i-- > 0;)
      x = x << 8 | bytes[i];
    return x;
  }
  /// Likewise, big-endian.
  std::uint64_t big(unsigned n) {
    std::uint64_t x = 0;
    for (const auto byte : take(n))
      x = x << 8 | byte;
    return x;
  }
  std::uint8_t u8() { return static_cast<std::uint8_t>(little(1)); }
  std::uint16_t u16() { return static_cast<std::uint16_t>(little(2)); }
  std::uint32_t u32() { return static_cast<std::uint32_t>(little(4)); }

  /// The protocol's length-encoded number. 0xFB and 0xFF don't begin one.
  std::uint64_t packed() {
    const auto first = u8();
    if (first < 0xFB)
      return first;
    if (first == 0xFC)
      return little(2);
    if (first == 0xFD)
      return little(3);
    if (first == 0xFE)
      return little(8);
    failed_ = true;
    return 0;
  }

private:
  const std::uint8_t* at_;
  std::size_t left_;
  bool failed_ = false;
};

} // namespace understudy
