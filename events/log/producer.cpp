#include "events/log/producer.hpp"

#include "events/log/client_handle.hpp"
#include "events/log/send_window.hpp"
#include "events/model/named_thread.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <thread>
#include <vector>

namespace understudy {
namespace {

using clock = std::chrono::steady_clock;

/// How long the thread waits for reports at once: bounds how late it sees stop().
constexpr int first_connection_ms = 1000;
constexpr int poll_ms = 50;
constexpr int stopping_poll_ms = 5;
/// Its name, for librdkafka.
constexpr const char* interceptor = "held";
/// librdkafka's own bounds of message.max.bytes.
constexpr std::size_t least_message = 1000;
constexpr std::size_t most_message = 1'000'000'000;

produce_outcome outcome_of(rd_kafka_resp_err_t code) {
  switch (code) {
  case RD_KAFKA_RESP_ERR_NO_ERROR:
    return produce_outcome::held;
  case RD_KAFKA_RESP_ERR__QUEUE_FULL:
    return produce_outcome::queue_full;
  case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
  case RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE:
  case RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE:
    return produce_outcome::too_large;
  case RD_KAFKA_RESP_ERR__PURGE_QUEUE:
  case RD_KAFKA_RESP_ERR__PURGE_INFLIGHT:
  case RD_KAFKA_RESP_ERR__DESTROY:
    return produce_outcome::purged;
  case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
  case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
  case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
  case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
  case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
    return produce_outcome::topic_unavailable;
  case RD_KAFKA_RESP_ERR__FATAL:
    return produce_outcome::fatal;
  default:
    return produce_outcome::refused;
  }
}

property_list fixed_properties(const producer_options& options, bool held_told_at_once) {
  const auto largest = std::clamp(options.max_message_bytes, least_message, most_message);
  // Where records wait here they are counted here. librdkafka counts one until its answer was told, and what
  // that made room for is handed over before.
  const std::size_t counts = held_told_at_once ? 1 : 2;
  return {
      {"acks", "all"},
      {"enable.idempotence", "true"},
      {"message.timeout.ms", "0"}, // no report "timed out" that leaves open whether Kafka holds it
      {"linger.ms", "0"},
      {"max.in.flight.requests.per.connection", "5"},
      // A record that is refused for good must not stop the others (P6).
      {"enable.gapless.guarantee", "false"},
      {"delivery.report.only.error", held_told_at_once ? "true" : "false"},
      {"message.max.bytes", std::to_string(largest)},
      {"queue.buffering.max.messages", std::to_string(counts * options.most_records)},
      {"queue.buffering.max.kbytes",
       std::to_string(std::max<std::size_t>(1, counts * options.most_bytes / 1024))},
  };
}

delivery delivery_of(const rd_kafka_message_t& message) {
  delivery d;
  // NOLINTNEXTLINE: the token travels in the pointer itself.
  d.token = reinterpret_cast<std::uintptr_t>(message._private);
  d.partition = partition_id(message.partition);
  d.outcome = outcome_of(message.err);
  if (d.outcome == produce_outcome::held) {
    d.offset = kafka_offset(message.offset);
    // librdkafka fills this type in from the broker's answer only; otherwise it's the client's own clock.
    rd_kafka_timestamp_type_t type = RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
    const auto time = rd_kafka_message_timestamp(&message, &type);
    if (type == RD_KAFKA_TIMESTAMP_LOG_APPEND_TIME)
      d.time = broker_time(time);
  }
  return d;
}

/// By the client, before it was sent.
delivery refusal_of(rd_kafka_resp_err_t code, partition_id partition, std::uint64_t token) {
  delivery d;
  d.token = token;
  d.partition = partition;
  d.outcome = outcome_of(code);
  d.text = rd_kafka_err2str(code);
  return d;
}

} // namespace

struct producer::state final : client_watch {
  state(const kafka_settings& settings, const producer_options& options, producer_callbacks c)
      : client_watch(settings)
      , callbacks(std::move(c))
      , most_records(options.most_records)
      , most_bytes(options.most_bytes) {
    if (!callbacks.on_held)
      window.emplace();
  }

