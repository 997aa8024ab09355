// The idempotent producer (R15): a thin wrap of librdkafka with reports as plain values.
#pragma once
#include "events/log/kafka_settings.hpp"
#include "events/model/error.hpp"
#include "events/model/ids.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace understudy {

enum class produce_outcome : std::uint8_t {
  held,       ///< Kafka holds it: acks=all
  queue_full, ///< from produce() only: nothing was taken; try again after the next report
  too_large,  ///< over the topic's or the broker's limit (case P02). The limit is the batch's: neighbours in
              ///< it are refused with it, and are within the limit when produced again alone
  purged,     ///< given up by stop() or after a fatal error; produce it again with a new producer
  fatal,      ///< this producer takes nothing any more (case P01)
  topic_unavailable, ///< topic or partition can't be written at present: deleted, unknown to a broker that
                     ///< has just started, access denied. Not this record's fault: produce it again, in order
  refused,           ///< Kafka refuses this record for good: the text says why
};

/// What became of one record. Exactly one for each record that produce() took.
struct delivery {
  std::uint64_t token = 0;
  partition_id partition;
  kafka_offset offset{-1};         ///< -1 unless held
  std::optional<broker_time> time; ///< only of type LogAppendTime; without one the report doesn't count (R20)
  produce_outcome outcome = produce_outcome::held;
  /// Not held, but it may lie in the log all the same (its request was on the way): R12 voids it there.
  bool possibly_written = false;
  std::string text; ///< why it isn't held
};

struct produce_error : error {
  produce_outcome kind = produce_outcome::refused;
};

struct producer_options {
  /// Back-pressure: what may wait for Kafka, unsent and in flight together.
  std::uint32_t most_records = 100'000;
  std::size_t most_bytes = std::size_t{64} << 20;
  /// Largest record (payload and key) and largest batch: the topic's max.message.bytes, so that a batch of
  /// small records never passes it (P02).
  std::size_t max_message_bytes = 1'000'000;
};

/// Called from the producer's own thread, one at a time, unless they say otherwise; in the order of the
/// partition for each partition. Must not destroy or stop the producer.
struct producer_callbacks {
  std::function<void(delivery&&)> on_delivery;
  /// Once: this producer is dead (P01). Reports (purged, fatal) follow for all that it still held; after
  /// them, or at once, the owner makes a new one, hence a new incarnation (R12).
  std::function<void(const error&)> on_fatal;
  /// May be empty. False: no broker can be reached.
  std::function<void(bool connected)> on_connection;
  /// If there is one, it's told of what Kafka holds instead of on_delivery: on librdkafka's own threads, one
  /// for each broker, and so without a further change of threads between Kafka's answer and who waits for it.
  /// In the order of the partition among themselves. Must not call the producer, nor block.
  std::function<void(delivery&&)> on_held{};
};

class producer {
public:
  /// Doesn't wait for a broker. Fails on settings that librdkafka refuses.
  static result<std::unique_ptr<producer>>
  start(const kafka_settings& settings, const producer_options& options, producer_callbacks callbacks);
  /// As stop(0).
  ~producer();
  producer(const producer&) = delete;
  producer& operator=(const producer&) = delete;

  /// Never blocks; copies key and payload. `token` comes back in the delivery. Any thread.
  /// Fails with queue_full and topic_unavailable (retryable: nothing was taken), or with fatal. A record that
  /// is refused for good (too_large, refused) is always told by a report, also when the client itself
  /// refuses.
  tl::expected<void, produce_error> produce(const std::string& topic, partition_id partition,
                                            std::string_view key, std::string_view payload,
                                            std::uint64_t token);

  /// Waits up to `patience` for what is in flight, then gives up the rest (reports: purged). Returns after
  /// the last report, when the thread has ended. Further produce() calls fail with `fatal`.
  /// Any thread but the callbacks'.
  void stop(std::chrono::milliseconds patience);

  // Figures; any thread.
  std::size_t in_flight() const; ///< records taken and not yet reported
  bool connected() const;        ///< at least one broker is up, as far as is known (within about a second)
  bool is_fatal() const;

private:
  struct state;
  explicit producer(std::unique_ptr<state> s);
  std::unique_ptr<state> state_;
};

} // namespace understudy
