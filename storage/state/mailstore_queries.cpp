#include "storage/state/mailstore_queries.hpp"

#include "events/model/folded_name.hpp"
#include "storage/state/sql_fields.hpp"
#include "storage/state/value_pieces.hpp"

#include <fmt/format.h>

#include <unordered_set>

namespace understudy {
namespace {

std::string quoted(const table_name& table) {
  return sql_table(table.database, table.table);
}

std::string registry_query(const profile& rules) {
  const auto& registry = rules.registry;
  return fmt::format("SELECT {}, {}, {}, {} FROM {}", sql_name(registry.account_column),
                     sql_name(registry.name_column), sql_name(registry.mailbox_column),
                     sql_name(registry.group_column), quoted(registry.table));
}

registered_account account_from(const sql_row_view& row) {
  return {account_id(std::string(row[0])), std::string(row[1]), to_id<mailbox_id>(row[2]),
          to_id<group_number>(row[3])};
}

} // namespace

result<void> mailstore_queries::look_for_tables() {
  session_->doing("look for the tables that the profile names");
  const auto& volumes = rules_->volumes;
  for (const auto& query :
       {registry_query(*rules_),
        fmt::format("SELECT {} FROM {}", sql_name(rules_->allocation.column),
                    quoted(rules_->allocation.table)),
        fmt::format("SELECT {} FROM {}", sql_name(volumes.id_column), quoted(volumes.table)),
        fmt::format("SELECT {} FROM {}", sql_name(volumes.current_index_column),
                    quoted(volumes.current_table))}) {
    const auto there = session_->query(query + " LIMIT 0");
    if (there)
      continue;
    const auto& why = there.error();
    if (why.kind != sql_failure::unknown_table && why.kind != sql_failure::unknown_column)
      return passed_on(there);
    return failure(
        fmt::format("this MariaDB isn't a mailstore's as the profile describes it ({})", why.what),
        "let [mariadb] socket lead to the mailstore's own MariaDB, install the mail server's schema there, "
        "or name the profile of this mail server in [profile] file");
  }
  return {};
}

result<void> mailstore_queries::each_account(const std::function<void(registered_account)>& each) {
  session_->doing("list the accounts of this mailstore");
  auto read = session_->query_each(registry_query(*rules_), [&](const sql_row_view& row) {
    each(account_from(row));
    return true;
  });
  if (!read)
    return passed_on(read);
  return {};
}

result<std::vector<registered_account>> mailstore_queries::find_by_id(const std::vector<account_id>& ids) {
  session_->doing("find accounts by their ids");
  std::vector<registered_account> out;
  auto all = in_pieces(ids, [&](auto piece) -> result<void> {
    std::string list;
    for (const auto& id : piece)
      list += (list.empty() ? "" : ",") + sql_text(id.value);
    auto read = session_->query_each(fmt::format("{} WHERE {} IN ({})", registry_query(*rules_),
                                                 sql_name(rules_->registry.account_column), list),
                                     [&](const sql_row_view& row) {
                                       out.push_back(account_from(row));
                                       return true;
                                     });
    if (!read)
      return passed_on(read);
    return {};
  });
  if (!all)
    return tl::make_unexpected(all.error());
  return out;
}

result<registered_account> mailstore_queries::mailbox_of(const account_id& id) {
  auto found = find_by_id({id});
  if (!found)
    return tl::make_unexpected(found.error());
  if (found->empty())
    return failure("it has no mailbox in this mailstore");
  return std::move(found->front());
}

result<std::vector<registered_account>> mailstore_queries::find(const std::vector<std::string>& names) {
  session_->doing("find accounts by their names");
  std::unordered_set<std::string> wanted;
  std::string list;
  for (const auto& name : names) {
    wanted.insert(folded_name(name));
    if (names.size() <= values_per_query)
      list += (list.empty() ? "" : ",") + sql_text(name);
  }
  auto query = registry_query(*rules_);
  if (!list.empty()) // else all of it is looked through here
    query += fmt::format(" WHERE {0} IN ({2}) OR {1} IN ({2})", sql_name(rules_->registry.name_column),
                         sql_name(rules_->registry.account_column), list);
  std::vector<registered_account> out;
  auto read = session_->query_each(query, [&](const sql_row_view& row) {
    auto account = account_from(row);
    if (wanted.contains(folded_name(account.name)) || wanted.contains(folded_name(account.account.value)))
      out.push_back(std::move(account));
    return true;
  });
  if (!read)
    return passed_on(read);
  return out;
}

result<std::map<mailbox_id, std::uint64_t>>
mailstore_queries::highest_items(const std::vector<registered_account>& accounts) {
  session_->doing("read the highest item ids");
  std::map<mailbox_id, std::uint64_t> out;
  std::map<group_number, std::vector<mailbox_id>> by_group;
  for (const auto& account : accounts) {
    by_group[account.group].push_back(account.mailbox);
    out.emplace(account.mailbox, 0);
  }
  const std::string mailbox = sql_name(rules_->mailbox_column);
  for (const auto& [group, mailboxes] : by_group) {
    auto table = rules_->quoted_name(rules_->item_table, group);
    if (!table)
      return tl::make_unexpected(table.error());
    auto all = in_pieces(mailboxes, [&](auto piece) -> result<void> {
      auto read = session_->query_each(
          fmt::format("SELECT {0}, MAX({1}) FROM {2} WHERE {0} IN ({3}) GROUP BY {0}", mailbox,
                      sql_name(rules_->item_column), *table, fmt::join(piece, ",")),
          [&](const sql_row_view& row) {
            out[to_id<mailbox_id>(row[0])] = to_number<std::uint64_t>(row[1]);
            return true;
          });
      // The mail server makes a group database on first use only.
      if (!read && read.error().kind != sql_failure::unknown_table)
        return passed_on(read);
      return {};
    });
    if (!all)
      return tl::make_unexpected(all.error());
  }
  return out;
}

result<std::vector<mailstore_volume>> mailstore_queries::volumes() {
  session_->doing("list the volumes of this mailstore");
  const auto& rules = rules_->volumes;
  std::vector<mailstore_volume> out;
  auto read = session_->query_each(
      fmt::format("SELECT {}, {}, {}, {}, {} FROM {} ORDER BY 1", sql_name(rules.id_column),
                  sql_name(rules.type_column), sql_name(rules.name_column), sql_name(rules.path_column),
                  sql_name(rules.metadata_column), quoted(rules.table)),
      [&](const sql_row_view& row) {
        out.push_back(describe_volume(rules, to_number<std::int64_t>(row[0]), to_number<std::int64_t>(row[1]),
                                      std::string(row[2]), std::string(row[3]), row[4]));
        return true;
      });
  if (!read)
    return passed_on(read);
  std::string columns = sql_name(rules.current_index_column);
  for (const auto& column : rules.current_message_columns)
    columns += ", " + sql_name(column);
  auto current = session_->query(fmt::format("SELECT {} FROM {}", columns, quoted(rules.current_table)));
  if (!current)
    return passed_on(current);
  for (const auto& row : current->rows)
    for (const auto& field : row)
      for (auto& known : out)
        known.is_current |= field && known.id == to_number<std::int64_t>(field);
  return out;
}

result<std::int64_t> mailstore_queries::current_index_volume() {
  session_->doing("find the current index volume");
  const auto& rules = rules_->volumes;
  auto found = session_->query_value(
      fmt::format("SELECT {} FROM {}", sql_name(rules.current_index_column), quoted(rules.current_table)));
  if (!found)
    return passed_on(found);
  if (!found->has_value())
    return failure(
        fmt::format("{} has no row: this mailstore has no current index volume", quoted(rules.current_table)),
        "set the mail server's current volumes");
  return to_number<std::int64_t>(*found);
}

result<mailbox_id> mailstore_queries::allocate_mailboxes(sql_session& logged, std::uint32_t count) {
  logged.doing("take the next mailbox id");
  const std::string table = quoted(rules_->allocation.table);
  const std::string column = sql_name(rules_->allocation.column);
  mailbox_id taken;
  auto done = logged.transaction([&]() -> sql_result<void> {
    // Update first: its row lock keeps the mail server's own allocation away until the commit.
    if (auto raised = logged.execute(fmt::format("UPDATE {0} SET {1}={1}+{2}", table, column, count));
        !raised)
      return tl::make_unexpected(raised.error());
    auto next = logged.query_value(fmt::format("SELECT {}-{} FROM {}", column, count, table));
    if (!next)
      return tl::make_unexpected(next.error());
    taken = to_id<mailbox_id>(*next);
    return {};
  });
  if (!done)
    return passed_on(done);
  if (taken.value == 0)
    return failure(fmt::format("{} has no row: no mailbox id can be taken", table),
                   "set the mail server's current volumes");
  return taken;
}

result<std::set<mailbox_id>> mailstore_queries::held_ids(mailbox_id first, std::uint32_t count) {
  const auto& registry = rules_->registry;
  const auto column = sql_name(registry.mailbox_column);
  const auto found = session_->query(fmt::format("SELECT {0} FROM {1} WHERE {0} BETWEEN {2} AND {3}", column,
                                                 quoted(registry.table), first, first.value + count - 1));
  if (!found)
    return passed_on(found);
  std::set<mailbox_id> held;
  for (const auto& row : found->rows)
    held.insert(to_id<mailbox_id>(row[0]));
  return held;
}

result<void> mailstore_queries::reserve_mailbox(sql_session& logged, mailbox_id wanted,
                                                const account_id& account) {
  logged.doing(fmt::format("reserve mailbox id {} for account {}", wanted, account));
  const auto& registry = rules_->registry;
  auto holder =
      logged.query_value(fmt::format("SELECT {} FROM {} WHERE {}={}", sql_name(registry.account_column),
                                     quoted(registry.table), sql_name(registry.mailbox_column), wanted));
  if (!holder)
    return passed_on(holder);
  if (holder->has_value() && **holder != account.value)
    return failure(fmt::format("mailbox id {} is taken here by account {}", wanted, **holder),
                   "give the hosts disjoint ranges of mailbox ids, or use volumes that go by locator with "
                   "mailbox_id = \"own\"");
  const std::string column = sql_name(rules_->allocation.column);
  auto raised = logged.execute(fmt::format("UPDATE {0} SET {1}={2}+1 WHERE {1}<={2}",
                                           quoted(rules_->allocation.table), column, wanted));
  if (!raised)
    return passed_on(raised);
  return {};
}

result<gtid_position> mailstore_queries::binlog_position() {
  session_->doing("read the binlog's position");
  auto found = session_->query_value("SELECT @@GLOBAL.gtid_binlog_pos");
  if (!found)
    return passed_on(found);
  return gtid_position::parse(to_text(*found));
}

result<server_identity> mailstore_queries::identity() {
  session_->doing("ask which server this is");
  auto found =
      session_->query("SELECT VERSION(), @@GLOBAL.server_id, (SELECT VARIABLE_VALUE FROM "
                      "information_schema.GLOBAL_VARIABLES WHERE VARIABLE_NAME='SERVER_UID'), (SELECT "
                      "VARIABLE_VALUE FROM information_schema.GLOBAL_STATUS WHERE VARIABLE_NAME='UPTIME')");
  if (!found)
    return passed_on(found);
  if (found->rows.empty())
    return failure("the server didn't say who it is");
  const sql_row& row = found->rows.front();
  return server_identity{to_text(row[0]), to_text(row[2]), to_number<std::uint32_t>(row[1]),
                         to_number<std::uint64_t>(row[3])};
}

} // namespace understudy
