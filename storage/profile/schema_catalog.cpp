#include "storage/profile/schema_catalog.hpp"

#include <algorithm>

namespace understudy {

const catalog_column* catalog_table::column(std::string_view column_name) const {
  const auto found = std::find_if(columns.begin(), columns.end(),
                                  [&](const catalog_column& c) { return c.name == column_name; });
  return found == columns.end() ? nullptr : &*found;
}

const catalog_index* catalog_table::row_key() const {
  for (const auto& index : indexes) {
    if (!index.unique)
      continue;
    const bool whole =
        std::all_of(index.prefixes.begin(), index.prefixes.end(), [](auto p) { return p == 0; });
    const bool never_null = std::all_of(index.columns.begin(), index.columns.end(), [&](const auto& name) {
      const auto* c = column(name);
      return c != nullptr && !c->nullable;
    });
    // A primary key over a prefix still names one row, since no two rows have the same prefix.
    if (index.name == "PRIMARY" || (whole && never_null))
      return &index;
  }
  return nullptr;
}

const catalog_index* catalog_table::index_beginning_with(std::string_view column_name) const {
  for (const auto& index : indexes)
    if (!index.columns.empty() && index.columns.front() == column_name && index.prefixes.front() == 0)
      return &index;
  return nullptr;
}

void schema_catalog::add(catalog_table table) {
  auto key = std::make_pair(table.database, table.name);
  tables_.insert_or_assign(std::move(key), std::move(table));
}

const catalog_table* schema_catalog::find(std::string_view database, std::string_view table) const {
  const auto found = tables_.find(std::make_pair(std::string(database), std::string(table)));
  return found == tables_.end() ? nullptr : &found->second;
}

std::vector<const catalog_table*> schema_catalog::tables_of(std::string_view database) const {
  std::vector<const catalog_table*> out;
  for (auto it = tables_.lower_bound(std::make_pair(std::string(database), std::string()));
       it != tables_.end() && it->first.first == database; ++it)
    out.push_back(&it->second);
  return out;
}

std::vector<std::string> schema_catalog::databases() const {
  std::vector<std::string> out;
  for (const auto& [key, table] : tables_)
    if (out.empty() || out.back() != key.first)
      out.push_back(key.first);
  return out;
}

std::vector<std::pair<const catalog_table*, const catalog_foreign_key*>>
schema_catalog::referring_to(std::string_view database, std::string_view table) const {
  std::vector<std::pair<const catalog_table*, const catalog_foreign_key*>> out;
  for (const auto& [key, child] : tables_)
    for (const auto& reference : child.foreign_keys)
      if (reference.referenced_database == database && reference.referenced_table == table)
        out.emplace_back(&child, &reference);
  return out;
}

void schema_catalog::replace_database(std::string_view database, const schema_catalog& fresh) {
  std::erase_if(tables_, [&](const auto& entry) { return entry.first.first == database; });
  for (const auto* table : fresh.tables_of(database))
    add(*table);
}

} // namespace understudy
