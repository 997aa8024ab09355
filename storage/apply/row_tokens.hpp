// Values of key columns as tokens that are equal whenever MariaDB might hold the values equal (pure).
#pragma once
#include "storage/apply/apply_plan.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace understudy {

/// What is known of a row's values in some columns.
struct key_token {
  enum class certainty : std::uint8_t {
    none,    ///< a NULL among them: equal to no other row's
    exact,   ///< `hash` names them; different hashes are different values
    wild,    ///< there is no NULL, but they may equal any other
    unknown, ///< wild, and may hold a NULL (update images have the changed columns only)
  };
  certainty known = certainty::none;
  std::uint64_t hash = 0;
  bool operator==(const key_token&) const = default;
};

/// The cell of a column in `cells` (ordered by column), null if it isn't there.
const value* cell_value(const std::vector<cell>& cells, std::uint16_t column);

/// Token of the row's values in `columns` after the change (`after` first, then `before`) or before it
/// (`before` only). Columns the row was given by its placement (the mailbox) count as equal: tokens are
/// compared within one account.
key_token token_after(const planned_row& row, const std::vector<std::uint16_t>& columns,
                      const std::vector<std::uint32_t>& prefixes);
key_token token_before(const planned_row& row, const std::vector<std::uint16_t>& columns,
                       const std::vector<std::uint32_t>& prefixes);

/// The row's identity, byte-exact: its key's values before (`update`, `remove`) or after the change.
std::string identity_before(const planned_row& row);
std::string identity_after(const planned_row& row);

/// True if the change writes one of the columns.
bool writes_any(const planned_row& row, const std::vector<std::uint16_t>& columns);

} // namespace understudy
