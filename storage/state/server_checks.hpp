// Asks the local MariaDB about itself for storage/state/server_judgement: one list for the node (at start and
// at run time) and for `doctor`. Blocking; answers also while commits are held (R6).
#pragma once
#include "storage/state/server_judgement.hpp"
#include "storage/state/sql_session.hpp"

#include <cstdint>
#include <vector>

namespace understudy {

result<server_facts> read_server_facts(sql_session& session);

/// read_server_facts and judge_server.
result<std::vector<server_check>> check_server(sql_session& session, const server_check_options& options);

/// Rpl_semi_sync_master_*: answers also while commits are held (R6).
struct semi_sync_status {
  bool on = false;             ///< Rpl_semi_sync_master_status
  std::uint64_t clients = 0;   ///< Rpl_semi_sync_master_clients
  std::uint64_t confirmed = 0; ///< …_yes_tx
  std::uint64_t released =
      0; ///< …_no_tx: commits the server said OK to without an ACK (R5); growth is reported
  std::uint64_t waiting = 0;   ///< …_wait_sessions
  std::uint64_t times_off = 0; ///< …_no_times: how often it was switched off, which lets go of all who wait
};
result<semi_sync_status> read_semi_sync(sql_session& session);

} // namespace understudy
