#include "storage/state/server_mark.hpp"

#include "storage/state/sql_fields.hpp"

#include <fmt/format.h>

namespace understudy {
namespace {

template <class Number>
void raise_to(std::atomic<Number>& known, Number seen) {
  auto now = known.load();
  while (now < seen && !known.compare_exchange_weak(now, seen)) {
  }
}

sql_error another_server(const sql_session& session, const std::string& shown) {
  sql_error made;
  made.kind = sql_failure::another_server;
  made.retryable = true; // nothing is decided by it: the next process goes on
  made.what =
      fmt::format("MariaDB at {} isn't the server any more that this process worked with: it was restored "
                  "from a backup, made anew, or lost its last transactions in a crash ({})",
                  session.options().socket, shown);
  made.todo = "start the node again, which takes up what is there";
  return made;
}

} // namespace

void server_mark::saw(std::uint64_t probe) {
  raise_to(probe_, probe);
}

void server_mark::saw(kafka_offset control) {
  raise_to(control_, control.value);
}

sql_result<void> server_mark::check(sql_session& session) const {
  const auto probe = probe_.load();
  const auto control = control_.load();
  if (probe == 0)
    return {};
  session.doing("ask MariaDB whether it is the same server");
  const auto found = session.query("SELECT (SELECT n FROM understudy.probe WHERE id=1),"
                                   " (SELECT next_offset FROM understudy.control WHERE id=1)");
  if (!found && found.error().kind == sql_failure::unknown_table)
    return tl::make_unexpected(another_server(session, "the database understudy is gone or has lost tables"));
  if (!found)
    return tl::make_unexpected(found.error());
  const auto& row = found->rows.front();
  if (to_number<std::uint64_t>(row[0]) < probe)
    return tl::make_unexpected(
        another_server(session, fmt::format("probe {} was committed there, its last one is {}", probe,
                                            row[0].value_or("gone"))));
  if (to_number<std::int64_t>(row[1]) < control)
    return tl::make_unexpected(
        another_server(session, fmt::format("control was stored there up to offset {}, now it is {}", control,
                                            row[1].value_or("gone"))));
  return {};
}

} // namespace understudy
