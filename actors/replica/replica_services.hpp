// What the replica actors of a node share: the reader, the appliers, and threads for work that blocks.
#pragma once
#include "actors/replica/replica_board.hpp"
#include "actors/replica/replica_messages.hpp"
#include "actors/replica/snapshot_loads.hpp"
#include "actors/support/worker_pool.hpp"

namespace understudy {

class replica_services {
public:
  explicit replica_services(replica_side::options o);
  ~replica_services();

  /// Blocking; see replica_side.
  result<void> start(const std::shared_ptr<replica_services>& self);
  void stop();

  // For the actors; never blocking.
  /// Sends replica_located.
  void locate(const account_id& account);
  /// replica_located was dealt with.
  void taken_up();
  /// Sends load_ended when the load ended for good.
  void load(marker_met met);
  /// Sends shape_searched.
  void search(const account_id& account, std::uint64_t fingerprint);
  account_placement placement(const account_id& account, const stored_replicas::replica& found) const;
  void say(log_level level, const std::string& text) const;

  // For the facade; never blocking but for the first.
  /// Once the reader has met what it was asked before.
  void report_watched(partition_id partition, const std::shared_ptr<watch_report>& report);
  void each_copy_found(const std::function<void(const replica_record&)>& each) const;
  void follow(replica_side::followed what);
  void leave(const account_id& account, bool remove_rows, std::function<void()> done);
  void await(const account_id& account, kafka_offset request);
  bool awaits(const account_id& account, kafka_offset request) const;
  void park(const account_id& account, const std::string& reason);
  /// Pauses or resumes, behind what was asked for before.
  void pause(const account_id& account, bool on);
  void control_folded();

  const replica_side::options& options() const { return options_; }
  applier_pool& pool() { return *pool_; }
  replica_reader& reader() { return *reader_; }
  replica_board& board() { return board_; }

private:
  void make_pool();
  void make_reader(std::set<std::uint64_t> stored_shapes);
  result<std::set<std::uint64_t>> know_shapes();
  void know_awaited();
  void tell(const account_id& account, replica_message message);
  void store(reading_progress reached);
  void take_up(replica_side::followed what);
  void locate_now(const account_id& account);
  load_task prepare_load(const marker_met& met);
  void make_loads();
  bool is_being_removed(const account_id& account);
  bool is_wanted_here(const account_id& account) const;
  void remove_now(const account_id& account);
  void forget_reason(const account_id& account);
  void begin_reading();
  bool begin_partition(partition_id partition);
  void wait_for_actors();
  /// Runs the job again a moment later unless the node stops.
  void again(worker_pool& pool, std::function<void()> job);
  std::shared_ptr<const volume_map> volumes_of(const node_name& source) const;

  replica_side::options options_;
  std::weak_ptr<replica_services> self_; ///< for the actors, which keep it alive
  replica_board board_;
  std::shared_ptr<applier_pool> pool_;
  std::unique_ptr<replica_reader> reader_;
  std::shared_ptr<shape_registry> shapes_ = std::make_shared<shape_registry>();
  std::atomic<bool> stopping_{false};
  std::atomic<bool> folded_{false};
  std::atomic<std::uint64_t> index_volume_{0};

  /// Whose snapshot a process before this one waited for: the request, and from where. As of start().
  std::unordered_map<account_id, std::pair<kafka_offset, kafka_offset>> awaited_;

  // The chores' thread alone, after start(); until reading begins nobody changes found_.
  stored_replicas found_; ///< as it was at the start
  bool reading_begun_ = false;
  std::set<partition_id> wanted_; ///< partitions of followed accounts
  std::set<partition_id> begun_;

  std::mutex mutex_; ///< of the next three
  std::condition_variable changed_;
  std::size_t taking_up_ = 0;     ///< actors that haven't dealt with replica_located yet
  std::set<account_id> removals_; ///< under way: no load of theirs begins

  progress_store store_;       ///< the storing thread's
  progress_store chore_store_; ///< the chores' thread's

  // Last: their threads use all of the above.
  std::unique_ptr<worker_pool> chores_; ///< one thread: in the order of the calls
  std::unique_ptr<snapshot_loads> due_; ///< the loaders' work
  std::unique_ptr<worker_pool> loaders_;
  std::shared_ptr<recent_catalogs> catalogs_ = std::make_shared<recent_catalogs>(); ///< of loads
  std::unique_ptr<worker_pool> storing_;                                            ///< one thread
};

} // namespace understudy
