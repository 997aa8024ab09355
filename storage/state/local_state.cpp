#include "storage/state/local_state.hpp"

#include "storage/state/multi_row.hpp"
#include "storage/state/sql_fields.hpp"

#include <fmt/format.h>

namespace understudy {
namespace {

sql_result<void> store_checkpoint(sql_session& session, const capture_checkpoint& checkpoint) {
  return session
      .execute(fmt::format(
          "INSERT INTO understudy.capture(id, gtid, file, place) VALUES (1, {}, {}, {}) ON DUPLICATE "
          "KEY UPDATE gtid=VALUES(gtid), file=VALUES(file), place=VALUES(place)",
          sql_text(checkpoint.settled.text()), sql_text(checkpoint.place.file), checkpoint.place.offset))
      .map([](std::uint64_t) {});
}

/// `known`: what becomes of an account that has a row.
sql_result<void> store_accounts(sql_session& session, const std::vector<captured_account>& changed,
                                std::string_view known) {
  multi_row rows(
      session,
      "INSERT INTO understudy.capture_account(account_id, mailbox_id, term, role, sequence, partition_no, "
      "is_protected) VALUES ",
      fmt::format(
          " ON DUPLICATE KEY UPDATE mailbox_id=VALUES(mailbox_id), partition_no=VALUES(partition_no), {}",
          known));
  for (const auto& account : changed) {
    auto added = rows.add(fmt::format("{},{},{},'{}',{},{},{:d}", sql_text(account.account.value),
                                      account.mailbox, account.term, text_of(account.role), account.number,
                                      account.partition, account.is_protected));
    if (!added)
      return added;
  }
  return rows.flush();
}

/// Few at a time: accounts leave one by one.
sql_result<void> remove_accounts(sql_session& session, const std::vector<account_id>& gone) {
  for (const auto& account : gone) {
    auto removed =
        session.execute("DELETE FROM understudy.capture_account WHERE account_id=" + sql_text(account.value));
    if (!removed)
      return tl::make_unexpected(removed.error());
  }
  return {};
}

sql_result<void> store_read_from(sql_session& session, const std::map<partition_id, kafka_offset>& next) {
  multi_row rows(session, "INSERT INTO understudy.capture_partition(partition_no, next_offset) VALUES ",
                 " ON DUPLICATE KEY UPDATE next_offset=VALUES(next_offset)");
  for (const auto& [partition, offset] : next)
    if (auto added = rows.add(fmt::format("{},{}", partition, offset)); !added)
      return added;
  return rows.flush();
}

result<std::map<partition_id, kafka_offset>> stored_read_from(sql_session& session) {
  session.doing("read offsets from understudy.capture_partition");
  auto found = session.query("SELECT partition_no, next_offset FROM understudy.capture_partition");
  if (!found)
    return passed_on(found);
  std::map<partition_id, kafka_offset> out;
  for (const auto& row : found->rows)
    out.emplace(to_id<partition_id>(row[0]), to_id<kafka_offset>(row[1]));
  return out;
}

captured_account captured_from(const sql_row_view& row) {
  captured_account out;
  out.account = account_id(std::string(row[0]));
  out.mailbox = to_id<mailbox_id>(row[1]);
  out.term = to_id<epoch>(row[2]);
  out.role = parse_role(row[3]).value_or(account_role::none);
  out.number = to_id<sequence>(row[4]);
  out.partition = to_id<partition_id>(row[5]);
  out.is_protected = row[6] == "1";
  return out;
}

} // namespace

result<local_state> local_state::open(sql_session& session) {
  session.doing("check that local state stays out of the binlog");
  auto logged = session.query_value("SELECT @@SESSION.sql_log_bin");
  if (!logged)
    return passed_on(logged);
  if (*logged != "0")
    return failure("local state must not be written through the binlog (R6)",
                   "open the session with local_setup()");
  return local_state(session);
}

result<void> local_state::store_capture(const capture_checkpoint& checkpoint,
                                        const std::vector<captured_account>& changed,
                                        const std::vector<account_id>& gone) {
  session_->doing("store the capture checkpoint");
  auto stored = session_->transaction([&]() -> sql_result<void> {
    auto done = store_accounts(*session_, changed,
                               "term=VALUES(term), role=VALUES(role), sequence=VALUES(sequence), "
                               "is_protected=VALUES(is_protected)");
    if (!done)
      return done;
    if (done = remove_accounts(*session_, gone); !done)
      return done;
    if (done = store_read_from(*session_, checkpoint.read_from); !done)
      return done;
    return store_checkpoint(*session_, checkpoint);
  });
  return plain(stored);
}

result<void> local_state::expect_captured(const std::vector<captured_account>& accounts) {
  session_->doing("note accounts whose role rows follow");
  return plain(session_->transaction([&] {
    return store_accounts(*session_, accounts, "sequence=IF(role='source', sequence, VALUES(sequence))");
  }));
}

result<std::optional<capture_checkpoint>> local_state::capture() {
  session_->doing("read the capture checkpoint");
  auto found = session_->query("SELECT gtid, file, place FROM understudy.capture WHERE id=1");
  if (!found)
    return passed_on(found);
  if (found->rows.empty())
    return std::optional<capture_checkpoint>{};
  const sql_row& row = found->rows.front();
  auto settled = gtid_position::parse(to_text(row[0]));
  if (!settled)
    return tl::make_unexpected(settled.error());
  auto read_from = stored_read_from(*session_);
  if (!read_from)
    return tl::make_unexpected(read_from.error());
  return std::optional(capture_checkpoint{
      *settled, {to_text(row[1]), to_number<std::uint64_t>(row[2])}, std::move(*read_from)});
}

result<void> local_state::each_captured(const std::function<void(captured_account)>& each) {
  session_->doing("read the captured accounts");
  auto read =
      session_->query_each("SELECT account_id, mailbox_id, term, role, sequence, partition_no, is_protected "
                           "FROM understudy.capture_account",
                           [&](const sql_row_view& row) {
                             each(captured_from(row));
                             return true;
                           });
  if (!read)
    return passed_on(read);
  return {};
}

result<std::map<partition_id, reader_place>> local_state::reader_places() {
  session_->doing("read where the readers stand");
  auto found =
      session_->query("SELECT partition_no, next_offset, mark_offset, mark_time FROM understudy.reader");
  if (!found)
    return passed_on(found);
  std::map<partition_id, reader_place> out;
  for (const auto& row : found->rows) {
    reader_place place{to_id<kafka_offset>(row[1])};
    if (row[2] && row[3])
      place.mark = log_mark{to_id<kafka_offset>(row[2]), to_id<broker_time>(row[3])};
    out.emplace(to_id<partition_id>(row[0]), place);
  }
  return out;
}

result<void> local_state::store_stopped(const stopped_account& account) {
  session_->doing(fmt::format("note that account {} has stopped", account.account));
  const auto seconds =
      std::chrono::duration_cast<std::chrono::seconds>(account.at.time_since_epoch()).count();
  auto done = session_->execute(fmt::format(
      "INSERT INTO understudy.stopped(account_id, next_offset, reason, at) VALUES ({},{},{},{}) ON "
      "DUPLICATE KEY UPDATE next_offset=VALUES(next_offset), reason=VALUES(reason), at=VALUES(at)",
      sql_text(account.account.value), account.next, sql_text(account.reason), seconds));
  if (!done)
    return passed_on(done);
  return {};
}

result<void> local_state::remove_stopped(const account_id& account) {
  session_->doing(fmt::format("note that account {} goes on", account));
  auto done = session_->execute("DELETE FROM understudy.stopped WHERE account_id=" + sql_text(account.value));
  if (!done)
    return passed_on(done);
  return {};
}

result<void>
local_state::store_progress(const std::map<partition_id, reader_place>& places,
                            const std::map<account_id, std::optional<stopped_account>>& changed) {
  auto stored = session_->transaction([&]() -> sql_result<void> {
    for (const auto& [account, stopped] : changed)
      if (auto done = stopped ? store_stopped(*stopped) : remove_stopped(account); !done)
        return tl::make_unexpected(sql_error{done.error()});
    session_->doing("store where the readers stand");
    multi_row rows(*session_,
                   "INSERT INTO understudy.reader(partition_no, next_offset, mark_offset, mark_time) VALUES ",
                   " ON DUPLICATE KEY UPDATE next_offset=VALUES(next_offset), "
                   "mark_offset=VALUES(mark_offset), mark_time=VALUES(mark_time)");
    for (const auto& [partition, place] : places) {
      const auto mark =
          place.mark ? fmt::format("{},{}", place.mark->offset, place.mark->time) : std::string("NULL,NULL");
      if (auto added = rows.add(fmt::format("{},{},{}", partition, place.next, mark)); !added)
        return added;
    }
    return rows.flush();
  });
  return plain(stored);
}

result<std::vector<stopped_account>> local_state::stopped() {
  session_->doing("read the stopped accounts");
  auto found = session_->query(
      "SELECT account_id, next_offset, reason, at FROM understudy.stopped ORDER BY account_id");
  if (!found)
    return passed_on(found);
  std::vector<stopped_account> out;
  for (const auto& row : found->rows)
    out.push_back(
        {account_id(to_text(row[0])), to_id<kafka_offset>(row[1]), to_text(row[2]),
         std::chrono::system_clock::time_point(std::chrono::seconds(to_number<std::int64_t>(row[3])))});
  return out;
}

} // namespace understudy
