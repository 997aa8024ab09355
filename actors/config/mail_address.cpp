#include "actors/config/mail_address.hpp"

#include "actors/config/host_port.hpp"

#include <algorithm>

namespace understudy {

std::string mail_address_problem(std::string_view text) {
  const auto at = text.find('@');
  if (at == std::string_view::npos || at == 0 || text.find('@', at + 1) != std::string_view::npos)
    return "isn't an address (user@domain)";
  const auto user = text.substr(0, at);
  const bool controls =
      std::any_of(user.begin(), user.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; });
  if (controls || user.find_first_of(" \t\"(),:;<>[\\]") != std::string_view::npos)
    return "holds a character that no address has before its @";
  if (!is_host_name(text.substr(at + 1)))
    return "has no valid domain behind its @";
  return {};
}

} // namespace understudy