  void client_error(int code, std::string_view text) override;
  void connection_changed(bool up) override {
    if (callbacks.on_connection)
      callbacks.on_connection(up);
  }
  void report(const rd_kafka_message_t& message);
  void report_held(const rd_kafka_message_t& message);
  /// What became of it was told: what waited for that is handed over.
  void answered(const rd_kafka_message_t& message);
  void hand_over_next(const char* topic, partition_id partition);
  /// Not taken if there's an error.
  rd_kafka_resp_err_t take(const std::string& topic, partition_id partition, std::string_view key,
                           std::string_view payload, std::uint64_t token);
  rd_kafka_resp_err_t hand_over(const char* topic, partition_id partition, std::string_view key,
                                std::string_view payload, std::uint64_t token) const;
  /// From any thread; told by the producer's own.
  void report_later(delivery&& refused);
  void report_refused();
  /// What waits is told as purged, behind what librdkafka holds.
  void give_up_waiting();
  void connect();
  void run();
  void give_up() {
    {
      const std::lock_guard lock(window_guard);
      gives_up = true;
    }
    rd_kafka_purge(client.get(), RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
  }

  static void on_report(rd_kafka_t*, const rd_kafka_message_t* message, void* opaque) {
    static_cast<state*>(static_cast<client_watch*>(opaque))->report(*message);
  }
  static rd_kafka_resp_err_t on_new(rd_kafka_t* client, const rd_kafka_conf_t*, void* opaque, char*, size_t) {
    return rd_kafka_interceptor_add_on_acknowledgement(client, interceptor, on_acknowledgement, opaque);
  }
  /// librdkafka 2.0.2 calls it without a lock of its own for what was delivered (rd_kafka_dr_msgq). What
  /// failed is told by its report, or by produce().
  static rd_kafka_resp_err_t on_acknowledgement(rd_kafka_t*, rd_kafka_message_t* message, void* opaque) {
    if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR)
      static_cast<state*>(opaque)->report_held(*message);
    return RD_KAFKA_RESP_ERR_NO_ERROR;
  }

