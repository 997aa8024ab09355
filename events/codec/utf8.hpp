// What JSON text may hold.
#pragma once
#include <string_view>

namespace understudy {

/// Well-formed UTF-8 as RFC 3629 has it: no overlong forms, no surrogates, nothing above U+10FFFF. NUL is a
/// character like any other.
bool is_utf8(std::string_view text);

} // namespace understudy
