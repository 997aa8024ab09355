#include "storage/apply/apply_transaction.hpp"

#include "storage/state/sql_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace understudy {
namespace {

/// Accounts in one statement that moves positions on: about 100 bytes each.
constexpr std::size_t positions_per_statement = 1000;

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

transaction_failure failed_with(sql_error why) {
  return {std::move(why), std::nullopt, false, false};
}

} // namespace

sql_result<void> apply_transaction::set_flags(const planned_row& row) {
  std::string out;
  const auto change = [&out](bool& now, bool wanted, std::string assignment) {
    if (now != wanted)
      out += (out.empty() ? "" : ", ") + std::move(assignment);
    now = wanted;
  };
  change(flags_.foreign_keys_off, row.foreign_keys_off,
         fmt::format("foreign_key_checks={}", row.foreign_keys_off ? 0 : 1));
  change(flags_.unique_checks_off, row.unique_checks_off,
         fmt::format("unique_checks={}", row.unique_checks_off ? 0 : 1));
  change(flags_.lenient, row.lenient, "sql_mode='" + applier_sql_mode(row.lenient) + "'");
  if (out.empty())
    return {};
  return session_.execute("SET SESSION " + out).map([](std::uint64_t) {});
}

sql_result<std::uint64_t> apply_transaction::advance(const std::vector<position_step>& steps) {
  std::uint64_t found = 0;
  for (std::size_t i = 0; i < steps.size(); i += positions_per_statement) {
    const auto* begin = steps.data() + i;
    auto moved =
        session_.execute(advance_text(begin, begin + std::min(positions_per_statement, steps.size() - i)));
    if (!moved)
      return moved;
    found += *moved;
  }
  return found;
}

std::optional<transaction_failure> apply_transaction::run_statement(const planned_statement& statement) {
  if (auto set = set_flags(statement.like()); !set)
    return failed_with(set.error());
  auto found = session_.execute(sql_of(statement, batch_));
  if (!found)
    return failed_with(found.error());
  if (*found == statement.expected || statement.like().forgiven)
    return std::nullopt;
  transaction_failure failed;
  failed.row_missing = true;
  failed.why.what = fmt::format("{} of {} rows are there", *found, statement.expected);
  return failed;
}

std::optional<transaction_failure> apply_transaction::run_statements(const apply_plan& plan,
                                                                     std::size_t end) {
  for (std::size_t i = 0; i < end; ++i)
    if (auto failed = run_statement(plan.statements[i])) {
      failed->statement = i;
      return failed;
    }
  return std::nullopt;
}

std::optional<transaction_failure> apply_transaction::run(const apply_plan& plan,
                                                          const std::vector<position_step>& steps) {
  session_.doing(fmt::format("apply events of {} accounts", batch_.size()));
  const auto give_up = [this](transaction_failure failed) {
    // A rollback that fails has lost the connection, which rolls back as well.
    if (auto back = session_.rollback(); !back)
      failed.why = std::move(back.error());
    return failed;
  };
  if (auto begun = session_.begin(); !begun)
    return failed_with(begun.error());
  auto moved = advance(steps);
  if (!moved)
    return give_up(failed_with(moved.error()));
  if (*moved != steps.size()) {
    transaction_failure failed;
    failed.positions_moved = true;
    failed.why.what = fmt::format("{} of {} replicas stand where they should", *moved, steps.size());
    return give_up(std::move(failed));
  }
  if (auto failed = run_statements(plan, plan.statements.size()))
    return give_up(std::move(*failed));
  if (auto done = session_.commit(); !done)
    return give_up(failed_with(done.error()));
  return std::nullopt;
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
    auto failed = run_statement({{row}, 1});
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
