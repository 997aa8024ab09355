// One call of applier::apply: attempts with all accounts together, then alone those that failed (R41).
#pragma once
#include "storage/apply/applier.hpp"
#include "storage/apply/apply_transaction.hpp"
#include "storage/apply/destination_schema.hpp"

#include <chrono>
#include <memory>
#include <unordered_set>
#include <utility>
#include <vector>

namespace understudy {

/// What lasts from one call to the next: the connection, what is known of the tables.
struct applier_state {
  applier_options options;
  std::shared_ptr<const profile> rules;
  sql_session session;
  session_flags flags{};
  std::unique_ptr<destination_schema> schema{};
  std::atomic<bool> schema_is_old{true};
  applier_counters counters{};

  /// Reads the catalog if it's old; reconnects if the connection was lost, or began under another limit.
  result<void> prepare();
  result<void> keep_to_packet_limit();
};

class apply_batch {
public:
  apply_batch(applier_state& state, const std::vector<account_batch>& batch);
  /// Until every account's events are applied or the account has stopped.
  result<void> settle();
  std::vector<apply_outcome> outcomes() const;

private:
  /// An account's part of the batch.
  struct progress {
    apply_outcome outcome;
    const account_batch* given = nullptr;
    std::vector<const located_event*> left; ///< not applied yet
    bool open() const { return !outcome.stopped && !left.empty(); }
  };
  /// An account's part of one attempt: the first `count` of its events left.
  struct share {
    progress* account = nullptr;
    std::size_t count = 0;
  };
  enum class verdict { committed, look_again, failed };
  struct attempt_result {
    verdict what = verdict::failed;
    /// Of `failed`: never empty. Retryable: the account's first event waits for what may be known soon.
    std::vector<std::pair<progress*, error>> offenders;
  };

  result<void> read_positions();
  void take_position(progress& account, const sql_row* found);
  void stand_at(progress& account, const replica_position& at);
  attempt_result attempt(const std::vector<share>& shares, bool in_order);
  attempt_result judge(const std::vector<share>& shares, const std::vector<account_work>& works,
                       const apply_plan& made, apply_transaction& transaction, transaction_failure failed);
  void take_over(const std::vector<share>& shares, const apply_plan& made);
  verdict next_step();
  verdict apply_alone(progress& account);
  result<void> pause(std::chrono::milliseconds& length);

  applier_state& state_;
  std::vector<progress> accounts_;
  std::unordered_set<progress*> alone_;
  bool positions_known_ = false;
  bool schema_refreshed_ = false; ///< once a call: an account may have failed by a table altered meanwhile
};

} // namespace understudy
