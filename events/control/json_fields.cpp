#include "events/control/json_fields.hpp"

#include <fmt/format.h>

namespace understudy {

void json_complaint::note(std::string_view path, std::string_view what) {
  if (text_.empty())
    text_ = fmt::format("{} {}", path.empty() ? "the document" : path, what);
}

json_fields::json_fields(const boost::json::value& value, std::string path, json_complaint& complaint)
    : object_(value.if_object())
    , path_(std::move(path))
    , complaint_(&complaint) {
  if (!object_)
    complaint_->note(path_, "is not an object");
}

const boost::json::value* json_fields::find(std::string_view key) const {
  const auto* value = object_ ? object_->if_contains({key.data(), key.size()}) : nullptr;
  if (!value)
    complaint_->note(path_of(key), "is missing");
  return value;
}

std::string json_fields::path_of(std::string_view key) const {
  return fmt::format("{}/{}", path_, key);
}

bool json_fields::has(std::string_view key) const {
  return object_ && object_->contains({key.data(), key.size()});
}

std::string json_fields::text(std::string_view key) const {
  const auto* value = find(key);
  if (!value)
    return {};
  if (!value->is_string()) {
    complaint_->note(path_of(key), "is not text");
    return {};
  }
  return {value->get_string().data(), value->get_string().size()};
}

bool json_fields::flag(std::string_view key) const {
  const auto* value = find(key);
  if (!value)
    return false;
  if (!value->is_bool()) {
    complaint_->note(path_of(key), "is not true or false");
    return false;
  }
  return value->get_bool();
}

std::int64_t json_fields::integer(std::string_view key) const {
  return number<std::int64_t>(key);
}

json_fields json_fields::object(std::string_view key) const {
  static const boost::json::value none;
  const auto* value = find(key);
  return {value ? *value : none, path_of(key), *complaint_};
}

result<boost::json::value> parse_json(std::string_view text, std::string_view what) {
  boost::json::stream_parser parser;
  boost::json::error_code code;
  const auto read = parser.write_some(text.data(), text.size(), code);
  if (!code && read < text.size())
    return failure(fmt::format("{}: more follows the document at byte {}", what, read));
  if (!code)
    parser.finish(code);
  if (code)
    return failure(fmt::format("{}: malformed JSON at byte {}: {}", what, read, code.message()));
  return parser.release();
}

} // namespace understudy
