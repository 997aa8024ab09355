// Writes the role rows with which accounts begin to be written here (R11, R31): what waits goes into one
// transaction, because after the death of a mailstore it is a thousand accounts at once, and each transaction
// waits for Kafka.
#pragma once
#include "actors/source/known_accounts.hpp"
#include "actors/support/worker_pool.hpp"
#include "storage/profile/profile.hpp"
#include "storage/state/session_pool.hpp"

#include <deque>
#include <functional>
#include <memory>
#include <mutex>

namespace understudy {

/// Before an account's role row is written: capture, and whoever starts in our place should we die before the
/// next checkpoint, know the account when they meet the row. Blocking.
result<void> expect_role_rows(session_pool& unlogged, known_accounts& accounts,
                              const std::vector<known_account>& expected);

class epoch_beginner : public std::enable_shared_from_this<epoch_beginner> {
public:
  struct epoch_start {
    known_account account; ///< without its mailbox: that is looked up
    epoch term;            ///< in which it is the source
    kafka_offset decision; ///< of the control record that is carried out
    /// Once: the row is committed, or why not. A thread of the pool.
    std::function<void(const result<void>&)> done;
  };

  epoch_beginner(std::shared_ptr<worker_pool> pool, std::shared_ptr<session_pool> sessions,
                 std::shared_ptr<session_pool> unlogged, std::shared_ptr<const profile> rules,
                 std::shared_ptr<known_accounts> accounts);
  /// Any thread; never blocks.
  void begin(epoch_start start);

private:
  void work();
  void write(std::vector<epoch_start> batch);

  std::shared_ptr<worker_pool> pool_;
  std::shared_ptr<session_pool> sessions_;
  std::shared_ptr<session_pool> unlogged_;
  std::shared_ptr<const profile> rules_;
  std::shared_ptr<known_accounts> accounts_;
  std::mutex mutex_;
  std::deque<epoch_start> waiting_;
  unsigned working_ = 0;
};

} // namespace understudy
