#include "storage/binlog/table_map_metadata.hpp"

#include <fmt/format.h>

namespace understudy {
namespace {

// Table_map_log_event::Optional_metadata_field_type of MariaDB's sql/log_event.h.
enum class field : std::uint8_t {
  signedness = 1,
  default_charset = 2,
  column_charset = 3,
  column_name = 4,
  set_members = 5,
  enum_members = 6,
  geometry_type = 7,
  simple_key = 8,
  key_with_prefix = 9,
  members_default_charset = 10,
  members_column_charset = 11,
};

// Which columns a field counts, by the wire type: MariaDB's is_numeric_field and is_character_field. YEAR
// counts as a number, GEOMETRY as text (tried on 10.11), BIT as neither.
bool is_numeric(wire_type t) {
  switch (t) {
  case wire_type::tiny:
  case wire_type::small:
  case wire_type::medium:
  case wire_type::integer:
  case wire_type::big:
  case wire_type::single:
  case wire_type::real:
  case wire_type::year:
  case wire_type::decimal:
    return true;
  default:
    return false;
  }
}

bool is_character(wire_type t) {
  switch (t) {
  case wire_type::varchar:
  case wire_type::var_string:
  case wire_type::string:
  case wire_type::blob:
  case wire_type::geometry:
  case wire_type::compressed_blob:
  case wire_type::compressed_varchar:
    return true;
  default:
    return false;
  }
}

bool has_members(wire_type t) {
  return t == wire_type::enumeration || t == wire_type::set;
}
bool is_enumeration(wire_type t) {
  return t == wire_type::enumeration;
}
bool is_set(wire_type t) {
  return t == wire_type::set;
}

template <class Each>
void each_column(table_map& map, bool (*counts)(wire_type), Each each) {
  for (auto& c : map.columns)
    if (counts(c.type))
      each(c);
}

void read_signs(byte_reader& in, table_map& map) {
  std::uint8_t bits = 0;
  unsigned have = 0;
  each_column(map, is_numeric, [&](wire_column& c) {
    if (have == 0) {
      bits = in.u8();
      have = 8;
    }
    c.about.is_unsigned = (bits & 0x80) != 0;
    bits = static_cast<std::uint8_t>(bits << 1);
    --have;
  });
}

/// A collation for all columns of a kind, then pairs of (count among them, collation) for the exceptions.
void read_default_charset(byte_reader& in, table_map& map, bool (*counts)(wire_type)) {
  const auto usual = static_cast<std::uint32_t>(in.packed());
  std::vector<wire_column*> columns;
  each_column(map, counts, [&](wire_column& c) {
    c.about.collation = usual;
    columns.push_back(&c);
  });
  while (in.left() > 0 && !in.failed()) {
    const auto index = in.packed();
    const auto other = static_cast<std::uint32_t>(in.packed());
    if (index < columns.size())
      columns[static_cast<std::size_t>(index)]->about.collation = other;
  }
}

void read_column_charsets(byte_reader& in, table_map& map, bool (*counts)(wire_type)) {
  each_column(map, counts,
              [&](wire_column& c) { c.about.collation = static_cast<std::uint32_t>(in.packed()); });
}

void read_members(byte_reader& in, table_map& map, bool (*counts)(wire_type)) {
  each_column(map, counts, [&](wire_column& c) {
    const auto count = in.packed();
    c.about.members.clear();
    for (std::uint64_t i = 0; i < count && !in.failed() && in.left() > 0; ++i)
      c.about.members.emplace_back(in.text(in.packed()));
  });
}

/// False: an index that no column has.
bool read_key(byte_reader& in, table_map& map, bool with_prefix) {
  map.key.clear();
  while (in.left() > 0 && !in.failed()) {
    const auto index = in.packed();
    if (with_prefix)
      in.packed(); // rows carry whole values all the same
    if (index >= map.columns.size())
      return false;
    map.key.push_back(static_cast<std::uint16_t>(index));
  }
  return !in.failed();
}

/// False: damaged. A cut field must not leave the rest of its columns with a guess.
bool read_field(field what, byte_reader in, table_map& map) {
  switch (what) {
  case field::signedness:
    read_signs(in, map);
    break;
  case field::default_charset:
    read_default_charset(in, map, is_character);
    break;
  case field::column_charset:
    read_column_charsets(in, map, is_character);
    break;
  case field::column_name:
    for (auto& c : map.columns)
      c.about.name = in.text(in.packed());
    break;
  case field::set_members:
    read_members(in, map, is_set);
    break;
  case field::enum_members:
    read_members(in, map, is_enumeration);
    break;
  case field::simple_key:
    return read_key(in, map, false);
  case field::key_with_prefix:
    return read_key(in, map, true);
  case field::members_default_charset:
    read_default_charset(in, map, has_members);
    break;
  case field::members_column_charset:
    read_column_charsets(in, map, has_members);
    break;
  case field::geometry_type:
    break;
  }
  return !in.failed();
}

} // namespace

result<void> read_optional_metadata(byte_reader& in, table_map& map) {
  while (in.left() > 0) {
    const auto what = in.u8();
    const auto body = in.take(in.packed());
    if (in.failed() || !read_field(static_cast<field>(what), byte_reader(body), map))
      return failure(
          fmt::format("TABLE_MAP of `{}`.`{}`: damaged metadata field {}", map.database, map.table, what));
  }
  return {};
}

} // namespace understudy
