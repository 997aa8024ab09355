// Mail addresses that an administrator names.
#pragma once
#include <string>
#include <string_view>

namespace understudy {

/// Why `text` can't be an address, to stand behind it in a sentence; empty: it looks like one. Pure.
std::string mail_address_problem(std::string_view text);

} // namespace understudy
