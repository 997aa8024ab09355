#include "events/model/gtid.hpp"

#include <fmt/format.h>

#include <charconv>

namespace understudy {
namespace {

template <class Number>
bool take(std::string_view& text, Number& out, char end) {
  const auto stop = end == '\0' ? text.size() : text.find(end);
  if (stop == std::string_view::npos || stop == 0)
    return false;
  const auto [rest, code] = std::from_chars(text.data(), text.data() + stop, out);
  if (code != std::errc{} || rest != text.data() + stop)
    return false;
  text.remove_prefix(end == '\0' ? stop : stop + 1);
  return true;
}

} // namespace

std::string gtid::text() const {
  return fmt::format("{}-{}-{}", domain, server, number);
}

result<gtid> gtid::parse(std::string_view text) {
  gtid id;
  auto rest = text;
  if (!take(rest, id.domain, '-') || !take(rest, id.server, '-') || !take(rest, id.number, '\0'))
    return failure(fmt::format("'{}' is not a GTID (domain-server-sequence)", text));
  return id;
}

std::string gtid_position::text() const {
  std::string out;
  for (const auto& [domain, id] : last_) {
    if (!out.empty())
      out += ',';
    out += id.text();
  }
  return out;
}

result<gtid_position> gtid_position::parse(std::string_view text) {
  gtid_position position;
  while (!text.empty()) {
    const auto comma = std::min(text.find(','), text.size());
    auto id = gtid::parse(text.substr(0, comma));
    if (!id)
      return tl::make_unexpected(id.error());
    position.advance(*id);
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  return position;
}

std::uint64_t binlog_place::file_number() const {
  const auto dot = file.rfind('.');
  std::uint64_t number = 0;
  if (dot != std::string::npos)
    std::from_chars(file.data() + dot + 1, file.data() + file.size(), number);
  return number;
}

std::strong_ordering binlog_place::operator<=>(const binlog_place& other) const {
  if (const auto by_file = file_number() <=> other.file_number(); by_file != 0)
    return by_file;
  return offset <=> other.offset;
}

} // namespace understudy
