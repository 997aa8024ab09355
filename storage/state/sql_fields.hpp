// Reading typed values out of rows of our own tables.
#pragma once
#include "storage/state/sql_session.hpp"

#include <charconv>
#include <string>
#include <string_view>

namespace understudy {

/// A number as the text protocol brings it. Our own columns are NOT NULL numbers, so 0 stands for what can't
/// occur: NULL or other text.
template <class Number>
Number to_number(std::string_view text) {
  Number out{};
  std::from_chars(text.data(), text.data() + text.size(), out);
  return out;
}
template <class Number>
Number to_number(const sql_field& field) {
  return field ? to_number<Number>(std::string_view(*field)) : Number{};
}
/// For strong types: `to_id<sequence>(row[3])`.
template <class Strong, class Field>
Strong to_id(const Field& field) {
  return Strong(to_number<typename Strong::rep>(field));
}
inline std::string to_text(const sql_field& field) {
  return field.value_or(std::string{});
}

/// Passes a failed outcome on as the caller's.
template <class T>
tl::unexpected<error> passed_on(const sql_result<T>& failed) {
  return tl::make_unexpected(static_cast<const error&>(failed.error()));
}

} // namespace understudy
