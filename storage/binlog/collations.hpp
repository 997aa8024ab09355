// Collation ids of MariaDB 10.11 and their character sets: what TABLE_MAP says of a text column is an id.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace understudy {

struct character_set {
  std::string_view name;      ///< "utf8mb3", "latin1", "binary", …
  std::uint8_t max_bytes = 1; ///< of one character
};

/// The character set of an information_schema.COLLATIONS.ID; null for an id that 10.11 doesn't know.
const character_set* charset_of_collation(std::uint32_t id);

/// utf8mb3, utf8mb4, ascii: what is stored is UTF-8, so valid text travels as text_value.
bool is_utf8_charset(std::string_view charset);

/// Strict UTF-8: no overlong forms, no surrogates, at most U+10FFFF. NUL is a character like others.
bool is_valid_utf8(std::string_view bytes);

/// Text of any of MariaDB's character sets in UTF-8, for names of ENUM and SET members. Empty optional: not
/// convertible.
std::optional<std::string> to_utf8(std::string_view bytes, std::string_view charset);

} // namespace understudy
