// Brings a snapshot's chunks from understudy.snapshots into the local MariaDB (DESIGN §4.5). Blocking.
#pragma once
#include "actors/replica/partition_reading.hpp"
#include "actors/replica/snapshot_readers.hpp"
#include "events/codec/shape_registry.hpp"
#include "storage/snapshot/snapshot_loader.hpp"
#include "storage/state/session_pool.hpp"

namespace understudy {

struct load_task {
  marker_met met;
  load_request request;
  sql_options sql;
  std::shared_ptr<const profile> rules;
  std::shared_ptr<shape_registry> shapes;
  std::chrono::milliseconds patience{60'000}; ///< without a further chunk
  std::chrono::milliseconds waited{0};        ///< … so long already
  std::function<bool()> stopping;
  std::function<bool()> is_superseded; ///< something newer was asked for since
  /// Another source follows its source, and sends its own for the same request: what isn't there won't come.
  std::function<bool()> is_orphaned;
  std::function<void(std::uint64_t rows, std::uint64_t total)> progress;
  std::function<void(const std::string&)> say; ///< warnings
};

/// Where the account lives here now. retryable: begin the same again.
load_result<account_placement> load_snapshot(const load_task& task, snapshot_readers& readers);

/// What became of one of several that were read together.
struct load_outcome {
  enum class kind : std::uint8_t {
    ended, ///< `where` says how
    later, ///< its chunks aren't there yet
    alone, ///< to be loaded by load_snapshot()
  };
  kind what = kind::later;
  load_result<account_placement> where{};
};

/// Reads snapshots of one partition at once, and loads those together that are small and of accounts that
/// have nothing here. Waits for nothing that isn't in Kafka yet. In the order of the tasks.
std::vector<load_outcome> load_together(const std::vector<load_task>& tasks, snapshot_readers& readers,
                                        session_pool& sessions);

/// Looks for a shape from the partition's beginning and adds all that it meets to the registry (R14): for a
/// fingerprint that was never met here. Fails if it isn't there.
result<void> search_shape(const kafka_settings& kafka, partition_id partition, std::uint64_t fingerprint,
                          shape_registry& shapes, std::chrono::milliseconds patience,
                          const std::function<bool()>& stopping);

} // namespace understudy
