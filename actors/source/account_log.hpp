// What this node writes to understudy.accounts: one producer, its incarnations and shapes (R12, R14, R15),
// and the events it hasn't seen confirmed yet. Thread-safe; never blocks.
#pragma once
#include "actors/source/delivery.hpp"
#include "actors/source/left_out_events.hpp"
#include "events/log/producer.hpp"
#include "events/model/account_event.hpp"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <unordered_map>

namespace understudy {

class account_log {
public:
  struct options {
    kafka_settings kafka;
    node_name node;
    incarnation first_life;                    ///< greater than any this node used before (start time in µs)
    std::size_t max_message_bytes = 1'000'000; ///< of the topic: larger events are split (R13)
    /// Asks Kafka for that limit: somebody may lower or raise it (case P02). Called on a thread of ours; may
    /// block.
    std::function<result<std::size_t>()> topic_limit;
    /// What may wait in memory of events whose commits aren't held: MariaDB goes on without them (R3, P7).
    std::size_t most_waiting_bytes = std::size_t{128} << 20;
    /// A problem of the producer, in words; any thread.
    std::function<void(const std::string&)> report;
    /// False: no broker can be reached.
    std::function<void(bool)> on_connection;
    /// Seconds from producing an event to Kafka's report, and its bytes.
    std::function<void(double, std::size_t)> observe_ack;
  };

  using on_delivery = understudy::on_delivery;

  explicit account_log(options o);
  virtual ~account_log();
  account_log(const account_log&) = delete;
  result<void> start();

  /// Produces the event behind everything produced before it to the same partition: first this life's
  /// incarnation record and the shapes it needs. Keeps it until confirmed and produces it again, in order,
  /// with a new producer if librdkafka gives up (case P01). A transaction that doesn't hold its commit is
  /// left out while there's no room, and so are those of its account behind it, until they were made up for
  /// or given up by resume(): then `done` is never called. Virtual for the test builds that report too early,
  /// or lose something (tests/tools).
  virtual void produce(partition_id partition, account_event_body body, on_delivery done,
                       captured_from from = {});

  /// Shapes of this partition are said again before the next event (R14: at a snapshot, at an epoch).
  virtual void repeat_shapes(partition_id partition);
  /// This process's life in a partition, as written; nothing if none was begun there yet.
  incarnation life() const;
  /// Begins this life in a partition even if there's nothing else to write, so that a start can read up to
  /// it.
  void begin_life(partition_id partition);

  /// Of each partition that has something unconfirmed, the number of the oldest of it, in the order of
  /// producing.
  std::map<partition_id, std::uint64_t> oldest_unconfirmed() const;
  /// The number of what was produced last.
  std::uint64_t last_number() const;
  /// An event of the account was refused, and its commit isn't held for control's word of that: a restart
  /// before that word reads it again.
  void note_refused(const account_id& account, sequence number, settlement::ticket transaction);
  /// Control has the word up to that number, or nobody waits for it.
  void refusal_is_said(const account_id& account, sequence up_to);
  /// The oldest captured transaction that isn't in Kafka: unconfirmed, or left out or refused and not said
  /// yet.
  std::optional<settlement::ticket> oldest_missing() const;

  std::vector<left_out> left_out_now() const;
  bool leaves_out(const account_id& account) const;
  /// There is room again for what was left out before.
  bool has_room() const;
  /// Control says that the account's replicas are made anew, or nobody waits for its events: they are written
  /// again, behind those that were left out.
  void resume(const account_id& account);

  // What was left out, as one thread reads it from the binlog again (see left_out_events).

  std::optional<gtid_position> follow_missing(const account_id& account);
  void unfollow_missing(const account_id& account);
  result<std::optional<missing_event>> take_missing(const account_id& account, const gtid& id);
  result<void> missing_read_up_to(const account_id& account, const gtid& id);
  /// Produces an event that take_missing() gave, behind those before it. Behind the last one its account goes
  /// on with what waited: gives whether it's in order now.
  bool make_up_for(const missing_event& missing, transaction_event event, on_delivery done);
  /// The binlog can't make up for what is missing. `at`: only if this transaction may lie there.
  void give_up_missing(const account_id& account, const std::string& why, const std::optional<gtid>& at = {});

