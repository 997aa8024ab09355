// R32: does the local mail server still hold an old copy of a mailbox in memory? It would reuse item ids.
#pragma once
#include "events/model/ids.hpp"
#include "storage/profile/profile.hpp"

#include <chrono>
#include <filesystem>
#include <optional>

namespace understudy {

/// When the process whose id stands in the file began, by the wall clock (to 10 ms); nullopt = no such file,
/// or no process id in it. A process that has ended counts as begun just now: it holds nothing in memory.
std::optional<std::chrono::system_clock::time_point> process_start(const std::filesystem::path& pid_file);

/// True: it may hold a copy; false: it can't; nullopt: the profile's probe has no answer.
/// `last_primary`: when this host was last the account's primary; only a mail server that has run since then
/// can hold a copy. Asks the process's start first, then the profile's command, for at most `limit` (it is
/// killed then, which is no answer). Blocking; any thread.
std::optional<bool> may_be_loaded(const loaded_mailbox_probe& probe, const account_id& account,
                                  std::chrono::system_clock::time_point last_primary,
                                  std::chrono::milliseconds limit = std::chrono::seconds(5));

} // namespace understudy
