// Who waits for whose row locks right now.
#pragma once
#include "storage/state/sql_session.hpp"

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace understudy {

/// How many statements of the whole server wait for a row lock: a counter, always fresh and cheap.
sql_result<std::uint64_t> waiting_statements(sql_session& session);

/// In every statement by which a guard takes its locks. A neighbour's guard may wait for ours at the border
/// of the two mailboxes, and must not be taken for a writer that is to be ended.
inline constexpr std::string_view guard_mark = "/* understudy guard */";

/// Query ids of the statements that wait for locks which the transaction of connection `holder` has, or had
/// asked for before them; other guards' are left out. nullopt = the picture that the server gave is older
/// than the question; ask again.
///
/// information_schema's lock tables are one picture for all, taken anew only when nobody read it for 0.1 s:
/// so looks from this process are spaced (each blocks up to some 0.1 s, one after the other; any thread), and
/// `watcher` writes a row into understudy.guard, rolled back at once, whose transaction a fresh picture
/// shows. `watcher` must not be in a transaction.
sql_result<std::optional<std::vector<std::uint64_t>>> waiting_for(sql_session& watcher, std::uint64_t holder);

} // namespace understudy
