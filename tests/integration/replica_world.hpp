// A source's MariaDB, a destination's with a replica side, and Kafka between them; the test itself stands for
// the source's node (writes the account log) and for the supervisor.
#pragma once
#include "actors/messages.hpp"
#include "actors/replica/decision_board.hpp"
#include "actors/replica/replica_side.hpp"
#include "actors/snapshot/snapshot_sender.hpp"
#include "events/log/producer.hpp"
#include "storage/binlog/capture_source.hpp"
#include "tests/integration/replicated_pair.hpp"
#include "tests/tools/fixture/lent_kafka.hpp"

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>

#include <mutex>
#include <set>

namespace understudy::replica_test {

inline const node_name source_node("source.example.com"), destination_node("destination.example.com");

/// The source's node: what was committed becomes records of understudy.accounts.
class source_log {
public:
  explicit source_log(apply_test::replicated_pair& pair, const kafka_settings& kafka);

  account_id add(unsigned mailbox, partition_id partition);
  /// Everything committed since becomes events.
  void pump();
  kafka_offset write(partition_id partition, account_event_body body, std::uint64_t life = 1);
  /// understudy.accounts is empty again: it has none of the shapes.
  void begin_log_anew();
  sequence last(const account_id& account) const { return members_.at(account).last; }
  mailbox_id mailbox(const account_id& account) const { return members_.at(account).mailbox; }
  partition_id partition(const account_id& account) const { return members_.at(account).partition; }
  kafka_offset fence(const account_id& account, epoch term, kafka_offset decision);
  kafka_offset mark(const account_id& account, epoch term, const snapshot_opened& opened);

private:
  struct member {
    mailbox_id mailbox;
    partition_id partition;
    sequence last;
  };
  apply_test::replicated_pair& pair_;
  std::mutex mutex_;
  std::condition_variable reported_;
  std::map<std::uint64_t, delivery> reports_;
  std::uint64_t token_ = 0;
  std::unique_ptr<producer> producer_;
  std::unique_ptr<capture_source> capture_;
  std::map<account_id, member> members_;
  std::set<std::pair<partition_id, std::uint64_t>> shapes_;
  std::uint64_t probe_ = 0;
};

class replica_world {
public:
  static constexpr std::chrono::seconds patience{60};

  replica_world();
  ~replica_world();

  /// An account written on the source, as control knows it, in this partition.
  account_id account(unsigned mailbox, int partition = 0);
  /// Ends the replica side, if one runs, and starts one that follows these accounts.
  void restart(const std::vector<account_id>& accounts, std::size_t memory_limit = std::size_t{64} << 20);
  void stop() { side.reset(); }
  /// Of the replica side that restart() starts.
  replica_side::options options(std::size_t memory_limit = std::size_t{64} << 20);
  /// What is known from now on of the source's volumes; before: ids are the same.
  void know_volumes(volume_map ids);
  /// Asks for a first copy, sends it, and waits until it's loaded.
  /// The next marker of the account is met.
  bool watch(const account_id& account);
  void initialise(const account_id& account, epoch term = epoch(1));
  /// Sends a snapshot whose marker goes into the account's line; false if it failed.
  bool send_snapshot(const account_id& account, const std::string& id, epoch term = epoch(1));
  void deliver_mail(unsigned mailbox, unsigned from, unsigned to, std::size_t bytes = 20);
  void promote(const account_id& account, kafka_offset decision, const node_name& to = destination_node,
               term_state state = term_state::decided);

  /// Everything written of the account so far is applied, in time.
  bool applied(const account_id& account);
  /// Empty if mail_item is the same on both sides.
  std::string difference(const account_id& account);
  replica_side::figures figures(const account_id& account) const;

  apply_test::replicated_pair pair;
  fixture::lent_kafka broker;
  kafka_settings kafka;
  std::unique_ptr<source_log> log;
  caf::actor_system_config config;
  std::unique_ptr<caf::actor_system> system;
  std::shared_ptr<decision_board> board = std::make_shared<decision_board>();
  std::unique_ptr<snapshot_sender> sender;
  std::unique_ptr<replica_side> side;
  caf::actor supervisor;
  account_handle source_account; ///< stands for the source's

  std::mutex mutex; ///< of the next
  std::shared_ptr<const volume_map> volumes;
  std::vector<fence_applied> fences;
  std::vector<replica_loaded> loaded;
  std::vector<replica_stopped> stopped;
  std::vector<snapshot_opened> opened;
  std::size_t stopped_of(const account_id& account, bool needs_snapshot);
};

} // namespace understudy::replica_test
