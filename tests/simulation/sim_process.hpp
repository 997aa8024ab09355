// One understudyd as the simulator runs it: the pure classes, and the glue that the actors are in the
// product.
#pragma once
#include "actors/source/checkpoint_history.hpp"
#include "actors/source/own_partition.hpp"
#include "actors/source/settlement.hpp"
#include "events/control/decide.hpp"
#include "events/control/lease_view.hpp"
#include "events/control/promotion_patience.hpp"
#include "tests/simulation/world.hpp"

#include <deque>

namespace understudy::simulation {

class sim_process {
public:
  sim_process(world& around, sim_host& machine);
  ~sim_process();

  /// Does a random part of what is to do. Everything of a process happens in its ticks.
  void tick();
  /// librdkafka's fatal state: a new producer, a new incarnation, what isn't confirmed is produced again
  /// (R15).
  void replace_account_producer();
  void detach_capture(); ///< MariaDB went away
  /// An administrator's command arrives at this supervisor.
  void take_command(command wanted);

private:
  // sim_process.cpp: life and reading
  boot_time clock() const;
  bool caught_up() const; ///< each partition was read up to a record of this life
  void read_control();
  void read_leases();
  void read_accounts();
  void append_control(std::vector<control_event> events, change_origin origin = {});
  void say(const account_id& account, account_change_body fact);
  void take_verdict(const line_verdict& verdict, const account_event& event, kafka_offset offset);
  void replicate(const transaction_event& transaction);
  void load_snapshot(const line_snapshot& snapshot);

  // sim_capture.cpp: binlog to Kafka to ACK
  settlement::options settling();
  void attach_capture();
  void begin_capture();
  void take_up_numbers(const gtid_position& settled);
  void capture();
  bool was_read_before(const binlog_entry& entry, const binlog_place& end);
  void capture_write(const binlog_entry& entry, binlog_place end);
  void produce_slice(const binlog_entry& entry, epoch term, const settlement::slice_ptr& check);
  using on_report = std::function<void(const settlement::report&)>;
  void produce(account_event_body body, on_report done, settlement::ticket from = 0);
  void send(std::uint64_t number, const account_event_body& body);
  void take_reports();
  void keep_checkpoint();
  bool reports_count(broker_time appended) const;
  bool ended_without_us(const account_id& account, epoch term) const;
  void lose_epochs();
  void hold_acknowledging();
  void end_commits();
  void send_snapshots();

  // sim_roles.cpp: an account's way through its epochs
  void drive_accounts();
  void drive_source(const account_state& account, const role_row& role);
  void hand_over(const account_state& account, const role_row& role);
  void leave_epoch(const account_id& account, epoch term);
  void drive_promotion(const account_state& account, const role_row& role);
  void drive_replica(const account_state& account, const role_row& role);
  void decline_if_asked(const account_state& account, const role_row& role);
  void become_replica_at(const line_fence& fence);
  void hand_over_fence(const account_id& account, epoch term, kafka_offset decision);
  void guard(const account_id& account, bool stand);
  epoch in_force(const account_id& account) const;

  // sim_supervisor.cpp: leases, claims, commands
  void renew();
  void answer_claims();
  void supervise();
  live_facts facts() const;

  world& world_;
  sim_host& host_;
  std::uint64_t start_number_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  std::string process_;
  incarnation life_;         ///< in control and leases
  incarnation account_life_; ///< in the accounts' partition: a new one per producer
  control_state control_;
  lease_view lease_;
  partition_line line_;
  settlement settle_;
  std::shared_ptr<sim_channel<control_record>> control_out_;
  std::shared_ptr<sim_channel<lease_record>> leases_out_;
  std::shared_ptr<sim_channel<account_event>> accounts_out_;

  std::size_t control_read_ = 0, leases_read_ = 0, accounts_read_ = 0;
  bool control_own_ = false, leases_own_ = false, accounts_own_ = false;
  bool accounts_wait_ = false; ///< the record at accounts_read_ waits for control
  std::optional<boot_time> control_polled_;

  // capture
  bool attached_ = false, begun_ = false;
  std::deque<gtid> outstanding_; ///< read over the connection before, to be read again
  std::size_t captured_ = 0;
  std::map<account_id, role_row> role_at_; ///< at the captured position
  gtid_position met_, to_meet_;            ///< captured up to; what the binlog had when capture began
  struct numbers {
    sequence sent, confirmed;
  };
  std::map<account_id, numbers> numbers_;
  former_lines former_; ///< what Kafka held when capture began, and isn't met in the binlog yet
  /// A slice that Kafka's report, or the end of its epoch, settles.
  struct in_flight {
    account_id account;
    epoch term;
    std::weak_ptr<settlement::slice> check;
  };
  std::vector<in_flight> in_flight_;
  /// What account_log keeps: an event until it is confirmed, in the order of producing.
  struct pending {
    account_event_body body;
    on_report done; ///< may be null
    settlement::ticket from;
  };
  std::map<std::uint64_t, pending> pending_;
  std::uint64_t next_produced_ = 1;
  struct arrived {
    std::uint64_t number;
    settlement::report where;
  };
  std::deque<arrived> reports_; ///< that wait for this process to run
  checkpoint_history checkpoints_;
  std::map<account_id, epoch> lost_; ///< epochs that ended without this node, as far as it has read
  bool ending_ = false;              ///< waiting commits are to be ended, nothing is acknowledged before
  std::map<std::pair<account_id, node_name>, kafka_offset> snapshots_sent_;

  // accounts
  struct fence_seen {
    epoch term;
    kafka_offset offset;
    sequence cut;
  };
  std::map<account_id, fence_seen> fences_;
  std::map<account_id, epoch> fence_handed_;
  std::map<account_id, instant> said_;
  std::map<account_id, std::pair<epoch, instant>> guard_since_;
  std::map<account_id, epoch> aborting_, declining_;
  std::map<account_id, instant> decline_asked_;

  // leases and commands
  std::uint64_t renewals_ = 0;
  instant last_renewal_ = -second, last_claim_ = -second;
  kafka_offset claim_seen_{-1}, returning_{-1};
  instant returned_at_ = 0;
  struct running {
    command wanted;
    instant until;
    instant next = 0;
    std::string record; ///< appended, not read back yet
    promotion_patience others;
  };
  std::deque<running> running_;
};

} // namespace understudy::simulation
