// The judgement whether a MariaDB is set up so that it can be captured (DESIGN §4.1) and `synchronous` be
// promised (R5), from what it said about itself. Pure; storage/state/server_checks asks the server.
#pragma once
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace understudy {

enum class check_outcome : std::uint8_t {
  ok,
  warn, ///< works, but something is worth less than it should be
  fail, ///< `blocks` says what isn't possible
};

/// What a failed check makes impossible.
enum class check_scope : std::uint8_t {
  capture,     ///< nothing can be captured
  synchronous, ///< captured, but no protection can be promised (R5)
  apply,       ///< the node can't be a destination
};

struct server_check {
  std::string name; ///< of the variable or privilege: stable, for --json and metrics
  check_outcome outcome = check_outcome::ok;
  check_scope blocks = check_scope::synchronous;
  std::string found;  ///< what was found
  std::string remedy; ///< the exact option-file line(s) or GRANT; empty when ok
};

struct server_check_options {
  /// Semi-synchronous clients that are ours and now attached (0 or 1): more than that is somebody else's.
  unsigned own_semi_sync_clients = 0;
  /// The first of the server ids that our dumps register with (dump_ids_of()): they must differ from the
  /// server's own and from other replicas'; 0 = don't check.
  std::uint32_t dump_server_id = 0;
  /// What is replicated here is in the binlog as well.
  bool logs_replica_updates = false;
  /// The host under which our own dumps are listed, also those of a former process: they end for the next.
  std::string_view dump_host{};
};

/// A connection that registered as a replica.
struct registered_replica {
  std::uint32_t server_id = 0;
  std::string host;
};

/// What a server says about itself.
struct server_facts {
  /// SHOW GLOBAL VARIABLES, names in lower case; a missing name = this server has no such variable.
  std::map<std::string, std::string, std::less<>> variables;
  /// Where a variable's value comes from, as information_schema.SYSTEM_VARIABLES has it ("CONFIG", "SQL", …).
  std::map<std::string, std::string, std::less<>> origins;
  /// SHOW GLOBAL STATUS, names in lower case.
  std::map<std::string, std::string, std::less<>> status;
  /// Global privileges of our user as information_schema.USER_PRIVILEGES names them.
  std::set<std::string, std::less<>> privileges;
  std::string user; ///< CURRENT_USER(), for the GRANT to print
  /// Who reads the binlog besides us: connections of other users (native replicas, tools).
  std::uint64_t binlog_readers = 0;
  /// Our own dumps among them; none without `replica_list_privilege`.
  std::vector<registered_replica> replicas{};
};

/// One entry a condition, in a fixed order, the good ones too.
std::vector<server_check> judge_server(const server_facts& facts, const server_check_options& options);

/// The one of them named `replica_ids_check`, for who waits for it.
server_check judge_replica_ids(const server_facts& facts, const server_check_options& options);

/// Its name: a warning while others read a binlog that lacks what is replicated here (decision 0012).
inline constexpr std::string_view binlog_readers_check = "log_replica_updates";
/// Its name: a warning while another replica of this MariaDB has the server id of one of our dumps.
inline constexpr std::string_view replica_ids_check = "replica server_id";
/// Without it nobody is told of the other replicas (mariadb.com/kb/en/show-replica-hosts, since 10.5.2).
inline constexpr std::string_view replica_list_privilege = "REPLICATION MASTER ADMIN";

/// True if nothing blocks the scope (and, for synchronous, capture).
bool allows(const std::vector<server_check>& checks, check_scope scope);

} // namespace understudy
