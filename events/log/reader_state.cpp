#include "events/log/reader_state.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

namespace understudy {
namespace {

using clock = std::chrono::steady_clock;

/// How long a question to a leader about an offset that is out of range may take.
constexpr auto ask_patience = std::chrono::milliseconds(1000);
/// Asked for at once behind the first record.
constexpr std::size_t most_in_batch = 1024;

bool is_unavailable(rd_kafka_resp_err_t code) {
  switch (code) {
  case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
  case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
  case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
  case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
  case RD_KAFKA_RESP_ERR__BAD_MSG:
    return true;
  default:
    return false;
  }
}

} // namespace

result<void> partition_reader::state::begin(std::int32_t id, partition& p) {
  if (rd_kafka_consume_start_queue(topic.get(), id, p.next.value, queue.get()) != 0)
    return failure(fmt::format("{} partition {} can't be read from offset {}: {}", name, id, p.next,
                               rd_kafka_err2str(rd_kafka_last_error())));
  p.running = true;
  return {};
}

void partition_reader::state::end(std::int32_t id, partition& p) const {
  if (p.running)
    rd_kafka_consume_stop(topic.get(), id);
  p.running = false;
}

result<void> partition_reader::state::move_to(std::int32_t id, partition& p, kafka_offset next) {
  end(id, p);
  p.next = next;
  p.out_of_range = false;
  p.told = false;
  if (p.paused)
    return {};
  return begin(id, p);
}

void partition_reader::state::take(const rd_kafka_message_t& message, fetched& out) {
  if (message.err != RD_KAFKA_RESP_ERR_NO_ERROR)
    return take_error(message);
  const auto found = partitions.find(message.partition);
  // What was fetched before a pause or seek isn't wanted any more.
  if (found == partitions.end() || !found->second.running || message.offset < found->second.next.value)
    return;
  record r;
  r.partition = partition_id(message.partition);
  r.offset = kafka_offset(message.offset);
  // Copied: a message that is kept would keep the whole fetch that it came in.
  r.key.assign(static_cast<const char*>(message.key), message.key_len);
  r.payload.assign(static_cast<const char*>(message.payload), message.len);
  rd_kafka_timestamp_type_t type = RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
  const auto time = rd_kafka_message_timestamp(&message, &type);
  if (type == RD_KAFKA_TIMESTAMP_LOG_APPEND_TIME)
    r.time = broker_time(time);
  found->second.next = r.offset.next();
  found->second.told = false;
  found->second.active = true;
  gauge.took(message.len + message.key_len);
  out.records.push_back(std::move(r));
}

void partition_reader::state::take_error(const rd_kafka_message_t& message) {
  const auto found = message.rkt ? partitions.find(message.partition) : partitions.end();
  if (found == partitions.end())
    return client_watch::client_error(message.err, rd_kafka_message_errstr(&message));
  auto& [id, p] = *found;
  if (message.err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET) {
    p.out_of_range = p.running;
    asked = {};
  } else if (is_unavailable(message.err)) {
    tell_unavailable(id, p, rd_kafka_message_errstr(&message));
  } else {
    client_watch::client_error(message.err, rd_kafka_message_errstr(&message));
  }
}

/// That a topic is missing comes here, not with a message; only the text names the partition.
void partition_reader::state::client_error(int code, std::string_view text) {
  if (is_unavailable(static_cast<rd_kafka_resp_err_t>(code)))
    for (auto& [id, p] : partitions)
      if (text.starts_with(fmt::format("{} [{}]:", name, id)))
        return tell_unavailable(id, p, text);
  client_watch::client_error(code, text);
}

void partition_reader::state::tell_unavailable(std::int32_t id, partition& p, std::string_view why) {
  if (std::exchange(p.told, true))
    return;
  troubles.push_back({partition_id(id), reader_trouble::unavailable, p.next, kafka_offset(-1),
                      kafka_offset(-1), fmt::format("{} partition {} can't be read: {}", name, id, why)});
}

/// librdkafka says only that an offset is out of range: which end, the leader tells.
void partition_reader::state::judge() {
  if (clock::now() - asked < ask_again)
    return;
  for (auto& [id, p] : partitions) {
    if (!p.out_of_range)
      continue;
    asked = clock::now();
    const auto range = ask(name, id, ask_patience);
    if (!range)
      return; // asked again in a later poll
    p.out_of_range = false;
    const bool purged = p.next < range->low;
    if (!purged && p.next <= range->high) {
      // A new leader that lagged, or it was written meanwhile: the offset is right.
      if (auto done = move_to(id, p, p.next); !done)
        say(log_level::error, done.error().what);
      continue;
    }
    end(id, p);
    troubles.push_back(
        {partition_id(id), purged ? reader_trouble::purged : reader_trouble::truncated, p.next, range->low,
         range->high,
         purged ? fmt::format("{} partition {}: offset {} is purged; the log begins at {}", name, id, p.next,
                              range->low)
                : fmt::format(
                      "{} partition {}: offset {} is behind the log's end {}: records were lost, or it is "
                      "another log",
                      name, id, p.next, range->high)});
  }
}

/// librdkafka waits until a batch is full or its time is over: with no time it gives what is there.
void partition_reader::state::take_waiting(std::size_t most, fetched& out) {
  while (out.records.size() < most) {
    std::array<rd_kafka_message_t*, most_in_batch> batch{};
    const auto wanted = std::min(most - out.records.size(), batch.size());
    const auto got = rd_kafka_consume_batch_queue(queue.get(), 0, batch.data(), wanted);
    for (ssize_t i = 0; i < got; ++i)
      take(*message_handle(batch[static_cast<std::size_t>(i)]), out);
    if (got < static_cast<ssize_t>(wanted))
      break;
  }
}

void partition_reader::state::keep_fetching() {
  if (!gauge.must_wake(rd_kafka_queue_length(queue.get())))
    return;
  for (auto& [id, p] : partitions) {
    if (p.active && p.running && !p.out_of_range)
      if (auto done = move_to(id, p, p.next); !done)
        say(log_level::error, done.error().what);
    p.active = false;
  }
}

result<watermarks> partition_reader::state::ask(const std::string& of, std::int32_t id,
                                                std::chrono::milliseconds timeout) const {
  const auto end = clock::now() + timeout;
  const auto one = [&](std::int64_t which) -> result<kafka_offset> {
    const std::unique_ptr<rd_kafka_topic_partition_list_t,
                          destroyed_by<rd_kafka_topic_partition_list_destroy>>
        list{rd_kafka_topic_partition_list_new(1)};
    auto* asked_for = rd_kafka_topic_partition_list_add(list.get(), of.c_str(), id);
    asked_for->offset = which;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - clock::now());
    // Not rd_kafka_query_watermark_offsets: in librdkafka 2.0.2 it waits past its timeout, for ever when the
    // broker dies meanwhile.
    auto code = rd_kafka_offsets_for_times(client.get(), list.get(), std::max(0, milliseconds_of(left)));
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
      code = asked_for->err;
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
      return failure(
          fmt::format("the range of {} partition {} isn't known: {}", of, id, rd_kafka_err2str(code)), {},
          true);
    return kafka_offset(asked_for->offset);
  };
  const auto low = one(RD_KAFKA_OFFSET_BEGINNING);
  if (!low)
    return tl::make_unexpected(low.error());
  const auto high = one(RD_KAFKA_OFFSET_END);
  if (!high)
    return tl::make_unexpected(high.error());
  return watermarks{*low, *high};
}

} // namespace understudy
