// Which of an account's rows and columns are the same on every host, and how they are read to be compared
// (pure; R29).
#pragma once
#include "storage/profile/profile.hpp"
#include "storage/profile/schema_catalog.hpp"
#include "storage/state/mailstore_queries.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace understudy {

struct checksum_table {
  std::string logical_name;
  std::string rows;                 ///< SELECT of all rows of the account, in any order
  std::string any;                  ///< SELECT that yields a row if there is one
  std::vector<std::string> columns; ///< what `rows` yields, by name in byte order
  std::vector<std::size_t> volumes; ///< indexes of columns that name a volume of this host
};

/// By logical name. Without what hosts keep for themselves (the profile's host-local columns, the mailbox's
/// number), what they prune by themselves, and tables that the guard doesn't cover: there the two sides may
/// differ at any moment. For a session with standard_setup(): text comes as UTF-8, times in UTC.
std::vector<checksum_table> plan_checksum(const profile& rules, const schema_catalog& catalog,
                                          const registered_account& account);

} // namespace understudy
