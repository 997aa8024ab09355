#include "cli/render/fields.hpp"

#include "cli/printable.hpp"

#include <boost/json.hpp>

namespace understudy {

std::string text_of(const boost::json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  return value && value->is_string() ? std::string(value->get_string()) : std::string();
}

std::string figure_of(const boost::json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  if (!value)
    return {};
  if (value->is_string())
    return printable(std::string(value->get_string()), 500);
  // Boost.JSON writes 0.041 as 4.1E-2.
  if (value->is_double())
    return fmt::format("{}", value->get_double());
  return boost::json::serialize(*value);
}

std::int64_t number_of(const boost::json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  boost::json::error_code problem;
  auto number = value && value->is_number() ? value->to_number<std::int64_t>(problem) : 0;
  return problem ? 0 : number;
}

std::vector<boost::json::object> list_of(const boost::json::object& object, std::string_view name) {
  std::vector<boost::json::object> objects;
  const auto* value = object.if_contains(name);
  if (value && value->is_array())
    for (const auto& entry : value->get_array())
      if (entry.is_object())
        objects.push_back(entry.get_object());
  return objects;
}

} // namespace understudy
