// The inside of partition_reader: librdkafka's consumer without groups, and where each partition stands.
#pragma once
#include "events/log/client_handle.hpp"
#include "events/log/fetch_gauge.hpp"
#include "events/log/log_marks.hpp"
#include "events/log/partition_reader.hpp"

#include <chrono>
#include <map>
#include <string>
#include <vector>

namespace understudy {

/// The consumer without groups: it needs no coordinator, and each partition is started and stopped by itself.
struct partition_reader::state final : client_watch {
  state(const kafka_settings& settings, std::string topic_name, std::size_t queue_bytes)
      : client_watch(settings)
      , name(std::move(topic_name))
      , gauge(queue_bytes) {}

  ~state() override {
    for (const auto& [id, p] : partitions)
      if (p.running)
        rd_kafka_consume_stop(topic.get(), id);
  }

  /// Between two questions to a leader about an offset that is out of range.
  static constexpr std::chrono::milliseconds ask_again{300};

  struct partition {
    kafka_offset next;
    std::optional<log_mark> last{}; ///< the record before `next`, once it was given
    bool paused = false;
    bool running = false; ///< librdkafka fetches it
    bool doubted = false; ///< to be judged: purged, truncated or replaced
    bool unlike = false;  ///< another record was where the last one lay
    bool proving = false; ///< what comes first must be `last`
    bool reprove = false; ///< it's to be proven again, once nothing of it is in hand
    bool told = false;    ///< its unavailability has been told
    bool active = false;  ///< gave records since it was last looked at
    kafka_offset wanted() const { return proving ? last->offset : next; }
  };
  using partition_map = std::map<std::int32_t, partition>;

  result<void> begin(std::int32_t id, partition& p);
  void end(std::int32_t id, partition& p) const;
  result<void> move_to(std::int32_t id, partition& p, kafka_offset next);
  void go_on(std::int32_t id, partition& p);
  void prove_again(fetched& out);
  bool proves(const record& r, partition& p);
  void give(const fetched& out);
  void take(const rd_kafka_message_t& message, fetched& out);
  void take_error(const rd_kafka_message_t& message);
  void client_error(int code, std::string_view text) override;
  void tell_unavailable(std::int32_t id, partition& p, std::string_view why);
  bool ends_short(std::int32_t id, const partition& p) const;
  void judge();
  reader_event judged(std::int32_t id, const partition& p, const watermarks& range) const;
  void take_waiting(std::size_t most, fetched& out);
  void keep_fetching();
  result<watermarks> ask(const std::string& of, std::int32_t id, std::chrono::milliseconds timeout) const;

  std::string name;
  partition_map partitions;
  fetch_gauge gauge;
  std::vector<reader_event> troubles; ///< not yet given
  std::chrono::steady_clock::time_point asked;
  std::uint64_t proven_connections = 0; ///< what was given is proven to be of the log that they lead to
  // In this order: the client goes last.
  client_handle client;
  topic_handle topic;
  queue_handle queue;
};

} // namespace understudy
