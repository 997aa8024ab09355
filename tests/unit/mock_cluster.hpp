// Kafka for unit tests: librdkafka's own imitation.
#pragma once
#include "events/log/kafka_settings.hpp"

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

namespace understudy {

/// A cluster inside of librdkafka whose answers can be chosen.
class mock_cluster {
public:
  mock_cluster()
      : client_(rd_kafka_new(RD_KAFKA_PRODUCER, rd_kafka_conf_new(), nullptr, 0))
      , cluster_(rd_kafka_mock_cluster_new(client_, 1)) {}
  ~mock_cluster() {
    rd_kafka_mock_cluster_destroy(cluster_);
    rd_kafka_destroy(client_);
  }
  mock_cluster(const mock_cluster&) = delete;
  mock_cluster& operator=(const mock_cluster&) = delete;

  kafka_settings settings() const { return {rd_kafka_mock_cluster_bootstraps(cluster_), {}, "test", {}}; }
  void go_away() { rd_kafka_mock_broker_set_down(cluster_, 1); }
  void come_back() { rd_kafka_mock_broker_set_up(cluster_, 1); }
  void answer_next_produce(rd_kafka_resp_err_t code) {
    constexpr std::int16_t produce_request = 0;
    rd_kafka_mock_push_request_errors(cluster_, produce_request, 1, code);
  }

protected:
  rd_kafka_mock_cluster_t* cluster() { return cluster_; }

private:
  rd_kafka_t* client_;
  rd_kafka_mock_cluster_t* cluster_;
};

} // namespace understudy
