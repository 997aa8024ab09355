// An account as capture is told of it before anything of it is met in the binlog.
#pragma once
#include "actors/source/former_lines.hpp"
#include "storage/state/local_state.hpp"

namespace understudy {

/// An account of this node, as the supervisor knows it.
struct known_account {
  account_id account;
  mailbox_id mailbox; ///< in the local database; 0 = none yet
  partition_id partition;
  epoch term;                             ///< 0: no role row was met yet
  account_role role = account_role::none; ///< as of the settled position (R11)
  sequence last;                          ///< last one of the account in Kafka
  bool is_protected = true;
  known_events known{};                 ///< of it, that Kafka held when this process began
  std::optional<known_marker> marker{}; ///< the last one then
};

} // namespace understudy
