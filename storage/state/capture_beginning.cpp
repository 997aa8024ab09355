#include "storage/state/capture_beginning.hpp"

#include "storage/state/sql_fields.hpp"
#include "storage/state/sql_text.hpp"

namespace understudy {
namespace {

result<capture_beginning> read_in_view(sql_session& session) {
  const auto status = session.query("SHOW STATUS LIKE 'binlog_snapshot_%'");
  if (!status)
    return passed_on(status);
  std::string file;
  std::string offset;
  for (const auto& row : status->rows) {
    if (row[0] == "Binlog_snapshot_file")
      file = to_text(row[1]);
    else if (row[0] == "Binlog_snapshot_position")
      offset = to_text(row[1]);
  }
  if (file.empty())
    return failure("MariaDB doesn't say at which place of its binlog a read view stands",
                   "turn on log_bin and restart MariaDB");
  const auto found = session.query_value(fmt::format("SELECT BINLOG_GTID_POS({}, {})", sql_text(file),
                                                     to_number<std::uint64_t>(std::string_view(offset))));
  if (!found)
    return passed_on(found);
  if (!found->has_value()) // purged between the two statements
    return failure(fmt::format("MariaDB doesn't know the GTIDs at {}:{} any more", file, offset), {}, true);
  auto position = gtid_position::parse(**found);
  if (!position)
    return tl::make_unexpected(position.error());
  auto roles = logged_state(session).roles();
  if (!roles)
    return tl::make_unexpected(roles.error());
  return capture_beginning{std::move(*position), std::move(*roles)};
}

} // namespace

result<capture_beginning> read_capture_beginning(sql_session& session) {
  session.doing("look for a place in the binlog to begin at");
  if (auto begun = session.execute("START TRANSACTION WITH CONSISTENT SNAPSHOT"); !begun)
    return passed_on(begun);
  auto found = read_in_view(session);
  (void)session.execute("ROLLBACK"); // a lost connection has ended the view, too
  return found;
}

} // namespace understudy
