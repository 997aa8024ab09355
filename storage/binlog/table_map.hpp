// TABLE_MAP: the structure of one table as the rows that follow were written (binlog_row_metadata=FULL).
#pragma once
#include "events/model/error.hpp"
#include "events/model/shape.hpp"
#include "storage/binlog/byte_reader.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace understudy {

/// Column types as the binlog numbers them (MariaDB's sql/field.h, enum_field_types).
enum class wire_type : std::uint8_t {
  tiny = 1,
  small = 2,
  integer = 3,
  single = 4,
  real = 5,
  old_timestamp = 7,
  big = 8,
  medium = 9,
  date = 10,
  old_time = 11,
  old_datetime = 12,
  year = 13,
  new_date = 14,
  varchar = 15,
  bit = 16,
  timestamp = 17,
  datetime = 18,
  time = 19,
  compressed_blob = 140,
  compressed_varchar = 141,
  decimal = 246,
  enumeration = 247,
  set = 248,
  blob = 252,
  var_string = 253,
  string = 254,
  geometry = 255,
};

/// How a column's values lie in a row image.
struct wire_column {
  wire_type type = wire_type::integer;
  bool utf8 = false;             ///< text of a character set that is stored as UTF-8
  bool binary = false;           ///< text type of collation binary
  std::uint8_t length_bytes = 0; ///< 1 to 4: a length precedes the value; 0: `fixed_size` bytes
  std::uint32_t fixed_size = 0;
  column about; ///< what the shape says of it
};

struct table_map {
  std::string database;
  std::string table;
  std::vector<wire_column> columns;
  /// The primary key, or the first unique key without nullable columns, which MariaDB reports just so
  /// (tried on 10.11: a table like tagged_item has one); empty = none.
  std::vector<std::uint16_t> key;
  /// Why rows can't be read, naming the column: a type or character set that isn't known, the temporal format
  /// from before 10.1 (its fractional digits aren't in the binlog: case T09), or no column names
  /// (binlog_row_metadata isn't FULL). Empty = rows can be read.
  std::string unreadable;
};

/// `content` is the event's body behind its table id and flags. Only a damaged body is an error.
result<table_map> parse_table_map(byte_span content);

} // namespace understudy
