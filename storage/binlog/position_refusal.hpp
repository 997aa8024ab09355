// Why MariaDB refuses the position that capture wants to read from. Pure.
#pragma once
#include <cstdint>
#include <string_view>

namespace understudy {

enum class position_refusal : std::uint8_t {
  none,     ///< another trouble
  purged,   ///< the server had it, its binlog files are gone: what came since can't be read (O07)
  diverged, ///< the server's history isn't the one that was captured: it never had it, or has a hole (R9)
};

/// `number` and `text` of the error that ended a dump, or its beginning.
position_refusal refusal_of(unsigned number, std::string_view text);

} // namespace understudy
