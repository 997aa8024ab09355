// librdkafka's objects with owners, and the one way in which clients are set up.
#pragma once
#include "events/log/client_watch.hpp"
#include "events/model/error.hpp"

#include <librdkafka/rdkafka.h>

#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace understudy {

template <auto Destroy>
struct destroyed_by {
  template <class T>
  void operator()(T* object) const {
    Destroy(object);
  }
};

using client_handle = std::unique_ptr<rd_kafka_t, destroyed_by<rd_kafka_destroy>>;
using conf_handle = std::unique_ptr<rd_kafka_conf_t, destroyed_by<rd_kafka_conf_destroy>>;
using topic_handle = std::unique_ptr<rd_kafka_topic_t, destroyed_by<rd_kafka_topic_destroy>>;
using queue_handle = std::unique_ptr<rd_kafka_queue_t, destroyed_by<rd_kafka_queue_destroy>>;
using message_handle = std::unique_ptr<rd_kafka_message_t, destroyed_by<rd_kafka_message_destroy>>;
using event_handle = std::unique_ptr<rd_kafka_event_t, destroyed_by<rd_kafka_event_destroy>>;

using property_list = std::vector<std::pair<std::string, std::string>>;

/// A configuration with the settings' brokers and properties, then `fixed` (which the properties can't
/// change), and callbacks that lead to `watch`; it must outlive the client.
result<conf_handle> make_conf(const kafka_settings& settings, const property_list& fixed,
                              client_watch& watch);

/// Starts a client; connecting goes on in librdkafka's threads.
result<client_handle> make_client(rd_kafka_type_t type, conf_handle conf);

inline int milliseconds_of(std::chrono::milliseconds time) {
  return static_cast<int>(time.count());
}

} // namespace understudy
