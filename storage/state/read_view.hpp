// A read view whose place in the binlog is known (R16).
#pragma once
#include "events/model/error.hpp"
#include "events/model/gtid.hpp"
#include "storage/state/sql_session.hpp"

namespace understudy {

/// Opens it, at the session's isolation level, which must be REPEATABLE READ; ends the session's transaction.
/// The view has exactly what was committed before the place. Waits for nobody's COMMIT: one that is held is
/// outside (R6).
result<binlog_place> begin_read_view(sql_session& session);

} // namespace understudy
