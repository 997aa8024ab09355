#include "storage/state/catalog_reader.hpp"

#include "storage/state/sql_fields.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace understudy {
namespace {

using table_map = std::map<std::pair<std::string, std::string>, catalog_table>;

/// Up to so many databases are asked for one at a time: for a single one MariaDB opens only its own tables (3
/// ms for a group database), for a list all that the server has (24 ms with 100 groups, measured).
constexpr std::size_t one_by_one = 16;

std::string in_list(const std::set<std::string>& names) {
  std::string out;
  for (const auto& name : names)
    out += (out.empty() ? "" : ",") + sql_text(name);
  return out;
}

catalog_table* find_table(table_map& tables, std::string_view database, std::string_view name) {
  const auto found = tables.find({std::string(database), std::string(name)});
  return found == tables.end() ? nullptr : &found->second;
}

sql_result<void> read_tables(sql_session& session, const std::string& databases, table_map& out) {
  auto read =
      session.query_each("SELECT TABLE_SCHEMA, TABLE_NAME, ENGINE, TABLE_TYPE FROM information_schema.TABLES "
                         "WHERE TABLE_TYPE IN ('BASE TABLE','SYSTEM VERSIONED') AND TABLE_SCHEMA IN (" +
                             databases + ")",
                         [&](const sql_row_view& row) {
                           catalog_table made;
                           made.database = row[0];
                           made.name = row[1];
                           made.engine = row[2];
                           made.is_versioned = row[3] == "SYSTEM VERSIONED";
                           out.emplace(std::pair(made.database, made.name), made);
                           return true;
                         });
  return read.map([](std::uint64_t) {});
}

sql_result<void> read_columns(sql_session& session, const std::string& databases, table_map& out) {
  auto read = session.query_each(
      "SELECT TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME, DATA_TYPE, COLUMN_TYPE, IS_NULLABLE, EXTRA, "
      "CHARACTER_SET_NAME, "
      "COLLATION_NAME, IS_GENERATED FROM information_schema.COLUMNS WHERE TABLE_SCHEMA IN (" +
          databases + ") ORDER BY TABLE_SCHEMA, TABLE_NAME, ORDINAL_POSITION",
      [&](const sql_row_view& row) {
        auto* table = find_table(out, row[0], row[1]);
        if (table == nullptr)
          return true;
        catalog_column made;
        made.name = row[2];
        made.data_type = row[3];
        made.column_type = row[4];
        made.is_unsigned = made.column_type.find(" unsigned") != std::string::npos;
        made.nullable = row[5] == "YES";
        made.auto_increment = row[6].find("auto_increment") != std::string_view::npos;
        made.generated = row[9] == "ALWAYS";
        made.charset = row[7];
        made.collation = row[8];
        table->columns.push_back(std::move(made));
        return true;
      });
  return read.map([](std::uint64_t) {});
}

sql_result<void> read_indexes(sql_session& session, const std::string& databases, table_map& out) {
  auto read = session.query_each(
      "SELECT TABLE_SCHEMA, TABLE_NAME, INDEX_NAME, NON_UNIQUE, COLUMN_NAME, SUB_PART FROM "
      "information_schema.STATISTICS WHERE TABLE_SCHEMA IN (" +
          databases +
          ") ORDER BY TABLE_SCHEMA, TABLE_NAME, INDEX_NAME='PRIMARY' DESC, INDEX_NAME, SEQ_IN_INDEX",
      [&](const sql_row_view& row) {
        auto* table = find_table(out, row[0], row[1]);
        if (table == nullptr)
          return true;
        if (table->indexes.empty() || table->indexes.back().name != row[2])
          table->indexes.push_back({std::string(row[2]), row[3] == "0", {}, {}});
        table->indexes.back().columns.emplace_back(row[4]);
        table->indexes.back().prefixes.push_back(to_number<std::uint32_t>(row[5]));
        return true;
      });
  return read.map([](std::uint64_t) {});
}

reference_action action_from(std::string_view rule) {
  if (rule == "CASCADE")
    return reference_action::cascade;
  if (rule == "SET NULL")
    return reference_action::set_null;
  if (rule == "SET DEFAULT")
    return reference_action::set_default;
  return rule == "NO ACTION" ? reference_action::no_action : reference_action::restrict_;
}

using action_map =
    std::map<std::pair<std::string, std::string>, std::pair<reference_action, reference_action>>;

/// ON DELETE and ON UPDATE by database and constraint; apart from the columns, since a join of these two
/// views is slow.
sql_result<action_map> read_actions(sql_session& session, const std::string& databases) {
  action_map out;
  auto read =
      session.query_each("SELECT CONSTRAINT_SCHEMA, TABLE_NAME, CONSTRAINT_NAME, DELETE_RULE, UPDATE_RULE "
                         "FROM information_schema.REFERENTIAL_CONSTRAINTS WHERE CONSTRAINT_SCHEMA IN (" +
                             databases + ")",
                         [&](const sql_row_view& row) {
                           const std::string name = std::string(row[1]) + '/' + std::string(row[2]);
                           out.emplace(std::pair(std::string(row[0]), name),
                                       std::pair(action_from(row[3]), action_from(row[4])));
                           return true;
                         });
  if (!read)
    return tl::make_unexpected(read.error());
  return out;
}

catalog_foreign_key foreign_key_from(const sql_row_view& row, const action_map& actions) {
  catalog_foreign_key out;
  out.name = row[2];
  out.referenced_database = row[4];
  out.referenced_table = row[5];
  const auto rules = actions.find({std::string(row[0]), std::string(row[1]) + '/' + out.name});
  if (rules != actions.end()) {
    out.on_delete = rules->second.first;
    out.on_update = rules->second.second;
  }
  return out;
}

sql_result<void> read_foreign_keys(sql_session& session, const std::string& databases, table_map& out) {
  const auto actions = read_actions(session, databases);
  if (!actions)
    return tl::make_unexpected(actions.error());
  auto read = session.query_each(
      "SELECT TABLE_SCHEMA, TABLE_NAME, CONSTRAINT_NAME, COLUMN_NAME, REFERENCED_TABLE_SCHEMA, "
      "REFERENCED_TABLE_NAME, REFERENCED_COLUMN_NAME FROM information_schema.KEY_COLUMN_USAGE WHERE "
      "REFERENCED_TABLE_NAME IS NOT NULL AND TABLE_SCHEMA IN (" +
          databases + ") ORDER BY TABLE_SCHEMA, TABLE_NAME, CONSTRAINT_NAME, ORDINAL_POSITION",
      [&](const sql_row_view& row) {
        auto* table = find_table(out, row[0], row[1]);
        if (table == nullptr)
          return true;
        if (table->foreign_keys.empty() || table->foreign_keys.back().name != row[2])
          table->foreign_keys.push_back(foreign_key_from(row, *actions));
        table->foreign_keys.back().columns.emplace_back(row[3]);
        table->foreign_keys.back().referenced_columns.emplace_back(row[6]);
        return true;
      });
  return read.map([](std::uint64_t) {});
}

sql_result<void> read_triggers(sql_session& session, const std::string& databases, table_map& out) {
  auto read = session.query_each("SELECT EVENT_OBJECT_SCHEMA, EVENT_OBJECT_TABLE, TRIGGER_NAME FROM "
                                 "information_schema.TRIGGERS WHERE EVENT_OBJECT_SCHEMA IN (" +
                                     databases + ") ORDER BY TRIGGER_NAME",
                                 [&](const sql_row_view& row) {
                                   if (auto* table = find_table(out, row[0], row[1]))
                                     table->triggers.emplace_back(row[2]);
                                   return true;
                                 });
  return read.map([](std::uint64_t) {});
}

} // namespace

