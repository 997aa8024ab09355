#include "storage/state/waiting_commits.hpp"

#include <chrono>
#include <thread>

namespace understudy {
namespace {

/// After so many rounds new commits come faster than they are ended: the caller tries again.
constexpr int most_rounds = 200;
/// For a killed leader to wake up, and its followers behind it.
constexpr std::chrono::milliseconds between_rounds{5};

// The leader of a group commit shows "Waiting for semi-sync ACK from slave", its followers "Commit". A killed
// follower stays so, as "Killed", until its leader ends (tried): it's no longer one to be ended, but it still
// waits.
constexpr const char* followers = "SELECT id FROM information_schema.processlist WHERE state IN "
                                  "('Commit', 'Writing to binlog') AND command <> 'Killed' "
                                  "AND id <> CONNECTION_ID()";
constexpr const char* leaders =
    "SELECT id FROM information_schema.processlist WHERE state LIKE "
    "'Waiting for semi-sync ACK%' AND command <> 'Killed' AND id <> CONNECTION_ID()";
constexpr const char* waiting = "SELECT COUNT(*) FROM information_schema.processlist WHERE (state IN "
                                "('Commit', 'Writing to binlog') OR state LIKE 'Waiting for semi-sync ACK%') "
                                "AND id <> CONNECTION_ID()";

result<std::uint64_t> kill_all(sql_session& session, const char* selection, commit_endings::round& round) {
  auto found = session.query(selection);
  if (!found)
    return tl::make_unexpected(static_cast<const error&>(found.error()));
  for (const auto& row : found->rows) {
    round.ends_one();
    // One that ended meanwhile is no error: it isn't waiting any more.
    (void)session.execute("KILL CONNECTION " + row.at(0).value_or("0"));
  }
  return found->rows.size();
}

} // namespace

result<std::uint64_t> end_waiting_commits(sql_session& session, commit_endings& endings) {
  commit_endings::round round(endings);
  std::uint64_t ended = 0;
  for (int attempt = 0; attempt < most_rounds; ++attempt) {
    const auto following = kill_all(session, followers, round);
    if (!following)
      return following;
    ended += *following;
    if (*following > 0)
      continue;
    const auto leading = kill_all(session, leaders, round);
    if (!leading)
      return leading;
    ended += *leading;
    const auto left = session.query_value(waiting);
    if (!left)
      return tl::make_unexpected(static_cast<const error&>(left.error()));
    if (left->value_or("0") == "0")
      return ended;
    std::this_thread::sleep_for(between_rounds);
  }
  return failure(fmt::format("after ending {} connections there are still commits that wait", ended), {},
                 true);
}

result<std::uint64_t> end_waiting_commits(const sql_options& server, commit_endings& endings) {
  auto session = sql_session::open(server);
  if (!session)
    return tl::make_unexpected(static_cast<const error&>(session.error()));
  return end_waiting_commits(*session, endings);
}

} // namespace understudy
