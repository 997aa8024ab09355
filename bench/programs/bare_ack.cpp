// bench_bare_ack: what Kafka's own acknowledgement takes, with nothing around it: an idempotent producer
// (acks=all, linger.ms=0) that keeps a fixed number of records in flight, or sends so many a second.
#include "bench/programs/samples.hpp"
#include "events/log/topics.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <librdkafka/rdkafka.h>

#include <array>
#include <iostream>
#include <memory>
#include <stdexcept>
#include <thread>

using namespace understudy;
using bench::steady;

namespace {

struct settings {
  std::string brokers;
  std::string topic = "understudy.bench";
  std::int32_t partitions = 8;
  unsigned in_flight = 1;
  std::size_t bytes = 1500;
  double seconds = 3;
  double warm_up = 0.5;
  double rate = 0; ///< records a second; 0: each as soon as one before it is acknowledged
};

struct bare_producer {
  explicit bare_producer(const settings& s)
      : options(s) {}

  const settings& options;
  rd_kafka_t* client = nullptr;
  rd_kafka_topic_t* topic = nullptr;
  std::string payload;
  bench::samples acks;
  std::vector<steady::time_point> sent; ///< when each slot's record was handed over
  steady::time_point measured_from, end;
  unsigned waiting = 0;
  std::uint64_t counter = 0;
  std::string error;
  std::vector<std::size_t> free; ///< slots that wait for their turn, with a rate

  void produce(std::size_t slot) {
    const auto partition =
        static_cast<std::int32_t>(counter++ * 7 % static_cast<std::uint64_t>(options.partitions));
    sent[slot] = steady::now();
    if (rd_kafka_produce(topic, partition, RD_KAFKA_MSG_F_COPY, payload.data(), payload.size(), "account", 7,
                         reinterpret_cast<void*>(slot)) !=
        0) // NOLINT: the slot travels in the pointer itself
      throw std::runtime_error(rd_kafka_err2str(rd_kafka_last_error()));
    ++waiting;
  }

  void report(const rd_kafka_message_t& message) {
    const auto now = steady::now();
    const auto slot = reinterpret_cast<std::size_t>(message._private); // NOLINT
    --waiting;
    if (message.err != RD_KAFKA_RESP_ERR_NO_ERROR)
      error = rd_kafka_err2str(message.err);
    if (now >= measured_from && now < end)
      acks.add(now - sent[slot]);
    if (options.rate > 0)
      free.push_back(slot);
    else if (now < end && error.empty())
      produce(slot);
  }

  void as_fast_as_acknowledged() {
    for (std::size_t slot = 0; slot < options.in_flight; ++slot)
      produce(slot);
    while (waiting > 0)
      rd_kafka_poll(client, 100);
  }

  void at_rate() {
    const auto gap =
        std::chrono::duration_cast<steady::duration>(std::chrono::duration<double>(1 / options.rate));
    for (std::size_t slot = 0; slot < options.in_flight; ++slot)
      free.push_back(slot);
    auto due = steady::now();
    while (waiting > 0 || (steady::now() < end && error.empty())) {
      if (const auto now = steady::now(); now < end && now >= due && !free.empty() && error.empty()) {
        const auto slot = free.back();
        free.pop_back();
        produce(slot);
        due = std::max(due + gap, now - gap);
      }
      rd_kafka_poll(client, waiting > 0 ? 1 : 0);
      if (waiting == 0)
        std::this_thread::sleep_until(std::min(due, end));
    }
  }
};

void make_topic(const settings& s) {
  constexpr std::chrono::seconds patience{10};
  auto admin = topic_admin::open({.brokers = s.brokers, .properties = {}, .log = {}});
  if (!admin)
    throw std::runtime_error(admin.error().what);
  const auto made = (*admin)->ensure(
      {{.name = s.topic, .partitions = s.partitions, .replication_factor = 1, .min_insync_replicas = 1}},
      patience);
  if (!made)
    throw std::runtime_error(made.error().what);
}

void run(bare_producer& bare) {
  const auto& s = bare.options;
  make_topic(s);
  std::array<char, 512> why{};
  auto* conf = rd_kafka_conf_new();
  const std::array<std::pair<const char*, std::string>, 6> properties{{{"bootstrap.servers", s.brokers},
                                                                       {"acks", "all"},
                                                                       {"enable.idempotence", "true"},
                                                                       {"linger.ms", "0"},
                                                                       {"socket.nagle.disable", "true"},
                                                                       {"client.id", "bench"}}};
  for (const auto& [name, value] : properties)
    if (rd_kafka_conf_set(conf, name, value.c_str(), why.data(), why.size()) != RD_KAFKA_CONF_OK)
      throw std::runtime_error(why.data());
  rd_kafka_conf_set_opaque(conf, &bare);
  rd_kafka_conf_set_dr_msg_cb(conf, [](rd_kafka_t*, const rd_kafka_message_t* message, void* opaque) {
    static_cast<bare_producer*>(opaque)->report(*message);
  });
  bare.client = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why.data(), why.size());
  if (bare.client == nullptr)
    throw std::runtime_error(why.data());
  bare.topic = rd_kafka_topic_new(bare.client, s.topic.c_str(), nullptr);
  bare.payload.assign(s.bytes, 'x');
  bare.sent.resize(s.in_flight);
  const auto begin = steady::now();
  const auto span = [](double seconds) {
    return std::chrono::duration_cast<steady::duration>(std::chrono::duration<double>(seconds));
  };
  bare.measured_from = begin + span(s.warm_up);
  bare.end = bare.measured_from + span(s.seconds);
  if (s.rate > 0)
    bare.at_rate();
  else
    bare.as_fast_as_acknowledged();
  rd_kafka_topic_destroy(bare.topic);
  rd_kafka_destroy(bare.client);
  if (!bare.error.empty())
    throw std::runtime_error("Kafka: " + bare.error);
}

} // namespace

int main(int argc, char** argv) {
  settings s;
  CLI::App app{"Kafka's bare acknowledgement: idempotent, acks=all, linger.ms=0, a fixed number in flight."};
  app.add_option("--brokers", s.brokers)->required();
  app.add_option("--topic", s.topic, "made if absent, with the settings of Understudy's own topics")
      ->capture_default_str();
  app.add_option("--partitions", s.partitions)->capture_default_str();
  app.add_option("--in-flight", s.in_flight)->check(CLI::Range(1, 10000))->capture_default_str();
  app.add_option("--rate", s.rate,
                 "records a second, at most --in-flight at once; 0: as fast as they are acknowledged")
      ->capture_default_str();
  app.add_option("--bytes", s.bytes, "of each record")->capture_default_str();
  app.add_option("--seconds", s.seconds, "measured, after --warm-up")->capture_default_str();
  app.add_option("--warm-up", s.warm_up)->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  try {
    bare_producer bare(s);
    run(bare);
    std::cout << fmt::format(R"({{"acks":{},"per_second":{:.1f},"ack":{{{}}}}})"
                             "\n",
                             bare.acks.count(), static_cast<double>(bare.acks.count()) / s.seconds,
                             bare.acks.json_fields());
    return 0;
  } catch (const std::exception& failed) {
    std::cerr << "bench_bare_ack: " << failed.what() << "\n";
    return 1;
  }
}
