// R30: row locks that keep an account's writers before their COMMIT during a planned promotion.
//
// One transaction, READ COMMITTED, `SELECT … FOR UPDATE` over the account's existing rows in the profile's
// guard tables by an index that begins with the mailbox (never a scan of others' rows, no gap locks), the
// mailbox row last: the mail server's own order. Inserts then wait by their foreign keys. Nothing is
// committed by it. It's known by a row that it writes to understudy.guard and that it alone can see: InnoDB's
// own transaction ids come through information_schema's lock tables only, which may be 0.1 s old.
//
// Blocking; one thread at a time, but for what says otherwise. It has two sessions of its own: the one that
// holds the locks, and one that looks at them and ends waiters. The role row (R29) is written by a third, the
// caller's: the guard's transaction touches neither `role` nor any row that its writing needs.
#pragma once
#include "storage/profile/profile.hpp"
#include "storage/profile/schema_catalog.hpp"
#include "storage/state/mailstore_queries.hpp"
#include "storage/state/sql_session.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace understudy {

struct guard_plan;

struct guard_options {
  /// From the first lock to the last; locks that can't be had within it are given up ([limits] guard).
  std::chrono::milliseconds limit{2000};
};

struct guard_report {
  std::uint64_t rows = 0;            ///< locked
  std::chrono::microseconds took{0}; ///< first lock to last
  unsigned attempts = 1;             ///< more: it was a deadlock's victim in between
  std::vector<std::string>
      not_guarded; ///< logical names of account tables that it can't or doesn't cover (R35)
};

class guard {
public:
  /// Takes all locks or none. Failure (lock wait, killed, connection lost, out of time) leaves nothing
  /// locked; it is retryable where waiting longer may help.
  static result<std::unique_ptr<guard>> take(const sql_options& connection,
                                             std::shared_ptr<const profile> rules,
                                             const schema_catalog& catalog, const registered_account& account,
                                             const guard_options& options);
  ~guard(); ///< releases
  guard(const guard&) = delete;
  guard& operator=(const guard&) = delete;

  const guard_report& report() const { return report_; }
  const registered_account& account() const { return account_; }

  /// The very transaction that took the locks is still open: it alone sees its row in understudy.guard.
  /// Any thread.
  result<bool> still_stands();
  /// It was to end. Any thread.
  bool is_released() const { return released_; }

  /// KILL QUERY ID for every statement that waits for the guard's locks, repeated until none is left or
  /// `limit` is over: their transactions get an error before COMMIT and roll back. Returns how many were
  /// ended. To be called before `release`, else they would go on here. Clients that come again and again may
  /// outlast the limit: what then gets through after the release is a foreign write (R35).
  result<std::uint64_t> end_waiters(std::chrono::milliseconds limit);

  /// Rolls the guard's transaction back. False = the transaction was already gone. Any thread.
  result<bool> release();

  /// MariaDB's id of the connection that holds the locks.
  std::uint64_t holder_id() const { return holder_->thread_id(); }

private:
  result<bool> stands_locked();
  result<void> lock(const guard_plan& plan, std::chrono::steady_clock::time_point end);
  sql_result<std::uint64_t> kill(const std::vector<std::uint64_t>& queries);
  guard(std::unique_ptr<sql_session> holder, std::unique_ptr<sql_session> watcher,
        registered_account account);
  std::unique_ptr<sql_session> holder_;
  std::unique_ptr<sql_session> watcher_;
  registered_account account_;
  guard_report report_;
  std::mutex holding_; ///< of holder_, where several threads may use it
  std::atomic<bool> released_ = false;
};

} // namespace understudy
