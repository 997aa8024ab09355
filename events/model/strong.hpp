// Small strong types: a sequence can't be passed for an offset (STYLE 5).
#pragma once
#include <fmt/format.h>

#include <compare>
#include <cstdint>
#include <functional>
#include <string>

namespace understudy {

/// A number that only compares with, and is only made from, its own kind.
template <class Tag, class Rep>
struct strong_number {
  using rep = Rep;
  Rep value{};
  constexpr strong_number() = default;
  constexpr explicit strong_number(Rep v)
      : value(v) {}
  constexpr auto operator<=>(const strong_number&) const = default;
  constexpr strong_number next() const { return strong_number(static_cast<Rep>(value + 1)); }
  constexpr strong_number previous() const { return strong_number(static_cast<Rep>(value - 1)); }
  template <class Inspector>
  friend auto inspect(Inspector& f, strong_number& x) {
    return f(x.value);
  }
};

/// Text that is only made from its own kind.
template <class Tag>
struct strong_text {
  std::string value;
  strong_text() = default;
  explicit strong_text(std::string v)
      : value(std::move(v)) {}
  auto operator<=>(const strong_text&) const = default;
  bool empty() const { return value.empty(); }
  template <class Inspector>
  friend auto inspect(Inspector& f, strong_text& x) {
    return f(x.value);
  }
};

} // namespace understudy

template <class Tag, class Rep>
struct std::hash<understudy::strong_number<Tag, Rep>> {
  std::size_t operator()(const understudy::strong_number<Tag, Rep>& x) const noexcept {
    return std::hash<Rep>{}(x.value);
  }
};

template <class Tag>
struct std::hash<understudy::strong_text<Tag>> {
  std::size_t operator()(const understudy::strong_text<Tag>& x) const noexcept {
    return std::hash<std::string>{}(x.value);
  }
};

template <class Tag, class Rep>
struct fmt::formatter<understudy::strong_number<Tag, Rep>> : fmt::formatter<Rep> {
  template <class Context>
  auto format(const understudy::strong_number<Tag, Rep>& x, Context& ctx) const {
    return fmt::formatter<Rep>::format(x.value, ctx);
  }
};

template <class Tag>
struct fmt::formatter<understudy::strong_text<Tag>> : fmt::formatter<std::string> {
  template <class Context>
  auto format(const understudy::strong_text<Tag>& x, Context& ctx) const {
    return fmt::formatter<std::string>::format(x.value, ctx);
  }
};
