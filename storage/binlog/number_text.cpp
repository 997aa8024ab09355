#include "storage/binlog/number_text.hpp"

#include <fmt/format.h>

#include <array>
#include <bit>
#include <charconv>
#include <chrono>

namespace understudy {
namespace {

constexpr std::array<std::uint8_t, 10> bytes_of_digits{0, 1, 1, 2, 2, 3, 3, 4, 4, 4};
constexpr std::array<std::uint32_t, 10> power_of_ten{
    1, 10, 100, 1'000, 10'000, 100'000, 1'000'000, 10'000'000, 100'000'000, 1'000'000'000};

template <class Float>
std::string shortest(Float x) {
  std::array<char, 64> buffer{};
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), x);
  return {buffer.data(), end.ptr};
}

/// Takes packed groups of digits off a decimal whose bits were set right already.
class decimal_groups {
public:
  explicit decimal_groups(byte_span bytes)
      : in_(bytes) {}

  /// Appends `digits` digits, at most nine; false: the group is no number of so many digits.
  bool append(std::string& out, unsigned digits) {
    if (digits == 0)
      return true;
    const auto group = in_.big(bytes_of_digits[digits]);
    if (in_.failed() || group >= power_of_ten[digits])
      return false;
    fmt::format_to(std::back_inserter(out), "{:0{}}", group, digits);
    return true;
  }

private:
  byte_reader in_;
};

/// ".123" of `decimals` digits, nothing for none.
void append_fraction(std::string& out, std::uint64_t microseconds, unsigned decimals) {
  if (decimals > 0 && decimals <= 6)
    fmt::format_to(std::back_inserter(out), ".{:0{}}", microseconds / power_of_ten[6 - decimals], decimals);
}

/// The fraction's bytes hold two, four or six digits.
std::uint64_t microseconds_of(byte_span fraction) {
  byte_reader in(fraction);
  const auto x = in.big(static_cast<unsigned>(fraction.size()));
  return x * power_of_ten[fraction.size() < 3 ? 6 - 2 * fraction.size() : 0];
}

} // namespace

std::optional<std::string> decimal_text(byte_span stored, unsigned precision, unsigned scale) {
  std::array<std::uint8_t, 32> bytes{};
  if (stored.empty() || stored.size() > bytes.size() || scale > precision)
    return std::nullopt;
  const bool negative = (stored[0] & 0x80) == 0;
  const std::uint8_t mask = negative ? 0xFF : 0x00;
  for (std::size_t i = 0; i < stored.size(); ++i)
    bytes[i] = static_cast<std::uint8_t>(stored[i] ^ mask);
  bytes[0] ^= 0x80;

  const unsigned whole = precision - scale;
  decimal_groups groups(byte_span{bytes.data(), stored.size()});
  std::string digits;
  bool good = groups.append(digits, whole % 9);
  for (unsigned i = 0; i < whole / 9; ++i)
    good = good && groups.append(digits, 9);

  std::string text;
  if (negative)
    text.push_back('-');
  const auto first = digits.find_first_not_of('0');
  if (first == digits.npos)
    text.push_back('0');
  else
    text.append(digits, first);
  if (scale > 0)
    text.push_back('.');
  for (unsigned i = 0; i < scale / 9; ++i)
    good = good && groups.append(text, 9);
  good = good && groups.append(text, scale % 9);
  return good ? std::optional(std::move(text)) : std::nullopt;
}

std::string single_text(std::uint32_t bits) {
  return shortest(std::bit_cast<float>(bits));
}
std::string real_text(std::uint64_t bits) {
  return shortest(std::bit_cast<double>(bits));
}

std::string date_text(std::uint32_t stored) {
  return fmt::format("{:04}-{:02}-{:02}", stored >> 9, stored >> 5 & 15, stored & 31);
}

std::string time_text(byte_span stored, unsigned decimals) {
  // One number of whole and fraction together, shifted by half its range: taking the bytes apart would lose
  // the sign of -00:00:00.01 (case T04).
  byte_reader in(stored);
  const auto size = static_cast<unsigned>(stored.size());
  const auto packed = static_cast<std::int64_t>(in.big(size)) - (std::int64_t{0x800000} << 8 * (size - 3));
  const auto absolute = static_cast<std::uint64_t>(packed < 0 ? -packed : packed);
  const auto whole = absolute >> 8 * (size - 3);
  const std::uint64_t fraction = absolute & ((std::uint64_t{1} << 8 * (size - 3)) - 1);
  auto text = fmt::format("{}{:02}:{:02}:{:02}", packed < 0 ? "-" : "", whole >> 12 & 1023, whole >> 6 & 63,
                          whole & 63);
  append_fraction(text, fraction * power_of_ten[size < 6 ? 6 - 2 * (size - 3) : 0], decimals);
  return text;
}

std::string datetime_text(byte_span stored, unsigned decimals) {
  byte_reader in(stored);
  const auto packed = in.big(5) - 0x8000000000U;
  const auto date = packed >> 17;
  const auto months = date >> 5;
  auto text = fmt::format("{:04}-{:02}-{:02} {:02}:{:02}:{:02}", months / 13, months % 13, date & 31,
                          packed >> 12 & 31, packed >> 6 & 63, packed & 63);
  append_fraction(text, microseconds_of(in.rest()), decimals);
  return text;
}

std::string timestamp_text(byte_span stored, unsigned decimals) {
  byte_reader in(stored);
  const auto seconds = in.big(4);
  const auto microseconds = microseconds_of(in.rest());
  std::string text = "0000-00-00 00:00:00";
  if (seconds != 0 || microseconds != 0) {
    const std::chrono::sys_seconds when{std::chrono::seconds(seconds)};
    const auto day = std::chrono::floor<std::chrono::days>(when);
    const std::chrono::year_month_day date(day);
    const std::chrono::hh_mm_ss clock(when - day);
    text = fmt::format("{:04}-{:02}-{:02} {:02}:{:02}:{:02}", int(date.year()), unsigned(date.month()),
                       unsigned(date.day()), clock.hours().count(), clock.minutes().count(),
                       clock.seconds().count());
  }
  append_fraction(text, microseconds, decimals);
  return text;
}

} // namespace understudy
