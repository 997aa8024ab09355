// Whether a MariaDB is still the server that this process works with. One that was restored from a backup,
// made anew, or has lost its last transactions in a crash, under a node that lives, isn't what the node's
// memory speaks of: replicas stand further back there than remembered, and a piece of control's folded state
// would lie beside an older rest and be believed at the next start. Two rows tell: the probe's number (R10)
// and the offset up to which control is folded only grow, and what this process saw committed must be there.
#pragma once
#include "events/model/ids.hpp"
#include "storage/state/sql_session.hpp"

#include <atomic>

namespace understudy {

/// Any thread.
class server_mark {
public:
  /// The probe row was read, or committed, with at least this number.
  void saw(std::uint64_t probe);
  std::uint64_t least() const { return probe_; }
  /// Control's folded state is stored up to this offset.
  void saw(kafka_offset control);
  /// For sql_options::admits. Fails with sql_failure::another_server; waits for no lock.
  sql_result<void> check(sql_session& session) const;

private:
  std::atomic<std::uint64_t> probe_{0};
  std::atomic<std::int64_t> control_{0};
};

} // namespace understudy
