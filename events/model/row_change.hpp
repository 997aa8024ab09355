// One changed row of one account, as an event carries it.
#pragma once
#include "events/model/shape.hpp"
#include "events/model/value.hpp"

#include <cstdint>
#include <memory>
#include <vector>

namespace understudy {

enum class change_kind : std::uint8_t { insert, update, remove };

/// A value and the index of its column in the shape.
struct cell {
  std::uint16_t column = 0;
  value content;
  bool operator==(const cell&) const = default;
};

struct row_change {
  /// The shape that the row was written under; shared by all rows of a table. Never null.
  std::shared_ptr<const shape> table;
  change_kind kind = change_kind::insert;
  /// The source session's flags of this row event (R37): bit 1 of its flags NO_FOREIGN_KEY_CHECKS,
  /// bit 2 RELAXED_UNIQUE_CHECKS.
  bool foreign_keys_off = false;
  bool unique_checks_off = false;
  /// update, remove: the key's columns as they were, in the key's order; a table without a key: every column
  /// but the mailbox's.
  std::vector<cell> before;
  /// insert: every column but the mailbox's (and those the profile leaves out); update: the columns whose
  /// bytes changed; remove: empty. Ordered by column.
  std::vector<cell> after;
};

/// Compares shapes by content, not by address.
inline bool operator==(const row_change& a, const row_change& b) {
  return *a.table == *b.table && a.kind == b.kind && a.foreign_keys_off == b.foreign_keys_off &&
         a.unique_checks_off == b.unique_checks_off && a.before == b.before && a.after == b.after;
}

/// About the bytes that it takes in memory, its cells' own included.
std::size_t memory_of(const row_change& change);

} // namespace understudy
