#include "tests/tools/compare/server_rows.hpp"

#include "tests/tools/record/tables.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace understudy::compare {

std::optional<mailbox_place> find_mailbox(fixture::sql_client& sql, const std::string& account_id) {
  const auto rows =
      sql.query("SELECT id, group_id FROM zimbra.mailbox WHERE account_id=" + sql.quote(account_id));
  if (rows.empty())
    return std::nullopt;
  return mailbox_place{.mailbox_id = *rows[0][0], .group_id = *rows[0][1]};
}

actual_account read_account(fixture::sql_client& sql, const std::string& account_id,
                            const record::recorded_account& account) {
  // All tables as of one moment: a transaction whose client was cut off may come to its end meanwhile.
  sql.query("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ");
  sql.query("START TRANSACTION WITH CONSISTENT SNAPSHOT");
  const auto place = find_mailbox(sql, account_id);
  if (!place) {
    sql.query("COMMIT");
    return std::nullopt;
  }
  table_rows actual;
  for (const auto& [name, mentioned] : mentioned_columns(account)) {
    const auto& table = *record::find_table(name);
    std::vector<std::string> names(table.key.begin(), table.key.end());
    names.insert(names.end(), mentioned.begin(), mentioned.end());
    names.emplace_back("1"); // mailbox has no key of its own within an account: the list is never empty
    const auto database = table.in_group ? "mboxgroup" + place->group_id : "zimbra";
    const auto rows =
        sql.query(fmt::format("SELECT {} FROM {}.{} WHERE {}={}", fmt::join(names, ", "), database, name,
                              name == "mailbox" ? "id" : "mailbox_id", place->mailbox_id));
    for (const auto& values : rows) {
      const auto key_columns = static_cast<std::ptrdiff_t>(table.key.size());
      const auto [place_of_row, is_new] =
          actual[name].try_emplace(joined_key({values.begin(), values.begin() + key_columns}));
      auto& row = place_of_row->second;
      row.copies += is_new ? 0 : 1;
      for (std::size_t column = table.key.size(); column + 1 < values.size(); ++column)
        row.cells[names[column]] = values[column];
    }
  }
  sql.query("COMMIT");
  return actual;
}

} // namespace understudy::compare
