// Invariants are checked in release builds too where they guard P1–P5 (STYLE 6).
#pragma once
#include <fmt/format.h>

#include <source_location>
#include <stdexcept>
#include <string_view>

namespace understudy {

/// Thrown when the program's own logic is wrong. Nobody catches it but tests: the process ends, and a restart
/// begins again from what Kafka and MariaDB hold.
class broken_invariant : public std::logic_error {
  using std::logic_error::logic_error;
};

/// Checks what must be true whatever the world does; operating errors are values, never this.
inline void invariant(bool holds, std::string_view what,
                      std::source_location where = std::source_location::current()) {
  if (!holds)
    throw broken_invariant(fmt::format("{}:{}: {}", where.file_name(), where.line(), what));
}

} // namespace understudy
