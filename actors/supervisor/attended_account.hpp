// What a supervisor is doing about one account, part by part; nothing of it is needed after a restart, or
// once nothing is going on: control, the role rows and the replica rows say where to go on. What is about one
// epoch carries that epoch or is dropped with `activated` of the next (supervisor::begin_epoch): memory that
// outlives what it's about acknowledges, or replays, what it mustn't.
#pragma once
#include "actors/messages.hpp"
#include "events/model/gtid.hpp"
#include "events/model/ids.hpp"
#include "storage/guard/guard.hpp"
#include "storage/verify/checksum_reader.hpp"

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>

namespace understudy {

/// A replica's rows, read before its source's fence is there (R29).
struct rows_ahead {
  epoch term; ///< that it is to take over in
  /// Nothing: they are being read; without `applied`: they couldn't be.
  std::optional<checksum_view> read;
};

/// On the way to be its primary here.
struct taking_over {
  std::optional<rows_ahead> ahead;    ///< its rows here, for the promotion under way
  epoch compared;                     ///< its rows here are the source's at the cut of this term
  epoch told_for;                     ///< the replica side was told to leave it to us, for this term
  boot_time failing_since;            ///< the first failure to begin the epoch under way; 0: none
  std::optional<fence_applied> fence; ///< the last valid fence that was read and applied here
  std::optional<role_met> unfenced;   ///< a former life's role row was met, and its fence isn't known yet
};

/// Keeping its writers before their COMMIT, as the source that hands it over (R30).
struct standing_guard {
  std::shared_ptr<guard> standing;             ///< until the new primary is active (R29)
  bool watched = false;                        ///< it's being looked at whether it does
  std::string trouble;                         ///< why that isn't known, or why it can't be taken again
  std::chrono::steady_clock::time_point since; ///< its writes wait since then
};

/// Sending its snapshot, as its source.
struct sending_snapshot {
  kafka_offset asked{-1}; ///< control offset of the request that a snapshot of ours was begun for
  bool running = false;
  bool sent = false;                                ///< its rows are in Kafka
  std::chrono::steady_clock::time_point not_before; ///< the last one failed
  std::string unmarked;                             ///< the one whose marker Kafka hasn't confirmed
  std::chrono::steady_clock::time_point marked_by;  ///< … it has to by then, once its rows are sent
};

/// To be protected again capture has to hold commits first (R4).
struct holding_again {
  bool asked = false; ///< of capture
  /// Everything up to this number of the account log is from before it did.
  std::optional<std::uint64_t> unheld_up_to;
};

/// Having its commits held, as the source of one epoch: each begins with holding, as its beginning was told.
struct holding_commits {
  std::optional<bool> told; ///< to capture, as control has it; nothing: as capture says
  holding_again again;
  account_version unprotected_told; ///< at this version of the account `unprotected` was appended
};

/// Its replica here.
struct copy_work {
  bool following = false;   ///< the replica side follows it
  bool paused_told = false; ///< to the replica side
  /// The request that our own `replica_reset` made: it is followed for its marker.
  kafka_offset reset_seen{-1};
  bool reset_pending = false;   ///< a `replica_reset` of ours is on its way
  std::string ask_again;        ///< for this reason, once its partition is read
  kafka_offset ready_sent{-1};  ///< the request that we answered with `replica_ready`
  bool foreign_before = false;  ///< a foreign write made it be initialised anew (R35)
  bool foreign_in_load = false; ///< … while one was being loaded, which may keep what was written
  bool parked = false;          ///< foreign writes went on
  /// A foreign write between our fence and `replica_ready`: what we hold isn't what the fence cut.
  std::optional<gtid> unlike_cut;
  /// Of the last foreign write; after a restart, of the start: whoever wrote may run since then.
  std::chrono::system_clock::time_point foreign_at = std::chrono::system_clock::now();
};

/// Its rows here aren't those of its log, though its epoch `since` begins with them.
struct rows_unlike_log {
  epoch since;
  std::string why;
};

struct attended_account {
  epoch role_begun;                         ///< a role row as source of this term was written
  epoch role_left;                          ///< a role row as replica of this term is being written, or was
  epoch role_maybe_left;                    ///< … may have been written, whatever came of it: no way back
  epoch role_seen;                          ///< capture met the role row of this term
  epoch fence_sent;                         ///< unplanned: this process handed the fence of this term over
  epoch activation_sent;                    ///< `activated` of this term was appended
  epoch closed;                             ///< capture was told that this term ended without us
  epoch lost_left;                          ///< a role row as replica was written for the loss of that one
  epoch declined;                           ///< `declined` of this term was appended
  std::optional<fence_written> handed_over; ///< planned, as the source: where its fence lies
  bool busy = false;                        ///< a blocking job about it is under way
  taking_over taking;
  standing_guard guarding;
  sending_snapshot sending;
  holding_commits protection;
  copy_work copy;
  std::optional<rows_unlike_log> unlike_log;
  /// Copies, by their requests, that were asked to be made anew for the changes that the log lacks.
  std::map<node_name, kafka_offset> missing_asked;
  /// Kafka refused an event of it, and control doesn't say so yet: all commits wait for that (R3).
  std::optional<account_refused> refused;
  account_version refused_told; ///< at this version it was appended
  /// Rows of it changed unseen, for this reason, and control doesn't say so yet; empty: none did.
  std::string unseen;
  account_version unseen_told; ///< at this version it was appended
};

/// An account of which the log leaves events out, as control is told.
struct left_out_work {
  std::string reading;     ///< why it isn't protected while the binlog is read again
  account_version told_at; ///< at this version that was appended
  /// Up to which number its events are given up, which is on its way to control; 0: they aren't.
  sequence said;
  std::string reason; ///< … for which
};

} // namespace understudy
