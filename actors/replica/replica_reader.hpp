// The one thread that reads understudy.accounts for the replicas here: owns the main consumer and the one
// that parked accounts catch up with, decodes, and feeds each account's line (DESIGN §4.4).
#pragma once
#include "actors/replica/applier_pool.hpp"
#include "actors/replica/partition_reading.hpp"
#include "events/codec/shape_registry.hpp"
#include "events/log/partition_reader.hpp"
#include "storage/state/local_state.hpp"

namespace understudy {

/// What must survive a restart; places only count once everything else is stored.
struct reading_progress {
  std::map<partition_id, reader_place> places;
  std::map<partition_id, std::string> lives;
  /// nullopt: not held any more.
  std::map<account_id, std::optional<std::pair<kafka_offset, std::string>>> reasons;
  std::map<std::uint64_t, std::string> shapes; ///< records of understudy.accounts by fingerprint
  bool empty() const { return places.empty() && lives.empty() && reasons.empty() && shapes.empty(); }
};

class replica_reader final : public reading_sink {
public:
  struct options {
    kafka_settings kafka;
    std::shared_ptr<const decision_source> decisions;
    std::shared_ptr<applier_pool> pool;
    std::shared_ptr<shape_registry> shapes;
    std::set<std::uint64_t> stored_shapes; ///< fingerprints that need not be stored any more
    std::size_t memory_limit = std::size_t{128} << 20;

    // Called on the reader's thread; must be quick.
    std::function<void(marker_met)> on_marker;
    std::function<void(const account_id&, halt, error, std::uint64_t fingerprint)> on_halted;
    /// About once a second, but not before stored() was called for the last one.
    std::function<void(reading_progress)> store;
    std::function<void(std::size_t bytes)> observe_consumed;
    std::function<void(log_level, const std::string&)> report;
  };

  explicit replica_reader(options o);
  ~replica_reader() override; ///< stop()
  void start();
  void stop(); ///< blocking; afterwards last_progress() may be called
  reading_progress last_progress() { return progress(); }

  // Any thread; done in the order of the calls.
  void begin(partition_id partition, std::optional<reader_place> stored, kafka_offset otherwise,
             lives_log lives);
  void place(partition_id partition, account_id account, replay_point at);
  void watch(partition_id partition, account_id account);
  void watch_from(partition_id partition, account_id account, kafka_offset from);
  void watch_on(account_id account);
  void await(account_id account, kafka_offset request);
  void need_snapshot(partition_id partition, account_id account, std::string why);
  void had_reason(partition_id partition, account_id account);
  void hold(account_id account, std::string reason);
  void release(account_id account);
  void forget(account_id account);
  void control_folded();
  void stored();
  /// Answers with where the partition is read when every earlier call is done; nothing: it isn't.
  void ask_position(partition_id partition, std::function<void(std::optional<kafka_offset>)> answer);

  // Any thread.
  std::size_t parked() const { return parked_; }
  bool paused() const { return paused_; }
  bool connected() const { return connected_; }

private:
  using clock = std::chrono::steady_clock;
  /// What tells a partition's log from another one that came under its name (C01).
  struct known_log {
    log_marks marks;
    std::optional<log_mark> asked;   ///< read again: nothing else is taken until it's known to be the same
    std::optional<kafka_offset> cut; ///< the log ends here, below what was read
  };

  void run();
  bool open_readers();
  void post(std::function<void()> command);
  void run_commands();
  void relieve(clock::time_point now);
  void poll_main(std::chrono::milliseconds timeout);
  void poll_passes(clock::time_point now);
  void start_passes(clock::time_point now);
  void end_passes();
  void take(fetched&& got, bool catching_up);
  void on_record(record&& r, bool catching_up, clock::time_point now);
  void on_shape(const record& r, shape&& table);
  void on_trouble(const reader_event& trouble, bool catching_up);
  void prove(partition_id id, const log_mark& mark, kafka_offset cut);
  void judge(const record& r);
  void prove_no_more(partition_id id);
  void begin_another_log(partition_id id, kafka_offset low);
  void seek(partition_reader& reader, partition_id id, kafka_offset to) const;
  void publish();
  reading_progress progress();
  partition_reading& reading(partition_id partition);
  partition_reading* reading_of(const account_id& account);
  std::size_t backlog() const;
  void say(log_level level, const std::string& text) const;

  // reading_sink
  void deliver(const account_id& account, queued_item item) override;
  void marker(marker_met met) override;
  void halted(const account_id& account, halt kind, error why, std::uint64_t fingerprint) override;
  std::optional<replay_point> withdraw(const account_id& account) override;
  void close(const account_id& account) override;
  bool idle(const account_id& account) const override;
  bool is_stuck(const account_id& account) const override;
  std::size_t backlog(const account_id& account) const override;
  std::optional<replay_point> applied(const account_id& account) const override;

  options options_;
  std::thread thread_;
  std::atomic<bool> stopping_{false};

  mutable std::mutex mutex_; ///< of the next three
  std::condition_variable wake_;
  std::deque<std::function<void()>> commands_;

  std::unique_ptr<partition_reader> main_;
  std::atomic<partition_reader*> waker_{nullptr};
  std::unique_ptr<partition_reader> catch_up_;
  decoder decoder_;
  std::map<partition_id, partition_reading> readings_;
  std::map<partition_id, known_log> logs_;
  std::set<partition_id> moved_; ///< by a record: those polled with it are of where the reader was before
  std::unordered_map<account_id, partition_id> where_;
  std::set<partition_id> waiting_for_pass_; ///< main reader paused
  std::map<partition_id, std::string> stored_lives_;
  std::map<partition_id, reader_place> stored_places_;
  std::map<std::uint64_t, std::string> new_shapes_;
  clock::time_point next_store_{};
  bool storing_ = false;
  std::atomic<bool> paused_{false};
  std::atomic<std::size_t> parked_{0};
  std::atomic<bool> connected_{false};
};

} // namespace understudy
