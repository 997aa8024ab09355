#include "storage/profile/profile_routing.hpp"

#include <algorithm>

namespace understudy {
namespace {

using route_kind = table_route::kind;

/// Account tables of one database of the catalog, in the catalog's order.
void collect(const profile& rules, const schema_catalog& catalog, const std::string& database,
             std::vector<account_table>& out) {
  for (const auto* table : catalog.tables_of(database)) {
    const std::string logical = rules.logical_name(database, table->name);
    const std::string column = rules.mailbox_column_of(logical);
    if (!column.empty() && table->column(column) != nullptr)
      out.push_back({logical, column, table});
  }
}

bool refers_to(const catalog_table& child, const catalog_table& parent) {
  return &child != &parent &&
         std::any_of(child.foreign_keys.begin(), child.foreign_keys.end(), [&](const auto& key) {
           return key.referenced_database == parent.database && key.referenced_table == parent.name;
         });
}

} // namespace

profile_routing::profile_routing(std::shared_ptr<const profile> rules)
    : rules_(std::move(rules)) {}

profile_routing::profile_routing(std::shared_ptr<const profile> rules, const schema_catalog& discovered)
    : rules_(std::move(rules)) {
  for (const auto& database : discovered.databases()) {
    if (!rules_->group_in(database))
      continue;
    for (const auto* table : discovered.tables_of(database))
      if (table->column(rules_->mailbox_column) == nullptr)
        without_mailbox_.insert({database, table->name});
  }
}

table_route profile_routing::route(std::string_view database, std::string_view table) const {
  table_route out;
  out.logical_name = rules_->logical_name(database, table);
  if (database == own_database) {
    out.what = route_kind::own;
    return out;
  }
  const std::string column = rules_->mailbox_column_of(out.logical_name);
  if (column.empty() || without_mailbox_.contains({std::string(database), std::string(table)}))
    return out;
  const bool is_registry = rules_->is_registry(out.logical_name);
  out.what = is_registry ? route_kind::registry : route_kind::account_rows;
  out.mailbox_column = column;
  out.is_self_pruned = rules_->is_self_pruned(out.logical_name);
  out.account_column = rules_->registry.account_column;
  out.name_column = rules_->registry.name_column;
  for (const auto& rule : rules_->host_local)
    if (rule.table == out.logical_name && stays_at_home(rule.policy))
      out.left_out_columns.push_back(rule.column);
  return out;
}

bool profile_routing::holds_accounts(std::string_view database) const {
  if (rules_->group_in(database) || database == rules_->registry.table.database)
    return true;
  const std::string stem = std::string(database) + '/';
  return std::any_of(rules_->shared_tables.begin(), rules_->shared_tables.end(),
                     [&](const auto& entry) { return entry.first.starts_with(stem); });
}

std::vector<account_table> account_tables(const profile& rules, const schema_catalog& catalog,
                                          group_number group) {
  std::vector<account_table> left;
  const std::string group_database = rules.group_database(group);
  for (const auto& database : catalog.databases())
    if (database == group_database || !rules.group_in(database))
      collect(rules, catalog, database, left);
  std::stable_sort(left.begin(), left.end(), [&](const account_table& a, const account_table& b) {
    return rules.is_registry(a.logical_name) && !rules.is_registry(b.logical_name);
  });
  std::vector<account_table> out;
  while (!left.empty()) {
    auto next = std::find_if(left.begin(), left.end(), [&](const account_table& candidate) {
      return std::none_of(left.begin(), left.end(), [&](const account_table& other) {
        return refers_to(*candidate.definition, *other.definition);
      });
    });
    // A circle of foreign keys has no order; its tables come as they are.
    if (next == left.end())
      next = left.begin();
    out.push_back(std::move(*next));
    left.erase(next);
  }
  return out;
}

} // namespace understudy
