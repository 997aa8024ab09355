#pragma once
#include <cstdint>
#include <optional>
#include <string_view>

namespace understudy {

/// What this mailstore is to an account.
enum class account_role : std::uint8_t { none, source, replica };
std::string_view text_of(account_role role); ///< 'none', 'source', 'replica': as in the tables
std::optional<account_role> parse_role(std::string_view text);

} // namespace understudy
