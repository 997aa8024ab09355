#include "storage/apply/apply_transaction.hpp"

#include "storage/apply/bound_insert.hpp"
#include "storage/apply/statement_text.hpp"
#include "storage/state/sql_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace understudy {
namespace {

/// Accounts in one statement that moves positions on: about 100 bytes each.
constexpr std::size_t positions_per_statement = 1000;
/// Bytes of statements that are gathered before they are sent: more gains nothing, and is held twice.
constexpr std::size_t packet_bytes = std::size_t{512} << 10;
/// For the packet's own bytes and what lies between its statements.
constexpr std::size_t packet_reserve = 4096;

std::string advance_text(const position_step* begin, const position_step* end) {
  std::string out =
      "UPDATE (SELECT NULL AS a, NULL AS o, NULL AS n, NULL AS t, NULL AS x FROM DUAL WHERE FALSE "
      "UNION ALL VALUES ";
  for (const auto* step = begin; step != end; ++step)
    out += fmt::format("{}({},{},{},{},{})", step == begin ? "" : ",", sql_text(step->account.value),
                       step->from, step->to, step->term, step->next);
  return out + ") d STRAIGHT_JOIN understudy.replica r FORCE INDEX (PRIMARY) ON r.account_id = d.a "
               "AND r.sequence = d.o AND r.state = 'ready' "
               "SET r.sequence = d.n, r.term = d.t, r.next_offset = d.x";
}

/// What makes the session as the row asks for it; empty: it is so.
std::string flags_text(session_flags& flags, const planned_row& row) {
  std::string out;
  const auto change = [&](bool& now, bool wanted, std::string assignment) {
    if (now != wanted || !flags.known)
      out += (out.empty() ? "SET SESSION " : ", ") + std::move(assignment);
    now = wanted;
  };
  change(flags.foreign_keys_off, row.foreign_keys_off,
         fmt::format("foreign_key_checks={}", row.foreign_keys_off ? 0 : 1));
  change(flags.unique_checks_off, row.unique_checks_off,
         fmt::format("unique_checks={}", row.unique_checks_off ? 0 : 1));
  change(flags.lenient, row.lenient, "sql_mode='" + applier_sql_mode(row.lenient) + "'");
  flags.known = true;
  return out;
}

transaction_failure failed_with(sql_error why) {
  return {std::move(why), std::nullopt, false, false};
}

/// The server takes no (more) prepared statements (1461: max_prepared_stmt_count), or the table is altered
/// all the time (1615): as text it does it, and the transaction is as it was.
bool is_not_prepared(const sql_error& why) {
  return why.number == 1461 || why.number == 1615;
}

transaction_failure too_few(std::uint64_t found, std::uint64_t expected,
                            std::optional<std::size_t> statement) {
  transaction_failure failed;
  failed.statement = statement;
  failed.row_missing = statement.has_value();
  failed.positions_moved = !statement;
  failed.why.what = fmt::format("{} of {} {}", found, expected,
                                statement ? "rows are there" : "replicas stand where they should");
  return failed;
}

} // namespace

std::optional<transaction_failure> apply_transaction::add(step next) {
  const auto limit = std::min<std::size_t>(packet_bytes, session_.max_packet() - packet_reserve);
  if (!steps_.empty() && bytes_ + next.text.size() > limit)
    if (auto failed = send())
      return failed;
  bytes_ += next.text.size() + 1;
  steps_.push_back(std::move(next));
  return std::nullopt;
}

std::optional<transaction_failure> apply_transaction::send() {
  const auto sent = std::exchange(steps_, {});
  bytes_ = 0;
  std::vector<std::string> texts;
  texts.reserve(sent.size());
  for (const auto& one : sent)
    texts.push_back(one.text);
  auto outcome = session_.execute_all(texts);
  if (outcome.failed)
    flags_.known = false;
  // In their order: what didn't find its rows explains what failed behind it.
  for (std::size_t i = 0; i < outcome.found.size(); ++i) {
    const auto& one = sent[i];
    if (one.expected && *one.expected != outcome.found[i])
      return too_few(outcome.found[i], *one.expected, one.statement);
  }
  if (!outcome.failed)
    return std::nullopt;
  auto failed = failed_with(std::move(*outcome.failed));
  if (outcome.found.size() < sent.size())
    failed.statement = sent[outcome.found.size()].statement;
  return failed;
}

