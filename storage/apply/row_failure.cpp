// What is said of a row that can't be applied: the event's image and what is found here (R38).
#include "storage/apply/apply_transaction.hpp"
#include "storage/apply/literal.hpp"
#include "storage/apply/row_tokens.hpp"
#include "storage/state/sql_text.hpp"

#include <fmt/format.h>

namespace understudy {
namespace {

/// Bytes shown of each value found here.
constexpr std::size_t shown_bytes = 60;

std::string shown(const sql_field& field) {
  if (!field)
    return "NULL";
  std::string out;
  for (const char c : field->substr(0, shown_bytes))
    out += static_cast<unsigned char>(c) < 0x20 ? fmt::format("\\x{:02x}", static_cast<unsigned char>(c))
                                                : std::string(1, c);
  return field->size() > shown_bytes ? fmt::format("'{}'… ({} bytes)", out, field->size()) : "'" + out + "'";
}

/// The local row that has the change's values in a unique key; empty text = none, or the values aren't known.
std::string local_row(sql_session& session, const planned_row& row, const account_placement& where,
                      const std::vector<std::uint16_t>& columns) {
  std::string condition;
  for (const auto index : columns) {
    const auto& column = row.table->columns[index];
    condition += condition.empty() ? "" : " AND ";
    if (index == row.table->mailbox_column) {
      condition += fmt::format("{} = {}", sql_name(column.name), where.mailbox);
      continue;
    }
    const value* content = cell_value(row.after, index);
    if (content == nullptr)
      content = cell_value(row.before, index);
    if (content == nullptr || std::holds_alternative<null_value>(*content))
      return {};
    condition += sql_name(column.name) + " = ";
    append_key_literal(condition, column, row.target->columns[index], *content);
  }
  const auto found =
      session.query("SELECT * FROM " + row.target->sql_name + " WHERE " + condition + " LIMIT 1");
  // What is shown is a help; the failure itself has been reported by the statement.
  if (!found || found->rows.empty())
    return {};
  std::string out = "(";
  for (std::size_t i = 0; i < found->columns.size(); ++i)
    out += (i == 0 ? "" : ", ") + found->columns[i] + "=" + shown(found->rows.front()[i]);
  return out + ")";
}

} // namespace

error row_failure(sql_session& session, const planned_row& row, const account_placement& where,
                  const transaction_failure& failed) {
  std::string here;
  if (failed.why.kind == sql_failure::duplicate_key) {
    for (const auto& key : row.target->uniques)
      if (here = local_row(session, row, where, key.columns); !here.empty())
        break;
  } else if (!row.table->key.empty() && row.kind != change_kind::insert) {
    planned_row old = row;
    old.after.clear();
    here = local_row(session, old, where, row.table->key);
  }
  error made;
  made.what = fmt::format("{}: {}; here there is {}", describe(row),
                          failed.row_missing ? "the row isn't there" : failed.why.what,
                          here.empty() ? "no such row" : here);
  made.todo = failed.why.kind == sql_failure::packet_too_large
                  ? "raise max_allowed_packet on this MariaDB, then run restartReplicas"
                  : "this replica no longer equals its source: re-initialise the account here "
                    "(removeAccountDestination, then setAccountDestination), or repair the row and run "
                    "restartReplicas";
  return made;
}

} // namespace understudy
