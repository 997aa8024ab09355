// What was decided and what happened, as understudy.control keeps it for ever (R25).
#pragma once
#include "events/control/commands.hpp"
#include "events/model/ids.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace understudy {

/// A claim that a decision rests on: `offset` in understudy.leases, against `node` (R22).
struct claim_reference {
  node_name node;
  kafka_offset offset;
  std::optional<broker_time> appended{}; ///< as the broker says: an offset comes again in a log made anew
  bool operator==(const claim_reference&) const = default;
};

// --- decisions about an account: applied only at the version they expect ---

/// Also enrols again after withdrawn{}: epochs and version go on, the partition stays.
struct enrolled {
  std::string name;
  node_name home;
  partition_id partition; ///< of understudy.accounts; never moves
  bool operator==(const enrolled&) const = default;
};

/// A new destination, or a new priority of one.
struct destination_set {
  node_name node;
  std::uint32_t priority = 0;
  bool operator==(const destination_set&) const = default;
};

struct destination_removed {
  node_name node;
  bool operator==(const destination_removed&) const = default;
};

/// The account isn't replicated any more.
struct withdrawn {
  bool operator==(const withdrawn&) const = default;
};

struct promotion_decided {
  epoch term; ///< the new one
  node_name from, to;
  promotion_kind kind = promotion_kind::planned;
  std::vector<claim_reference>
      claims; ///< unplanned: one for each primary of an unclosed epoch but `to` (R24)
  /// The highest epoch whose valid fence the decider had read in the account's partition: epochs below are
  /// closed and need no claim (R24). 0: none.
  epoch fenced;
  bool return_source = true; ///< `from` becomes a replica with the priority that `to` had (R34)
  bool operator==(const promotion_decided&) const = default;
};

struct paused {
  bool operator==(const paused&) const = default;
};
/// Of an account that isn't paused: what stopped of it is tried again.
struct resumed {
  bool operator==(const resumed&) const = default;
};
struct renamed {
  std::string name;
  bool operator==(const renamed&) const = default;
};

// --- facts about an account: checked against the epoch or request they speak of ---

/// The replica on the writer's node is whole: it has everything up to `number`. `request` is the account's
/// destination_state::requested that it answers, so that an answer to an older request is void.
struct replica_ready {
  node_name node;
  kafka_offset request;
  std::string snapshot; ///< UUID; empty: without a snapshot (R33, R34)
  sequence number;
  bool operator==(const replica_ready&) const = default;
};

/// The replica on `node` needs a new snapshot.
struct replica_reset {
  node_name node;
  std::string reason;
  bool operator==(const replica_reset&) const = default;
};

/// By the primary of `term`, read back before the first unprotected write is acknowledged (P1).
struct unprotected {
  epoch term;
  std::string reason;
  sequence since; ///< the first sequence that isn't promised
  /// True: it is written to Kafka all the same, only not waited for (R4): nothing will be missing from the
  /// log.
  bool is_written = false;
  /// True: rows changed that no event tells of. Commits are held all the same, and no sequence is missing
  /// from the log; but only replicas that are asked for behind this have those rows.
  bool is_unseen = false;
  bool operator==(const unprotected&) const = default;
};

/// By the primary of `term`; holding has begun before this is appended (R4).
struct protected_again {
  epoch term;
  bool operator==(const protected_again&) const = default;
};

/// By the source of a planned decision, before it hands over the fence (R28).
struct promotion_aborted {
  epoch term;
  std::string reason;
  bool operator==(const promotion_aborted&) const = default;
};

/// By the primary of `term`: it read the valid fence (at `fence` in the account's partition; -1 for the first
/// epoch of an enrolment), applied up to it, and its capture met its role row. `gap` says why its writes
/// aren't protected; empty: they are.
struct activated {
  epoch term;
  kafka_offset fence{-1};
  sequence cut; ///< the last sequence before the fence
  std::string gap;
  bool operator==(const activated&) const = default;
};

