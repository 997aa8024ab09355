// One understudyd as the simulator runs it: the pure classes, and the glue that the actors are in the
// product.
#pragma once
#include "events/control/decide.hpp"
#include "events/control/lease_view.hpp"
#include "events/control/promotion_patience.hpp"
#include "storage/settle/ack_tracker.hpp"
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
  void begin_account_life();
  bool caught_up() const; ///< each partition was read up to a record of this life
  void read_control();
  void read_leases();
  void read_accounts();
  void append_control(std::vector<control_event> events, change_origin origin = {});
  void say(const account_id& account, account_change_body fact);
  void take_verdict(const line_verdict& verdict, const account_event& event, kafka_offset offset,
                    broker_time appended);
  void replicate(const transaction_event& transaction);
  void load_snapshot(const line_snapshot& snapshot);

  // sim_capture.cpp: binlog to Kafka to ACK
  void attach_capture();
  void capture();
  void capture_write(const binlog_entry& entry, binlog_place end);
  void produce_slice(const binlog_entry& entry, ack_tracker::ticket ticket, epoch term);
  void settle();
  bool reports_count(broker_time appended) const;
  bool ended_without_us(const account_id& account, epoch term) const;
  void send_snapshots();

  // sim_roles.cpp: an account's way through its epochs
  void drive_accounts();
  void drive_source(const account_state& account, const role_row& role);
  void hand_over(const account_state& account, const role_row& role);
  void give_up(const account_id& account, epoch term);
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
  ack_tracker tracker_;
  std::shared_ptr<sim_channel<control_record>> control_out_;
  std::shared_ptr<sim_channel<lease_record>> leases_out_;
  std::shared_ptr<sim_channel<account_event>> accounts_out_;

  std::size_t control_read_ = 0, leases_read_ = 0, accounts_read_ = 0;
  std::size_t control_end_ = 0, leases_end_ = 0, accounts_end_ = 0; ///< without incarnations: end at start
  bool control_own_ = false, leases_own_ = false, accounts_own_ = false;
  bool accounts_wait_ = false; ///< the record at accounts_read_ waits for control
  std::optional<boot_time> control_polled_;

  // capture
  bool attached_ = false;
  std::size_t captured_ = 0;
  std::map<account_id, role_row> role_at_; ///< at the captured position
  std::map<std::pair<account_id, epoch>, sequence> numbered_;
  struct slice {
    ack_tracker::ticket ticket;
    account_id account;
    epoch term;
    sequence number; ///< 0: never produced, its epoch was over
    std::optional<broker_time> appended;
  };
  std::map<std::uint64_t, slice> slices_;
  std::uint64_t next_slice_ = 1;
  std::map<account_id, sequence> own_read_; ///< the last of our own transactions read back in the line
  std::map<gtid, std::pair<sequence, broker_time>> own_places_;
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
  kafka_offset returning_{-1};
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
