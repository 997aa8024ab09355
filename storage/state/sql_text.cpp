#include "storage/state/sql_text.hpp"

#include <algorithm>

namespace understudy {
namespace {

void append_hex(std::string& out, std::string_view bytes) {
  static constexpr char digits[] = "0123456789abcdef";
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    out.push_back(digits[byte >> 4]);
    out.push_back(digits[byte & 15]);
  }
}

std::string quoted(std::string_view text, char quote) {
  std::string out;
  out.reserve(text.size() + 2);
  out.push_back(quote);
  for (const char c : text) {
    out.push_back(c);
    if (c == quote)
      out.push_back(c);
  }
  out.push_back(quote);
  return out;
}

} // namespace

std::string sql_text(std::string_view text) {
  const bool plain = std::none_of(text.begin(), text.end(),
                                  [](char c) { return c == '\\' || (static_cast<unsigned char>(c) < 0x20); });
  if (plain)
    return quoted(text, '\'');
  std::string out = "_utf8mb4 x'";
  out.reserve(out.size() + 2 * text.size() + 1);
  append_hex(out, text);
  out.push_back('\'');
  return out;
}

std::string sql_bytes(std::string_view bytes) {
  if (bytes.empty())
    return "''";
  std::string out = "x'";
  out.reserve(2 * bytes.size() + 3);
  append_hex(out, bytes);
  out.push_back('\'');
  return out;
}

std::string sql_name(std::string_view identifier) {
  return quoted(identifier, '`');
}

std::string sql_table(std::string_view database, std::string_view table) {
  return sql_name(database) + '.' + sql_name(table);
}

} // namespace understudy
