#include "events/model/table_checksum.hpp"

#include <fmt/format.h>

#include <charconv>

namespace understudy {
namespace {

bool read_number(std::string_view text, int base, std::uint64_t& into) {
  const auto end = std::from_chars(text.data(), text.data() + text.size(), into, base);
  return end.ec == std::errc() && end.ptr == text.data() + text.size();
}

} // namespace

std::string table_checksum::text() const {
  return fmt::format("{} {} {:016x}", table, rows, hash);
}

/// The table's name may have spaces in it, the numbers haven't.
result<table_checksum> parse_table_checksum(std::string_view text) {
  const auto hash_at = text.rfind(' ');
  const auto rows_at = hash_at == std::string_view::npos || hash_at == 0 ? std::string_view::npos
                                                                         : text.rfind(' ', hash_at - 1);
  table_checksum out;
  if (rows_at == std::string_view::npos || rows_at == 0 ||
      !read_number(text.substr(rows_at + 1, hash_at - rows_at - 1), 10, out.rows) ||
      !read_number(text.substr(hash_at + 1), 16, out.hash))
    return failure(fmt::format("'{}' is no table's checksum", text.substr(0, 100)));
  out.table = text.substr(0, rows_at);
  return out;
}

std::string text_of(const account_checksum& tables) {
  std::string out;
  for (const auto& each : tables)
    out += (out.empty() ? "" : "\n") + each.text();
  return out;
}

result<account_checksum> parse_account_checksum(std::string_view lines) {
  account_checksum out;
  while (!lines.empty()) {
    const auto line = lines.substr(0, lines.find('\n'));
    lines.remove_prefix(std::min(lines.size(), line.size() + 1));
    auto table = parse_table_checksum(line);
    if (!table)
      return tl::make_unexpected(table.error());
    out.push_back(std::move(*table));
  }
  return out;
}

} // namespace understudy