std::optional<transaction_failure> apply_transaction::add_positions(const std::vector<position_step>& steps) {
  for (std::size_t i = 0; i < steps.size(); i += positions_per_statement) {
    const auto count = std::min(positions_per_statement, steps.size() - i);
    const auto* begin = steps.data() + i;
    if (auto failed = add({advance_text(begin, begin + count), count}))
      return failed;
  }
  return std::nullopt;
}

std::optional<transaction_failure> apply_transaction::add_statement(const planned_statement& statement,
                                                                    std::size_t index) {
  if (auto text = flags_text(flags_, statement.like()); !text.empty())
    if (auto failed = add({std::move(text)}))
      return failed;
  if (const auto bound = bind_insert(statement, batch_)) {
    auto failed = run_bound(*bound, statement.expected, index);
    if (!failed || !is_not_prepared(failed->why))
      return failed;
  }
  step next{statement_text(statement, batch_), statement.expected, index};
  if (statement.like().forgiven)
    next.expected.reset();
  return add(std::move(next));
}

/// By itself, behind what was gathered: a prepared statement can't share a packet.
std::optional<transaction_failure> apply_transaction::run_bound(const bound_insert& insert,
                                                                std::uint64_t expected, std::size_t index) {
  if (!steps_.empty())
    if (auto failed = send())
      return failed;
  auto done = session_.execute_rows(insert.statement, insert.columns);
  if (done && *done == expected)
    return std::nullopt;
  if (done)
    return too_few(*done, expected, index);
  flags_.known = false;
  auto failed = failed_with(std::move(done.error()));
  failed.statement = index;
  return failed;
}

std::optional<transaction_failure> apply_transaction::run_statements(const apply_plan& plan,
                                                                     std::size_t end) {
  for (std::size_t i = 0; i < end; ++i)
    if (auto failed = add_statement(plan.statements[i], i))
      return failed;
  return steps_.empty() ? std::nullopt : send();
}

std::optional<transaction_failure> apply_transaction::run_all(const apply_plan& plan,
                                                              const std::vector<position_step>& steps) {
  if (auto failed = add({"START TRANSACTION"}))
    return failed;
  if (auto failed = add_positions(steps))
    return failed;
  return run_statements(plan, plan.statements.size());
}

std::optional<transaction_failure> apply_transaction::run(const apply_plan& plan,
                                                          const std::vector<position_step>& steps) {
  session_.doing(fmt::format("apply events of {} accounts", batch_.size()));
  auto failed = run_all(plan, steps);
  if (!failed) {
    auto done = session_.commit();
    if (done)
      return std::nullopt;
    failed = failed_with(std::move(done.error()));
  }
  // A rollback that fails has lost the connection, which rolls back as well.
  if (auto back = session_.rollback(); !back)
    failed->why = std::move(back.error());
  return failed;
}

sql_result<std::map<std::uint32_t, error>> apply_transaction::find_offenders(const apply_plan& plan,
                                                                             std::size_t statement) {
  std::map<std::uint32_t, error> offenders;
  if (auto begun = session_.begin(); !begun)
    return tl::make_unexpected(begun.error());
  if (auto failed = run_statements(plan, statement)) {
    if (auto back = session_.rollback(); !back)
      return tl::make_unexpected(back.error());
    return tl::make_unexpected(std::move(failed->why));
  }
  std::optional<sql_error> cut_short;
  for (const auto* row : plan.statements[statement].rows) {
    if (offenders.contains(row->account))
      continue;
    auto failed = add_statement({{row}, 1}, statement);
    if (!failed)
      failed = send();
    if (failed && failed->why.retryable) {
      cut_short = std::move(failed->why);
      break;
    }
    if (failed)
      offenders.emplace(row->account, row_failure(session_, *row, *batch_[row->account].where, *failed));
  }
  if (auto back = session_.rollback(); !back)
    return tl::make_unexpected(back.error());
  if (cut_short)
    return tl::make_unexpected(std::move(*cut_short));
  return offenders;
}

} // namespace understudy
