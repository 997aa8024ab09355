// Random events of every kind, for property tests of the codec.
#pragma once
#include "events/model/account_event.hpp"

#include <array>
#include <charconv>
#include <limits>
#include <memory>
#include <random>
#include <string>

namespace understudy::testing {

class random_events {
public:
  explicit random_events(std::uint64_t seed)
      : dice_(seed) {}

  std::uint64_t below(std::uint64_t n) {
    return std::uniform_int_distribution<std::uint64_t>(0, n - 1)(dice_);
  }
  bool coin() { return below(2) == 0; }

  std::string bytes(std::size_t most) {
    std::string out(below(most + 1), '\0');
    for (auto& b : out)
      b = static_cast<char>(below(256));
    return out;
  }

  /// Valid UTF-8 of 1 to 4 bytes a character, with NUL, control characters, quotes and backslashes.
  std::string text(std::size_t most) {
    static const std::array<std::string, 14> pieces = {std::string(1, '\0'),
                                                       "\"",
                                                       "\\",
                                                       "\n",
                                                       "\x1f",
                                                       "\x7f",
                                                       "a",
                                                       "Zz ",
                                                       "ü",
                                                       "߿",
                                                       "ࠀ",
                                                       "\xef\xbf\xbd",
                                                       "😀",
                                                       "\xf4\x8f\xbf\xbf"};
    std::string out;
    for (auto n = below(most + 1); n > 0; --n)
      out += pieces[below(pieces.size())];
    return out;
  }

  std::uint64_t natural() {
    switch (below(4)) {
    case 0:
      return below(10);
    case 1:
      return std::numeric_limits<std::uint64_t>::max() - below(3);
    case 2:
      return 9007199254740993ULL + below(3); // the first that no double holds (case T02)
    default:
      return dice_();
    }
  }
  std::int64_t number() { return static_cast<std::int64_t>(natural()); }

  std::string real() {
    std::array<char, 40> digits{};
    const auto bits = dice_();
    double d = 0;
    static_assert(sizeof d == sizeof bits);
    std::memcpy(&d, &bits, sizeof d);
    return {digits.data(), std::to_chars(digits.data(), digits.data() + digits.size(), d).ptr};
  }

  value any_value() {
    switch (below(6)) {
    case 0:
      return null_value{};
    case 1:
      return number();
    case 2:
      return natural();
    case 3:
      return text_value{text(12)};
    case 4:
      return bytes_value{bytes(40)};
    default:
      return literal_value{coin() ? real() : "2026-11-25 04:00:00.000001"};
    }
  }

  shape table() {
    shape s;
    s.table = "mboxgroup/" + text(3);
    const auto columns = 1 + below(20);
    for (std::uint64_t i = 0; i < columns; ++i) {
      column c;
      c.name = text(5);
      c.type = static_cast<column_type>(below(static_cast<std::uint64_t>(column_type::fixed_bytes) + 1));
      c.is_unsigned = coin();
      c.nullable = coin();
      c.charset = coin() ? "utf8mb4" : "";
      c.collation = static_cast<std::uint32_t>(below(2000));
      c.length = static_cast<std::uint32_t>(natural());
      c.decimals = static_cast<std::uint8_t>(below(256));
      for (auto m = below(4); m > 0; --m)
        c.members.push_back(text(4));
      s.columns.push_back(std::move(c));
    }
    for (auto k = below(3); k > 0; --k)
      s.key.push_back(static_cast<std::uint16_t>(below(columns)));
    s.mailbox_column = static_cast<std::uint16_t>(below(columns));
    return s;
  }

  std::vector<cell> cells(const shape& s) {
    std::vector<cell> list;
    const bool full = coin();
    for (std::uint16_t i = 0; i < s.columns.size(); ++i)
      if (full || coin())
        list.push_back({i, any_value()});
    if (below(4) == 0)
      std::shuffle(list.begin(), list.end(), dice_); // a key's columns come in the key's order
    return list;
  }

  template <class Shapes>
  std::vector<row_change> rows(const Shapes& shapes, std::size_t most) {
    std::vector<row_change> list;
    for (auto n = below(most + 1); n > 0; --n) {
      row_change r;
      r.table = shapes[below(shapes.size())];
      r.kind = static_cast<change_kind>(below(3));
      r.foreign_keys_off = coin();
      r.unique_checks_off = coin();
      r.before = cells(*r.table);
      r.after = cells(*r.table);
      list.push_back(std::move(r));
    }
    return list;
  }

  template <class Shapes>
  account_event event(const Shapes& shapes) {
    account_event e;
    e.from = {node_name("mailstore" + text(2)), incarnation(natural())};
    const account_id account(text(8));
    const epoch term(natural());
    const sequence count(natural());
    switch (below(7)) {
    case 0:
      e.body = transaction_event{
          account,  term,
          count,    {static_cast<std::uint32_t>(natural()), static_cast<std::uint32_t>(natural()), natural()},
          number(), rows(shapes, 6)};
      break;
    case 1: {
      const auto total = static_cast<std::uint32_t>(1 + below(100));
      e.body = part_event{account, term, count, static_cast<std::uint32_t>(below(total)), total, text(100)};
      break;
    }
    case 2:
      e.body = shape_event{table()};
      break;
    case 3:
      e.body = incarnation_event{};
      break;
    case 4:
      e.body = snapshot_event{account,
                              term,
                              count,
                              text(10),
                              partition_id(static_cast<std::int32_t>(natural())),
                              kafka_offset(number()),
                              mailbox_id(coin() ? 0U : static_cast<std::uint32_t>(natural())),
                              kafka_offset(coin() ? -1 : static_cast<std::int64_t>(below(1000)))};
      if (coin())
        std::get<snapshot_event>(e.body).last_id = gtid{0, 1, natural()};
      break;
    case 5:
      e.body = snapshot_chunk{account,
                              text(10),
                              natural(),
                              coin(),
                              natural(),
                              rows(shapes, 6),
                              coin() ? std::vector<std::string>{text(50), ""} : std::vector<std::string>{}};
      if (coin())
        std::get<snapshot_chunk>(e.body).cascades = {{text(20), {text(50), ""}}, {"zimbra/mailbox", {}}};
      break;
    default:
      e.body = fence_event{account, term, kafka_offset(number()), coin()};
      if (coin())
        std::get<fence_event>(e.body).last = count;
      if (coin())
        std::get<fence_event>(e.body).last_id = gtid{7, 8, natural()};
      if (coin())
        std::get<fence_event>(e.body).at_cut = {{"x" + text(20), natural(), natural()},
                                                {"mboxgroup/tag", 0, 0}};
    }
    return e;
  }

  std::mt19937_64& dice() { return dice_; }

private:
  std::mt19937_64 dice_;
};

} // namespace understudy::testing
