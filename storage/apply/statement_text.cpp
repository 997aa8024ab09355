#include "storage/apply/statement_text.hpp"

#include "events/model/column_kinds.hpp"
#include "storage/apply/literal.hpp"
#include "storage/apply/row_tokens.hpp"
#include "storage/state/sql_text.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace understudy {
namespace {

const column& mailbox_column(const planned_row& row) {
  return row.table->columns[row.table->mailbox_column];
}

std::string sql_column(const planned_row& row, std::uint16_t column) {
  return sql_name(row.table->columns[column].name);
}

void append_cell(std::string& out, const planned_row& row, const cell& c) {
  append_literal(out, row.table->columns[c.column], c.content);
}

void append_key_cell(std::string& out, const planned_row& row, std::uint16_t column) {
  const value* content = cell_value(row.before, column);
  append_key_literal(out, row.table->columns[column], row.target->columns[column],
                     content != nullptr ? *content : value(null_value{}));
}

/// Columns of the key beside the mailbox's.
std::vector<std::uint16_t> own_key(const planned_row& row) {
  std::vector<std::uint16_t> columns;
  for (const auto column : row.table->key)
    if (column != row.table->mailbox_column)
      columns.push_back(column);
  return columns;
}

/// "7,5": the mailbox and its own key.
std::string key_text(const planned_row& row, const account_placement& where) {
  std::string out = fmt::format("{}", where.mailbox);
  for (const auto column : own_key(row)) {
    out += ',';
    append_key_cell(out, row, column);
  }
  return out;
}

/// Temporal columns that the change doesn't write are set to themselves: ON UPDATE CURRENT_TIMESTAMP would
/// add to the row otherwise (R37).
std::vector<std::uint16_t> columns_to_pin(const planned_row& row) {
  std::vector<std::uint16_t> columns;
  for (std::uint16_t i = 0; i < row.table->columns.size(); ++i) {
    const auto type = row.table->columns[i].type;
    const auto rule = row.target->columns[i].rule;
    if ((type == column_type::timestamp || type == column_type::datetime) && rule != column_rule::left_out &&
        cell_value(row.after, i) == nullptr)
      columns.push_back(i);
  }
  return columns;
}

std::string insert_text(const planned_statement& statement, const std::vector<account_work>& batch) {
  std::string out = insert_head(statement.like());
  for (const auto* row : statement.rows) {
    if (row != statement.rows.front())
      out += ',';
    out += row_text(*row, *batch[row->account].where);
  }
  return out;
}

std::string where_key(const planned_row& row, const account_placement& where) {
  std::string out = fmt::format("{} = {}", sql_name(mailbox_column(row).name), where.mailbox);
  for (const auto column : own_key(row)) {
    out += " AND " + sql_column(row, column) + " = ";
    append_key_cell(out, row, column);
  }
  return out;
}

std::string where_image(const planned_row& row, const account_placement& where) {
  std::string out = fmt::format("{} = {}", sql_name(mailbox_column(row).name), where.mailbox);
  for (const auto& c : row.before) {
    if (row.target->columns[c.column].rule == column_rule::left_out)
      continue;
    out += " AND ";
    append_exact_match(out, sql_column(row, c.column), row.table->columns[c.column], c.content);
  }
  return out + " LIMIT 1";
}

std::string single_update(const planned_row& row, const account_placement& where) {
  std::string out = "UPDATE " + row.target->sql_name + " SET ";
  const char* comma = "";
  for (const auto& c : row.after) {
    out += comma + sql_column(row, c.column) + " = ";
    append_cell(out, row, c);
    comma = ", ";
  }
  for (const auto column : columns_to_pin(row))
    out += ", " + sql_column(row, column) + " = " + sql_column(row, column);
  return out + " WHERE " + (row.table->key.empty() ? where_image(row, where) : where_key(row, where));
}

bool has_integer_key(const planned_row& row) {
  return !row.target->key_index.empty() &&
         std::all_of(row.table->key.begin(), row.table->key.end(),
                     [&row](std::uint16_t index) { return is_integer(row.table->columns[index].type); });
}

/// `(columns) IN (keys)`: a range of the key's index.
std::string keys_text(const planned_statement& statement, const std::vector<account_work>& batch,
                      std::string_view prefix) {
  const auto& like = statement.like();
  std::string out = fmt::format("({}{}", prefix, sql_name(mailbox_column(like).name));
  for (const auto column : own_key(like))
    out += fmt::format(",{}{}", prefix, sql_column(like, column));
  out += ") IN (";
  for (const auto* row : statement.rows) {
    if (row != statement.rows.front())
      out += ',';
    out += '(' + key_text(*row, *batch[row->account].where) + ')';
  }
  return out + ')';
}

/// Where the key is of integers the table comes first and is written as it's read. Behind the derived rows
/// MariaDB keeps what it found in a table of its own, on disk as soon as a column is a text or blob (350 µs a
/// statement, twice the cost of five rows).
std::string joined_update(const planned_statement& statement, const std::vector<account_work>& batch) {
  const auto& like = statement.like();
  const auto key = own_key(like);
  const bool table_first = has_integer_key(like);
  // The first member of the union gives the columns their names and no row.
  std::string derived = "(SELECT NULL AS m";
  for (std::size_t i = 0; i < key.size(); ++i)
    derived += fmt::format(",NULL AS k{}", i);
  for (std::size_t i = 0; i < like.after.size(); ++i)
    derived += fmt::format(",NULL AS v{}", i);
  derived += " FROM DUAL WHERE FALSE UNION ALL VALUES ";
  for (const auto* row : statement.rows) {
    if (row != statement.rows.front())
      derived += ',';
    derived += row->text;
  }
  derived += ") d";
  std::string table = like.target->sql_name + " t";
  // However small the table still is: a scan would lock other accounts' rows.
  if (!like.target->key_index.empty())
    table += " FORCE INDEX (" + sql_name(like.target->key_index) + ')';
  std::string out =
      "UPDATE " + (table_first ? table + " STRAIGHT_JOIN " + derived : derived + " STRAIGHT_JOIN " + table);
  out += " ON t." + sql_name(mailbox_column(like).name) + " = d.m";
  for (std::size_t i = 0; i < key.size(); ++i)
    out += fmt::format(" AND t.{} = d.k{}", sql_column(like, key[i]), i);
  out += " SET ";
  for (std::size_t i = 0; i < like.after.size(); ++i)
    out += fmt::format("{}t.{} = d.v{}", i == 0 ? "" : ", ", sql_column(like, like.after[i].column), i);
  for (const auto column : columns_to_pin(like))
    out += fmt::format(", t.{0} = t.{0}", sql_column(like, column));
  if (table_first)
    out += " WHERE " + keys_text(statement, batch, "t.");
  return out;
}

std::string remove_text(const planned_statement& statement, const std::vector<account_work>& batch) {
  const auto& like = statement.like();
  const auto& where = *batch[like.account].where;
  std::string out = "DELETE FROM " + like.target->sql_name + " WHERE ";
  if (like.table->key.empty())
    return out + where_image(like, where);
  if (statement.rows.size() == 1)
    return out + where_key(like, where);
  std::string columns = sql_name(mailbox_column(like).name);
  for (const auto column : own_key(like))
    columns += ',' + sql_column(like, column);
  return out + keys_text(statement, batch, {}) + " ORDER BY " + columns;
}

} // namespace