result<std::set<std::string>> mailstore_databases(sql_session& session, const profile& rules) {
  session.doing("find the mailstore's databases");
  std::set<std::string> spoken_of{rules.registry.table.database, rules.volumes.table.database};
  for (const auto& [logical, column] : rules.shared_tables)
    spoken_of.insert(logical.substr(0, logical.find('/')));
  std::set<std::string> out;
  auto read =
      session.query_each("SELECT SCHEMA_NAME FROM information_schema.SCHEMATA", [&](const sql_row_view& row) {
        if (rules.group_in(row[0]) || spoken_of.contains(std::string(row[0])))
          out.emplace(row[0]);
        return true;
      });
  if (!read)
    return passed_on(read);
  return out;
}

result<schema_catalog> read_catalog(sql_session& session, const std::set<std::string>& databases) {
  session.doing("read the structure of the mailstore's tables");
  std::vector<std::string> lists;
  if (databases.size() > one_by_one)
    lists.push_back(in_list(databases));
  else
    for (const auto& database : databases)
      lists.push_back(sql_text(database));
  table_map tables;
  for (const auto& list : lists)
    for (const auto read : {read_tables, read_columns, read_indexes, read_foreign_keys, read_triggers})
      if (auto done = read(session, list, tables); !done)
        return passed_on(done);
  schema_catalog out;
  for (auto& [name, table] : tables)
    // Dropped between two of the queries: it has no columns any more.
    if (!table.columns.empty())
      out.add(std::move(table));
  return out;
}

result<schema_catalog> read_catalog(sql_session& session, const profile& rules) {
  return mailstore_databases(session, rules).and_then([&](const std::set<std::string>& databases) {
    return read_catalog(session, databases);
  });
}

result<std::string> table_definition(sql_session& session, const table_name& table) {
  session.doing(fmt::format("read the definition of {}.{}", table.database, table.table));
  auto found = session.query("SHOW CREATE TABLE " + sql_table(table.database, table.table));
  if (!found)
    return passed_on(found);
  if (found->rows.empty() || found->rows.front().size() < 2)
    return failure(fmt::format("the table {}.{} has no definition", table.database, table.table));
  return to_text(found->rows.front()[1]);
}

} // namespace understudy
