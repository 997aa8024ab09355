// How a table's rows are selected and read so that each value is the very one the binlog decoder gives (pure;
// case T03).
#pragma once
#include "events/model/row_change.hpp"
#include "storage/apply/destination_table.hpp"
#include "storage/profile/profile.hpp"
#include "storage/profile/schema_catalog.hpp"

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace understudy {

/// One table of the account.
struct snapshot_table {
  std::shared_ptr<const shape> table;
  std::string sql_name;
  /// Columns that travel, as indexes of the shape: all but the mailbox's and the profile's host-local ones.
  std::vector<std::uint16_t> columns;
  /// Types, character sets and collations for the key's literals.
  std::vector<destination_column> targets;
  std::vector<std::string> data_types;
  /// Columns to page by: the key but for the mailbox's column. Empty: read whole, since the table has no key,
  /// or one whose order and comparison could differ (ENUM, BIT).
  std::vector<std::uint16_t> page_by;
};

/// The session must have time_zone '+00:00' and character_set_results NULL.
snapshot_table describe_snapshot_table(std::shared_ptr<const shape> table, const catalog_table& local,
                                       const profile& rules);

/// SELECT of the mailbox's rows behind `last` (values of `page_by`; empty: from the start), `limit` at most.
std::string select_page(const snapshot_table& table, mailbox_id mailbox, const std::vector<value>& last,
                        std::size_t limit);

/// One field of such a SELECT. `field` is null for NULL. An error: it isn't a number where it must be.
result<value> snapshot_value(const column& about, std::optional<std::string_view> field);

/// Memory that the value takes, about.
std::size_t value_bytes(const value& content);

} // namespace understudy
