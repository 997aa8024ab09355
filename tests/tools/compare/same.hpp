// Whether two MariaDB servers hold the same rows of an account, byte for byte.
#pragma once
#include "tests/tools/fixture/sql_client.hpp"

#include <set>

namespace understudy::compare {

struct same_result {
  std::uint64_t rows = 0;               ///< of the first server
  std::vector<std::string> differences; ///< the first few, in words
  std::uint64_t difference_count = 0;   ///< rows that only one of them has, and tables that don't match
  bool same() const { return difference_count == 0; }
};

/// Compares every column of every table that belongs to the account, also tables that tests made: those of
/// its group database with a mailbox_id, and those of `zimbra` that carry one. Left aside, because they are a
/// host's own (facts §5): mailbox and group ids, surrogate keys, index_id; volume ids and locators are
/// compared by their volume's name. Throws fixture::sql_error.
same_result same_account(fixture::sql_client& a, fixture::sql_client& b, const std::string& account_id,
                         const std::set<std::string>& skipped_tables = {});

} // namespace understudy::compare
