// One partition of understudy.accounts as its source takes up its numbering from it (R11, R12): what this
// node wrote there, read in order up to its own incarnation record. Pure; one thread.
#pragma once
#include "actors/source/known_account.hpp"
#include "actors/source/logged_fences.hpp"
#include "actors/source/tail_check.hpp"
#include "events/codec/parts.hpp"
#include "events/log/partition_reader.hpp"
#include "storage/state/logged_state.hpp"

#include <map>
#include <optional>

namespace understudy {

class own_partition {
public:
  /// Done with the record that begins life `until`. Below `settled` nothing is read from the binlog again.
  own_partition(const node_name& self, incarnation until, const gtid_position& settled);

  /// Where reading begins, if a checkpoint says so (`kept`): one record before that. It tells only whose
  /// records behind it are void, for it may be void itself. Called before anything is taken.
  kafka_offset begin(std::optional<kafka_offset> kept, const watermarks& now);

  /// Adds what the record says of `accounts`, which are as of `settled`, and of nobody else.
  void take(const record& raw, std::map<account_id, known_account>& accounts, tail_check& tail,
            logged_fences& fences);
  bool done() const { return done_; }

private:
  void take(const snapshot_event& marker, std::map<account_id, known_account>& accounts) const;
  node_name self_;
  incarnation until_;
  const gtid_position& settled_;
  incarnation life_;
  kafka_offset counted_from_{0};
  part_assembler parts_;
  bool done_ = false;
};

/// Written here again, an account goes on behind what its whole copy here holds: what this node wrote in an
/// epoch that was cut off elsewhere doesn't count, and what others wrote since does (R11). A copy of an
/// earlier epoch than its role's stayed behind when the account was written here, and knows nothing of that.
void note_copy(known_account& account, const replica_record& copy);

} // namespace understudy
