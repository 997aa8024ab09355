// The shape that TABLE_MAP would give a local table, made from the schema catalog (pure): for snapshots, and
// to compare an event's shape with.
#pragma once
#include "events/model/error.hpp"
#include "events/model/shape.hpp"
#include "storage/profile/profile.hpp"
#include "storage/profile/schema_catalog.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace understudy {

/// information_schema.COLLATIONS: name to id.
using collation_ids = std::map<std::string, std::uint32_t, std::less<>>;

/// One column; a type that can't be replicated is an error that names it. A collation that `ids` doesn't know
/// gets id 0.
result<column> local_column(const catalog_column& from, const collation_ids& ids);

/// The whole table, with the key as capture would name it.
result<shape> local_shape(const catalog_table& table, const std::string& logical, const profile& rules,
                          const collation_ids& ids);

/// The members of "enum('a','b''c')" or "set(…)".
std::vector<std::string> members_of(std::string_view column_type);

} // namespace understudy
