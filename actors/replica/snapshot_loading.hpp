// Brings a snapshot's chunks from understudy.snapshots into the local MariaDB (DESIGN §4.5). Blocking.
#pragma once
#include "actors/replica/partition_reading.hpp"
#include "events/codec/shape_registry.hpp"
#include "events/log/kafka_settings.hpp"
#include "storage/snapshot/snapshot_loader.hpp"

namespace understudy {

struct load_task {
  marker_met met;
  load_request request;
  sql_options sql;
  std::shared_ptr<const profile> rules;
  kafka_settings kafka;
  std::shared_ptr<shape_registry> shapes;
  std::chrono::milliseconds patience{60'000}; ///< without a further chunk
  std::function<bool()> stopping;
  std::function<void(std::uint64_t rows, std::uint64_t total)> progress;
};

/// Where the account lives here now. retryable: begin the same again.
load_result<account_placement> load_snapshot(const load_task& task);

/// Looks for a shape from the partition's beginning and adds all that it meets to the registry (R14): for a
/// fingerprint that was never met here. Fails if it isn't there.
result<void> search_shape(const kafka_settings& kafka, partition_id partition, std::uint64_t fingerprint,
                          shape_registry& shapes, std::chrono::milliseconds patience,
                          const std::function<bool()>& stopping);

} // namespace understudy
