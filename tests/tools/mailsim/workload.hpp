// Many accounts driven by a few threads, at full speed or at a rate, until a count, a time or the server's
// end.
#pragma once
#include "tests/tools/mailsim/account_driver.hpp"
#include "tests/tools/mailsim/statistics.hpp"

#include <atomic>

namespace understudy::mailsim {

struct workload_options {
  fixture::sql_options server;
  unsigned threads = 4;
  std::uint64_t transactions = 0; ///< over all accounts; 0 = no such end
  double duration_seconds = 0;    ///< 0 = no such end
  double rate = 0;                ///< transactions/s over all threads; 0 = as fast as they go
  double reconnect_seconds = 0;   ///< how long a thread that lost its connection tries again; 0 = it ends
  std::span<const operation> mix;
  bool progress = true; ///< a line a second on stderr
};

struct workload_result {
  statistics counted;
  double seconds = 0;
  bool server_lost = false;
};

/// Makes the accounts' mailboxes that aren't there (recorded), loads the others. Throws fixture::sql_error.
void prepare(const workload_options& options, std::vector<account_driver>& accounts, bool create,
             std::uint32_t start_id);

/// Account i belongs to thread i mod threads for the whole run. `stop` ends it early (a signal handler's).
workload_result run_workload(const workload_options& options, std::vector<account_driver>& accounts,
                             const std::atomic<bool>& stop);

/// A connection as the mail server's pool makes it: autocommit off, READ COMMITTED.
fixture::sql_client connect(const fixture::sql_options& server);

} // namespace understudy::mailsim
