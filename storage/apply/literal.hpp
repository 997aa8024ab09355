// SQL literals of column values (pure): the text decides the stored bytes, whatever the session's sql_mode,
// character set or time zone (R37). The session's time_zone is '+00:00'.
#pragma once
#include "events/model/shape.hpp"
#include "events/model/value.hpp"
#include "storage/apply/destination_table.hpp"

#include <string>

namespace understudy {

/// Appends the literal of `content` for a column of shape `source`.
void append_literal(std::string& out, const column& source, const value& content);

/// The same for a value in a derived table or behind `=` with an indexed column: text in the column's own
/// character set and collation, so that the comparison uses the index and no mix of collations arises.
void append_key_literal(std::string& out, const column& source, const destination_column& target,
                        const value& content);

/// `column <=> literal`, byte-exact and NULL-safe (R40): text and binary types compare as bytes, FLOAT as the
/// double that it is exactly. `sql_column` is the quoted column.
void append_exact_match(std::string& out, const std::string& sql_column, const column& source,
                        const value& content);

/// True if the value can't be stored in a strict sql_mode: ENUM's error value (index 0).
bool needs_lenient_mode(const column& source, const value& content);

/// A value for people: at most `limit` bytes, control bytes escaped. For error messages (R38).
std::string readable(const column& source, const value& content, std::size_t limit = 80);

} // namespace understudy
