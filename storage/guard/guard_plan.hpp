// Which rows the guard locks, by which statements and in which order (R30); pure.
#pragma once
#include "storage/profile/profile.hpp"
#include "storage/profile/schema_catalog.hpp"
#include "storage/state/mailstore_queries.hpp"

#include <string>
#include <vector>

namespace understudy {

struct guard_plan {
  /// By an index that begins with the mailbox. Tried on MariaDB 10.11 at READ COMMITTED: a scan downwards
  /// asks for the lock of the row before its range, a neighbour's, unless the range's lower bound is a row of
  /// our own; a scan upwards of one mailbox asks for nobody else's.
  struct table_locks {
    /// All rows but the lowest, from the highest key down: the mail server writes new items before it updates
    /// folders, whose ids are low, so both go the same way and seldom deadlock. Empty: the key has no second
    /// column to go by.
    std::string downwards;
    /// All rows, counted: also what came in meanwhile.
    std::string all;
  };
  std::vector<table_locks> tables; ///< the registry's row is the last
  /// Logical names of account tables without lock: left out by the profile, or without such an index.
  std::vector<std::string> not_guarded;
};

/// Fails when the account's registry table can't be locked by its mailbox id: then there is no guard.
result<guard_plan> plan_guard(const profile& rules, const schema_catalog& catalog,
                              const registered_account& account);

} // namespace understudy
