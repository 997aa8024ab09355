#include "events/codec/json_access.hpp"

#include <fmt/format.h>

namespace understudy {
namespace {

/// Given where a value isn't there: readers must not go on in what is.
const boost::json::value nothing;
const boost::json::array no_elements;

} // namespace

void first_failure::set(std::string_view where, std::string_view what, decode_failure kind) {
  if (failed_)
    return;
  failed_ = true;
  where_ = where;
  what_ = what;
  kind_ = kind;
}

void first_failure::set_unknown_shape(std::uint64_t fingerprint) {
  if (failed_)
    return;
  set("f", fmt::format("names the unknown shape {}", fingerprint), decode_failure::unknown_shape);
  fingerprint_ = fingerprint;
}

void first_failure::within(std::string_view list, std::size_t index) {
  where_ = fmt::format("{}[{}]{}{}", list, index, where_.empty() || where_.front() == '[' ? "" : ".", where_);
}

decode_error first_failure::take() {
  decode_error e;
  e.what = fmt::format("record can't be read: field {} {}", where_, what_);
  e.kind = kind_;
  e.fingerprint = fingerprint_;
  switch (kind_) {
  case decode_failure::unknown_version:
  case decode_failure::unknown_type:
    e.todo = "update Understudy on this node to the version of the node that wrote it";
    break;
  case decode_failure::unknown_shape:
  case decode_failure::malformed:
    e.todo = "re-initialise the account's replica";
    break;
  }
  return e;
}

std::string_view text_of(const boost::json::value& v, std::string_view where, first_failure& failed) {
  if (const auto* text = v.if_string())
    return {text->data(), text->size()};
  failed.set(where, "is missing or not a text");
  return {};
}

bool boolean_of(const boost::json::value& v, std::string_view where, first_failure& failed) {
  if (const auto* yes = v.if_bool())
    return *yes;
  failed.set(where, "is missing or neither true nor false");
  return false;
}

const boost::json::array& array_of(const boost::json::value& v, std::string_view where,
                                   first_failure& failed) {
  if (const auto* list = v.if_array())
    return *list;
  failed.set(where, "is missing or not a list");
  return no_elements;
}

// Boost.JSON parses what fits into int64 as such, above that as uint64, and only beyond as double: a number
// that comes as a double was never written by an encoder (case T02).
std::uint64_t natural_of(const boost::json::value& v, std::string_view where, first_failure& failed) {
  if (const auto* natural = v.if_uint64())
    return *natural;
  if (const auto* number = v.if_int64(); number && *number >= 0)
    return static_cast<std::uint64_t>(*number);
  failed.set(where, "is missing or not an unsigned 64-bit integer");
  return 0;
}

std::int64_t signed_of(const boost::json::value& v, std::string_view where, first_failure& failed) {
  if (const auto* number = v.if_int64())
    return *number;
  failed.set(where, "is missing or not a signed 64-bit integer");
  return 0;
}

const boost::json::value& event_fields::at(std::string_view name) const {
  const auto* found = object_.if_contains(name);
  return found ? *found : nothing;
}

} // namespace understudy