  producer_callbacks callbacks;
  const std::size_t most_records;
  const std::size_t most_bytes;
  std::mutex window_guard; ///< never held within a callback
  /// None where somebody waits for each answer: librdkafka's thread, which looks for work all the time, reads
  /// it sooner then, and calls nothing of librdkafka's.
  std::optional<send_window> window;
  bool gives_up = false; ///< what waits isn't handed over any more
  std::mutex guard;
  std::vector<delivery> refusals; ///< what librdkafka itself refused, not yet told
  std::atomic<std::size_t> in_flight = 0;
  std::atomic<bool> fatal = false;
  std::atomic<bool> stopping = false;
  std::atomic<clock::time_point> deadline{clock::time_point::max()};
  client_handle client;
  std::thread thread;
};

void producer::state::client_error(int code, std::string_view text) {
  if (code != RD_KAFKA_RESP_ERR__FATAL)
    return client_watch::client_error(code, text);
  if (fatal.exchange(true))
    return;
  std::array<char, 512> why{};
  const auto cause = rd_kafka_fatal_error(client.get(), why.data(), why.size());
  error e;
  e.what = fmt::format("the Kafka producer ended with {}: {}", rd_kafka_err2name(cause), why.data());
  e.retryable = true; // by a new producer
  say(log_level::warning, e.what);
  if (callbacks.on_fatal)
    callbacks.on_fatal(e);
}

void producer::state::report_held(const rd_kafka_message_t& message) {
  callbacks.on_held(delivery_of(message));
  --in_flight;
}

void producer::state::report(const rd_kafka_message_t& message) {
  auto d = delivery_of(message);
  // Behind a fatal error reports carry its cause: that's the producer's end, not the record's.
  if (d.outcome == produce_outcome::refused && rd_kafka_fatal_error(client.get(), nullptr, 0) != 0)
    d.outcome = produce_outcome::fatal;
  if (d.outcome != produce_outcome::held) {
    d.possibly_written = rd_kafka_message_status(&message) != RD_KAFKA_MSG_STATUS_NOT_PERSISTED;
    d.text = rd_kafka_err2str(message.err);
  }
  callbacks.on_delivery(std::move(d));
  answered(message);
  --in_flight;
}

void producer::state::answered(const rd_kafka_message_t& message) {
  if (!window)
    return;
  const auto* const topic = rd_kafka_topic_name(message.rkt);
  const partition_id partition(message.partition);
  const std::lock_guard lock(window_guard);
  window->answered(topic, partition, message.len + message.key_len);
  if (!gives_up)
    hand_over_next(topic, partition);
}

void producer::state::hand_over_next(const char* topic, partition_id partition) {
  auto next = window->next(topic, partition);
  auto code = RD_KAFKA_RESP_ERR_NO_ERROR;
  while (!next.empty()) {
    const auto& first = next.front();
    // Behind one whose partition can't be written none may be: it would be in the log ahead of it.
    if (outcome_of(code) != produce_outcome::topic_unavailable)
      code = hand_over(topic, partition, first.key, first.payload, first.token);
    if (code == RD_KAFKA_RESP_ERR__FATAL)
      return window->put_back(topic, partition, std::move(next)); // for give_up_waiting()
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
      report_later(refusal_of(code, partition, first.token));
      window->answered(topic, partition, first.size());
    }
    next.pop_front();
  }
}

rd_kafka_resp_err_t producer::state::take(const std::string& topic, partition_id partition,
                                          std::string_view key, std::string_view payload,
                                          std::uint64_t token) {
  if (!window)
    return hand_over(topic.c_str(), partition, key, payload, token);
  const auto size = key.size() + payload.size();
  const std::lock_guard lock(window_guard);
  if (in_flight > most_records || window->bytes() + size > most_bytes)
    return RD_KAFKA_RESP_ERR__QUEUE_FULL;
  if (!window->open(topic, partition, size)) {
    window->wait(topic, partition, {std::string(key), std::string(payload), token});
    return RD_KAFKA_RESP_ERR_NO_ERROR;
  }
  const auto code = hand_over(topic.c_str(), partition, key, payload, token);
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
    window->answered(topic, partition, size);
  return code;
}

rd_kafka_resp_err_t producer::state::hand_over(const char* topic, partition_id partition,
                                               std::string_view key, std::string_view payload,
                                               std::uint64_t token) const {
  // librdkafka's varargs macros convert by C's rules.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
  return rd_kafka_producev(
      client.get(), RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_PARTITION(partition.value),
      RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_KEY(key.data(), key.size()),
      RD_KAFKA_V_VALUE(const_cast<char*>(payload.data()), payload.size()), // copied, not written to
      RD_KAFKA_V_OPAQUE(reinterpret_cast<void*>(static_cast<std::uintptr_t>(token))), RD_KAFKA_V_END);
#pragma GCC diagnostic pop
}

void producer::state::report_later(delivery&& refused) {
  const std::lock_guard lock(guard);
  refusals.push_back(std::move(refused));
}

void producer::state::report_refused() {
  std::vector<delivery> told;
  {
    const std::lock_guard lock(guard);
    told.swap(refusals);
  }
  for (auto& d : told) {
    callbacks.on_delivery(std::move(d));
    --in_flight;
  }
}

