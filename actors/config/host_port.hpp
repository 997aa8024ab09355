// A place to listen at or to connect to, as configuration files and command lines write it.
#pragma once
#include "events/model/error.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace understudy {

/// `host:port`; an IPv6 address is written in brackets: `[::1]:7700`. `host` is kept without them.
struct host_port {
  std::string host;
  std::uint16_t port = 0;
  bool operator==(const host_port&) const = default;
  /// The form that parse() reads.
  std::string text() const;
  /// 127.0.0.0/8, ::1 or "localhost": decided by the text alone, nothing is looked up.
  bool is_loopback() const;
  /// A host name (letters, digits, `-`, `.`, `_`; at most 253 bytes), IPv4 or bracketed IPv6 address and a
  /// port of 1..65535 (0 too if `any_port`: the system chooses). Errors name the text.
  static result<host_port> parse(std::string_view text, bool any_port = false);
};

/// `a:9092,b:9092`: as parse(), separated by commas, blanks around them allowed; an empty entry or the same
/// place twice is an error.
result<std::vector<host_port>> parse_host_ports(std::string_view text);

/// Whether `text` may be a host's name: the characters and lengths of RFC 1123, and `_`.
bool is_host_name(std::string_view text);

} // namespace understudy
