#include "storage/snapshot/group_database.hpp"

#include "storage/state/sql_fields.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace understudy {
namespace {

constexpr std::string_view create_database = "CREATE DATABASE ";
constexpr std::string_view create_table = "CREATE TABLE `";

/// The quoted name behind `at`, with its backticks; empty = there is none.
std::string_view quoted_name(std::string_view text, std::size_t at) {
  if (at >= text.size() || text[at] != '`')
    return {};
  for (std::size_t i = at + 1; i < text.size(); ++i) {
    if (text[i] != '`')
      continue;
    if (i + 1 < text.size() && text[i + 1] == '`')
      ++i;
    else
      return text.substr(at, i + 1 - at);
  }
  return {};
}

/// ER_TABLE_EXISTS_ERROR, ER_DB_CREATE_EXISTS: another account's snapshot was quicker.
bool exists_already(const sql_error& failed) {
  return failed.number == 1050 || failed.number == 1007;
}

result<void> run(sql_session& session, const std::string& statement) {
  if (auto done = session.execute(statement); !done && !exists_already(done.error()))
    return passed_on(done);
  return {};
}

} // namespace

result<std::string> database_statement(const std::string& definition, const std::string& database) {
  const auto name = quoted_name(definition, create_database.size());
  if (!definition.starts_with(create_database) || name.empty())
    return failure("a snapshot's definition of the group database isn't CREATE DATABASE");
  return fmt::format("{}{}{}", create_database, sql_name(database),
                     definition.substr(create_database.size() + name.size()));
}

bool is_table_definition(const std::string& definition) {
  const auto name = quoted_name(definition, create_table.size() - 1);
  return definition.starts_with(create_table) && !name.empty() &&
         std::string_view(definition).substr(create_table.size() - 1 + name.size()).starts_with(" (");
}

std::set<std::string> account_databases(const profile& rules, group_number group) {
  std::set<std::string> databases{rules.group_database(group), rules.registry.table.database};
  for (const auto& [logical, column] : rules.shared_tables)
    if (auto name = rules.physical_name(logical, group))
      databases.insert(name->database);
  return databases;
}

result<bool> ensure_group_database(sql_session& session, const std::string& database,
                                   const std::vector<std::string>& definitions) {
  session.doing(fmt::format("create the group database {}", database));
  const auto present = session.query(
      "SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = " + sql_text(database));
  const auto exists = session.query_value("SELECT 1 FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = " +
                                          sql_text(database));
  if (!present)
    return passed_on(present);
  if (!exists)
    return passed_on(exists);
  bool created = false;
  for (const auto& definition : definitions) {
    if (definition.starts_with(create_database)) {
      auto statement = database_statement(definition, database);
      if (!statement)
        return tl::make_unexpected(statement.error());
      if (!exists->has_value())
        if (auto made = run(session, *statement); !made)
          return tl::make_unexpected(made.error());
      if (auto used = session.execute("USE " + sql_name(database)); !used)
        return passed_on(used);
      continue;
    }
    if (!is_table_definition(definition))
      return failure(fmt::format("a snapshot's definition isn't CREATE TABLE: {}", definition.substr(0, 60)));
    const auto name = quoted_name(definition, create_table.size() - 1);
    const bool there = std::any_of(present->rows.begin(), present->rows.end(),
                                   [&name](const sql_row& row) { return sql_name(to_text(row[0])) == name; });
    if (there)
      continue;
    if (auto made = run(session, definition); !made)
      return tl::make_unexpected(made.error());
    created = true;
  }
  return created;
}

bool has_all_tables(const schema_catalog& catalog, const std::string& database,
                    const std::vector<std::string>& definitions) {
  std::set<std::string> there;
  for (const auto* table : catalog.tables_of(database))
    there.insert(sql_name(table->name));
  return !there.empty() && std::ranges::all_of(definitions, [&](const std::string& definition) {
    return definition.starts_with(create_database) ||
           there.contains(std::string(quoted_name(definition, create_table.size() - 1)));
  });
}

} // namespace understudy
