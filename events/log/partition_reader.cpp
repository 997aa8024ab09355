#include "events/log/partition_reader.hpp"

#include "events/log/client_handle.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

namespace understudy {
namespace {

using clock = std::chrono::steady_clock;

/// Between two questions to a leader about an offset that is out of range, and how long each may take.
constexpr auto ask_again = std::chrono::milliseconds(300);
constexpr auto ask_patience = std::chrono::milliseconds(1000);
/// Asked for at once behind the first record.
constexpr std::size_t most_in_batch = 1024;

property_list fixed_properties(const reader_options& options) {
  // librdkafka wants fetch.max.bytes to be at least message.max.bytes.
  constexpr std::size_t least_fetch = 1000;
  const auto fetch = std::max(options.fetch_bytes, least_fetch);
  return {
      {"auto.offset.reset", "error"}, // never somewhere else than asked (C01)
      {"enable.partition.eof", "false"},
      {"queued.max.messages.kbytes", std::to_string(std::max<std::size_t>(1, options.queue_bytes / 1024))},
      {"message.max.bytes", std::to_string(least_fetch)},
      {"fetch.max.bytes", std::to_string(fetch)},
      {"fetch.message.max.bytes", std::to_string(fetch)},
  };
}

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

/// The consumer without groups: it needs no coordinator, and each partition is started and stopped by itself.
struct partition_reader::state final : client_watch {
  state(log_sink sink, std::string topic_name)
      : client_watch(std::move(sink))
      , name(std::move(topic_name)) {}

  ~state() override {
    for (const auto& [id, p] : partitions)
      if (p.running)
        rd_kafka_consume_stop(topic.get(), id);
  }

  struct partition {
    kafka_offset next;
    bool paused = false;
    bool running = false;      ///< librdkafka fetches it
    bool out_of_range = false; ///< to be judged: purged or truncated
    bool told = false;         ///< its unavailability has been told
  };
  using partition_map = std::map<std::int32_t, partition>;

  result<void> begin(std::int32_t id, partition& p);
  void end(std::int32_t id, partition& p) const;
  result<void> move_to(std::int32_t id, partition& p, kafka_offset next);
  void take(const rd_kafka_message_t& message, fetched& out);
  void take_error(const rd_kafka_message_t& message, fetched& out);
  void judge(fetched& out);
  result<watermarks> ask(std::int32_t id, std::chrono::milliseconds timeout) const;

