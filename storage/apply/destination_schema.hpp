// From the local schema catalog and the profile to what the plan must know of a table (pure).
#pragma once
#include "events/codec/fingerprint_cache.hpp"
#include "storage/apply/destination_table.hpp"
#include "storage/profile/profile.hpp"
#include "storage/profile/schema_catalog.hpp"

#include <map>
#include <memory>
#include <unordered_map>
#include <utility>

namespace understudy {

/// Compares the columns that events of `source` bring with the local table. The error names each difference
/// (column missing here, surplus here, other type; triggers) and says what to do (M02, A06).
result<std::shared_ptr<const destination_table>> match_table(const shape& source, const catalog_table& local,
                                                             const profile& rules,
                                                             const schema_catalog& catalog);

/// Resolver with a cache; one thread.
class destination_schema {
public:
  destination_schema(std::shared_ptr<const profile> rules, std::shared_ptr<const schema_catalog> catalog);
  result<std::shared_ptr<const destination_table>> resolve(const std::shared_ptr<const shape>& table,
                                                           std::uint32_t group);

private:
  result<std::shared_ptr<const destination_table>> look_up(const shape& table, std::uint32_t group) const;

  std::shared_ptr<const profile> rules_;
  std::shared_ptr<const schema_catalog> catalog_;
  using group_tables = std::unordered_map<std::uint32_t, std::shared_ptr<const destination_table>>;
  /// By fingerprint: shapes come and go with the messages that brought them.
  std::unordered_map<std::uint64_t, group_tables> known_;
  fingerprint_cache fingerprints_;
};

} // namespace understudy
