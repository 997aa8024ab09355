// An event on its way into Kafka: what it was captured from, and what became of it.
#pragma once
#include "actors/source/settlement.hpp"
#include "events/model/error.hpp"
#include "events/model/ids.hpp"

#include <functional>
#include <optional>

namespace understudy {

/// What became of one event.
struct delivery_outcome {
  account_id account;
  kafka_offset offset; ///< of its last part
  broker_time stamp;   ///< the latest of its parts
  std::optional<error>
      refused; ///< Kafka refused it for good: this account can't be protected any longer (R3)
  std::optional<kafka_offset> first{}; ///< offset of its first part, once it's held
};

/// Called on the producer's threads, or librdkafka's own, when every part of an event is confirmed or one
/// was refused. Must not block.
using on_delivery = std::function<void(const delivery_outcome&)>;

/// The captured transaction that an event is of.
struct captured_from {
  settlement::ticket transaction = 0; ///< 0: of none
  /// False: it settles without Kafka, so that what waits of its account is bounded by `most_waiting_bytes`
  /// alone.
  bool holds_commit = true;
  /// Knows a place before it; null: it lies behind the oldest binlog.
  const settlement* place = nullptr;
};

} // namespace understudy
