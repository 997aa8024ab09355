// The words of the record format: what encoder and decoder must agree on.
#pragma once
#include "events/model/row_change.hpp"
#include "events/model/shape.hpp"

#include <array>
#include <string_view>

namespace understudy::wire {

// Record types, field "t".
inline constexpr std::string_view transaction = "transaction";
inline constexpr std::string_view part = "part";
inline constexpr std::string_view shape = "shape";
inline constexpr std::string_view incarnation = "incarnation";
inline constexpr std::string_view snapshot = "snapshot";
inline constexpr std::string_view chunk = "chunk";
inline constexpr std::string_view fence = "fence";

/// By change_kind.
inline constexpr std::array<std::string_view, 3> kinds = {"i", "u", "d"};

/// By column_type. Names, so that a new type in the enumeration never changes the meaning of old records.
inline constexpr std::array<std::string_view, 21> column_types = {
    "tiny",   "small",   "medium", "int",  "big",  "decimal",  "float",
    "double", "bit",     "year",   "date", "time", "datetime", "timestamp",
    "char",   "varchar", "blob",   "enum", "set",  "geometry", "fixed"};
static_assert(static_cast<std::size_t>(column_type::fixed_bytes) + 1 == column_types.size());

// Bits of a row's flags.
inline constexpr unsigned foreign_keys_off = 1;
inline constexpr unsigned unique_checks_off = 2;

// Bits of a column's flags.
inline constexpr unsigned is_unsigned = 1;
inline constexpr unsigned nullable = 2;

/// Whether a bare number in this column is unsigned. Others are written as {"i":…} or {"u":…}, so that
/// every value comes back as the kind it was.
inline bool counts_unsigned(const column& c) {
  return c.is_unsigned || c.type == column_type::bit || c.type == column_type::year ||
         c.type == column_type::enumeration || c.type == column_type::set;
}

} // namespace understudy::wire
