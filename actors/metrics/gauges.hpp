// What isn't counted as it happens but asked for at each scrape: the state of the node as it is now.
#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace understudy {

struct gauges {
  struct account_count {
    std::string role;  ///< source, replica
    std::string state; ///< active, waiting_for_snapshot, loading, ready, paused, stopped, …
    std::uint64_t count = 0;
  };
  struct actor_figures {
    std::string actor; ///< the kind of actor, never one account's: account, replica, supervisor, …
    std::uint64_t mailbox_depth = 0; ///< messages that wait now
    std::uint64_t messages = 0;      ///< taken since the process began
  };
  /// Accounts whose acknowledged writes aren't promised to be in Kafka, by what causes it.
  struct unprotected_counts {
    std::uint64_t node = 0;    ///< enrolled; this whole node can't protect (not synchronous, wrong settings)
    std::uint64_t account = 0; ///< enrolled; something of that account alone
    std::uint64_t uncovered = 0; ///< no enrolment covers them
  };

  std::vector<account_count> accounts; ///< a pair of role and state that is missing is shown as 0
  std::vector<actor_figures> actors;
  unprotected_counts unprotected;
  std::uint64_t inflight_events = 0; ///< produced, and Kafka hasn't answered
  std::uint64_t parked_accounts = 0;
  std::uint64_t left_out_accounts = 0; ///< Kafka lacks events of theirs that memory had no room for
  std::uint64_t unsafe_topics = 0;     ///< set up so that acknowledged writes can be lost
  bool lease_too_short = false;        ///< for the death of a broker (R23)
  bool kafka_connected = false;
  /// Until this node's own lease ends; negative: so long ago. Empty: it never had one (shown as 0).
  std::optional<double> lease_remaining_seconds;
  /// synchronous, off, asynchronous, unknown: the one state that is shown as 1.
  std::string semi_sync = "unknown";
};

/// Called at each scrape on the HTTP server's thread, one call at a time: must be quick, and never waits for
/// Kafka, MariaDB or a peer.
using gauges_source = std::function<gauges()>;

} // namespace understudy
