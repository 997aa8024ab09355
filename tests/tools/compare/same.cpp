#include "tests/tools/compare/same.hpp"

#include "tests/tools/compare/server_rows.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>

namespace understudy::compare {

namespace {

using fixture::sql_client;

constexpr std::size_t most_differences = 20; // in words
/// Longer values are compared by digest: HEX() is NULL where it would be over max_allowed_packet, whatever
/// the value.
constexpr std::size_t longest_in_full = 16'384;

struct column_info {
  std::string name;
  std::string type;
};
using columns_by_table = std::map<std::string, std::vector<column_info>>; // `zimbra.tag` → its columns

// deleted_account and the tables of a host's own don't belong to a living account.
constexpr auto not_an_accounts = "('deleted_account','current_volumes','volume','service_status')";

columns_by_table account_tables(sql_client& sql, const mailbox_place& place,
                                const std::set<std::string>& skipped) {
  columns_by_table tables;
  const auto rows = sql.query(fmt::format(
      "SELECT IF(c.table_schema='zimbra','zimbra','mboxgroup'), c.table_name, c.column_name, c.data_type, "
      "c.extra "
      "FROM information_schema.columns c JOIN information_schema.tables t ON t.table_schema=c.table_schema "
      "AND "
      "t.table_name=c.table_name AND t.table_type='BASE TABLE' WHERE c.table_schema IN "
      "('zimbra','mboxgroup{0}') "
      "AND c.table_name NOT IN {1} AND (c.table_schema='zimbra' AND c.table_name='mailbox' OR EXISTS (SELECT "
      "1 FROM "
      "information_schema.columns k WHERE k.table_schema=c.table_schema AND k.table_name=c.table_name AND "
      "k.column_name='mailbox_id')) ORDER BY 1, 2, c.ordinal_position",
      place.group_id, not_an_accounts));
  for (const auto& row : rows) {
    if (skipped.contains(*row[1]))
      continue;
    auto& columns = tables[*row[0] + "." + *row[1]];
    if (row[4]->find("auto_increment") == std::string::npos)
      columns.push_back({.name = *row[2], .type = *row[3]});
  }
  return tables;
}

// One SQL expression whose text is equal exactly where the column's bytes are.
std::string exact(const std::string& table, const column_info& column) {
  const auto name = fmt::format("t.`{}`", column.name);
  if (column.name == "locator" || column.name == "volume_id" || column.name == "index_volume_id")
    return fmt::format("COALESCE((SELECT name FROM zimbra.volume v WHERE v.id={0}), HEX({0}))", name);
  if (column.name == "mailbox_id" || column.name == "index_id")
    return "'-'";
  if (table == "zimbra.mailbox" && (column.name == "id" || column.name == "group_id"))
    return "'-'";
  if (column.type == "float" || column.type == "double") // as a double, all 17 digits; HEX of it would round
    return fmt::format("CAST({}+0e0 AS CHAR)", name);
  return fmt::format("IF(LENGTH({0}) > {1}, CONCAT(MD5({0}), ' of ', LENGTH({0}), ' bytes'), HEX(CAST({0} AS "
                     "BINARY)))",
                     name, longest_in_full);
}

std::vector<fixture::sql_row> read_rows(sql_client& sql, const std::string& table,
                                        const std::vector<column_info>& columns, const mailbox_place& place) {
  std::vector<std::string> expressions;
  for (const auto& column : columns)
    expressions.push_back(exact(table, column));
  const auto dot = table.find('.');
  const auto database = table.starts_with("zimbra.") ? "zimbra" : "mboxgroup" + place.group_id;
  auto rows = sql.query(fmt::format("SELECT {} FROM {}.`{}` t WHERE t.{}={}", fmt::join(expressions, ", "),
                                    database, table.substr(dot + 1),
                                    table == "zimbra.mailbox" ? "id" : "mailbox_id", place.mailbox_id));
  std::ranges::sort(rows);
  return rows;
}

std::string in_words(const fixture::sql_row& row, const std::vector<column_info>& columns) {
  std::vector<std::string> parts;
  for (std::size_t index = 0; index < row.size(); ++index)
    if (row[index] && *row[index] != "-")
      parts.push_back(fmt::format("{}={}", columns[index].name, row[index]->substr(0, 60)));
  return fmt::format("{}", fmt::join(parts, " "));
}

void differ(same_result& result, std::string text) {
  result.difference_count += 1;
  if (result.differences.size() < most_differences)
    result.differences.push_back(std::move(text));
}

std::vector<std::string> names_of(const std::vector<column_info>& columns) {
  std::vector<std::string> names;
  for (const auto& column : columns)
    names.push_back(column.name);
  return names;
}

} // namespace

same_result same_account(sql_client& a, sql_client& b, const std::string& account_id,
                         const std::set<std::string>& skipped_tables) {
  same_result result;
  const auto in_a = find_mailbox(a, account_id);
  const auto in_b = find_mailbox(b, account_id);
  if (!in_a || !in_b) {
    differ(result, fmt::format("{}: {} has no such mailbox", account_id,
                               in_a   ? "B"
                               : in_b ? "A"
                                      : "neither"));
    return result;
  }
  for (auto* sql : {&a, &b})
    sql->query("SET time_zone='+00:00'");
  const auto tables_a = account_tables(a, *in_a, skipped_tables);
  const auto tables_b = account_tables(b, *in_b, skipped_tables);
  for (const auto& [table, columns] : tables_b)
    if (!tables_a.contains(table))
      differ(result, table + ": only B has this table");
  for (const auto& [table, columns] : tables_a) {
    const auto other = tables_b.find(table);
    if (other == tables_b.end() || names_of(other->second) != names_of(columns)) {
      differ(result, table + ": B lacks this table or its columns differ");
      continue;
    }
    const auto rows_a = read_rows(a, table, columns, *in_a);
    const auto rows_b = read_rows(b, table, columns, *in_b);
    result.rows += rows_a.size();
    std::vector<fixture::sql_row> only_a, only_b;
    std::ranges::set_difference(rows_a, rows_b, std::back_inserter(only_a));
    std::ranges::set_difference(rows_b, rows_a, std::back_inserter(only_b));
    for (const auto& row : only_a)
      differ(result, fmt::format("{}: only in A: {}", table, in_words(row, columns)));
    for (const auto& row : only_b)
      differ(result, fmt::format("{}: only in B: {}", table, in_words(row, columns)));
  }
  return result;
}

} // namespace understudy::compare
