#include "storage/profile/cascades.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

namespace understudy {
namespace {

/// Empty: children stay as they are.
std::string_view text_of(reference_action action) {
  switch (action) {
  case reference_action::cascade:
    return "CASCADE";
  case reference_action::set_null:
    return "SET NULL";
  case reference_action::set_default:
    return "SET DEFAULT";
  case reference_action::restrict_:
  case reference_action::no_action:
    break;
  }
  return {};
}

/// `(item_id, mailbox_id) to mboxgroup/mail_item (id, mailbox_id) ON DELETE CASCADE`: without the key's name,
/// which does nothing, and with the columns in one order, so that equal keys are equal texts.
std::string text_of(const profile& rules, const catalog_foreign_key& key) {
  std::vector<std::pair<std::string, std::string>> columns;
  for (std::size_t i = 0; i < key.columns.size() && i < key.referenced_columns.size(); ++i)
    columns.emplace_back(key.columns[i], key.referenced_columns[i]);
  std::sort(columns.begin(), columns.end());
  std::string children;
  std::string parents;
  for (const auto& [child, parent] : columns) {
    children += (children.empty() ? "" : ", ") + child;
    parents += (parents.empty() ? "" : ", ") + parent;
  }
  auto out = fmt::format("({}) to {} ({})", children,
                         rules.logical_name(key.referenced_database, key.referenced_table), parents);
  if (const auto action = text_of(key.on_delete); !action.empty())
    out += fmt::format(" ON DELETE {}", action);
  if (const auto action = text_of(key.on_update); !action.empty())
    out += fmt::format(" ON UPDATE {}", action);
  return out;
}

/// Both sorted.
std::vector<std::string> only_in(const std::vector<std::string>& one, const std::vector<std::string>& other) {
  std::vector<std::string> out;
  std::set_difference(one.begin(), one.end(), other.begin(), other.end(), std::back_inserter(out));
  return out;
}

} // namespace

table_cascades cascades_of(const profile& rules, const catalog_table& table) {
  table_cascades out;
  out.table = rules.logical_name(table.database, table.name);
  for (const auto& key : table.foreign_keys)
    if (!text_of(key.on_delete).empty() || !text_of(key.on_update).empty())
      out.keys.push_back(text_of(rules, key));
  std::sort(out.keys.begin(), out.keys.end());
  return out;
}

result<void> compare_cascades(const std::vector<table_cascades>& told, const profile& rules,
                              const schema_catalog& here, group_number group) {
  for (auto source : told) {
    const auto name = rules.physical_name(source.table, group);
    const auto* table = name ? here.find(name->database, name->table) : nullptr;
    if (table == nullptr)
      continue;
    const auto local = cascades_of(rules, *table);
    std::sort(source.keys.begin(), source.keys.end());
    std::string differences;
    for (const auto& key : only_in(source.keys, local.keys))
      differences += fmt::format("; the foreign key {} isn't here", key);
    for (const auto& key : only_in(local.keys, source.keys))
      differences += fmt::format("; the foreign key {} is only here", key);
    if (!differences.empty())
      return failure(
          fmt::format("table {}.{} here differs from the source's{}: what such a key changes is in no "
                      "event",
                      name->database, name->table, differences),
          "give both tables the same foreign keys, then run restartReplicas");
  }
  return {};
}

} // namespace understudy
