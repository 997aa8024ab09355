// The thread-safe shell of the ACK tracker: joins Kafka's delivery reports with the lease (R2, R3, R20)
// and writes the ACK to MariaDB the moment everything below a place has settled.
#pragma once
#include "events/model/ids.hpp"
#include "storage/settle/ack_tracker.hpp"

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <vector>

namespace understudy {

class settlement {
public:
  using ticket = ack_tracker::ticket;

  /// One account's part of a captured transaction; settles once, whoever comes first: Kafka's report, or the
  /// decision that it needs no protection.
  struct slice {
    ticket number = 0;
    bool settled = false; ///< the settlement's alone
  };
  using slice_ptr = std::shared_ptr<slice>;

  /// Where Kafka holds a slice.
  struct report {
    partition_id partition;
    kafka_offset offset; ///< of its last part
    broker_time stamp;   ///< LogAppendTime, the latest of its parts
    /// Of its first part, without which the others say nothing; none: it's in one.
    std::optional<kafka_offset> first{};
  };

  struct options {
    /// What may be captured but unsettled, in bytes of binlog; capture waits beyond it (P7).
    std::size_t memory_limit = 128U << 20;
    /// R20: does a report with this broker timestamp, arriving now, count under our lease?
    std::function<bool(broker_time)> counts;
    /// Writes the ACK; called with the lock held, so in order; must not block.
    std::function<void(const binlog_place&)> acknowledge;
    /// Seconds from reading a transaction to its ACK, one call each released transaction.
    std::function<void(double)> observe_hold;
    /// R19: nothing counts and nothing is acknowledged before begin_acknowledging().
    bool waits_at_start = false;
  };

  explicit settlement(options o);

  /// Between two connections: everything up to `settled` is settled, by a former life or because it can't be
  /// read any more; tickets given out before are void.
  void begin_at(const gtid_position& settled);

  /// What a (re)connection starts from (R7): behind what was acknowledged; `outstanding` were read over the
  /// connection before, are on their way, and will be read again in this order: they keep their tickets.
  struct resumption {
    gtid_position start;
    std::vector<gtid> outstanding;
  };
  resumption resume() const;
  /// An outstanding transaction was read again: if it was released meanwhile, its ACK is due again.
  void read_again(const binlog_place& end);
  /// The server has nothing more to send, and everything before this place was read: if all of it has
  /// settled, whoever still waits there waits for an ACK that a broken connection lost.
  void idle_at(const binlog_place& place);

  /// Capture thread only: takes up a transaction with its number of slices (0 settles at once).
  /// `group`: of those that the server committed together; 0: it was alone.
  ticket begin(gtid id, binlog_place end, std::uint32_t slices, std::size_t bytes, std::uint64_t group = 0);
  /// Capture thread only: returns when there's room for another transaction, or when `stop` was called.
  void wait_for_room();

  /// A slice is in Kafka with this broker timestamp. Judged by the lease now, and again when it is renewed.
  /// Of one partition in the order of their offsets: a checkpoint is read from behind the last that counted.
  void delivered(const slice_ptr& part, const report& where);
  /// A slice that needs no protection (R3): settles without a lease. While its transaction isn't released, a
  /// restart reads the partition from here on: what lies behind may tell what became of it.
  void release(const slice_ptr& part, partition_id partition);
  /// The same, of a slice that has no partition.
  void release(const slice_ptr& part);
  /// An epoch of an account in this partition was ended without this node (R20): the other's fence may lie
  /// behind all that has counted there. A restart that reads anything captured so far again reads from there
  /// on, also when other accounts' reports have counted since: the fence tells which of it is foreign (R35).
  void epoch_ended(partition_id partition);
  /// A renewal was counted: reports that came while no lease ran are judged again.
  void judge_again();
  /// Leases and control were read, and the commits of lost epochs ended (R19). Any thread.
  void begin_acknowledging();
  /// Nothing is acknowledged until `go_on`: commits that nobody may be told OK are being ended (R8). Reports
  /// count and slices settle meanwhile. Any thread.
  void hold();
  void go_on();
  /// Ends wait_for_room; from then on nothing is acknowledged.
  void stop();

  /// The position to resume from after a reconnect or restart (R7).
  gtid_position settled() const;
  std::size_t unsettled() const;
  /// How long the oldest unsettled transaction has waited; zero if there's none.
  std::chrono::steady_clock::duration oldest_wait() const;

  /// A consistent place to start from after a restart: up to what was acknowledged, because whoever waits
  /// behind it is let go of only when it's read again (R7). Every event of a transaction behind it lies at or
  /// behind its partition's offset (R12); there, or right before it, lies one of this node's that is valid.
  struct checkpoint {
    gtid_position settled;
    binlog_place place; ///< the same as a place; empty before the first release
    std::map<partition_id, kafka_offset> read_from;
    ticket next = 1;              ///< the first transaction that isn't in it
    std::uint64_t beginnings = 0; ///< how often begin_at() was called: of one, places can be compared
  };
  checkpoint take_checkpoint() const;

private:
  /// A transaction that isn't released yet.
  struct opened {
    ticket number;
    gtid id;
    binlog_place end;
    std::chrono::steady_clock::time_point at;
    std::size_t bytes;
    /// Where a restart that reads it again must begin; none: where an earlier life stored.
    std::vector<std::pair<partition_id, std::optional<kafka_offset>>> read_from;
  };
  bool settles_locked(slice& part, const report& where);
  void settle_locked(slice& part);
  opened* open_locked(const slice& part);
  std::optional<kafka_offset> behind_counted_locked(partition_id partition) const;
  void judge_again_locked();
  bool is_silent_locked() const { return waiting_at_start_ || held_ || stopped_; }
  void acknowledge_locked();
  ticket oldest_open_locked() const { return open_.empty() ? next_ : open_.front().number; }

  options options_;
  mutable std::mutex mutex_;
  std::condition_variable room_;
  ack_tracker tracker_;
  std::size_t outstanding_bytes_ = 0;
  ticket next_ = 1; ///< that begin() gives
  bool stopped_ = false;
  bool held_ = false;
  bool waiting_at_start_;
  struct waiting_report {
    slice_ptr part;
    report where;
  };
  std::vector<waiting_report> uncounted_;
  std::deque<opened> open_;
  binlog_place released_;
  gtid_position acknowledged_; ///< the same as GTIDs
  std::uint64_t beginnings_ = 0;
  /// The last report that counted: no fence of an account that was written here lies before it (R20), until
  /// one lost its epoch.
  std::map<partition_id, kafka_offset> counted_up_to_;
  struct ended {
    std::optional<kafka_offset> read_from; ///< none: what an earlier life stored stands
    ticket before;                         ///< transactions below were captured before that
  };
  std::map<partition_id, ended> ended_; ///< while one of them isn't released
};

} // namespace understudy
