// What waits to be handed to librdkafka, partition by partition. Pure; its owner's lock.
#pragma once
#include "events/model/ids.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace understudy {

/// librdkafka's idempotent producer sends nothing more to a partition while five of its records are
/// unanswered (2.0.2: rd_kafka_toppar_producer_serve). Whatever waits there meanwhile makes the broker's
/// thread look for work without a pause: while snapshots are sent, a quarter of a core for each producer. So
/// it waits here, and is handed over together when an answer comes: in the same batches, at the same time.
class send_window {
public:
  struct record {
    std::string key;
    std::string payload;
    std::uint64_t token = 0;
    std::size_t size() const { return key.size() + payload.size(); }
  };

  static constexpr std::size_t most_unanswered = 5;

  /// True: a record of so many bytes is to be handed over now, and counted as unanswered. Else it's to
  /// wait().
  bool open(std::string_view topic, partition_id partition, std::size_t size);
  void wait(std::string_view topic, partition_id partition, record next);
  /// One of those that were counted, of so many bytes, was answered, or isn't sent after all.
  void answered(std::string_view topic, partition_id partition, std::size_t size);
  /// What waited and is to be handed over now, in order; counted as unanswered.
  std::deque<record> next(std::string_view topic, partition_id partition);
  /// The rest of next() waits again.
  void put_back(std::string_view topic, partition_id partition, std::deque<record> rest);
  /// All that waits, partition by partition in order; nothing waits any more.
  std::vector<std::pair<partition_id, record>> give_up();

  std::size_t waiting() const { return waiting_; }
  /// Of all that waits or is unanswered.
  std::size_t bytes() const { return bytes_; }

private:
  struct window {
    std::size_t unanswered = 0;
    std::deque<record> waiting;
  };
  window& at(std::string_view topic, partition_id partition);

  std::map<std::string, std::map<partition_id, window>, std::less<>> windows_; ///< by topic
  std::size_t waiting_ = 0;
  std::size_t bytes_ = 0;
};

} // namespace understudy
