#include "storage/state/control_store.hpp"

#include "storage/state/multi_row.hpp"
#include "storage/state/sql_fields.hpp"

#include <fmt/format.h>

namespace understudy {
namespace {

/// One of the three document tables and its key column.
struct document_table {
  const char* name;
  const char* key;
};
constexpr document_table account_documents{"control_account", "account_id"};
constexpr document_table node_documents{"control_node", "name"};
constexpr document_table operation_documents{"control_operation", "id"};
constexpr document_table sent_snapshots{"sent_snapshot", "account_id"};

/// Keys of a DELETE … IN: far below any packet limit.
constexpr std::size_t keys_per_delete = 500;

template <class Id>
sql_result<void> remove_documents(sql_session& session, const document_table& table,
                                  const std::map<Id, std::optional<std::string>>& changes) {
  std::string keys;
  std::size_t count = 0;
  const auto send = [&]() -> sql_result<void> {
    auto done = session.execute(
        fmt::format("DELETE FROM understudy.{} WHERE {} IN ({})", table.name, table.key, keys));
    keys.clear();
    count = 0;
    return done.map([](std::uint64_t) {});
  };
  for (const auto& [id, document] : changes) {
    if (document)
      continue;
    keys += count == 0 ? "" : ",";
    keys += sql_text(id.value);
    if (++count == keys_per_delete)
      if (auto sent = send(); !sent)
        return sent;
  }
  return count == 0 ? sql_result<void>{} : send();
}

sql_result<void> store_sent(sql_session& session, const control_changes& changes) {
  std::map<account_id, std::optional<std::string>> gone;
  multi_row rows(session, "INSERT INTO understudy.sent_snapshot(account_id, request) VALUES ",
                 " ON DUPLICATE KEY UPDATE request=VALUES(request)");
  for (const auto& [account, request] : changes.sent) {
    if (!request)
      gone.emplace(account, std::nullopt);
    else if (auto added = rows.add(fmt::format("{},{}", sql_text(account.value), *request)); !added)
      return added;
  }
  if (auto sent = rows.flush(); !sent)
    return sent;
  return remove_documents(session, sent_snapshots, gone);
}

template <class Id>
sql_result<void> store_documents(sql_session& session, const document_table& table,
                                 const std::map<Id, std::optional<std::string>>& changes) {
  multi_row rows(session, fmt::format("INSERT INTO understudy.{}({}, doc) VALUES ", table.name, table.key),
                 " ON DUPLICATE KEY UPDATE doc=VALUES(doc)");
  for (const auto& [id, document] : changes)
    if (document)
      if (auto added = rows.add(sql_text(id.value) + ',' + sql_text(*document)); !added)
        return added;
  if (auto sent = rows.flush(); !sent)
    return sent;
  return remove_documents(session, table, changes);
}

template <class Id>
result<void> each_document(sql_session& session, const document_table& table,
                           const std::function<void(Id, std::string)>& each) {
  session.doing(fmt::format("read understudy.{}", table.name));
  auto read = session.query_each(fmt::format("SELECT {}, doc FROM understudy.{}", table.key, table.name),
                                 [&](const sql_row_view& row) {
                                   each(Id(std::string(row[0])), std::string(row[1]));
                                   return true;
                                 });
  if (!read)
    return passed_on(read);
  return {};
}

sql_result<void> store_position(sql_session& session, const control_position& position) {
  return session
      .execute(fmt::format(
          "INSERT INTO understudy.control(id, next_offset, rules_version, appended, records) "
          "VALUES (1, {}, {}, {}, {}) ON DUPLICATE KEY UPDATE next_offset=VALUES(next_offset), "
          "rules_version=VALUES(rules_version), appended=VALUES(appended), records=VALUES(records)",
          position.next, position.rules_version,
          position.appended ? fmt::to_string(position.appended->value) : "NULL", sql_text(position.records)))
      .map([](std::uint64_t) {});
}

} // namespace

result<void> control_store::store(const control_changes& changes) {
  session_->doing(fmt::format("store the control state up to offset {}", changes.position.next));
  auto stored = session_->transaction([&]() -> sql_result<void> {
    if (auto done = store_documents(*session_, account_documents, changes.accounts); !done)
      return done;
    if (auto done = store_documents(*session_, node_documents, changes.nodes); !done)
      return done;
    if (auto done = store_documents(*session_, operation_documents, changes.operations); !done)
      return done;
    if (auto done = store_sent(*session_, changes); !done)
      return done;
    return store_position(*session_, changes.position);
  });
  return plain(stored);
}

result<std::optional<control_position>> control_store::position() {
  session_->doing("read how far the control log was folded");
  auto found = session_->query(
      "SELECT next_offset, rules_version, appended, records FROM understudy.control WHERE id=1");
  if (!found)
    return passed_on(found);
  if (found->rows.empty())
    return std::optional<control_position>{};
  const sql_row& row = found->rows.front();
  control_position position{to_id<kafka_offset>(row[0]), to_number<std::uint32_t>(row[1])};
  if (row[2])
    position.appended = to_id<broker_time>(row[2]);
  position.records = row[3].value_or("");
  return std::optional(position);
}

result<void> control_store::each_account(const std::function<void(account_id, std::string)>& each) {
  return each_document<account_id>(*session_, account_documents, each);
}
result<void> control_store::each_node(const std::function<void(node_name, std::string)>& each) {
  return each_document<node_name>(*session_, node_documents, each);
}
result<void> control_store::each_operation(const std::function<void(operation_id, std::string)>& each) {
  return each_document<operation_id>(*session_, operation_documents, each);
}

result<std::unordered_map<account_id, kafka_offset>> control_store::sent() {
  session_->doing("read which snapshots are sent");
  std::unordered_map<account_id, kafka_offset> all;
  auto read = session_->query_each(
      "SELECT account_id, request FROM understudy.sent_snapshot", [&](const sql_row_view& row) {
        all.emplace(account_id(std::string(row[0])), to_id<kafka_offset>(row[1]));
        return true;
      });
  if (!read)
    return passed_on(read);
  return all;
}

result<void> control_store::clear() {
  session_->doing("forget the control state");
  auto cleared = session_->transaction([&]() -> sql_result<void> {
    for (const char* table : {"control", "control_account", "control_node", "control_operation"})
      if (auto done = session_->execute(fmt::format("DELETE FROM understudy.{}", table)); !done)
        return tl::make_unexpected(done.error());
    return {};
  });
  return plain(cleared);
}

} // namespace understudy
