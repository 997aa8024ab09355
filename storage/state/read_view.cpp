#include "storage/state/read_view.hpp"

#include "storage/state/sql_fields.hpp"

namespace understudy {

result<binlog_place> begin_read_view(sql_session& session) {
  if (auto begun = session.execute("START TRANSACTION WITH CONSISTENT SNAPSHOT"); !begun)
    return passed_on(begun);
  const auto status = session.query("SHOW STATUS LIKE 'binlog_snapshot_%'");
  if (!status)
    return passed_on(status);
  binlog_place place;
  for (const auto& row : status->rows) {
    if (row[0] == "Binlog_snapshot_file")
      place.file = to_text(row[1]);
    else if (row[0] == "Binlog_snapshot_position")
      place.offset = to_number<std::uint64_t>(row[1]);
  }
  if (place.file.empty())
    return failure("MariaDB doesn't say at which place of its binlog the read view stands",
                   "turn on log_bin and restart MariaDB");
  return place;
}

} // namespace understudy
