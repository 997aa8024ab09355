// Reads a JSON object's fields by name and type; the first thing wrong is remembered with its path.
#pragma once
#include "events/model/error.hpp"

#include <boost/json.hpp>

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

namespace understudy {

/// What was wrong with a document, first finding only.
class json_complaint {
public:
  void note(std::string_view path, std::string_view what);
  bool any() const { return !text_.empty(); }
  const std::string& text() const { return text_; }

private:
  std::string text_;
};

/// One object. Reads of absent or mistyped fields give an empty value and a complaint.
class json_fields {
public:
  json_fields(const boost::json::value& value, std::string path, json_complaint& complaint);

  bool has(std::string_view key) const;
  std::string text(std::string_view key) const;
  bool flag(std::string_view key) const;
  std::int64_t integer(std::string_view key) const;
  template <class Number>
  Number number(std::string_view key) const; ///< checked against the range of Number
  /// A strong number: `read<epoch>("term")`.
  template <class Strong>
  Strong read(std::string_view key) const {
    return Strong(number<typename Strong::rep>(key));
  }
  json_fields object(std::string_view key) const;
  /// `each(const boost::json::value&, path)` for every element.
  template <class Each>
  void array(std::string_view key, Each each) const;

  json_complaint& complaint() const { return *complaint_; }
  const std::string& path() const { return path_; }

private:
  const boost::json::value* find(std::string_view key) const;
  std::string path_of(std::string_view key) const;

  const boost::json::object* object_ = nullptr;
  std::string path_;
  json_complaint* complaint_;
};

/// Parses a whole document; malformed JSON gives an error with the byte at which it is.
result<boost::json::value> parse_json(std::string_view text, std::string_view what);

template <class Number>
Number json_fields::number(std::string_view key) const {
  const auto* value = find(key);
  if (!value)
    return {};
  if (value->is_int64()) {
    const auto n = value->get_int64();
    if (std::in_range<Number>(n))
      return static_cast<Number>(n);
  } else if (value->is_uint64()) {
    const auto n = value->get_uint64();
    if (std::in_range<Number>(n))
      return static_cast<Number>(n);
  }
  complaint_->note(path_of(key), "is not an integer in range");
  return {};
}

template <class Each>
void json_fields::array(std::string_view key, Each each) const {
  const auto* value = find(key);
  if (!value)
    return;
  if (!value->is_array())
    return complaint_->note(path_of(key), "is not an array");
  std::size_t index = 0;
  for (const auto& element : value->get_array())
    each(element, path_of(key) + '/' + std::to_string(index++));
}

} // namespace understudy
