// The threads that write into the local MariaDB: each takes what is queued of many accounts and applies it in
// one transaction while the next batch gathers (R41). One thread more than lanes serves accounts that met a
// lock, so that they hold up nobody (P6, C03).
#pragma once
#include "actors/replica/apply_queue.hpp"
#include "events/log/kafka_settings.hpp"

#include <condition_variable>
#include <map>
#include <mutex>
#include <set>
#include <thread>

namespace understudy {

class applier_pool {
public:
  struct options {
    sql_options sql;
    bool logged = true; ///< false: what the appliers write stays out of the local binlog
    std::shared_ptr<const profile> rules;
    apply_queue::limits queue;
    /// A batch that isn't committed after this is given back and its accounts are tried alone: longer than
    /// any commit should take, short beside what a promotion may wait.
    std::chrono::milliseconds patience{2000};
    /// How long a statement waits for a row's lock, in whole seconds.
    std::chrono::seconds lock_wait{1};

    // Called on the pool's threads.
    /// `stopped` is retryable while it's tried again.
    std::function<void(const apply_outcome&, replay_point applied, std::int64_t lag_us)> on_applied;
    /// Everything before the fence is committed.
    std::function<void(const account_id&, const queued_fence&)> on_fence;
    /// The primary of that epoch; empty: control doesn't know it.
    std::function<node_name(const account_id&, epoch)> source_of;
    /// Asked for each batch; null function or answer: ids are the same on both sides.
    std::function<std::shared_ptr<const volume_map>(const node_name& source)> volumes;
    std::function<void(std::uint64_t)> observe_events;
    std::function<void(double)> observe_lag;
    std::function<void(std::size_t)> observe_batch;
    std::function<void(log_level, const std::string&)> report;
  };

  explicit applier_pool(options o);
  ~applier_pool(); ///< stop()
  void start();
  /// What is in an applier's hands ends or is given up; nothing further is taken. Blocking.
  void stop();

  // Any thread.
  void open(account_placement where, replay_point at);
  /// `free` is called, on any thread, when no applier has anything of the account: perhaps at once.
  void close(const account_id& account, std::function<void()> free = {});
  /// Behind a number of these: kick().
  void push(const account_id& account, queued_item item);
  void kick() { wake_.notify_all(); }
  std::optional<replay_point> withdraw(const account_id& account);
  bool idle(const account_id& account) const;
  bool is_stuck(const account_id& account) const;
  std::size_t bytes_of(const account_id& account) const;
  std::optional<replay_point> applied(const account_id& account) const;
  std::optional<sequence> read_up_to(const account_id& account) const;
  std::optional<std::int64_t> oldest_commit_us(const account_id& account) const;
  std::vector<account_id> delayed() const;
  std::optional<std::pair<account_id, std::size_t>> largest() const;
  std::size_t bytes() const;
  std::size_t waiting_events() const;
  /// The tables are looked up again before the next batch.
  void refresh_schema();

private:
  struct worker;
  void run(worker& w);
  bool ready(worker& w);
  void work(worker& w, apply_queue::taken& batch);
  void know_volumes(std::vector<account_batch>& batches) const;
  void finish_batches(worker& w, const apply_queue::taken& batch, std::vector<apply_outcome>& outcomes);
  bool finish(apply_outcome& outcome);
  void finish_fences(worker& w, apply_queue::taken batch);
  void give_back(const apply_queue::taken& batch);
  result<sql_session*> positions(worker& w) const;
  result<std::vector<apply_outcome>> behind_their_fences(worker& w, const apply_queue::taken& batch);
  void stop_behind(const apply_outcome& outcome);
  result<void> store_fences(worker& w, const apply_queue::taken& batch);
  void free_closed(const account_id& account);
  bool pause(std::chrono::milliseconds time);
  void say(log_level level, const std::string& text) const;

  options options_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  apply_queue queue_;
  std::map<account_id, std::vector<std::function<void()>>> closing_;
  std::atomic<bool> stopping_{false};
  std::vector<std::unique_ptr<worker>> workers_;
};

} // namespace understudy
