// What administrators and the failover ask for; a supervisor decides each (R25).
#pragma once
#include "events/model/ids.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace understudy {

/// Accounts that one command may name. So many are looked up on every mailstore, and their answer is written,
/// within the time that a command line waits, and its operation is one document below 16 MiB
/// (control_store.hpp). A larger list holds a supervisor up, and its answer takes hundreds of megabytes.
inline constexpr std::size_t most_accounts = 50'000;

enum class promotion_kind : std::uint8_t {
  planned,   ///< with the source's help (R29): nothing is lost
  unplanned, ///< without it, on a claim (R31)
};

struct account_to_enrol {
  account_id id;
  std::string name; ///< address
  node_name home;   ///< its mailstore now: the first primary if the account isn't enrolled yet
};

struct enrol {
  std::vector<account_to_enrol> accounts;
  node_name destination;
  std::uint32_t priority = 0; ///< lower first
};

/// Takes one destination away; the last one withdraws the account from replication.
struct unenrol {
  std::vector<account_id> accounts;
  node_name destination;
};

struct promote {
  std::vector<account_id> accounts;
  std::optional<node_name> destination; ///< none: the first promotable by priority
  promotion_kind kind = promotion_kind::planned;
  std::vector<account_id> accept_loss; ///< accounts, never hosts (R32)
  bool no_return = false;              ///< the old source doesn't become a replica (R34)
};

struct pause_replicas {
  std::vector<account_id> accounts;
};

struct resume_replicas {
  std::vector<account_id> accounts;
};

/// The replica on `node` needs a new snapshot.
struct reinitialise {
  account_id account;
  node_name node;
  std::string reason;
};

using command_body = std::variant<enrol, unenrol, promote, pause_replicas, resume_replicas, reinitialise>;

struct command {
  operation_id operation;
  std::string by;         ///< administrator, or "failover"
  std::int64_t at_ms = 0; ///< wall clock, for display only
  std::string text;       ///< as typed
  command_body body;
};

} // namespace understudy
