// How a source takes up its numbering (R11, R12): what Kafka holds of its accounts, read up to its own
// incarnation record in each of their partitions, and what the copies here hold.
#pragma once
#include "actors/source/account_log.hpp"
#include "actors/source/known_accounts.hpp"
#include "actors/source/logged_fences.hpp"
#include "actors/source/tail_check.hpp"
#include "storage/state/local_state.hpp"

#include <map>
#include <vector>

namespace understudy {

/// Where this node's accounts stand.
struct own_lines {
  std::vector<known_account> accounts; ///< all that were given, also those that aren't sources here
  tail_check tail;                     ///< what the binlog must have behind the settled position (R9)
  logged_fences fences;                ///< anybody's, of these accounts
};

/// Begins this process's life in the partition of each account that is a source here, or whose role row as
/// one capture has yet to meet (its first, or one in `ahead` of an account that was left), reads them from
/// `from` (absent: from the log's beginning) up to that record, and adds to each account what Kafka holds:
/// its last sequence, and the events behind `settled` by GTID; and what its whole copy here holds
/// (`replicas`, note_copy()). Blocking; `stopping` ends it early with an error.
result<own_lines> read_own_lines(const kafka_settings& kafka, const node_name& self, account_log& log,
                                 std::vector<captured_account> accounts,
                                 const std::vector<role_record>& ahead,
                                 const std::vector<replica_record>& replicas, const gtid_position& settled,
                                 const std::map<partition_id, kafka_offset>& from,
                                 const std::function<bool()>& stopping);

/// What an account's whole partition holds of it.
struct logged_numbers {
  sequence highest;        ///< that anybody wrote, void or not; 0: none is left there
  std::optional<gtid> own; ///< the last transaction that this node wrote
  epoch own_term;          ///< in which epoch
};

/// For accounts whose numbering this node doesn't know: up to this process's record. Blocking.
result<std::map<account_id, logged_numbers>>
highest_numbers(const kafka_settings& kafka, const node_name& self, account_log& log,
                const std::vector<std::pair<account_id, partition_id>>& accounts,
                const std::function<bool()>& stopping);

} // namespace understudy
