// The loads that are due, in the order of their markers; small ones of a partition are done together, those
// of one account never at the same time.
#pragma once
#include "actors/replica/snapshot_loading.hpp"
#include "actors/support/worker_pool.hpp"

#include <condition_variable>
#include <deque>
#include <unordered_map>

namespace understudy {

class snapshot_loads {
public:
  struct options {
    sql_options sql;
    kafka_settings kafka;
    /// What a load needs, as it is now.
    std::function<load_task(const marker_met&)> prepare;
    /// The account's rows are being removed: it waits for that.
    std::function<bool(const account_id&)> is_blocked;
    std::function<void(const marker_met&, load_result<account_placement>)> ended;
    std::chrono::milliseconds patience{60'000}; ///< without a chunk
  };

  /// Works on threads of `pool`, which are stopped before this ends.
  snapshot_loads(worker_pool& pool, unsigned threads, options o);

  /// Any thread.
  void add(marker_met met);
  /// A load of the account was added and hasn't ended. Any thread.
  bool has(const account_id& account) const;
  /// What is under way ends soon, nothing else begins. Any thread; doesn't wait.
  void stop();
  /// Kafka clients made for it so far. Any thread.
  std::uint64_t clients() const { return readers_.opened(); }

private:
  using clock = std::chrono::steady_clock;
  struct due {
    marker_met met;
    clock::time_point since; ///< its chunks are waited for
    clock::time_point not_before;
    unsigned attempt = 1;
    bool alone = false;        ///< not together with others
    bool is_last_look = false; ///< for chunks that didn't come
    bool waited = false;       ///< once at least: it lies far behind the others, maybe
  };

  struct of_account {
    std::size_t loads = 0; ///< that haven't ended
    bool under_way = false;
  };

  /// False: one of the account is under way, and may be in a COMMIT that is held.
  bool enter(const account_id& account);
  void leave(const account_id& account);
  void put(due load);
  std::vector<due> take();
  void work();
  void load_alone(due load);
  void wait_longer(due load);
  void again(due load);
  void end(const due& load, load_result<account_placement> where);
  void rest_if_idle();

  worker_pool& pool_;
  options options_;
  snapshot_readers readers_;
  session_pool sessions_;

  mutable std::mutex mutex_; ///< of the next
  std::condition_variable changed_;
  std::deque<due> due_;
  std::unordered_map<account_id, of_account> accounts_;
  std::size_t working_ = 0;
  bool stopping_ = false;
};

} // namespace understudy
