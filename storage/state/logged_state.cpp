#include "storage/state/logged_state.hpp"

#include "storage/state/multi_row.hpp"
#include "storage/state/sql_fields.hpp"
#include "storage/state/value_pieces.hpp"

#include <fmt/format.h>

#include <iterator>

namespace understudy {
namespace {

constexpr std::string_view role_columns = "account_id, term, role, decision, at_cut, read_file, read_place";
constexpr std::string_view replica_columns =
    "account_id, mailbox_id, term, sequence, partition_no, next_offset, state, snapshot, request";

role_record role_from(const sql_row& row) {
  return {account_id(to_text(row[0])),
          to_id<epoch>(row[1]),
          parse_role(to_text(row[2])).value_or(account_role::none),
          to_id<kafka_offset>(row[3]),
          parse_account_checksum(to_text(row[4])).value_or(account_checksum{}),
          {to_text(row[5]), to_number<std::uint64_t>(row[6])}};
}

replica_record replica_from(const sql_row& row) {
  replica_record out;
  out.account = account_id(to_text(row[0]));
  out.mailbox = to_id<mailbox_id>(row[1]);
  out.term = to_id<epoch>(row[2]);
  out.applied = to_id<sequence>(row[3]);
  out.partition = to_id<partition_id>(row[4]);
  out.next = to_id<kafka_offset>(row[5]);
  out.state = to_text(row[6]) == "ready" ? replica_state::ready : replica_state::loading;
  out.snapshot = to_text(row[7]);
  out.request = to_id<kafka_offset>(row[8]);
  return out;
}

std::string values_of(const replica_record& replica) {
  return fmt::format("{}, {}, {}, {}, {}, {}, {}, {}, {}", sql_text(replica.account.value), replica.mailbox,
                     replica.term, replica.applied, replica.partition, replica.next,
                     sql_text(replica.state == replica_state::ready ? "ready" : "loading"),
                     sql_text(replica.snapshot), replica.request);
}

std::string where_account(const account_id& account) {
  return " WHERE account_id=" + sql_text(account.value);
}

std::string where_loading(const account_id& account, const std::string& snapshot) {
  return fmt::format("{} AND state='loading' AND snapshot={}", where_account(account), sql_text(snapshot));
}

sql_error not_loaded_here(const account_id& account, const std::string& snapshot) {
  sql_error out;
  out.what = fmt::format("snapshot {} of account {} isn't what is loaded here any more: another load, or a "
                         "removal, has taken its place",
                         snapshot, account);
  out.todo = "nothing: it begins again if it is still wanted";
  out.retryable = true;
  return out;
}

/// What `read` finds for each part of a list, which may be too long for one statement.
template <class Record, class Read>
result<std::vector<Record>> of_accounts(const std::vector<account_id>& accounts, Read read) {
  std::vector<Record> out;
  auto all = in_pieces(accounts, [&](auto piece) -> result<void> {
    std::string names;
    for (const auto& account : piece)
      names += (names.empty() ? "" : ",") + sql_text(account.value);
    auto found = read(fmt::format("account_id IN ({})", names));
    if (!found)
      return tl::make_unexpected(found.error());
    out.insert(out.end(), std::make_move_iterator(found->begin()), std::make_move_iterator(found->end()));
    return {};
  });
  if (!all)
    return tl::make_unexpected(all.error());
  return out;
}

} // namespace

std::string_view text_of(account_role role) {
  switch (role) {
  case account_role::source:
    return "source";
  case account_role::replica:
    return "replica";
  case account_role::none:
    break;
  }
  return "none";
}

std::optional<account_role> parse_role(std::string_view text) {
  for (const auto role : {account_role::none, account_role::source, account_role::replica})
    if (text == text_of(role))
      return role;
  return std::nullopt;
}

result<void> logged_state::write_roles(const std::vector<role_record>& roles) {
  session_.doing(fmt::format("write the role of account {} in epoch {}{}", roles.front().account,
                             roles.front().term,
                             roles.size() == 1 ? "" : fmt::format(", and {} more", roles.size() - 1)));
  std::string rows;
  for (const auto& role : roles)
    rows += fmt::format("{}({}, {}, {}, {}, {}, {}, {})", rows.empty() ? "" : ", ",
                        sql_text(role.account.value), role.term, sql_text(text_of(role.role)), role.decision,
                        sql_text(text_of(role.at_cut)), sql_text(role.read_at.file), role.read_at.offset);
  auto done = session_.execute(
      fmt::format("INSERT INTO understudy.role({}) VALUES {} ON DUPLICATE KEY UPDATE term=VALUES(term), "
                  "role=VALUES(role), decision=VALUES(decision), at_cut=VALUES(at_cut), "
                  "read_file=VALUES(read_file), read_place=VALUES(read_place), writes=writes+1",
                  role_columns, rows));
  if (!done)
    return passed_on(done);
  return {};
}

result<std::optional<role_record>> logged_state::role_of(const account_id& account) {
  session_.doing(fmt::format("read the role of account {}", account));
  auto found =
      session_.query(fmt::format("SELECT {} FROM understudy.role{}", role_columns, where_account(account)));
  if (!found)
    return passed_on(found);
  if (found->rows.empty())
    return std::optional<role_record>{};
  return std::optional(role_from(found->rows.front()));
}

result<std::optional<role_record>> logged_state::settled_role_of(const account_id& account) {
  session_.doing(fmt::format("read the settled role of account {}", account));
  auto found = session_.query(fmt::format("SELECT {} FROM understudy.role{} FOR UPDATE WAIT 2", role_columns,
                                          where_account(account)));
  if (!found)
    return passed_on(found);
  if (found->rows.empty())
    return std::optional<role_record>{};
  return std::optional(role_from(found->rows.front()));
}

result<std::vector<role_record>> logged_state::roles() {
  return roles_where("TRUE");
}

result<std::vector<role_record>> logged_state::roles_of(const std::vector<account_id>& accounts) {
  return of_accounts<role_record>(accounts,
                                  [this](const std::string& condition) { return roles_where(condition); });
}

result<std::vector<role_record>> logged_state::roles_ahead() {
  if (auto set = session_.execute("SET TRANSACTION ISOLATION LEVEL READ UNCOMMITTED");
      !set) // for the next one
    return passed_on(set);
  // An account that came back to its source has two rows of one term: as replica, then as source.
  return roles_where("NOT EXISTS (SELECT 1 FROM understudy.capture_account c WHERE c.account_id = "
                     "role.account_id AND (c.term > role.term OR (c.term = role.term AND NOT (c.role = "
                     "'replica' AND role.role = 'source'))))");
}

result<std::vector<role_record>> logged_state::roles_where(std::string_view condition) {
  session_.doing("read the roles of accounts");
  auto found = session_.query(
      fmt::format("SELECT {} FROM understudy.role WHERE {} ORDER BY account_id", role_columns, condition));
  if (!found)
    return passed_on(found);
  std::vector<role_record> out;
  out.reserve(found->rows.size());
  for (const auto& row : found->rows)
    out.push_back(role_from(row));
  return out;
}

sql_result<void> logged_state::insert_replicas(const std::vector<replica_record>& replicas) {
  session_.doing(fmt::format("write the replica positions of {} accounts", replicas.size()));
  multi_row rows(session_, fmt::format("INSERT INTO understudy.replica({}) VALUES ", replica_columns), "");
  for (const auto& replica : replicas)
    if (auto added = rows.add(values_of(replica)); !added)
      return added;
  return rows.flush();
}

result<void> logged_state::write_replica(const replica_record& replica) {
  session_.doing(fmt::format("write the replica position of account {}", replica.account));
  auto done = session_.execute(
      fmt::format("INSERT INTO understudy.replica({}) VALUES ({}) ON DUPLICATE KEY "
                  "UPDATE "
                  "mailbox_id=VALUES(mailbox_id), term=VALUES(term), sequence=VALUES(sequence), "
                  "partition_no=VALUES(partition_no), next_offset=VALUES(next_offset), state=VALUES(state), "
                  "snapshot=VALUES(snapshot), request=VALUES(request)",
                  replica_columns, values_of(replica)));
  if (!done)
    return passed_on(done);
  return {};
}

/// FOR UPDATE, though nothing is written: no engine gives such a lock back before the commit is done. Nobody
/// has the row for long but who takes the load's place.
sql_result<void> logged_state::hold_load(const account_id& account, const std::string& snapshot) {
  session_.doing(fmt::format("hold the load of snapshot {} of account {}", snapshot, account));
  const auto found = session_.query_value("SELECT 1 FROM understudy.replica" +
                                          where_loading(account, snapshot) + " FOR UPDATE WAIT 2");
  if (!found)
    return tl::make_unexpected(found.error());
  if (!found->has_value())
    return tl::make_unexpected(not_loaded_here(account, snapshot));
  return {};
}

result<void> logged_state::end_load(const replica_record& replica) {
  session_.doing(fmt::format("end the load of snapshot {} of account {}", replica.snapshot, replica.account));
  const auto ended = session_.execute(fmt::format(
      "UPDATE understudy.replica SET term={}, sequence={}, next_offset={}, state='ready'{}", replica.term,
      replica.applied, replica.next, where_loading(replica.account, replica.snapshot)));
  if (!ended)
    return passed_on(ended);
  if (*ended != 1)
    return tl::make_unexpected(error(not_loaded_here(replica.account, replica.snapshot)));
  return {};
}

sql_result<void> logged_state::advance_replica(const account_id& account, sequence from, sequence to,
                                               epoch term, kafka_offset next) {
  session_.doing(fmt::format("advance the replica of account {} from {} to {}", account, from, to));
  auto moved = session_.execute(
      fmt::format("UPDATE understudy.replica SET sequence={}, term={}, next_offset={}{} AND sequence={}", to,
                  term, next, where_account(account), from));
  if (!moved)
    return tl::make_unexpected(moved.error());
  if (*moved == 1)
    return {};
  auto there = replica_of(account);
  sql_error unexpected_place;
  unexpected_place.what = fmt::format(
      "the replica of account {} should stand at sequence {} to go to {}, but {}", account, from, to,
      !there               ? there.error().what
      : there->has_value() ? fmt::format("it stands at {}", (*there)->applied)
                           : "there is none");
  unexpected_place.todo = "nothing, if the event was applied already; else re-initialise the account here";
  return tl::make_unexpected(std::move(unexpected_place));
}

result<std::optional<replica_record>> logged_state::replica_of(const account_id& account) {
  session_.doing(fmt::format("read the replica position of account {}", account));
  auto found = session_.query(
      fmt::format("SELECT {} FROM understudy.replica{}", replica_columns, where_account(account)));
  if (!found)
    return passed_on(found);
  if (found->rows.empty())
    return std::optional<replica_record>{};
  return std::optional(replica_from(found->rows.front()));
}

result<std::vector<replica_record>> logged_state::replicas_of(const std::vector<account_id>& accounts) {
  return of_accounts<replica_record>(
      accounts, [this](const std::string& condition) { return replicas_where(condition); });
}

result<std::vector<replica_record>> logged_state::replicas() {
  return replicas_where("TRUE");
}

result<std::vector<replica_record>> logged_state::replicas_where(std::string_view condition) {
  session_.doing("read the replica positions");
  auto found = session_.query(fmt::format("SELECT {} FROM understudy.replica WHERE {} ORDER BY account_id",
                                          replica_columns, condition));
  if (!found)
    return passed_on(found);
  std::vector<replica_record> out;
  out.reserve(found->rows.size());
  for (const auto& row : found->rows)
    out.push_back(replica_from(row));
  return out;
}

result<void> logged_state::remove_replica(const account_id& account) {
  session_.doing(fmt::format("remove the replica position of account {}", account));
  auto done = session_.execute("DELETE FROM understudy.replica" + where_account(account));
  if (!done)
    return passed_on(done);
  return {};
}

sql_result<void> logged_state::mark_origin(std::uint8_t slot) {
  session_.doing("mark a transaction as our own");
  auto marked = session_.execute(fmt::format("UPDATE understudy.origin SET n=n+1 WHERE id={}", slot));
  if (!marked)
    return tl::make_unexpected(marked.error());
  if (*marked == 1)
    return {};
  sql_error missing;
  missing.what =
      fmt::format("row {} of understudy.origin is missing: a transaction can't be marked as our own", slot);
  missing.todo = "restart understudyd, which makes it again";
  return tl::make_unexpected(std::move(missing));
}

sql_result<void> logged_state::write_probe(std::uint64_t n) {
  session_.doing("write the probe row");
  // Inserts too: a probe that finds its row gone must still come back through the binlog. It always grows,
  // also while two processes of one node write it (R19): server_mark goes by that.
  auto done = session_.execute(fmt::format(
      "INSERT INTO understudy.probe(id, n) VALUES (1, {0}) ON DUPLICATE KEY UPDATE n=GREATEST(n+1, {0})", n));
  if (!done)
    return tl::make_unexpected(done.error());
  return {};
}

} // namespace understudy
