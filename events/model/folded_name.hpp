// Addresses are compared without case, of ASCII letters alone.
#pragma once
#include <string>
#include <string_view>

namespace understudy {

inline std::string folded_name(std::string_view name) {
  std::string folded(name);
  for (auto& c : folded)
    if (c >= 'A' && c <= 'Z')
      c = static_cast<char>(c - 'A' + 'a');
  return folded;
}

} // namespace understudy
