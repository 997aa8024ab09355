// Mistyped words.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace understudy {

/// The known word next to `word` by edit distance (at most 2 and less than half its length), or empty.
std::string nearest_word(std::string_view word, const std::vector<std::string>& known);

} // namespace understudy
