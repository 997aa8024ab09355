// Typed access to parsed JSON for the decoder. The first failure is kept with its path, and everything that
// is read after it gives defaults: callers look once, at the end.
#pragma once
#include "events/codec/decode.hpp"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include <concepts>
#include <limits>
#include <string>
#include <string_view>

namespace understudy {

/// The first failure of one decode().
class first_failure {
public:
  bool none() const { return !failed_; }
  void set(std::string_view where, std::string_view what, decode_failure kind = decode_failure::malformed);
  void set_unknown_shape(std::uint64_t fingerprint);
  /// Puts the place of the failing part before its path: called while the decoder returns.
  void within(std::string_view list, std::size_t index);
  decode_error take();

private:
  bool failed_ = false;
  std::string where_;
  std::string what_;
  decode_failure kind_ = decode_failure::malformed;
  std::uint64_t fingerprint_ = 0;
};

// Each takes the value, and its name for the message.
std::string_view text_of(const boost::json::value& v, std::string_view where, first_failure& failed);
bool boolean_of(const boost::json::value& v, std::string_view where, first_failure& failed);
const boost::json::array& array_of(const boost::json::value& v, std::string_view where,
                                   first_failure& failed);
std::uint64_t natural_of(const boost::json::value& v, std::string_view where, first_failure& failed);
std::int64_t signed_of(const boost::json::value& v, std::string_view where, first_failure& failed);

/// Within the range of Number, else a failure.
template <std::integral Number>
Number number_of(const boost::json::value& v, std::string_view where, first_failure& failed) {
  if constexpr (std::unsigned_integral<Number>) {
    const auto wide = natural_of(v, where, failed);
    if (wide <= std::numeric_limits<Number>::max())
      return static_cast<Number>(wide);
  } else {
    const auto wide = signed_of(v, where, failed);
    if (wide >= std::numeric_limits<Number>::min() && wide <= std::numeric_limits<Number>::max())
      return static_cast<Number>(wide);
  }
  failed.set(where, "is out of range");
  return 0;
}

/// The fields of one object.
class event_fields {
public:
  event_fields(const boost::json::object& object, first_failure& failed)
      : object_(object)
      , failed_(failed) {}

  bool has(std::string_view name) const { return object_.contains(name); }
  /// Null (and a failure) if it's missing.
  const boost::json::value& at(std::string_view name) const;
  std::string text(std::string_view name) const { return std::string(text_of(at(name), name, failed_)); }
  bool boolean(std::string_view name) const { return boolean_of(at(name), name, failed_); }
  const boost::json::array& array(std::string_view name) const { return array_of(at(name), name, failed_); }
  template <std::integral Number>
  Number number(std::string_view name) const {
    return number_of<Number>(at(name), name, failed_);
  }
  first_failure& failed() const { return failed_; }

private:
  const boost::json::object& object_;
  first_failure& failed_;
};

} // namespace understudy
