#include "storage/guard/guard.hpp"

#include "storage/guard/guard_plan.hpp"
#include "storage/guard/lock_waits.hpp"
#include "storage/state/sql_fields.hpp"

#include <fmt/format.h>

namespace understudy {
namespace {

using clock = std::chrono::steady_clock;

/// Below this no lock is worth asking for.
constexpr std::chrono::milliseconds least_wait{1};

/// A deadlock's victim begins again at once; more often than this within the limit, something is wrong.
constexpr unsigned most_attempts = 20;

/// The statement with what is left of the time. InnoDB's lock wait is counted in whole seconds; the fine
/// bound is max_statement_time. Set for the one statement, which saves a round trip for each table.
std::string bounded(std::string_view statement, clock::time_point end) {
  const auto left =
      std::max(std::chrono::duration_cast<std::chrono::milliseconds>(end - clock::now()), least_wait);
  const auto seconds = left.count() / 1000 + 1;
  return fmt::format(
      "SET STATEMENT max_statement_time={}.{:03}, innodb_lock_wait_timeout={}, lock_wait_timeout={} "
      "FOR {} {}",
      left.count() / 1000, left.count() % 1000, seconds, seconds, guard_mark, statement);
}

struct taken_locks {
  std::uint64_t rows = 0;
  clock::time_point first;
};

/// One attempt: all locks in one transaction.
sql_result<taken_locks> lock_all(sql_session& holder, const guard_plan& plan,
                                 const registered_account& account, clock::time_point end) {
  if (auto begun = holder.begin(); !begun)
    return tl::make_unexpected(begun.error());
  taken_locks out;
  out.first = clock::now();
  // Seen by this transaction only, as nobody ever commits it: the proof that it still stands.
  auto marked =
      holder.execute(bounded(fmt::format("INSERT INTO understudy.guard(holder, account_id) VALUES ({}, {})",
                                         holder.thread_id(), sql_text(account.account.value)),
                             end));
  if (!marked)
    return tl::make_unexpected(marked.error());
  for (const auto& table : plan.tables) {
    if (!table.downwards.empty()) {
      auto locked =
          holder.query_each(bounded(table.downwards, end), [](const sql_row_view&) { return true; });
      if (!locked)
        return tl::make_unexpected(locked.error());
    }
    auto counted = holder.query_value(bounded(table.all, end));
    if (!counted)
      return tl::make_unexpected(counted.error());
    out.rows += to_number<std::uint64_t>(*counted);
  }
  return out;
}

} // namespace

guard::guard(std::unique_ptr<sql_session> holder, std::unique_ptr<sql_session> watcher,
             registered_account account)
    : holder_(std::move(holder))
    , watcher_(std::move(watcher))
    , account_(std::move(account)) {}

guard::~guard() {
  // What can't be rolled back by word is by the close of the session that follows.
  if (!released_)
    (void)holder_->rollback();
}

result<std::unique_ptr<guard>> guard::take(const sql_options& connection,
                                           std::shared_ptr<const profile> rules,
                                           const schema_catalog& catalog, const registered_account& account,
                                           const guard_options& options) {
  auto plan = plan_guard(*rules, catalog, account);
  if (!plan)
    return tl::make_unexpected(plan.error());
  sql_options how = connection;
  how.setup = standard_setup(); // READ COMMITTED: no gap locks, which would stop neighbours
  auto holder = sql_session::open(how);
  if (!holder)
    return passed_on(holder);
  auto watcher = sql_session::open(how);
  if (!watcher)
    return passed_on(watcher);
  std::unique_ptr<guard> made(new guard(std::make_unique<sql_session>(std::move(*holder)),
                                        std::make_unique<sql_session>(std::move(*watcher)), account));
  const std::string what = fmt::format("guard account {}", account.account);
  made->holder_->doing(what);
  made->watcher_->doing(what);
  auto done = made->lock(*plan, clock::now() + options.limit);
  if (!done)
    return tl::make_unexpected(done.error());
  return made;
}

result<void> guard::lock(const guard_plan& plan, clock::time_point end) {
  sql_result<taken_locks> locked;
  for (unsigned attempt = 1;; ++attempt) {
    report_.attempts = attempt;
    locked = lock_all(*holder_, plan, account_, end);
    if (locked)
      break;
    (void)holder_->rollback();
    if (locked.error().kind == sql_failure::interrupted || locked.error().kind == sql_failure::lock_wait)
      return failure(fmt::format("account {}: a transaction has kept rows of it locked for longer than "
                                 "[limits] guard (MariaDB: {})",
                                 account_.account, locked.error().number),
                     "try again when it has ended", true);
    if (locked.error().kind != sql_failure::deadlock || attempt == most_attempts || clock::now() >= end)
      return passed_on(locked);
  }
  report_.took = std::chrono::duration_cast<std::chrono::microseconds>(clock::now() - locked->first);
  report_.rows = locked->rows;
  report_.not_guarded = plan.not_guarded;
  return {};
}

result<bool> guard::still_stands() {
  const std::lock_guard lock(holding_);
  return stands_locked();
}

result<bool> guard::stands_locked() {
  if (released_ || !holder_->connected())
    return false;
  auto seen = holder_->query_value(
      fmt::format("SELECT 1 FROM understudy.guard WHERE holder={}", holder_->thread_id()));
  if (!seen && seen.error().kind == sql_failure::connection_lost)
    return false;
  if (!seen)
    return passed_on(seen);
  return seen->has_value();
}

result<std::uint64_t> guard::end_waiters(std::chrono::milliseconds limit) {
  const auto end = clock::now() + limit;
  std::uint64_t ended = 0;
  for (;;) {
    auto anybody = waiting_statements(*watcher_);
    if (!anybody)
      return passed_on(anybody);
    if (*anybody == 0)
      return ended;
    auto waiting = waiting_for(*watcher_, holder_->thread_id());
    if (!waiting)
      return passed_on(waiting);
    if (*waiting && (*waiting)->empty())
      return ended; // others wait, but not for us
    if (auto killed = kill(waiting->value_or(std::vector<std::uint64_t>{})); killed)
      ended += *killed;
    else
      return passed_on(killed);
    if (clock::now() > end)
      return ended;
  }
}

sql_result<std::uint64_t> guard::kill(const std::vector<std::uint64_t>& queries) {
  std::uint64_t ended = 0;
  for (const auto query : queries) {
    // By query id: should the statement have ended by itself, the connection's next one is left alone.
    auto killed = watcher_->execute(fmt::format("KILL QUERY ID {}", query));
    if (killed)
      ++ended;
    else if (killed.error().kind != sql_failure::unknown_statement)
      return tl::make_unexpected(killed.error());
  }
  return ended;
}

result<bool> guard::release() {
  const std::lock_guard lock(holding_);
  auto stood = stands_locked();
  if (released_.exchange(true))
    return false;
  if (auto done = holder_->rollback(); !done)
    return passed_on(done);
  return stood;
}

} // namespace understudy
