#include "actors/config/host_port.hpp"

#include <algorithm>
#include <charconv>

namespace understudy {

namespace {

bool is_ipv6_text(std::string_view text) {
  return text.find(':') != std::string_view::npos && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F') || c == ':' ||
                  c == '.';
         });
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t'))
    text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t'))
    text.remove_suffix(1);
  return text;
}

} // namespace

bool is_host_name(std::string_view text) {
  constexpr std::size_t longest_name = 253, longest_label = 63; // RFC 1123
  if (text.empty() || text.size() > longest_name)
    return false;
  std::size_t label = 0;
  for (char c : text) {
    if (c == '.') {
      if (label == 0)
        return false;
      label = 0;
      continue;
    }
    bool fits = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
                (c == '-' && label > 0);
    if (!fits || ++label > longest_label)
      return false;
  }
  return label > 0;
}

std::string host_port::text() const {
  bool brackets = host.find(':') != std::string::npos;
  return brackets ? fmt::format("[{}]:{}", host, port) : fmt::format("{}:{}", host, port);
}

bool host_port::is_loopback() const {
  if (host == "localhost" || host == "::1")
    return true;
  // "127.example.com" is a name, not an address.
  return host.starts_with("127.") &&
         std::all_of(host.begin(), host.end(), [](char c) { return c == '.' || (c >= '0' && c <= '9'); });
}

result<host_port> host_port::parse(std::string_view text, bool any_port) {
  // Printed back to a terminal: only what can't steer one, and not pages of it.
  auto wrong = [&](std::string_view why) {
    std::string shown;
    for (char c : text.substr(0, 80))
      shown += c < ' ' || c == '\x7f' ? '?' : c;
    return failure(fmt::format("\"{}\" isn't HOST:PORT: {}", shown, why));
  };
  host_port place;
  std::string_view port;
  if (text.starts_with('[')) {
    auto end = text.find(']');
    if (end == std::string_view::npos || !text.substr(end + 1).starts_with(':'))
      return wrong("an IPv6 address is written [ADDRESS]:PORT");
    place.host = text.substr(1, end - 1);
    if (!is_ipv6_text(place.host))
      return wrong("no IPv6 address between the brackets");
    port = text.substr(end + 2);
  } else {
    auto colon = text.rfind(':');
    if (colon == std::string_view::npos)
      return wrong("the port is missing");
    place.host = text.substr(0, colon);
    if (place.host.find(':') != std::string::npos)
      return wrong("an IPv6 address is written [ADDRESS]:PORT");
    if (!is_host_name(place.host))
      return wrong("the host isn't a valid name or address");
    port = text.substr(colon + 1);
  }
  auto [end, code] = std::from_chars(port.data(), port.data() + port.size(), place.port);
  if (port.empty() || code != std::errc{} || end != port.data() + port.size() ||
      (place.port == 0 && !any_port))
    return wrong("the port must be a number from 1 to 65535");
  return place;
}

result<std::vector<host_port>> parse_host_ports(std::string_view text) {
  std::vector<host_port> places;
  for (std::size_t at = 0; at <= text.size();) {
    auto comma = std::min(text.find(',', at), text.size());
    auto entry = trimmed(text.substr(at, comma - at));
    if (entry.empty())
      return failure(fmt::format("entry {} of the list of HOST:PORT is empty", places.size() + 1));
    auto place = host_port::parse(entry);
    if (!place)
      return tl::make_unexpected(place.error());
    if (std::find(places.begin(), places.end(), *place) != places.end())
      return failure(fmt::format("{} is named twice", place->text()));
    places.push_back(std::move(*place));
    at = comma + 1;
  }
  return places;
}

} // namespace understudy
