// The node's connection to understudy.control and understudy.leases: one thread that reads both, renews the
// lease, and a producer that data never delays (R15).
#pragma once
#include "actors/control/lease_keeper.hpp"
#include "events/control/control_record.hpp"
#include "events/log/partition_reader.hpp"
#include "events/log/producer.hpp"

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <thread>

namespace understudy {

class control_link {
public:
  /// A record of understudy.control as it was read.
  struct read_record {
    kafka_offset offset;
    std::optional<broker_time> appended; ///< as the broker says
    result<control_record> record;
  };

  struct options {
    kafka_settings kafka;
    node_name node;
    incarnation first_life;
    std::string process;
    std::int64_t started_ms = 0;
    std::chrono::milliseconds heartbeat{500};
    std::shared_ptr<lease_keeper> lease;
    kafka_offset control_from; ///< where the folded state ends
    /// Link thread, in order of the log. Must not block for long.
    std::function<void(std::vector<read_record>)> on_control;
    /// Link thread: something of the leases was read or a heartbeat went by.
    std::function<void()> on_leases;
    /// May this node renew (R21)? Asked at each heartbeat, and sooner again while it may not;
    /// control_read_to_end is filled in by the link.
    std::function<renewal_facts()> facts;
    std::function<void(const std::string&)> report;
    /// What should be set otherwise but harms nobody, once. Link thread; may be absent.
    std::function<void(const std::string&)> warn{};
    /// Link thread: what was decided can't be read on from where control is folded to. Nothing is renewed
    /// from then on; may be absent.
    std::function<void(const error&)> lost;
  };

  explicit control_link(options o);
  ~control_link();
  /// Before start(), on the caller's thread: appends this process's first records and reads the leases up to
  /// its own there, however long that takes, so that lease_view::former() is known. retryable if Kafka
  /// doesn't answer, or `stopping`, which is asked again and again meanwhile, says so.
  result<void> take_name(const std::function<bool()>& stopping);
  /// With take_name()'s first records, if nobody has called it.
  result<void> start();
  void stop();

  /// Any thread. Both topics were read up to a record of this process's own (R19), and control is folded to
  /// behind it: what was handed to `on_control` may still be on its way to whoever folds it.
  bool caught_up(kafka_offset folded) const { return caught_up_ && folded > own_control_.load(); }
  /// A broker that stands still keeps its connections: it must have answered lately, too.
  bool connected() const;

  /// Any thread. Appends to control; repeated under the same id with each new producer until it was read
  /// back.
  void append(control_record record);
  /// Any thread. The claim is known by its offset once it was read back (lease_view::claim_against).
  void claim(const node_name& against, kafka_offset folded);
  /// Our last record: nothing is read or renewed behind it (R22). For the thread that stops the link, once
  /// nothing acknowledges any more.
  void resign(const std::string& reason);
  /// Why this node doesn't renew its lease; empty: it does.
  std::string why_not_renewing() const;

private:
  void run();
  void end_thread();
  result<void> open();
  void open_producer();
  void begin_life();
  void read_control();
  void begin_again_if_fatal();
  /// Waits up to `patience` for the first record; false: nothing was read.
  bool read_leases(std::chrono::milliseconds patience);
  void compare_rules(const lease_record& record);
  void heartbeat();
  void check_control_end();
  void check_leases_begin();
  void send_lease(const lease_record& record);
  void send_control(const control_record& record);

  options options_;
  std::unique_ptr<partition_reader> control_;
  std::unique_ptr<partition_reader> leases_;
  /// Asks for the end of control: a question over a reading connection waits behind its long poll.
  std::unique_ptr<partition_reader> asker_;
  mutable std::mutex mutex_; ///< of what follows
  std::shared_ptr<producer> producer_;
  incarnation life_;
  std::deque<control_record> not_read_back_;
  std::string why_not_renewing_;
  std::atomic<bool> fatal_{false};
  std::atomic<bool> caught_up_{false};
  std::atomic<kafka_offset> own_control_{kafka_offset{-1}}; ///< where the own record lies, once it was read
  std::atomic<bool> stopping_{false};
  bool control_own_ = false; ///< own incarnation read; link thread
  bool leases_own_ = false;
  /// Each node's lease and skew, as last compared with ours; link thread.
  std::map<node_name, std::pair<std::chrono::milliseconds, std::chrono::milliseconds>> told_rules_;
  std::optional<boot_time> control_end_;
  std::string control_lost_;              ///< nothing else is read of control by this process; link thread
  std::atomic<std::int64_t> answered_{0}; ///< the last question that Kafka answered; 0: none yet
  boot_time next_heartbeat_;
  std::chrono::milliseconds ask_again_; ///< from a heartbeat that might not renew to the next
  std::uint64_t renewals_ = 0;
  std::thread thread_;
};

} // namespace understudy
