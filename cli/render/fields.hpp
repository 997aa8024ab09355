// Fields of a reply, whose types are the supervisor's promise but not ours to rely on (pure).
#pragma once
#include <boost/json/object.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace understudy {

/// The text of a field; empty if it's absent or no text.
std::string text_of(const boost::json::object& object, std::string_view name);
/// Any single value as a reader sees it: text printable and without quotes, others as JSON; empty if absent.
std::string figure_of(const boost::json::object& object, std::string_view name);
/// A whole number; 0 if it's absent or something else.
std::int64_t number_of(const boost::json::object& object, std::string_view name);
/// The objects of a list; empty if it's absent.
std::vector<boost::json::object> list_of(const boost::json::object& object, std::string_view name);

} // namespace understudy
