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
  if (rd_kafka_consume_start_queue(topic.get(), id, p.wanted().value, queue.get()) != 0)
    return failure(fmt::format("{} partition {} can't be read from offset {}: {}", name, id, p.wanted(),
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
  p = {.next = next, .paused = p.paused};
  if (p.paused)
    return {};
  return begin(id, p);
}

/// Anew from where it was.
void partition_reader::state::go_on(std::int32_t id, partition& p) {
  if (!p.running)
    return;
  end(id, p);
  if (auto begun = begin(id, p); !begun)
    say(log_level::error, begun.error().what);
}

void partition_reader::state::take(const rd_kafka_message_t& message, fetched& out) {
  if (message.err != RD_KAFKA_RESP_ERR_NO_ERROR)
    return take_error(message);
  const auto found = partitions.find(message.partition);
  if (found == partitions.end())
    return;
  auto& p = found->second;
  // What was fetched before a pause or seek isn't wanted any more.
  if (!p.running || p.unlike || message.offset < p.wanted().value)
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
  gauge.took(message.len + message.key_len);
  if (p.proving && !proves(r, p))
    return;
  if (r.offset >= p.next)
    out.records.push_back(std::move(r));
}

/// Whether what comes behind it may be given.
bool partition_reader::state::proves(const record& r, partition& p) {
  p.unlike = r.offset != p.last->offset || r.time != p.last->time;
  if (p.unlike) {
    p.doubted = true;
    asked = {};
  } else {
    p.proving = false;
  }
  return !p.unlike;
}

/// What came since the last look may have come over a new connection: it's fetched again, behind the record
/// that was given last. Looked at behind the taking, for a connection is counted before anything comes.
void partition_reader::state::prove_again(fetched& out) {
  const auto now = connections();
  const bool is_new = std::exchange(proven_connections, now) != now;
  for (auto& [id, p] : partitions) {
    if ((!std::exchange(p.reprove, false) && !is_new) || !p.last || p.unlike)
      continue;
    p.proving = true;
    std::erase_if(out.records, [&](const record& r) { return r.partition.value == id; });
    if (!p.doubted)
      go_on(id, p);
  }
}

void partition_reader::state::give(const fetched& out) {
  for (const auto& r : out.records) {
    auto& p = partitions.at(r.partition.value);
    p.next = r.offset.next();
    p.last = r.time ? std::optional(log_mark{r.offset, *r.time}) : std::nullopt;
    p.told = false;
    p.active = true;
  }
}

void partition_reader::state::take_error(const rd_kafka_message_t& message) {
  const auto found = message.rkt ? partitions.find(message.partition) : partitions.end();
  if (found == partitions.end())
    return client_watch::client_error(message.err, rd_kafka_message_errstr(&message));
  auto& [id, p] = *found;
  if (message.err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET) {
    p.doubted = p.running;
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
  p.reprove = true; // if it was deleted, what comes back may be another, and longer by then
  troubles.push_back({partition_id(id), reader_trouble::unavailable, p.next, kafka_offset(-1),
                      kafka_offset(-1), fmt::format("{} partition {} can't be read: {}", name, id, why)});
}

reader_event partition_reader::state::judged(std::int32_t id, const partition& p,
                                             const watermarks& range) const {
  reader_event e{partition_id(id), reader_trouble::purged, p.next, range.low, range.high, {}};
  if (p.unlike) {
    e.kind = reader_trouble::replaced;
    e.text = fmt::format("{} partition {} has another record at offset {} than was read there: records were "
                         "lost, or it is another log",
                         name, id, p.last->offset);
  } else if (p.next < range.low) {
    e.text = fmt::format("{} partition {}: offset {} is purged; the log begins at {}", name, id, p.next,
                         range.low);
  } else {
    e.kind = reader_trouble::truncated;
    e.text = fmt::format("{} partition {}: offset {} is behind the log's end {}: records were lost, or it is "
                         "another log",
                         name, id, p.next, range.high);
  }
  return e;
}

/// The last answer to a fetch told of an end below what was read. Where the record that was read last is the
/// one that the log lacks, its place is the end, and nothing that a broker complains of.
bool partition_reader::state::ends_short(std::int32_t id, const partition& p) const {
  std::int64_t low = 0;
  std::int64_t high = 0;
  const auto code = rd_kafka_get_watermark_offsets(client.get(), name.c_str(), id, &low, &high);
  return code == RD_KAFKA_RESP_ERR_NO_ERROR && high >= 0 && high < p.next.value;
}

/// librdkafka says only that an offset is out of range: which end, the leader tells.
void partition_reader::state::judge() {
  if (clock::now() - asked < ask_again)
    return;
  for (auto& [id, p] : partitions) {
    if (!p.doubted && !(p.running && p.proving && ends_short(id, p)))
      continue;
    asked = clock::now();
    const auto range = ask(name, id, ask_patience);
    if (!range)
      return; // asked again in a later poll
    p.doubted = false;
    if (!p.unlike && p.next >= range->low && p.next <= range->high) {
      // A new leader that lagged, or it was written meanwhile: the offset is right if the record before it
      // is, or is purged.
      p.proving = p.last && p.last->offset >= range->low;
      go_on(id, p);
      continue;
    }
    end(id, p);
    troubles.push_back(judged(id, p, *range));
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
    if (p.active && !p.doubted)
      go_on(id, p);
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
