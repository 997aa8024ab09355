// Reads partitions of one topic from given offsets: no group, no committed offsets, no silent reset (C01,
// C03). What comes over a new connection may be of another Kafka under the same address, or of one that was
// restored from a backup: nothing of it is given before the record that was given last is found there again.
#pragma once
#include "events/log/kafka_settings.hpp"
#include "events/model/error.hpp"
#include "events/model/ids.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace understudy {

struct record {
  partition_id partition;
  kafka_offset offset;
  std::string key;
  std::string payload;
  std::optional<broker_time> time; ///< only of type LogAppendTime (R20)
};

enum class reader_trouble : std::uint8_t {
  purged,      ///< the next offset is below the log's start: retention was faster
  truncated,   ///< the next offset is above the log's end: the log lost its tail, or is another log
  replaced,    ///< over a new connection the last record is another one: it lost its tail and grew again, or
               ///< is another log
  unavailable, ///< topic or partition don't exist, or reading is refused; reading is tried again by itself
};

/// But for unavailable: the partition stands still until seek() or remove().
struct reader_event {
  partition_id partition;
  reader_trouble kind = reader_trouble::unavailable;
  kafka_offset wanted;
  kafka_offset low;  ///< first offset in the log, when known
  kafka_offset high; ///< offset behind the last record, when known
  std::string text;
};

struct fetched {
  std::vector<record> records; ///< in order within each partition
  std::vector<reader_event> events;
};

struct watermarks {
  kafka_offset low;  ///< first offset in the log
  kafka_offset high; ///< offset behind the last record, as the leader tells it: may be stale (R19)
};

struct reader_options {
  /// What may lie fetched and not polled of one partition; exceeded by at most one fetch.
  std::size_t queue_bytes = std::size_t{16} << 20;
  /// One fetch answer. A single batch above it is still read.
  std::size_t fetch_bytes = std::size_t{4} << 20;
  /// The broker answers a fetch when it has this much, or after `longest_wait`. The defaults give a record
  /// away as soon as it's there, which is an answer for nearly each record while many are written.
  std::size_t least_bytes = 1;
  std::chrono::milliseconds longest_wait{500};
};

/// One thread at a time, but for wake().
class partition_reader {
public:
  /// Doesn't wait for a broker. Fails on settings that librdkafka refuses.
  static result<std::unique_ptr<partition_reader>>
  open(const kafka_settings& settings, const std::string& topic, const reader_options& options = {});
  ~partition_reader();
  partition_reader(const partition_reader&) = delete;
  partition_reader& operator=(const partition_reader&) = delete;

  /// Asks who leads the topic's partitions, so that reading begins at once instead of when librdkafka looks
  /// next by itself, up to a second later. Not to be had in time is no error. Blocking.
  void find_leaders(std::chrono::milliseconds timeout);

  /// Begins to read a partition at `next`. Fails if it is read already.
  result<void> add(partition_id partition, kafka_offset next);
  void remove(partition_id partition);
  /// Nothing of a paused partition is held in memory; it goes on where it was.
  void pause(partition_id partition);
  result<void> resume(partition_id partition);
  result<void> seek(partition_id partition, kafka_offset next);
  /// The offset behind the last record that poll() gave; nothing if the partition isn't read.
  std::optional<kafka_offset> position(partition_id partition) const;
  /// The record that was given last is there, over the connections that there are. True while none was given.
  bool is_proven(partition_id partition) const;

  /// Waits up to `timeout` for the first record or event, then takes what is there, up to `most` records.
  fetched poll(std::size_t most, std::chrono::milliseconds timeout);
  /// Ends a waiting poll(). Any thread.
  void wake();

  /// Asks the leader. retryable if it can't be asked.
  result<watermarks> watermarks_of(partition_id partition, std::chrono::milliseconds timeout);
  /// The same, of another topic.
  result<watermarks> watermarks_of(const std::string& topic, partition_id partition,
                                   std::chrono::milliseconds timeout);

  /// At least one broker is up, as far as is known. Any thread.
  bool connected() const;

private:
  struct state;
  explicit partition_reader(std::unique_ptr<state> s);
  std::unique_ptr<state> state_;
};

} // namespace understudy
