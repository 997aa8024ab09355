// Which rows the guard locks, by which statements and in which order (R30); pure.
#pragma once
#include "storage/profile/profile.hpp"
#include "storage/profile/schema_catalog.hpp"
#include "storage/state/mailstore_queries.hpp"

#include <string>
#include <vector>

namespace understudy {

struct guard_plan {
  /// `SELECT … FOR UPDATE`, each over one table's rows of this mailbox by an index that begins with it.
  /// Within a table from the highest key down: the mail server writes new items before it updates folders,
  /// whose ids are low, so both go the same way and seldom deadlock. The registry's row is the last
  /// statement.
  std::vector<std::string> statements;
  /// Logical names of account tables without lock: left out by the profile, or without such an index.
  std::vector<std::string> not_guarded;
};

/// Fails when the account's registry table can't be locked by its mailbox id: then there is no guard.
result<guard_plan> plan_guard(const profile& rules, const schema_catalog& catalog,
                              const registered_account& account);

} // namespace understudy
