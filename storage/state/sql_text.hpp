// Writing values and names into SQL text (pure).
#pragma once
#include <string>
#include <string_view>

namespace understudy {

/// A literal of UTF-8 text. Right in every sql_mode: quotes are doubled; text with a backslash or a control
/// byte, whose meaning depends on NO_BACKSLASH_ESCAPES, becomes `_utf8mb4 x'…'`.
std::string sql_text(std::string_view text);
/// `x'…'`: any bytes, byte-exact; a literal of character set binary. Empty bytes: `''`.
std::string sql_bytes(std::string_view bytes);
/// A name in backticks, those inside doubled.
std::string sql_name(std::string_view identifier);
/// `database`.`table`, each in backticks.
std::string sql_table(std::string_view database, std::string_view table);

} // namespace understudy