bool can_share_statement(const planned_row& row) {
  if (row.kind == change_kind::insert)
    return true;
  if (row.table->key.empty())
    return false;
  return std::all_of(row.table->key.begin(), row.table->key.end(), [&row](std::uint16_t index) {
    const auto type = row.table->columns[index].type;
    return is_integer(type) || type == column_type::character || type == column_type::varchar;
  });
}

std::string row_text(const planned_row& row, const account_placement& where) {
  std::string out =
      '(' + (row.kind == change_kind::insert ? fmt::format("{}", where.mailbox) : key_text(row, where));
  for (const auto& c : row.after) {
    out += ',';
    append_cell(out, row, c);
  }
  return out + ')';
}

std::size_t most_insert_bytes(const planned_row& row) {
  // A number takes up to 25 characters; text and bytes at most two for each and what stands around them.
  constexpr std::size_t around = 48;
  std::size_t bytes = around;
  for (const auto& c : row.after) {
    bytes += around;
    if (const auto* text = std::get_if<text_value>(&c.content))
      bytes += 2 * text->utf8.size();
    else if (const auto* raw = std::get_if<bytes_value>(&c.content))
      bytes += 2 * raw->bytes.size();
    else if (const auto* literal = std::get_if<literal_value>(&c.content))
      bytes += 2 * literal->text.size();
  }
  return bytes;
}

std::string insert_head(const planned_row& like) {
  std::string out = "INSERT INTO " + like.target->sql_name + " (" + sql_name(mailbox_column(like).name);
  for (const auto& c : like.after)
    out += ',' + sql_column(like, c.column);
  return out + ") VALUES ";
}

std::string statement_text(const planned_statement& statement, const std::vector<account_work>& batch) {
  const auto& where_of_first = *batch[statement.like().account].where;
  switch (statement.like().kind) {
  case change_kind::insert:
    return insert_text(statement, batch);
  case change_kind::update:
    return statement.rows.size() == 1 ? single_update(statement.like(), where_of_first)
                                      : joined_update(statement, batch);
  case change_kind::remove:
    break;
  }
  return remove_text(statement, batch);
}

} // namespace understudy
