// How a source takes up its numbering at a start (R12): what Kafka holds of its accounts, read up to its own
// incarnation record in each of their partitions.
#pragma once
#include "actors/source/account_log.hpp"
#include "actors/source/capture.hpp"
#include "storage/state/local_state.hpp"

#include <map>
#include <vector>

namespace understudy {

/// Begins this process's life in the partition of each account that is a source here, reads them from `from`
/// (absent: from the log's beginning) up to that record, and adds to each account what Kafka holds: its last
/// sequence and the events by GTID. Blocking; `stopping` ends it early with an error.
result<std::vector<capture::known_account>> read_own_lines(const kafka_settings& kafka, const node_name& self,
                                                           account_log& log,
                                                           std::vector<captured_account> accounts,
                                                           const std::map<partition_id, kafka_offset>& from,
                                                           const std::function<bool()>& stopping);

} // namespace understudy
