// Records of snapshots on their way to understudy.snapshots: in order, bounded in flight, each one confirmed.
#pragma once
#include "events/log/producer.hpp"
#include "events/model/account_event.hpp"

#include <condition_variable>
#include <functional>
#include <mutex>
#include <unordered_map>

namespace understudy {

/// One producer for all snapshots of a node. Thread-safe.
class snapshot_stream {
public:
  struct options {
    kafka_settings kafka;
    writer from;
    std::size_t max_message_bytes = 1'000'000;
    /// What one snapshot may have unconfirmed, in bytes: enough to keep Kafka busy.
    std::size_t in_flight_bytes = std::size_t{4} << 20;
    std::function<void(log_level, const std::string&)> report;
  };

  /// What one snapshot has on the way.
  struct flight {
    std::mutex mutex;
    std::condition_variable changed;
    std::function<void(const std::optional<error>&)> when_done{}; ///< and nothing is on the way any more
    std::size_t records = 0;
    std::size_t bytes = 0;
    kafka_offset last; ///< offset of the record confirmed last
    std::optional<error> failed;
    std::function<void(result<void>)> then; ///< nothing is on the way any more
  };

  explicit snapshot_stream(options o);
  ~snapshot_stream(); ///< stop()
  result<void> start();
  /// Everything on the way fails. Blocking.
  void stop();

  /// Encodes and produces, in parts if it's too large for the topic; waits for room. Fails with the flight.
  result<void> send(const std::shared_ptr<flight>& snapshot, partition_id partition,
                    const account_id& account, const account_event_body& body);
  /// Waits until all is confirmed; the offset of the last record.
  result<kafka_offset> confirm(const std::shared_ptr<flight>& snapshot);
  /// The same without waiting, when nothing more is sent: `then` is called once, maybe at once; any thread.
  /// It mustn't block.
  static void when_confirmed(const std::shared_ptr<flight>& snapshot, std::function<void(result<void>)> then);

private:
  struct pending {
    std::shared_ptr<flight> snapshot;
    std::size_t bytes = 0;
  };
  result<void> produce(const std::shared_ptr<flight>& snapshot, partition_id partition,
                       const account_id& account, std::string_view payload);
  result<void> hand_over(const std::shared_ptr<flight>& snapshot, partition_id partition,
                         const account_id& account, std::string_view payload);
  result<void> renew();
  void on_delivery(const delivery& report);

  options options_;
  std::mutex mutex_; ///< of all below; never held while a flight's is waited for
  std::shared_ptr<producer> producer_;
  std::unordered_map<std::uint64_t, pending> pending_;
  std::uint64_t next_token_ = 1;
  bool stopping_ = false;
};

} // namespace understudy
