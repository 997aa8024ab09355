// What a node is made of, as its supervisor sees it. Everything is thread-safe and outlives the supervisor.
#pragma once
#include "actors/config/node_config.hpp"
#include "actors/control/control_link.hpp"
#include "actors/control/control_view.hpp"
#include "actors/gateway/tls_material.hpp"
#include "actors/metrics/node_metrics.hpp"
#include "actors/replica/replica_side.hpp"
#include "actors/snapshot/snapshot_sender.hpp"
#include "actors/source/backlog_reader.hpp"
#include "actors/source/capture.hpp"
#include "actors/source/logged_fences.hpp"
#include "actors/supervisor/divergence_report.hpp"
#include "actors/supervisor/epoch_beginner.hpp"
#include "actors/supervisor/fence_board.hpp"
#include "actors/supervisor/peer_lines.hpp"
#include "actors/supervisor/peers.hpp"
#include "actors/supervisor/snapshot_troubles.hpp"
#include "actors/support/counted_actor.hpp"
#include "actors/support/worker_pool.hpp"
#include "events/log/topics.hpp"
#include "storage/profile/profile.hpp"
#include "storage/state/commit_endings.hpp"
#include "storage/state/directory_probe.hpp"
#include "storage/state/recent_catalogs.hpp"
#include "storage/state/server_mark.hpp"
#include "storage/state/session_pool.hpp"

namespace understudy {

struct node_parts {
  node_config config;
  std::string process;         ///< UUID of this process
  std::int64_t started_ms = 0; ///< wall clock
  std::shared_ptr<node_metrics> metrics = std::make_shared<node_metrics>(UNDERSTUDY_VERSION);
  std::shared_ptr<message_counts> supervisor_messages = std::make_shared<message_counts>();
  std::shared_ptr<message_counts> account_messages = std::make_shared<message_counts>();
  std::shared_ptr<message_counts> replica_messages = std::make_shared<message_counts>();
  std::atomic<std::uint64_t> uncovered{0}; ///< accounts of this mailstore, as last counted
  std::shared_ptr<const profile> rules;
  tls_files tls; ///< of the gateway, and towards other nodes
  kafka_settings kafka;
  sql_options logged; ///< sessions that write through the binlog
  sql_options local;  ///< sessions that don't (R6)
  std::shared_ptr<server_mark> server = std::make_shared<server_mark>(); ///< whom all of them go to
  /// The process ends, saying why. Any thread.
  std::function<void(const error&)> replaced;
  /// Empty: `synchronous` holds; else why this node's commits aren't protected (R5).
  std::function<std::string()> why_unprotected;
  /// What is unsafe about the topics and the brokers, as last seen (topic_watch).
  std::function<std::vector<topic_finding>()> unsafe_topics = [] { return std::vector<topic_finding>{}; };
  std::shared_ptr<control_view> control;
  std::shared_ptr<lease_keeper> lease;
  std::shared_ptr<control_link> link;
  std::shared_ptr<account_log> log;
  std::shared_ptr<settlement> settle;
  std::shared_ptr<known_accounts> accounts; ///< as capture knows them
  std::shared_ptr<capture> source;
  std::shared_ptr<backlog_reader> backlog; ///< of what the log left out
  std::shared_ptr<replica_side> replicas;
  std::shared_ptr<snapshot_sender> snapshots;
  /// A snapshot's marker goes to Kafka before its rows do; without one for so long behind them it got none
  /// (its account was handed over meanwhile, its hold had ended before the view was open, or Kafka refused
  /// it).
  std::chrono::milliseconds marker_patience{10'000};
  std::shared_ptr<divergence_report> divergence;
  std::shared_ptr<const logged_fences> fences_at_start;
  /// At the start: requests that snapshots answer which a process before this one sent whole.
  std::unordered_map<account_id, kafka_offset> sent_at_start;
  std::vector<role_record> roles_ahead; ///< at the start: written, and not met by capture yet
  std::shared_ptr<peers> others;
  std::shared_ptr<commit_endings> endings = std::make_shared<commit_endings>();
  std::shared_ptr<fence_board> fences = std::make_shared<fence_board>();
  std::shared_ptr<snapshot_troubles> troubles = std::make_shared<snapshot_troubles>();
  /// Looks at volumes' directories, on threads of its own: a pool's would hang with a dead mount.
  std::shared_ptr<directory_probe> directories = std::make_shared<directory_probe>();
  std::shared_ptr<worker_pool> sql; ///< short SQL jobs that don't write through the binlog
  /// What a COMMIT may wait for: these jobs wait neither for one of their own nor for a lock that another may
  /// hold (R6).
  std::shared_ptr<worker_pool> releasing;
  std::shared_ptr<worker_pool> promotions;  ///< guards and role rows; its threads bound what moves at once
  std::shared_ptr<session_pool> sessions;   ///< as `logged` says, for what `promotions` does
  std::shared_ptr<session_pool> unlogged;   ///< the same, as `local` says
  std::shared_ptr<epoch_beginner> beginner; ///< of accounts that move here
  recent_catalogs catalogs;                 ///< for guards and comparisons
  std::shared_ptr<worker_pool> questions;   ///< figures for status: peers and SQL, with deadlines
  /// What `monitor` has to ask others.
  std::shared_ptr<peer_lines> lines = std::make_shared<peer_lines>();
};

} // namespace understudy
