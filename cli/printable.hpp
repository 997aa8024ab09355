// Texts that somebody else wrote, on a terminal.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>

namespace understudy {

/// Whether `text` is valid UTF-8 without control characters and without those that change the direction of
/// writing: a name that holds them may look like another one.
bool is_printable(std::string_view text);

/// `text` with everything that isn't printable replaced by `?`, cut behind `limit` bytes with `…`.
std::string printable(std::string_view text, std::size_t limit = 80);

} // namespace understudy
