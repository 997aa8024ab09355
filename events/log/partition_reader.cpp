#include "events/log/partition_reader.hpp"

#include "events/log/reader_state.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace understudy {
namespace {

/// How long the broker may gather is the operator's to change: with many nodes, what they ask for in vain
/// costs it.
void add_gathering(property_list& to, const kafka_settings& settings, const reader_options& options) {
  for (const auto& [name, text] :
       property_list{{"fetch.min.bytes", std::to_string(options.least_bytes)},
                     {"fetch.wait.max.ms", std::to_string(options.longest_wait.count())}})
    if (!settings.properties.contains(name))
      to.emplace_back(name, text);
}

property_list fixed_properties(const kafka_settings& settings, const reader_options& options) {
  // librdkafka wants fetch.max.bytes to be at least message.max.bytes.
  constexpr std::size_t least_fetch = 1000;
  const auto fetch = std::max(options.fetch_bytes, least_fetch);
  property_list fixed = {
      {"auto.offset.reset", "error"}, // never somewhere else than asked (C01)
      {"enable.partition.eof", "false"},
      // A topic that is missing is said, and found again, within seconds instead of 5 minutes.
      {"topic.metadata.propagation.max.ms", "1000"},
      {"topic.metadata.refresh.interval.ms", "5000"},
      {"queued.max.messages.kbytes", std::to_string(std::max<std::size_t>(1, options.queue_bytes / 1024))},
      {"message.max.bytes", std::to_string(least_fetch)},
      {"fetch.max.bytes", std::to_string(fetch)},
      {"fetch.message.max.bytes", std::to_string(fetch)},
  };
  add_gathering(fixed, settings, options);
  return fixed;
}

} // namespace

partition_reader::partition_reader(std::unique_ptr<state> s)
    : state_(std::move(s)) {}

partition_reader::~partition_reader() = default;

result<std::unique_ptr<partition_reader>> partition_reader::open(const kafka_settings& settings,
                                                                 const std::string& topic,
                                                                 const reader_options& options) {
  auto s = std::make_unique<state>(settings, topic, options.queue_bytes);
  auto conf = make_conf(settings, fixed_properties(settings, options), *s);
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

void partition_reader::find_leaders(std::chrono::milliseconds timeout) {
  const struct rd_kafka_metadata* found = nullptr;
  const auto code = rd_kafka_metadata(state_->client.get(), 0, state_->topic.get(), &found,
                                      static_cast<int>(timeout.count()));
  if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
    rd_kafka_metadata_destroy(found);
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
  return state_->begin(found->first, found->second);
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

bool partition_reader::is_proven(partition_id partition) const {
  const auto found = state_->partitions.find(partition.value);
  return found != state_->partitions.end() && !found->second.proving && !found->second.doubted &&
         state_->proven_connections == state_->connections();
}

fetched partition_reader::poll(std::size_t most, std::chrono::milliseconds timeout) {
  fetched out;
  rd_kafka_poll(state_->client.get(), 0); // statistics and errors
  state_->judge();
  state_->keep_fetching();
  auto wait = state_->troubles.empty() ? milliseconds_of(timeout) : 0;
  if (std::ranges::any_of(state_->partitions, [](const auto& p) { return p.second.doubted; }))
    wait = std::min(wait, milliseconds_of(state::ask_again));
  if (const message_handle first{rd_kafka_consume_queue(state_->queue.get(), wait)}) {
    state_->take(*first, out);
    state_->take_waiting(most, out);
  }
  if (!out.records.empty())
    state_->answered();
  state_->prove_again(out);
  state_->give(out);
  state_->keep_fetching();
  state_->judge();
  out.events = std::exchange(state_->troubles, {});
  return out;
}

void partition_reader::wake() {
  rd_kafka_queue_yield(state_->queue.get());
}

result<watermarks> partition_reader::watermarks_of(partition_id partition,
                                                   std::chrono::milliseconds timeout) {
  return state_->ask(state_->name, partition.value, timeout);
}

result<watermarks> partition_reader::watermarks_of(const std::string& topic, partition_id partition,
                                                   std::chrono::milliseconds timeout) {
  return state_->ask(topic, partition.value, timeout);
}

bool partition_reader::connected() const {
  return state_->connected();
}

} // namespace understudy
