#include "storage/guard/guard_plan.hpp"

#include "storage/profile/profile_routing.hpp"
#include "storage/state/sql_text.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace understudy {
namespace {

bool contains(const std::vector<std::string>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

/// Place in the profile's list of tables to lock first; those not in it come after, the registry last of all.
std::size_t rank(const profile& rules, const account_table& table) {
  const auto& first = rules.guard.first;
  if (rules.is_registry(table.logical_name))
    return first.size() + 1;
  return static_cast<std::size_t>(std::find(first.begin(), first.end(), table.logical_name) - first.begin());
}

/// The column of the index behind the mailbox, if every row has a whole value there; empty: there is none.
std::string second_column(const account_table& table, const catalog_index& by) {
  if (by.columns.size() < 2 || by.prefixes.at(1) != 0)
    return {};
  const auto* column = table.definition->column(by.columns[1]);
  return column != nullptr && !column->nullable ? sql_name(column->name) : std::string{};
}

guard_plan::table_locks locks_of(const account_table& table, const catalog_index& by, mailbox_id mailbox) {
  // FORCE INDEX: on a small table the optimizer would rather scan it all, and wait for others' rows.
  const auto from =
      fmt::format("FROM {} FORCE INDEX ({})", sql_table(table.definition->database, table.definition->name),
                  sql_name(by.name));
  const auto owner = sql_name(table.mailbox_column);
  const auto rows = fmt::format("{} WHERE {}={}", from, owner, mailbox);
  guard_plan::table_locks out;
  out.all = fmt::format("SELECT COUNT(*) {} FOR UPDATE", rows);
  if (const auto column = second_column(table, by); !column.empty()) {
    std::string order;
    for (const auto& name : by.columns)
      order += (order.empty() ? "" : ", ") + sql_name(name) + " DESC";
    // No `=`: by it the optimizer may look the mailbox up, and test the second column behind the lock.
    out.downwards = fmt::format("SELECT 1 {0} WHERE {1}>={2} AND {1}<={2} AND {3}>(SELECT MIN({3}) {4}) "
                                "ORDER BY {5} FOR UPDATE",
                                from, owner, mailbox, column, rows, order);
  }
  return out;
}

} // namespace

result<guard_plan> plan_guard(const profile& rules, const schema_catalog& catalog,
                              const registered_account& account) {
  auto tables = account_tables(rules, catalog, account.group);
  // Children before parents otherwise, as the mail server's deletes go.
  std::reverse(tables.begin(), tables.end());
  std::stable_sort(tables.begin(), tables.end(), [&](const account_table& a, const account_table& b) {
    return rank(rules, a) < rank(rules, b);
  });
  guard_plan out;
  bool has_registry = false;
  for (const auto& table : tables) {
    const auto* index = table.definition->index_beginning_with(table.mailbox_column);
    if (contains(rules.guard.left_out, table.logical_name) || index == nullptr) {
      out.not_guarded.push_back(table.logical_name);
      continue;
    }
    has_registry |= rules.is_registry(table.logical_name);
    out.tables.push_back(locks_of(table, *index, account.mailbox));
  }
  if (!has_registry)
    return failure(fmt::format("it can't be guarded: {}.{} has no key that begins with {}",
                               rules.registry.table.database, rules.registry.table.table,
                               rules.registry.mailbox_column),
                   "compare the profile with this mailstore's tables");
  return out;
}

} // namespace understudy