  std::string name;
  partition_map partitions;
  clock::time_point asked;
  // In this order: the client goes last.
  client_handle client;
  topic_handle topic;
  queue_handle queue;
};

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
    return take_error(message, out);
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
  out.records.push_back(std::move(r));
}

void partition_reader::state::take_error(const rd_kafka_message_t& message, fetched& out) {
  const auto found = message.rkt ? partitions.find(message.partition) : partitions.end();
  if (found == partitions.end())
    return client_watch::client_error(message.err, rd_kafka_message_errstr(&message));
  auto& [id, p] = *found;
  if (message.err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET) {
    p.out_of_range = p.running;
    asked = {};
  } else if (!is_unavailable(message.err)) {
    client_watch::client_error(message.err, rd_kafka_message_errstr(&message));
  } else if (!p.told) {
    p.told = true;
    out.events.push_back(
        {partition_id(id), reader_trouble::unavailable, p.next, kafka_offset(-1), kafka_offset(-1),
         fmt::format("{} partition {} can't be read: {}", name, id, rd_kafka_message_errstr(&message))});
  }
}

/// librdkafka says only that an offset is out of range: which end, the leader tells.
void partition_reader::state::judge(fetched& out) {
  if (clock::now() - asked < ask_again)
    return;
  for (auto& [id, p] : partitions) {
    if (!p.out_of_range)
      continue;
    asked = clock::now();
    const auto range = ask(id, ask_patience);
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
    out.events.push_back(
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

result<watermarks> partition_reader::state::ask(std::int32_t id, std::chrono::milliseconds timeout) const {
  std::int64_t low = 0;
  std::int64_t high = 0;
  const auto code =
      rd_kafka_query_watermark_offsets(client.get(), name.c_str(), id, &low, &high, milliseconds_of(timeout));
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
    return failure(
        fmt::format("the range of {} partition {} isn't known: {}", name, id, rd_kafka_err2str(code)), {},
        true);
  return watermarks{kafka_offset(low), kafka_offset(high)};
}

partition_reader::partition_reader(std::unique_ptr<state> s)
    : state_(std::move(s)) {}

partition_reader::~partition_reader() = default;

result<std::unique_ptr<partition_reader>> partition_reader::open(const kafka_settings& settings,
                                                                 const std::string& topic,
                                                                 const reader_options& options) {
  auto s = std::make_unique<state>(settings.log, topic);
  auto conf = make_conf(settings, fixed_properties(options), *s);
  if (!conf)
    return tl::make_unexpected(std::move(conf.error()));
  auto client = make_client(RD_KAFKA_CONSUMER, std::move(*conf));
  if (!client)
    return tl::make_unexpected(std::move(client.error()));
  s->client = std::move(*client);
  s->topic.reset(rd_kafka_topic_new(s->client.get(), topic.c_str(), nullptr));
  if (!s->topic)
    return failure(fmt::format("topic {} can't be read: {}", topic, rd_kafka_err2str(rd_kafka_last_error())));
  s->queue.reset(rd_kafka_queue_new(s->client.get()));
  return std::unique_ptr<partition_reader>(new partition_reader(std::move(s)));
}

result<void> partition_reader::add(partition_id partition, kafka_offset next) {
  if (next.value < 0)
    return failure(fmt::format("{} can't be read from offset {}", state_->name, next));
  const auto [at, is_new] = state_->partitions.try_emplace(partition.value, state::partition{.next = next});
  if (!is_new)
    return failure(fmt::format("{} partition {} is read already", state_->name, partition));
  auto begun = state_->begin(at->first, at->second);
  if (!begun)
    state_->partitions.erase(at);
  return begun;
}

void partition_reader::remove(partition_id partition) {
  const auto found = state_->partitions.find(partition.value);
  if (found == state_->partitions.end())
    return;
  state_->end(found->first, found->second);
  state_->partitions.erase(found);
}

void partition_reader::pause(partition_id partition) {
  const auto found = state_->partitions.find(partition.value);
  if (found == state_->partitions.end())
    return;
  found->second.paused = true;
  state_->end(found->first, found->second);
}

result<void> partition_reader::resume(partition_id partition) {
  const auto found = state_->partitions.find(partition.value);
  if (found == state_->partitions.end())
    return failure(fmt::format("{} partition {} isn't read", state_->name, partition));
  if (!found->second.paused)
    return {};
  found->second.paused = false;
  return state_->move_to(found->first, found->second, found->second.next);
}

result<void> partition_reader::seek(partition_id partition, kafka_offset next) {
  const auto found = state_->partitions.find(partition.value);
  if (found == state_->partitions.end() || next.value < 0)
    return failure(
        fmt::format("{} partition {} isn't read, or offset {} is none", state_->name, partition, next));
  return state_->move_to(found->first, found->second, next);
}

std::optional<kafka_offset> partition_reader::position(partition_id partition) const {
  const auto found = state_->partitions.find(partition.value);
  return found == state_->partitions.end() ? std::nullopt : std::optional(found->second.next);
}

fetched partition_reader::poll(std::size_t most, std::chrono::milliseconds timeout) {
  fetched out;
  rd_kafka_poll(state_->client.get(), 0); // statistics and errors
  state_->judge(out);
  auto wait = out.events.empty() ? milliseconds_of(timeout) : 0;
  if (std::ranges::any_of(state_->partitions, [](const auto& p) { return p.second.out_of_range; }))
    wait = std::min(wait, milliseconds_of(ask_again));
  const message_handle first(rd_kafka_consume_queue(state_->queue.get(), wait));
  if (!first)
    return out;
  state_->take(*first, out);
  // librdkafka waits until a batch is full or its time is over: so this takes what is there.
  while (out.records.size() < most) {
    std::array<rd_kafka_message_t*, most_in_batch> batch{};
    const auto wanted = std::min(most - out.records.size(), batch.size());
    const auto got = rd_kafka_consume_batch_queue(state_->queue.get(), 0, batch.data(), wanted);
    for (ssize_t i = 0; i < got; ++i)
      state_->take(*message_handle(batch[static_cast<std::size_t>(i)]), out);
    if (got < static_cast<ssize_t>(wanted))
      break;
  }
  state_->judge(out);
  return out;
}

void partition_reader::wake() {
  rd_kafka_queue_yield(state_->queue.get());
}

result<watermarks> partition_reader::watermarks_of(partition_id partition,
                                                   std::chrono::milliseconds timeout) {
  return state_->ask(partition.value, timeout);
}

bool partition_reader::connected() const {
  return state_->connected();
}

} // namespace understudy
