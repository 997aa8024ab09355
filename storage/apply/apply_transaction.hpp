// One transaction of an applier: positions first, then the plan's statements, COMMIT (R36).
#pragma once
#include "storage/apply/apply_plan.hpp"
#include "storage/state/sql_session.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace understudy {

struct bound_insert;

/// How understudy.replica moves on with the transaction.
struct position_step {
  account_id account;
  sequence from;
  sequence to;
  epoch term;
  kafka_offset next;
};

struct transaction_failure {
  sql_error why;
  /// The statement that failed; nullopt: the positions, BEGIN or COMMIT.
  std::optional<std::size_t> statement;
  /// Fewer rows of understudy.replica stood where they should: somebody else moved them, e.g. a COMMIT that
  /// landed late.
  bool positions_moved = false;
  /// The statement ran, but found too few rows; `why` has no number then.
  bool row_missing = false;
};

/// What a statement's rows ask of the session, as it stands now; the setup after a connect leaves it so.
struct session_flags {
  bool known = true; ///< false behind a failure: what was sent with it may have been set or not
  bool foreign_keys_off = false;
  bool unique_checks_off = false;
  bool lenient = false;
};

class apply_transaction {
public:
  /// All must outlive it; `flags` belong to the session.
  apply_transaction(sql_session& session, session_flags& flags, const std::vector<account_work>& batch)
      : session_(session)
      , flags_(flags)
      , batch_(batch) {}

  /// Nullopt = committed. Otherwise rolled back; when COMMIT itself lost the connection, nobody knows.
  std::optional<transaction_failure> run(const apply_plan& plan, const std::vector<position_step>& steps);

  /// Only the plan's statements, inside a transaction of the caller's, who also ends it.
  std::optional<transaction_failure> run_statements(const apply_plan& plan) {
    return run_statements(plan, plan.statements.size());
  }

  /// Runs the plan again up to the statement that failed, then that one row by row, and rolls back: the
  /// accounts whose rows fail, with their errors. Empty if nothing fails this time.
  sql_result<std::map<std::uint32_t, error>> find_offenders(const apply_plan& plan, std::size_t statement);

private:
  /// A statement to be sent, and what it must find.
  struct step {
    std::string text;
    std::optional<std::uint64_t> expected{};
    std::optional<std::size_t> statement{}; ///< of the plan; nothing: BEGIN, a position, a flag
  };
  /// Steps gathered into packets, so that a round trip carries many statements.
  std::optional<transaction_failure> add(step next);
  std::optional<transaction_failure> send();
  std::optional<transaction_failure> add_positions(const std::vector<position_step>& steps);
  std::optional<transaction_failure> add_statement(const planned_statement& statement, std::size_t index);
  std::optional<transaction_failure> run_bound(const bound_insert& insert, std::uint64_t expected,
                                               std::size_t index);
  std::optional<transaction_failure> run_statements(const apply_plan& plan, std::size_t end);
  std::optional<transaction_failure> run_all(const apply_plan& plan, const std::vector<position_step>& steps);

  std::vector<step> steps_;
  std::size_t bytes_ = 0; ///< of steps_
  sql_session& session_;
  session_flags& flags_;
  const std::vector<account_work>& batch_;
};

/// The error of one row's failure, with both images (R38): the event's and what is found here.
error row_failure(sql_session& session, const planned_row& row, const account_placement& where,
                  const transaction_failure& failed);

} // namespace understudy
