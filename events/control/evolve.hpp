// evolve(state, record) applies what fits and voids what doesn't; the same on every node (R25).
#pragma once
#include "events/control/control_state.hpp"

#include <string>
#include <vector>

namespace understudy {

struct event_outcome {
  bool applied = false;
  std::string why;      ///< void: one sentence; about an account: "it …", whoever shows it adds the name
  change_origin winner; ///< void by version: who changed the account before; empty operation: a fact did
};

/// What became of a record.
struct evolution {
  kafka_offset offset;
  bool applied = false; ///< false: the whole record is void, `why` says why
  std::string why;
  std::vector<event_outcome> events; ///< one per event of the record, in order; empty if it is void
  // documents to store or delete (control_codec); each once
  std::vector<account_id> accounts;
  std::vector<node_name> nodes;
  std::vector<operation_id> operations;
  std::vector<operation_id> forgotten_operations;
};

/// Folds the record at `offset`, which must not be below state.next() (a gap is fine: control records of
/// transactions and compaction leave none, but void offsets cost nothing). Afterwards next() is offset + 1.
evolution evolve(control_state& state, const control_record& record, kafka_offset offset);

} // namespace understudy
