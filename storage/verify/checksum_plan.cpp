#include "storage/verify/checksum_plan.hpp"

#include "storage/profile/profile_routing.hpp"
#include "storage/state/sql_text.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace understudy {
namespace {

/// FLOAT's own text has six digits; as a DOUBLE it's exact.
std::string expression(const catalog_column& column) {
  const auto name = sql_name(column.name);
  if (column.data_type == "float" || column.data_type == "double")
    return name + " * 1e0";
  return column.data_type == "bit" ? name + " + 0" : name;
}

bool is_compared(const profile& rules, const account_table& table, const catalog_column& column) {
  const auto policy = rules.policy_of(table.logical_name, column.name).policy;
  return column.name != table.mailbox_column && !column.generated && !stays_at_home(policy) &&
         policy != column_policy::reset;
}

checksum_table plan_table(const profile& rules, const account_table& table, const catalog_index& by,
                          mailbox_id mailbox) {
  std::vector<const catalog_column*> compared;
  for (const auto& column : table.definition->columns)
    if (is_compared(rules, table, column))
      compared.push_back(&column);
  std::ranges::sort(compared, {}, &catalog_column::name);
  checksum_table out;
  out.logical_name = table.logical_name;
  std::string fields;
  for (const auto* column : compared) {
    if (rules.policy_of(table.logical_name, column->name).policy == column_policy::mapped_volume)
      out.volumes.push_back(out.columns.size());
    out.columns.push_back(column->name);
    fields += (fields.empty() ? "" : ", ") + expression(*column);
  }
  const auto from = fmt::format("FROM {} FORCE INDEX ({}) WHERE {}={}",
                                sql_table(table.definition->database, table.definition->name),
                                sql_name(by.name), sql_name(table.mailbox_column), mailbox);
  out.rows = fmt::format("SELECT {} {}", fields.empty() ? "1" : fields, from);
  out.any = fmt::format("SELECT 1 {} LIMIT 1", from);
  return out;
}

} // namespace

std::vector<checksum_table> plan_checksum(const profile& rules, const schema_catalog& catalog,
                                          const registered_account& account) {
  std::vector<checksum_table> out;
  for (const auto& table : account_tables(rules, catalog, account.group)) {
    const auto* index = table.definition->index_beginning_with(table.mailbox_column);
    if (index != nullptr && !rules.is_self_pruned(table.logical_name) &&
        std::ranges::find(rules.guard.left_out, table.logical_name) == rules.guard.left_out.end())
      out.push_back(plan_table(rules, table, *index, account.mailbox));
  }
  std::ranges::sort(out, {}, &checksum_table::logical_name);
  return out;
}

} // namespace understudy
