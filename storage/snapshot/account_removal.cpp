#include "storage/snapshot/account_removal.hpp"

#include "storage/profile/profile_routing.hpp"
#include "storage/snapshot/group_database.hpp"
#include "storage/state/logged_state.hpp"
#include "storage/state/sql_fields.hpp"

#include <fmt/format.h>

#include <functional>
#include <set>

namespace understudy {
namespace {

/// Deadlocks and lock waits are repeated so often; each time the bounded transaction begins anew.
constexpr unsigned attempts_per_delete = 20;

sql_result<std::uint64_t> delete_some(sql_session& session, const account_table& table,
                                      const account_id& account, mailbox_id mailbox, std::size_t rows) {
  std::uint64_t gone = 0;
  auto done = session.transaction([&]() -> sql_result<void> {
    if (auto marked = logged_state(session).mark_origin(origin_slot(account)); !marked)
      return marked;
    auto deleted = session.execute(fmt::format("DELETE FROM {} WHERE {} = {} LIMIT {}",
                                               sql_table(table.definition->database, table.definition->name),
                                               sql_name(table.mailbox_column), mailbox, rows));
    if (!deleted)
      return tl::make_unexpected(deleted.error());
    gone = *deleted;
    return {};
  });
  if (!done)
    return tl::make_unexpected(done.error());
  return gone;
}

result<void> empty_table(sql_session& session, const account_table& table, const account_id& account,
                         mailbox_id mailbox, std::size_t rows) {
  unsigned attempts = 0;
  for (;;) {
    auto gone = delete_some(session, table, account, mailbox, rows);
    if (!gone) {
      const auto kind = gone.error().kind;
      if ((kind != sql_failure::deadlock && kind != sql_failure::lock_wait) ||
          ++attempts > attempts_per_delete)
        return passed_on(gone);
      continue;
    }
    if (*gone < rows)
      return {};
  }
}

/// Which of the tables have rows of the mailbox, by their place in the list. Each deletion is a commit, which
/// waits for Kafka: a new replica has nothing to delete.
result<std::set<std::size_t>> tables_with_rows(sql_session& session, const std::vector<account_table>& tables,
                                               mailbox_id mailbox) {
  std::set<std::size_t> filled;
  std::string question;
  for (std::size_t i = 0; i < tables.size(); ++i)
    question += fmt::format("{}(SELECT {} FROM {} WHERE {} = {} LIMIT 1)", i == 0 ? "" : " UNION ALL ", i,
                            sql_table(tables[i].definition->database, tables[i].definition->name),
                            sql_name(tables[i].mailbox_column), mailbox);
  if (tables.empty())
    return filled;
  const auto found = session.query(question);
  if (!found)
    return passed_on(found);
  for (const auto& row : found->rows)
    filled.insert(to_number<std::size_t>(row[0]));
  return filled;
}

} // namespace

std::uint8_t origin_slot(const account_id& account) {
  return static_cast<std::uint8_t>(std::hash<account_id>{}(account) & 0xFF);
}

result<void> remove_rows(sql_session& session, const profile& rules, const account_id& account,
                         mailbox_id mailbox, group_number group, std::size_t rows_per_delete,
                         recent_catalogs& catalogs) {
  const auto catalog = catalogs.of(session, account_databases(rules, group));
  if (!catalog)
    return tl::make_unexpected(catalog.error());
  session.doing(fmt::format("remove the rows of account {} (mailbox {})", account, mailbox));
  const auto tables = account_tables(rules, **catalog, group);
  const auto filled = tables_with_rows(session, tables, mailbox);
  if (!filled)
    return tl::make_unexpected(filled.error());
  // Children first, the registry last.
  for (const bool registry : {false, true})
    for (auto i = tables.size(); i-- > 0;)
      if (filled->contains(i) && rules.is_registry(tables[i].logical_name) == registry)
        if (auto done = empty_table(session, tables[i], account, mailbox, rows_per_delete); !done)
          return done;
  return {};
}

} // namespace understudy
