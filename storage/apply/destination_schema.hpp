// From the local schema catalog and the profile to what the plan must know of a table (pure).
#pragma once
#include "storage/apply/destination_table.hpp"
#include "storage/profile/profile.hpp"
#include "storage/profile/schema_catalog.hpp"

#include <map>
#include <memory>
#include <string>
#include <utility>

namespace understudy {

/// The shape that TABLE_MAP would give this table, made from the catalog: for snapshots, and to compare an
/// event's shape with. Columns of a type that can't be replicated are an error that names them.
result<shape> local_shape(const catalog_table& table, const std::string& logical,
                          const std::string& mailbox_column);

/// Compares the columns that events of `source` bring with the local table. The error names each difference
/// (column missing here, surplus here, other type) and says what to do (M02).
result<std::shared_ptr<const destination_table>> match_table(const shape& source, const catalog_table& local,
                                                             const profile& rules,
                                                             const schema_catalog& catalog);

/// Resolver with a cache; one thread. Lives as long as what it refers to.
class destination_schema {
public:
  destination_schema(std::shared_ptr<const profile> rules, std::shared_ptr<const schema_catalog> catalog);
  result<std::shared_ptr<const destination_table>> resolve(const shape& table, std::uint32_t group);

private:
  std::shared_ptr<const profile> rules_;
  std::shared_ptr<const schema_catalog> catalog_;
  /// By fingerprint and group.
  std::map<std::pair<std::uint64_t, std::uint32_t>, std::shared_ptr<const destination_table>> known_;
  /// Fingerprints by address: shapes are shared by all rows of a table, and hashing each anew costs more than
  /// the rest of resolving. Kept alive so that an address can't be used again.
  std::map<const shape*, std::uint64_t> fingerprints_;
};

} // namespace understudy
