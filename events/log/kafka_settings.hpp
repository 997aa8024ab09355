// How to reach Kafka, and where its client's log goes.
#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

namespace understudy {

enum class log_level : std::uint8_t { debug, info, warning, error };

/// Called from librdkafka's threads: must be thread-safe, quick, and not call back into the log's objects.
/// The lines are already limited in number (case O01).
using log_sink = std::function<void(log_level, std::string_view)>;

class client_voice;

struct kafka_settings {
  std::string brokers; ///< host:port,…
  /// Handed to librdkafka as they are (security.protocol, sasl.*, ssl.*, …). What R15 and C01 depend on
  /// (acks, enable.idempotence, message.timeout.ms, auto.offset.reset, …) is refused here, by name.
  std::map<std::string, std::string> properties;
  std::string client_id = "understudy"; ///< shown in the brokers' logs and quotas
  log_sink log;                         ///< may be empty
  /// That of all clients which are made with these settings; null: each has its own.
  std::shared_ptr<client_voice> voice{};
};

} // namespace understudy
