#include "storage/binlog/row_values.hpp"

#include "storage/binlog/binlog_inflate.hpp"
#include "storage/binlog/collations.hpp"
#include "storage/binlog/number_text.hpp"

#include <fmt/format.h>

namespace understudy {
namespace {

value read_integer(byte_span stored, const wire_column& c) {
  byte_reader in(stored);
  const auto bits = static_cast<unsigned>(stored.size()) * 8;
  const auto x = in.little(static_cast<unsigned>(stored.size()));
  if (c.about.is_unsigned)
    return x;
  const unsigned unused = 64 - bits;
  return static_cast<std::int64_t>(x << unused) >> unused;
}

value read_text(std::string bytes, const wire_column& c) {
  if (c.binary && c.about.type == column_type::character && bytes.size() < c.about.length)
    bytes.resize(c.about.length, '\0');
  if (c.utf8 && is_valid_utf8(bytes))
    return text_value{std::move(bytes)};
  return bytes_value{std::move(bytes)};
}

/// Index 0 is the error value, told apart from a member named '' (case T06).
result<value> read_member(byte_span stored, const wire_column& c) {
  const auto index = byte_reader(stored).little(static_cast<unsigned>(stored.size()));
  if (index == 0)
    return value(std::uint64_t{0});
  if (index > c.about.members.size())
    return failure(fmt::format("ENUM index {} of {} members", index, c.about.members.size()));
  return value(text_value{c.about.members[static_cast<std::size_t>(index - 1)]});
}

result<value> read_decimal(byte_span stored, const wire_column& c) {
  auto text = decimal_text(stored, c.about.length, c.about.decimals);
  if (!text)
    return failure("damaged DECIMAL");
  return value(literal_value{std::move(*text)});
}

std::uint64_t little(byte_span stored) {
  return byte_reader(stored).little(static_cast<unsigned>(stored.size()));
}

} // namespace

result<value> read_value(byte_span stored, const wire_column& c) {
  if (c.length_bytes == 0 && stored.size() != c.fixed_size)
    return failure("a value ends too early");
  const auto decimals = c.about.decimals;
  switch (c.about.type) {
  case column_type::tiny:
  case column_type::small:
  case column_type::medium:
  case column_type::integer:
  case column_type::big:
    return read_integer(stored, c);
  case column_type::decimal:
    return read_decimal(stored, c);
  case column_type::single:
    return literal_value{single_text(static_cast<std::uint32_t>(little(stored)))};
  case column_type::real:
    return literal_value{real_text(little(stored))};
  case column_type::bit:
    return byte_reader(stored).big(static_cast<unsigned>(stored.size()));
  case column_type::year:
    return stored[0] == 0 ? std::uint64_t{0} : std::uint64_t{1900} + stored[0];
  case column_type::date:
    return literal_value{date_text(static_cast<std::uint32_t>(little(stored)))};
  case column_type::time:
    return literal_value{time_text(stored, decimals)};
  case column_type::datetime:
    return literal_value{datetime_text(stored, decimals)};
  case column_type::timestamp:
    return literal_value{timestamp_text(stored, decimals)};
  case column_type::enumeration:
    return read_member(stored, c);
  case column_type::set:
    return little(stored);
  case column_type::character:
  case column_type::varchar:
  case column_type::blob:
    if (c.type == wire_type::compressed_varchar || c.type == wire_type::compressed_blob) {
      auto bytes = inflate_column(stored);
      if (!bytes)
        return tl::make_unexpected(bytes.error());
      return read_text(std::move(*bytes), c);
    }
    return read_text(std::string(as_text(stored)), c);
  case column_type::geometry:
  case column_type::fixed_bytes:
    return bytes_value{std::string(as_text(stored))};
  }
  return failure("unknown column type");
}

} // namespace understudy
