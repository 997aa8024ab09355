// Where capture can begin when the position that it had can't be served any more (O07, R9).
#pragma once
#include "events/model/gtid.hpp"
#include "storage/state/logged_state.hpp"

#include <vector>

namespace understudy {

/// One moment of the local MariaDB: the transactions that were committed, and the roles as they left them.
struct capture_beginning {
  gtid_position position;
  std::vector<role_record> roles;
};

/// Everything from one read view, so that a commit that is held is behind the position: it will be captured
/// as if nothing had happened. Answers also while commits are held (R6, tried on 10.11.19). `session` is left
/// outside a transaction.
result<capture_beginning> read_capture_beginning(sql_session& session);

} // namespace understudy
