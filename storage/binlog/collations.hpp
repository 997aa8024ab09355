// Collation ids of MariaDB 10.11 and their character sets: what TABLE_MAP says of a text column is an id.
#pragma once
#include <cstdint>
#include <optional>
#include <string_view>

namespace understudy {

struct collation {
  std::uint32_t id = 0;       ///< information_schema.COLLATIONS.ID
  std::string_view name;      ///< "utf8mb3_general_ci"
  std::string_view charset;   ///< "utf8mb3", "latin1", "binary", …
  std::uint8_t max_bytes = 1; ///< of one character
};

/// Null for an id that 10.11 doesn't know.
const collation* find_collation(std::uint32_t id);
const collation* find_collation(std::string_view name);

/// utf8mb3, utf8mb4, ascii: what is stored is UTF-8, so valid text travels as text_value.
bool is_utf8_charset(std::string_view charset);

/// Strict UTF-8: no overlong forms, no surrogates, at most U+10FFFF. NUL is a character like others.
bool is_valid_utf8(std::string_view bytes);

} // namespace understudy
