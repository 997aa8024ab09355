// What an administrator, or retention, may do to a topic.
#pragma once
#include "events/log/kafka_settings.hpp"
#include "events/model/ids.hpp"
#include "tests/tools/fixture/kafka_admin.hpp"

#include <boost/test/unit_test.hpp>

#include <functional>
#include <map>
#include <string>

namespace understudy::testing {

inline void ask_admin(const kafka_settings& kafka,
                      const std::function<void(rd_kafka_t*, rd_kafka_queue_t*)>& request) {
  BOOST_REQUIRE(fixture::kafka_admin(kafka.brokers).ask(request));
}

/// The log of this partition begins at `from` from now on, as retention does it.
inline void purge(const kafka_settings& kafka, const char* topic, partition_id partition, kafka_offset from) {
  auto* offsets = rd_kafka_topic_partition_list_new(1);
  rd_kafka_topic_partition_list_add(offsets, topic, partition.value)->offset = from.value;
  auto* request = rd_kafka_DeleteRecords_new(offsets);
  ask_admin(kafka, [&](rd_kafka_t* client, rd_kafka_queue_t* queue) {
    rd_kafka_DeleteRecords(client, &request, 1, nullptr, queue);
  });
  rd_kafka_DeleteRecords_destroy(request);
  rd_kafka_topic_partition_list_destroy(offsets);
}

inline void remove_topic(const kafka_settings& kafka, const char* topic) {
  BOOST_REQUIRE(fixture::kafka_admin(kafka.brokers).remove({topic}));
}

/// Kafka sets what isn't named to its default.
inline void alter_topic(const kafka_settings& kafka, const char* topic,
                        const std::map<std::string, std::string>& values) {
  auto* altered = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic);
  for (const auto& [name, value] : values)
    rd_kafka_ConfigResource_set_config(altered, name.c_str(), value.c_str());
  ask_admin(kafka, [&](rd_kafka_t* client, rd_kafka_queue_t* queue) {
    rd_kafka_AlterConfigs(client, &altered, 1, nullptr, queue);
  });
  rd_kafka_ConfigResource_destroy(altered);
}

} // namespace understudy::testing
