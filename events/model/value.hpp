// A column's value as it travels: binlog -> event -> replica, byte-exact.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <variant>

namespace understudy {

struct null_value {
  bool operator==(const null_value&) const = default;
};

/// Characters in UTF-8, valid: CHAR/VARCHAR/TEXT of utf8mb3, utf8mb4 or ascii columns; ENUM member names.
struct text_value {
  std::string utf8;
  bool operator==(const text_value&) const = default;
};

/// Raw bytes as stored: binary types, GEOMETRY (with its SRID), UUID, INET, text in other character sets,
/// and text of UTF-8 columns that isn't valid UTF-8. The column's shape says the character set.
struct bytes_value {
  std::string bytes;
  bool operator==(const bytes_value&) const = default;
};

/// A number or time in MariaDB's own text: DECIMAL, FLOAT, DOUBLE (shortest exact form),
/// DATE, TIME, DATETIME; TIMESTAMP as text in UTC.
struct literal_value {
  std::string text;
  bool operator==(const literal_value&) const = default;
};

/// Signed integers are int64, unsigned ones and BIT, SET masks, YEAR and ENUM's error index 0 are uint64.
using value = std::variant<null_value, std::int64_t, std::uint64_t, text_value, bytes_value, literal_value>;

/// A column that a binlog image may leave out (binlog_row_image=MINIMAL): absent is never NULL (case B07).
using optional_value = std::optional<value>;

} // namespace understudy
