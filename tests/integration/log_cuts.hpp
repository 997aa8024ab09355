// What an administrator, or retention, may do to a topic.
#pragma once
#include "events/log/kafka_settings.hpp"
#include "events/model/ids.hpp"

#include <boost/test/unit_test.hpp>
#include <librdkafka/rdkafka.h>

#include <array>
#include <map>
#include <string>

namespace understudy::testing {

/// Runs `request(client, queue)` and waits for the answer.
template <class Request>
void ask_admin(const kafka_settings& kafka, Request request) {
  std::array<char, 256> text{};
  auto* conf = rd_kafka_conf_new();
  rd_kafka_conf_set(conf, "bootstrap.servers", kafka.brokers.c_str(), text.data(), text.size());
  auto* client = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text.data(), text.size());
  BOOST_REQUIRE(client);
  auto* queue = rd_kafka_queue_new(client);
  request(client, queue);
  auto* answer = rd_kafka_queue_poll(queue, 30'000);
  BOOST_REQUIRE(answer);
  BOOST_REQUIRE(rd_kafka_event_error(answer) == RD_KAFKA_RESP_ERR_NO_ERROR);
  rd_kafka_event_destroy(answer);
  rd_kafka_queue_destroy(queue);
  rd_kafka_destroy(client);
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
  auto* request = rd_kafka_DeleteTopic_new(topic);
  ask_admin(kafka, [&](rd_kafka_t* client, rd_kafka_queue_t* queue) {
    rd_kafka_DeleteTopics(client, &request, 1, nullptr, queue);
  });
  rd_kafka_DeleteTopic_destroy(request);
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
