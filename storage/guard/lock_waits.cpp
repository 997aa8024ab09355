#include "storage/guard/lock_waits.hpp"

#include "storage/state/sql_fields.hpp"

#include <fmt/format.h>

#include <chrono>
#include <mutex>
#include <thread>

namespace understudy {
namespace {

using clock = std::chrono::steady_clock;

/// InnoDB's CACHE_MIN_IDLE_TIME is 0.1 s since the last read; a little more for its clock.
constexpr std::chrono::milliseconds between_looks{105};

/// One look at a time in this process, spaced.
class spaced_looks {
public:
  template <class Look>
  auto operator()(Look&& look) {
    const std::lock_guard lock(mutex_);
    std::this_thread::sleep_until(next_);
    auto seen = look();
    next_ = clock::now() + between_looks;
    return seen;
  }

private:
  std::mutex mutex_;
  clock::time_point next_;
};

spaced_looks& looks() {
  static spaced_looks one;
  return one;
}

/// Our own transaction first (empty if the picture is older than it), then the waiters.
std::string picture_query(std::uint64_t watcher, std::uint64_t holder) {
  return fmt::format(
      "SELECT 0, trx_id FROM information_schema.innodb_trx WHERE trx_mysql_thread_id={} UNION ALL "
      "SELECT DISTINCT 1, p.QUERY_ID FROM information_schema.innodb_lock_waits w "
      "JOIN information_schema.innodb_trx h ON h.trx_id=w.blocking_trx_id "
      "JOIN information_schema.innodb_trx t ON t.trx_id=w.requesting_trx_id "
      "JOIN information_schema.processlist p ON p.ID=t.trx_mysql_thread_id WHERE h.trx_mysql_thread_id={} "
      "AND COALESCE(p.INFO,'') NOT LIKE '%{}%'",
      watcher, holder, guard_mark);
}

} // namespace

sql_result<std::uint64_t> waiting_statements(sql_session& session) {
  auto found = session.query("SHOW GLOBAL STATUS LIKE 'Innodb_row_lock_current_waits'");
  if (!found)
    return tl::make_unexpected(found.error());
  return found->rows.empty() ? 0 : to_number<std::uint64_t>(found->rows.front()[1]);
}

sql_result<std::optional<std::vector<std::uint64_t>>> waiting_for(sql_session& watcher,
                                                                  std::uint64_t holder) {
  if (auto begun = watcher.begin(); !begun)
    return tl::make_unexpected(begun.error());
  // Any row that nobody else writes gives the transaction an id of its own.
  auto marked = watcher.execute(
      fmt::format("INSERT INTO understudy.guard(holder, account_id) VALUES ({}, '')", watcher.thread_id()));
  auto picture = marked ? looks()([&] { return watcher.query(picture_query(watcher.thread_id(), holder)); })
                        : sql_result<sql_rows>(tl::make_unexpected(marked.error()));
  if (auto ended = watcher.rollback(); !ended)
    return tl::make_unexpected(ended.error());
  if (!picture)
    return tl::make_unexpected(picture.error());
  bool fresh = false;
  std::vector<std::uint64_t> out;
  for (const auto& row : picture->rows) {
    if (to_text(row[0]) == "0")
      fresh = true;
    else
      out.push_back(to_number<std::uint64_t>(row[1]));
  }
  if (!fresh)
    return std::optional<std::vector<std::uint64_t>>{};
  return std::optional(std::move(out));
}

} // namespace understudy