/// By the primary of `term`, before its role row: it will never write in that epoch (R24).
struct declined {
  epoch term;
  std::string reason;
  bool operator==(const declined&) const = default;
};

/// By any supervisor: the primary of `term`, which isn't active yet, is to say `declined` unless its role row
/// is written (R24). Kept, so that a restart in between answers all the same.
struct decline_asked {
  epoch term;
  node_name instead{}; ///< the destination that is wanted; empty: none was named
  bool operator==(const decline_asked&) const = default;
};

using account_change_body =
    std::variant<enrolled, destination_set, destination_removed, withdrawn, promotion_decided, paused,
                 resumed, renamed, replica_ready, replica_reset, unprotected, protected_again,
                 promotion_aborted, activated, declined, decline_asked>;

/// True for what is applied only at the expected version; the others are facts.
bool is_decision(const account_change_body& body);

struct account_change {
  account_id account;
  /// Of decisions; 0 = the account was never seen. Of protected_again: what it was judged by; 0 = not said.
  account_version expected;
  account_change_body body;
  bool operator==(const account_change&) const = default;
};

// --- nodes and operations ---

/// "My life in this log begins": records of older lives of the same node behind it are void (R12).
struct control_incarnation {
  bool operator==(const control_incarnation&) const = default;
};

enum class durability : std::uint8_t { synchronous, asynchronous };

struct volume {
  std::uint32_t id = 0;
  std::uint32_t type = 0;
  std::string name, path;
  bool centralised = false;
  bool operator==(const volume&) const = default;
};

/// The writer's node tells about itself at its start, and when something of it changed.
struct node_announced {
  std::string advertise;       ///< HOST:PORT of its gateway
  std::string process;         ///< UUID of the process
  std::int64_t started_ms = 0; ///< wall clock, for display
  durability kind = durability::synchronous;
  std::vector<volume> volumes;
  bool operator==(const node_announced&) const = default;
};

/// The writer's node read the claims against it up to `claim` (offset in understudy.leases), has ended its
/// commits and read control: decisions on those claims behind this are void (R22).
struct returned {
  kafka_offset claim;
  std::optional<broker_time> appended{}; ///< what of a log made anew lies below `claim` was appended later
  /// Whether the claim at `offset` is over with it. By the offset alone where either says no time.
  bool ends(kafka_offset offset, const std::optional<broker_time>& at) const {
    return offset <= claim && (!at || !appended || *at <= *appended);
  }
  bool operator==(const returned&) const = default;
};

struct operation_started {
  operation_id id;
  std::string kind; ///< "enrol", "promote", …
  std::string by;
  std::int64_t at_ms = 0;
  std::uint64_t accounts = 0;
  std::string text; ///< the command as typed
  // What another supervisor needs to go on with it (R25).
  node_name destination{}; ///< empty: none was named
  std::uint32_t priority = 0;
  bool no_return = false;
  std::uint32_t threads = 0; ///< accounts of a promotion that move at once; 0: as many as their source does
  bool operator==(const operation_started&) const = default;
};

/// An account that the operation is about; one event each, behind its start.
struct operation_target {
  operation_id id;
  account_id account;
  std::string name;         ///< as typed; of an enrolment: its address
  node_name home;           ///< of an enrolment; else empty
  bool accept_loss = false; ///< R31
  bool operator==(const operation_target&) const = default;
};

/// The writer's node goes on with the operation, whose node doesn't (R25).
struct operation_adopted {
  operation_id id;
  bool operator==(const operation_adopted&) const = default;
};

/// What became of one account in an operation.
struct operation_outcome {
  operation_id id;
  account_id account;
  bool ok = true;
  std::string text;
  bool operator==(const operation_outcome&) const = default;
};

struct operation_finished {
  operation_id id;
  std::int64_t at_ms = 0;
  bool operator==(const operation_finished&) const = default;
};

using control_event =
    std::variant<account_change, control_incarnation, node_announced, returned, operation_started,
                 operation_target, operation_adopted, operation_outcome, operation_finished>;

} // namespace understudy
