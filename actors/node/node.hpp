// understudyd: puts a node's parts together in the order that the protocol needs, keeps its checkpoints, and
// takes it apart again.
#pragma once
#include "actors/config/node_config.hpp"
#include "actors/gateway/gateway_server.hpp"
#include "actors/metrics/http_server.hpp"
#include "actors/node/checkpoint_keeper.hpp"
#include "actors/node/mariadb_watch.hpp"
#include "actors/node/process_file.hpp"
#include "actors/node/topic_watch.hpp"
#include "actors/supervisor/node_parts.hpp"

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>

#include <atomic>
#include <functional>

namespace understudy {

/// What a test build has otherwise.
struct node_variant {
  /// The node's way into Kafka.
  std::function<std::shared_ptr<account_log>(account_log::options)> make_log =
      std::make_shared<account_log, account_log::options>;
  std::optional<std::chrono::milliseconds> marker_patience{}; ///< node_parts::marker_patience
};

/// Another process has this one's name (R19). A service manager mustn't start this one again: the two would
/// end each other for ever.
inline constexpr int exit_replaced = 3;

class node {
public:
  explicit node(node_config config, node_variant variant = {});
  ~node();
  /// Starts, runs until `stop` is set, and stops. Errors are those that no waiting mends: a wrong file, a
  /// port in use, another history in MariaDB. Blocking.
  result<void> run(const std::atomic<bool>& stop);
  /// Of the process, after run() failed.
  int exit_status() const;

private:
  result<void> start();
  void start_at(std::int64_t ms);
  result<void> lock_state();
  result<void> start_http();
  result<void> make_tls();
  result<void> get_to_know(sql_session& session);
  /// Until MariaDB answers, or the node is to stop; what it answers for good is returned.
  result<void> ask_mariadb(const std::function<result<void>(sql_session&)>& question);
  result<void> wait_for_mariadb();
  result<void> wait_for_kafka();
  result<void> restore_control();
  result<void> wait_for_known_control();
  result<void> wait_for_free_ids();
  result<void> take_name();
  /// A process of this node's name that may be alive acknowledges until its lease is over: what it wrote by
  /// then must count, so nothing is written to the accounts before (R12, R19).
  result<void> wait_for_former_process();
  result<void> start_log();
  result<void> start_capture();
  result<void> start_replicas();
  result<void> start_gateway();
  void make_link();
  void expect_replicas(const std::vector<replica_record>& replicas);
  /// What reads the same binlog again (R4).
  void start_backlog(const capture::options& capture);
  void spawn_watch();
  void keep_checkpoint();
  void orderly_stop();
  health ready() const;
  health healthy() const;
  gauges figures() const;
  /// Any thread: this process can't go on.
  void end_with(const error& why, int exit_status = 1);
  void waiting_for(const std::string& what);
  void waiting_for_kafka(const error& why);
  /// Empty once the node has started: before that its parts are still being made. Any thread.
  std::string still_waits_for() const;
  std::shared_ptr<const volume_map> volumes_from(const node_name& source) const;

  bool stopping() const { return *stop_; }
  /// Sleeps a moment; false when the node is to stop.
  bool pause() const;

  node_variant variant_;
  const std::atomic<bool>* stop_ = nullptr;
  std::shared_ptr<node_parts> parts_;
  caf::actor_system_config system_config_;
  std::optional<process_file> processes_;
  std::unique_ptr<http_server> http_;
  std::unique_ptr<caf::actor_system> system_;
  /// There before the parts that speak to it; it does nothing before control is read.
  caf::actor supervisor_;
  std::unique_ptr<mariadb_watch> watch_;
  std::unique_ptr<topic_watch> topics_;
  std::unique_ptr<gateway_server> gateway_;
  incarnation life_;
  std::size_t max_message_bytes_ = 1'000'000;
  mutable std::mutex mutex_;
  std::string waiting_for_ = "starting";
  std::optional<error> stuck_;
  int exit_status_ = 1; ///< of a process that can't go on
  std::optional<checkpoint_keeper> checkpoints_;
};

} // namespace understudy