void producer::state::give_up_waiting() {
  if (!window)
    return;
  std::vector<std::pair<partition_id, send_window::record>> all;
  {
    const std::lock_guard lock(window_guard);
    if (in_flight != window->waiting())
      return; // librdkafka's own come first
    all = window->give_up();
  }
  for (const auto& [partition, each] : all) {
    callbacks.on_delivery(refusal_of(RD_KAFKA_RESP_ERR__PURGE_QUEUE, partition, each.token));
    --in_flight;
  }
}

/// librdkafka connects when it looks for work, up to a second later; a question makes it connect at once.
void producer::state::connect() {
  const struct rd_kafka_metadata* found = nullptr;
  if (rd_kafka_metadata(client.get(), 0, nullptr, &found, first_connection_ms) == RD_KAFKA_RESP_ERR_NO_ERROR)
    rd_kafka_metadata_destroy(found);
}

void producer::state::run() {
  connect();
  bool purged = false;
  while (!stopping || in_flight > 0) {
    rd_kafka_poll(client.get(), stopping ? stopping_poll_ms : poll_ms);
    report_refused();
    if (fatal || (stopping && clock::now() >= deadline.load())) {
      // Once isn't enough: what produce() let in just before is reported as well.
      if (!purged || in_flight > 0)
        give_up();
      give_up_waiting();
      purged = true;
    }
  }
}

producer::producer(std::unique_ptr<state> s)
    : state_(std::move(s)) {}

producer::~producer() {
  stop(std::chrono::milliseconds(0));
}

result<std::unique_ptr<producer>> producer::start(const kafka_settings& settings,
                                                  const producer_options& options,
                                                  producer_callbacks callbacks) {
  auto s = std::make_unique<state>(settings, options, std::move(callbacks));
  const bool held_at_once = s->callbacks.on_held != nullptr;
  auto conf = make_conf(settings, fixed_properties(options, held_at_once), *s);
  if (!conf)
    return tl::make_unexpected(std::move(conf.error()));
  rd_kafka_conf_set_dr_msg_cb(conf->get(), state::on_report);
  if (held_at_once)
    rd_kafka_conf_interceptor_add_on_new(conf->get(), interceptor, state::on_new, s.get());
  auto client = make_client(RD_KAFKA_PRODUCER, std::move(*conf));
  if (!client)
    return tl::make_unexpected(std::move(client.error()));
  s->client = std::move(*client);
  s->thread = named_thread("kafka-reports", [raw = s.get()] { raw->run(); });
  return std::unique_ptr<producer>(new producer(std::move(s)));
}

tl::expected<void, produce_error> producer::produce(const std::string& topic, partition_id partition,
                                                    std::string_view key, std::string_view payload,
                                                    std::uint64_t token) {
  auto code = RD_KAFKA_RESP_ERR__FATAL;
  // Counted first: stop() waits for what is counted, so nothing slips in behind its last look.
  ++state_->in_flight;
  if (!state_->stopping && !state_->fatal)
    code = state_->take(topic, partition, key, payload, token);
  if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
    return {};
  produce_error e;
  e.kind = outcome_of(code);
  if (e.kind == produce_outcome::too_large || e.kind == produce_outcome::refused) {
    state_->report_later(refusal_of(code, partition, token));
    return {};
  }
  --state_->in_flight;
  e.retryable = e.kind == produce_outcome::queue_full || e.kind == produce_outcome::topic_unavailable;
  e.what = fmt::format("a record of {} bytes for {} partition {} isn't taken: {}", payload.size(), topic,
                       partition, rd_kafka_err2str(code));
  return tl::make_unexpected(std::move(e));
}

void producer::stop(std::chrono::milliseconds patience) {
  if (!state_->thread.joinable())
    return;
  state_->deadline = clock::now() + patience;
  state_->stopping = true;
  state_->thread.join();
}

std::size_t producer::in_flight() const {
  return state_->in_flight;
}
bool producer::connected() const {
  return state_->connected();
}
bool producer::is_fatal() const {
  return state_->fatal;
}

} // namespace understudy
