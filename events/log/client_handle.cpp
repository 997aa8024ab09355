#include "events/log/client_handle.hpp"

#include <fmt/format.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>

namespace understudy {
namespace {

/// What the rules depend on, with librdkafka's aliases.
constexpr std::array reserved = {
    "bootstrap.servers", "metadata.broker.list", "client.id", "statistics.interval.ms",
    // R15
    "acks", "request.required.acks", "enable.idempotence", "message.timeout.ms", "delivery.timeout.ms",
    "linger.ms", "queue.buffering.max.ms", "max.in.flight", "max.in.flight.requests.per.connection",
    "retries", "message.send.max.retries", "enable.gapless.guarantee", "transactional.id",
    // P7, R13
    "message.max.bytes", "queue.buffering.max.messages", "queue.buffering.max.kbytes",
    "queued.max.messages.kbytes", "fetch.max.bytes", "fetch.message.max.bytes", "max.partition.fetch.bytes",
    // C01, C03
    "auto.offset.reset", "group.id", "enable.auto.commit", "auto.commit.enable", "enable.auto.offset.store",
    "enable.partition.eof"};

/// Better than librdkafka's own, but nothing depends on them: properties may say otherwise.
const property_list defaults = {
    {"socket.nagle.disable", "true"},     // a COMMIT waits for each request
    {"socket.keepalive.enable", "true"},  // a silent loss of the connection is noticed
    {"reconnect.backoff.max.ms", "1000"}, // commits wait: be back soon after the brokers
    {"log.connection.close", "false"},    // idle closes are no news (O01)
};

result<void> set(rd_kafka_conf_t* conf, const std::string& name, const std::string& text) {
  std::array<char, 512> why{};
  if (rd_kafka_conf_set(conf, name.c_str(), text.c_str(), why.data(), why.size()) == RD_KAFKA_CONF_OK)
    return {};
  // The value may be a secret: only its name is told.
  return failure(fmt::format("Kafka property {} is refused", name),
                 "correct it in [kafka.properties]: name and values as librdkafka 2.0 documents them");
}

client_watch& watch_of(void* opaque) {
  return *static_cast<client_watch*>(opaque);
}

void on_log(const rd_kafka_t* client, int level, const char* facility, const char* text) {
  watch_of(rd_kafka_opaque(client)).log_line(level, facility, text);
}

void on_error(rd_kafka_t*, int code, const char* text, void* opaque) {
  watch_of(opaque).client_error(code, text);
}

/// 0: librdkafka frees the text.
int on_statistics(rd_kafka_t*, char* json, size_t length, void* opaque) {
  watch_of(opaque).statistics({json, length});
  return 0;
}

/// librdkafka's broker threads, for each attempt to connect.
int on_socket(int domain, int type, int protocol, void* opaque) {
  watch_of(opaque).connecting();
  return socket(domain, type | SOCK_CLOEXEC, protocol);
}

} // namespace

result<conf_handle> make_conf(const kafka_settings& settings, const property_list& fixed,
                              client_watch& watch) {
  for (const auto& [name, text] : settings.properties)
    if (std::ranges::find(reserved, name) != reserved.end())
      return failure(fmt::format("Kafka property {} is set by Understudy itself", name),
                     "remove it from [kafka.properties]");
  conf_handle conf(rd_kafka_conf_new());
  property_list all = defaults;
  all.emplace_back("statistics.interval.ms", "1000");
  all.insert(all.end(), settings.properties.begin(), settings.properties.end());
  all.insert(all.end(), fixed.begin(), fixed.end());
  all.emplace_back("bootstrap.servers", settings.brokers);
  all.emplace_back("client.id", settings.client_id);
  for (const auto& [name, text] : all)
    if (auto done = set(conf.get(), name, text); !done)
      return tl::make_unexpected(std::move(done.error()));
  rd_kafka_conf_set_opaque(conf.get(), &watch);
  rd_kafka_conf_set_log_cb(conf.get(), on_log);
  rd_kafka_conf_set_error_cb(conf.get(), on_error);
  rd_kafka_conf_set_stats_cb(conf.get(), on_statistics);
  rd_kafka_conf_set_socket_cb(conf.get(), on_socket);
  return conf;
}

result<client_handle> make_client(rd_kafka_type_t type, conf_handle conf) {
  std::array<char, 512> why{};
  client_handle client(rd_kafka_new(type, conf.get(), why.data(), why.size()));
  if (!client)
    return failure(fmt::format("a Kafka client can't be made: {}", why.data()),
                   "correct [kafka] in the configuration, or raise the limits on threads and open files");
  (void)conf.release(); // the client has taken it
  return client;
}

} // namespace understudy
