#include "storage/binlog/table_map.hpp"

#include "storage/binlog/collations.hpp"
#include "storage/binlog/table_map_metadata.hpp"

#include <fmt/format.h>

#include <array>

namespace understudy {
namespace {

// MariaDB's own limit is 4096 columns a table.
constexpr std::uint64_t most_columns = 4096;

void set_fixed(wire_column& c, column_type type, std::uint32_t size) {
  c.about.type = type;
  c.fixed_size = size;
}

void set_temporal(wire_column& c, column_type type, std::uint32_t whole, byte_reader& meta) {
  c.about.decimals = meta.u8();
  set_fixed(c, type, whole + (c.about.decimals + 1U) / 2U);
}

void set_decimal(wire_column& c, byte_reader& meta) {
  constexpr std::array<std::uint8_t, 10> bytes_of_digits{0, 1, 1, 2, 2, 3, 3, 4, 4, 4};
  const std::uint32_t precision = meta.u8();
  const std::uint32_t scale = meta.u8();
  c.about.length = precision;
  c.about.decimals = static_cast<std::uint8_t>(scale);
  const auto whole = scale > precision ? 0 : precision - scale;
  set_fixed(c, column_type::decimal,
            whole / 9 * 4 + bytes_of_digits[whole % 9] + scale / 9 * 4 + bytes_of_digits[scale % 9]);
}

/// CHAR and BINARY; ENUM and SET hide in the same type, their real one in the first byte of the metadata.
/// Lengths over 255 put their two high bits, inverted, into that byte.
void set_string(wire_column& c, byte_reader& meta) {
  const std::uint8_t first = meta.u8();
  const std::uint8_t second = meta.u8();
  const auto real = static_cast<wire_type>(first | 0x30);
  if (real == wire_type::enumeration || real == wire_type::set) {
    c.type = real;
    set_fixed(c, real == wire_type::set ? column_type::set : column_type::enumeration, second);
    return;
  }
  c.about.type = column_type::character;
  c.about.length = second | ((first & 0x30U) ^ 0x30U) << 4;
  c.length_bytes = c.about.length > 255 ? 2 : 1;
}

void set_varchar(wire_column& c, byte_reader& meta) {
  c.about.type = column_type::varchar;
  c.about.length = meta.u16();
  c.length_bytes = c.about.length > 255 ? 2 : 1;
  // A compressed column's length counts its header byte.
  if (c.type == wire_type::compressed_varchar && c.about.length > 0)
    --c.about.length;
}

void set_blob(wire_column& c, column_type type, byte_reader& meta) {
  c.about.type = type;
  c.length_bytes = meta.u8();
  c.about.length = c.length_bytes >= 4 ? 0xFFFFFFFFU : (1U << 8 * c.length_bytes) - 1;
}

/// False: a type whose values can't be read here.
bool set_type(wire_column& c, byte_reader& meta) {
  switch (c.type) {
  case wire_type::tiny:
    set_fixed(c, column_type::tiny, 1);
    break;
  case wire_type::small:
    set_fixed(c, column_type::small, 2);
    break;
  case wire_type::medium:
    set_fixed(c, column_type::medium, 3);
    break;
  case wire_type::integer:
    set_fixed(c, column_type::integer, 4);
    break;
  case wire_type::big:
    set_fixed(c, column_type::big, 8);
    break;
  case wire_type::single:
    meta.u8();
    set_fixed(c, column_type::single, 4);
    break;
  case wire_type::real:
    meta.u8();
    set_fixed(c, column_type::real, 8);
    break;
  case wire_type::year:
    set_fixed(c, column_type::year, 1);
    break;
  case wire_type::date:
  case wire_type::new_date:
    set_fixed(c, column_type::date, 3);
    break;
  case wire_type::time:
    set_temporal(c, column_type::time, 3, meta);
    break;
  case wire_type::datetime:
    set_temporal(c, column_type::datetime, 5, meta);
    break;
  case wire_type::timestamp:
    set_temporal(c, column_type::timestamp, 4, meta);
    break;
  case wire_type::decimal:
    set_decimal(c, meta);
    break;
  case wire_type::bit: {
    const std::uint32_t odd_bits = meta.u8();
    const std::uint32_t whole_bytes = meta.u8();
    c.about.length = whole_bytes * 8 + odd_bits;
    set_fixed(c, column_type::bit, whole_bytes + (odd_bits != 0));
    break;
  }
  case wire_type::string:
    set_string(c, meta);
    break;
  case wire_type::varchar:
  case wire_type::var_string:
  case wire_type::compressed_varchar:
    set_varchar(c, meta);
    break;
  case wire_type::blob:
  case wire_type::compressed_blob:
    set_blob(c, column_type::blob, meta);
    break;
  case wire_type::geometry:
    set_blob(c, column_type::geometry, meta);
    break;
  default:
    return false;
  }
  const bool sized = c.length_bytes != 0 ? c.length_bytes <= 4 : c.fixed_size != 0;
  const bool small_enough = c.about.decimals <= (c.about.type == column_type::decimal ? 38 : 6) &&
                            (c.about.type != column_type::bit || c.fixed_size <= 8) &&
                            (c.about.type != column_type::set || c.fixed_size <= 8) &&
                            (c.about.type != column_type::enumeration || c.fixed_size <= 2) &&
                            (c.about.type != column_type::decimal || c.about.length <= 65) &&
                            (c.about.type != column_type::decimal || c.about.decimals <= c.about.length);
  return sized && small_enough;
}

bool is_old_temporal(wire_type type) {
  return type == wire_type::old_datetime || type == wire_type::old_time || type == wire_type::old_timestamp;
}

/// Character sets become known by the optional metadata; what that leaves open makes the table unreadable.
void finish_columns(table_map& map) {
  for (auto& c : map.columns) {
    if (map.unreadable.empty() && c.about.name.empty())
      map.unreadable = "its binlog names no columns (binlog_row_metadata isn't FULL)";
    const bool text = c.about.type == column_type::character || c.about.type == column_type::varchar ||
                      c.about.type == column_type::blob || c.about.type == column_type::enumeration ||
                      c.about.type == column_type::set;
    if (!text) {
      c.about.collation = 0;
      continue;
    }
    const auto* charset = charset_of_collation(c.about.collation);
    if (!charset) {
      if (map.unreadable.empty())
        map.unreadable =
            fmt::format("column `{}` has the unknown collation {}", c.about.name, c.about.collation);
      continue;
    }
    c.about.charset = charset->name;
    c.utf8 = is_utf8_charset(charset->name);
    c.binary = charset->name == "binary";
    for (auto& member : c.about.members) {
      auto text_of_member = to_utf8(member, charset->name);
      if (text_of_member)
        member = std::move(*text_of_member);
      else if (map.unreadable.empty())
        map.unreadable = fmt::format("a member of column `{}` isn't text of {}", c.about.name, charset->name);
    }
  }
}

} // namespace

result<table_map> parse_table_map(byte_span content) {
  byte_reader in(content);
  table_map map;
  map.database = in.text(in.u8());
  in.take(1); // NUL
  map.table = in.text(in.u8());
  in.take(1);
  const auto count = in.packed();
  if (in.failed() || count == 0 || count > most_columns)
    return failure(fmt::format("TABLE_MAP of `{}`.`{}` with {} columns", map.database, map.table, count));
  const auto types = in.take(count);
  byte_reader meta(in.take(in.packed()));
  const auto nullable = in.take((count + 7) / 8);
  if (in.failed())
    return failure(fmt::format("TABLE_MAP of `{}`.`{}` ends too early", map.database, map.table));
  map.columns.resize(types.size());
  std::size_t unknown_column = map.columns.size();
  for (std::size_t i = 0; i < types.size(); ++i) {
    auto& c = map.columns[i];
    c.type = static_cast<wire_type>(types[i]);
    c.about.nullable = (nullable[i / 8] >> i % 8 & 1) != 0;
    // Behind an unknown type the place of the metadata is unknown, too.
    if (unknown_column == map.columns.size() && !is_old_temporal(c.type) && !set_type(c, meta))
      unknown_column = i;
  }
  if (meta.failed())
    return failure(fmt::format("TABLE_MAP of `{}`.`{}`: metadata ends too early", map.database, map.table));
  if (auto read = read_optional_metadata(in, map); !read)
    return tl::make_unexpected(read.error());
  for (std::size_t i = 0; i < map.columns.size() && map.unreadable.empty(); ++i) {
    const auto& c = map.columns[i];
    if (i == unknown_column)
      map.unreadable =
          fmt::format("column `{}` has the unknown type {}", c.about.name, static_cast<int>(c.type));
    else if (is_old_temporal(c.type))
      map.unreadable =
          fmt::format("column `{}` has the temporal format from before MariaDB 10.1, whose "
                      "fractional digits the binlog doesn't tell: ALTER TABLE … FORCE converts it",
                      c.about.name);
  }
  finish_columns(map);
  return map;
}

} // namespace understudy
