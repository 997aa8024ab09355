// Every message that the node's actors send each other, in one place to read: who sends what to whom, and
// what answers. All of them stay inside the process: the gateway's own actor system is the only one a peer
// can reach.
#pragma once
#include "actors/control/control_link.hpp"
#include "actors/gateway/messages.hpp"
#include "actors/source/logged_fences.hpp"
#include "actors/source/settlement.hpp"
#include "events/model/account_event.hpp"
#include "storage/state/account_role.hpp"

#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/send.hpp>
#include <caf/typed_actor.hpp>

#include <future>
#include <variant>

namespace understudy {

// --- capture -> account actor ---------------------------------------------------------------------------

/// The rows that one transaction changed of this account. No answer: the report of its delivery goes to the
/// settlement, and only a refusal comes back.
struct slice_captured {
  settlement::slice_ptr check;
  gtid id;
  binlog_place end;
  std::int64_t committed_us = 0;
  std::shared_ptr<std::vector<row_change>> changes; ///< null: more than may be kept in memory (P7)
};

/// The role row of this account was met in the binlog: everything before it was sent (R11, R29).
/// As primary of `term` the account writes from `start` on; as anything else it writes no more.
struct role_met {
  account_id account;
  epoch term;
  account_role role = account_role::none;
  kafka_offset decision;
  sequence last; ///< of the account at this place, as capture knows it
  /// It was written here until this place, and its actor hands the fence over. False after a restart behind
  /// the role row: then the supervisor does.
  bool was_written = false;
  account_checksum at_cut{}; ///< its rows at this place, for the fence (R29); empty: not known
};

// --- account actor -> supervisor -------------------------------------------------------------------------

/// Kafka or the codec refused an event of this account for good; its slices wait for `unprotected` (R3).
struct account_refused {
  account_id account;
  epoch term;
  sequence since;
  std::string reason;
};

/// The fence was handed over to Kafka and confirmed (R28).
struct fence_written {
  account_id account;
  epoch term;
  sequence cut;
  kafka_offset offset;
};

/// The marker of a snapshot is in Kafka (R16).
struct marker_written {
  account_id account;
  std::string snapshot;
  sequence number;
  kafka_offset offset;
};

/// Answers `protect`: everything that was captured before it was handed to Kafka, what comes behind holds its
/// commits.
struct holds_again {
  account_id account;
  epoch term;
};

// --- supervisor -> account actor -------------------------------------------------------------------------

/// `unprotected` was read back from control: what waits of this account settles (R3).
struct settle_unprotected {
  std::string reason;
};

/// Slices hold their commits from here on; answered by holds_again. Not while the log lacks events of the
/// account: whoever asked finds that out (R3).
struct protect {};

/// A view is about to be opened: hold what is captured from now on until its place is known (R16). Answered
/// at once with the end of the last transaction that isn't held: its marker follows that, so the view must
/// too.
struct snapshot_opening {
  std::string snapshot;
  std::shared_ptr<std::promise<binlog_place>> follows;
};

/// The view lies behind everything up to `place`: the marker goes there, then what was held.
struct snapshot_opened {
  std::string snapshot;
  binlog_place place;
  partition_id partition;
  kafka_offset first;
  mailbox_id mailbox;       ///< in the local database
  kafka_offset request{-1}; ///< in understudy.control, that it answers
};

/// The view couldn't be opened: what was held goes out without a marker.
struct snapshot_abandoned {
  std::string snapshot;
};

/// Control or a fence ended this account's epoch without it, and the commits that waited were ended (R8,
/// R20): what waits settles, nothing more is produced.
struct epoch_closed {
  epoch term;
};

// --- account_log -> account actor -----------------------------------------------------------------------

struct slice_refused {
  settlement::slice_ptr check;
  sequence number;
  std::string reason;
};

// --- all that an account actor takes ----------------------------------------------------------------------

/// One type with one handler: CAF keeps a handler of each type in each actor, and there may be a million.
using account_message =
    std::variant<slice_captured, role_met, slice_refused, snapshot_opening, snapshot_opened,
                 snapshot_abandoned, settle_unprotected, protect, epoch_closed>;

using account_handle = caf::typed_actor<caf::reacts_to<account_message>>;

/// `unit` runs the actor if this wakes it; null: one of CAF's workers.
inline void tell(const account_handle& account, account_message message,
                 caf::execution_unit* unit = nullptr) {
  caf::actor_cast<caf::abstract_actor*>(account)->eq_impl(caf::make_message_id(), nullptr, unit,
                                                          std::move(message));
}

// --- replica side -> supervisor ---------------------------------------------------------------------------

/// A valid fence was read and everything before it is applied here.
struct fence_applied {
  account_id account;
  epoch term;
  sequence cut;
  kafka_offset offset;
  bool is_protected = true;
  account_checksum at_cut{}; ///< the source's rows there; empty: the fence doesn't say
};

/// A snapshot was loaded whole; the replica follows from here on.
struct replica_loaded {
  account_id account;
  std::string snapshot;
  sequence number;
  kafka_offset request{-1}; ///< the newest one that it answers
};

/// The replica of this account stopped: with the error, its coordinates and what to do.
struct replica_stopped {
  account_id account;
  std::string reason;
  bool needs_snapshot = false; ///< its events are gone or its rows differ: it can't go on by itself
};

// --- capture -> supervisor
// ----------------------------------------------------------------------------------

/// The registry has another name for an account that is written here.
struct account_renamed {
  account_id account;
  std::string name;
};

/// Rows of an account changed on a mailstore that isn't its primary (R35).
struct foreign_write {
  account_id account;
  gtid id;
  std::shared_ptr<const std::vector<row_change>> rows; ///< null: more than may be kept in memory
  /// Where Kafka has it; none: nobody wrote it there as the account's.
  std::optional<logged_place> logged{};
};

/// Capture can't vouch for what happened to these rows (statement-format DML, TRUNCATE, DDL): new snapshots.
struct rows_unseen {
  std::string what;
  std::string database;       ///< whose accounts are concerned; empty: unknown, so all
  bool rows_may_have_changed; ///< true: they need new snapshots
  /// As long as anybody refers to it the COMMIT waits: nobody is told OK before control says what replicas
  /// lack, and a restart before that reads it again (P1).
  std::shared_ptr<const void> held{};
};

/// Capture can't go on from where it stood, and waits for `capture::restart_at`: nothing is acknowledged
/// meanwhile.
struct position_lost {
  enum class kind : std::uint8_t {
    unknown,  ///< this node has no checkpoint: it is new, or its own tables are
    purged,   ///< changes behind it can't be read any more (O07)
    diverged, ///< this server's history isn't the one that was captured (R9)
  };
  kind why = kind::unknown;
  gtid_position wanted;
  std::string what; ///< as MariaDB, or the comparison, says it
};

// --- control link, gateway, clocks and worker threads -> supervisor
// ------------------------------------------

/// Records of understudy.control, in order.
struct control_read {
  std::shared_ptr<const std::vector<control_link::read_record>> records;
};

/// Something of the leases was read, or a heartbeat went by.
struct leases_read {};

/// A verified command; `answer` takes its reply from any thread, once.
struct command_received {
  caller from;
  std::string json;
  answer_function answer;
};

/// The end of blocking work, to be run by the supervisor itself.
struct run_here {
  std::function<void()> work;
};

/// Every `supervisor_tick`: retries and deadlines. One timer for the node, none for an account.
struct tick {};

} // namespace understudy

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(understudy::control_read)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(understudy::leases_read)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(understudy::command_received)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(understudy::run_here)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(understudy::tick)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(understudy::account_message)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(understudy::role_met)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(understudy::account_refused)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(understudy::fence_written)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(understudy::marker_written)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(understudy::holds_again)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(understudy::fence_applied)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(understudy::replica_loaded)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(understudy::replica_stopped)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(understudy::account_renamed)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(understudy::foreign_write)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(understudy::rows_unseen)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(understudy::position_lost)