  std::size_t in_flight() const;
  std::size_t in_flight_bytes() const;
  bool connected() const;
  /// Waits until everything is confirmed or the limit is over; for a clean stop. Blocking.
  bool drain(std::chrono::milliseconds limit);
  /// Ends the producer; nothing is reported any more. Blocking.
  void stop();

private:
  struct pending {
    partition_id partition;
    account_event_body body; ///< kept until confirmed: a new life must write it anew
    std::size_t records = 1; ///< the event, or its parts
    std::size_t confirmed = 0;
    std::size_t bytes = 0;        ///< of its records
    std::size_t unheld_bytes = 0; ///< in memory, if its commit isn't held
    captured_from from;
    delivery_outcome outcome;
    on_delivery done;
    std::chrono::steady_clock::time_point since;
    bool written = false;         ///< handed to the producer of this life
    std::optional<error> doubted; ///< too large as it is: why it's refused if the topic's limit is no other
  };
  /// An account of which something is in doubt. What comes behind it isn't written before that is settled.
  struct doubt {
    std::uint64_t first = 0; ///< number of the oldest such event
    bool overtaken = false;  ///< one behind it is in the log, or may be: it can't be written any more (R11)
  };
  /// Why there are no records; `size`, if it's for that of the whole: another limit would help.
  struct unencodable : error {
    std::size_t size = 0;
  };
  struct partition_state {
    bool begun = false;
    std::uint64_t last_held = 0; ///< the newest event that Kafka holds
    /// By address: the slicer shares one object per table structure, so no hash is taken per event.
    std::unordered_map<const shape*, std::shared_ptr<const shape>> shapes_said;
  };
  struct refused_events {
    sequence last;
    settlement::ticket first = 0;
  };
  struct unsent {
    partition_id partition;
    std::string key;
    std::string payload;
    std::uint64_t token;
  };
  using encoded = std::vector<std::string>; ///< an event's records
  using refusals = std::vector<std::pair<std::uint64_t, error>>;

  result<void> open_producer();
  void run_maintenance();
  void replace_producer();
  void look_at_limit(std::unique_lock<std::mutex>& lock);
  void doubt_locked(std::uint64_t number, error why);
  void find_overtaken_locked();
  refusals settle_doubts_locked();
  refusals write_again_locked();
  void write_or_refuse_locked(std::uint64_t number, bool may_doubt, refusals& refused);
  void finish_all(refusals refused);
  using outgoing = left_out_events::event;
  void note_refused_locked(const account_id& account, sequence number, settlement::ticket transaction);
  bool hold_back_locked(outgoing& event);
  void write(outgoing event, incarnation life);
  void write_all(std::vector<outgoing> events);
  bool has_room_locked(std::size_t most) const;
  tl::expected<encoded, unencodable> encode_body(const account_event_body& body, incarnation life) const;
  void write_locked(std::uint64_t number, encoded records);
  void say_first_locked(partition_id partition, const account_event_body& body);
  void say_locked(partition_id partition, const account_event_body& body);
  void send_locked(unsent record);
  void send_backlog_locked();
  void on_report(delivery&& report);
  void finish(std::uint64_t number, std::optional<error> refused);

  options options_;
  mutable std::mutex mutex_;
  std::condition_variable changed_; ///< there is something to do for the maintenance thread
  std::condition_variable drained_;
  std::shared_ptr<producer> producer_;
  incarnation life_;
  std::uint64_t next_number_ = 1;
  std::map<std::uint64_t, pending> pending_; ///< not confirmed yet, in the order of producing
  std::size_t pending_bytes_ = 0;
  std::size_t unheld_bytes_ = 0; ///< in memory, of events whose commits aren't held
  left_out_events left_out_;
  std::unordered_map<account_id, refused_events> refused_; ///< not said yet
  std::deque<unsent> backlog_;                             ///< the producer's queue was full
  std::unordered_map<partition_id, partition_state> partitions_;
  bool has_room_ = false; ///< the producer takes records again, of which some wait
  bool fatal_ = false;
  std::atomic<std::size_t> limit_; ///< of the topic, as last known
  bool limit_changed_ = false;     ///< by the last look; the next life goes by it
  bool limit_doubted_ = false;     ///< something is too large for Kafka, or for us by that limit
  std::chrono::steady_clock::time_point next_look_{};
  std::unordered_map<account_id, doubt> doubts_;
  bool stopping_ = false;
  std::thread maintenance_;
};

} // namespace understudy
