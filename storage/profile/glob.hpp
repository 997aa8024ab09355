// Wildcards of profiles: `*` any text, `?` one byte; case counts (pure).
#pragma once
#include <string_view>

namespace understudy {

bool matches_glob(std::string_view text, std::string_view pattern);

} // namespace understudy
