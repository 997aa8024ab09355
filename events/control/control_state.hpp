// The control log, folded. Every node folds the same records to the same state (R25).
#pragma once
#include "events/control/account_terms.hpp"
#include "events/control/control_record.hpp"
#include "events/control/shared_name.hpp"

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace understudy {

/// Why a replica needs a new snapshot begins with this when it mustn't be made before whoever writes to it
/// there has stopped (R35).
inline constexpr std::string_view parked_mark = "parked: ";

/// A replica that should exist.
struct destination_state {
  shared_name node;
  std::uint32_t priority = 0; ///< lower first
  /// Control offset of what asked for it: destination_set, replica_reset, activated. replica_ready names it.
  kafka_offset requested;
  bool ready = false;                           ///< whole: promotable as far as control knows
  sequence from;                                ///< ready: the sequence its snapshot, or proof, ended at
  std::shared_ptr<const std::string> reset_why; ///< why a new one is needed; null: first one
  bool operator==(const destination_state& other) const;
};

/// Why an account isn't protected, and since when.
struct protection_gap {
  std::string reason;
  sequence since;
  /// Changes from this sequence on may be missing from the log, for ever: only a replica that was made anew
  /// has them. 0: none are missing, as when the whole node couldn't hold back its commits.
  sequence missing;
  /// Control offset of the last fact about changes that the log lacks: replicas asked for there or later have
  /// them. -1: it lacks none.
  kafka_offset at{-1};
  bool lacks_changes() const { return at.value >= 0; }
  /// True when a replica as control knows it has everything, whatever is missing from the log.
  bool is_whole(const struct destination_state& replica) const;
  bool operator==(const protection_gap&) const = default;
};

/// Everything control knows about an account; about 380 bytes at rest with one destination.
struct account_state {
  account_id id;
  std::string name;
  partition_id partition{-1};
  account_version version;
  bool is_withdrawn = false; ///< kept, so that epochs and version go on if it is enrolled again
  bool is_paused = false;
  account_terms terms;
  std::vector<destination_state> destinations; ///< by priority, then name
  std::shared_ptr<const protection_gap> gap;   ///< null: protected
  std::shared_ptr<const change_origin> origin; ///< of the last decision applied

  /// The node that takes its writes now, or did last; empty name: none yet.
  const node_name& primary() const;
  /// A promotion that isn't finished; null: none. (The first epoch, not active yet, isn't a promotion.)
  const term_entry* promotion() const;
  const destination_state* destination(const node_name& node) const;
  bool is_protected() const { return !gap; }
  bool operator==(const account_state& other) const;
};

/// Accounts are found by their id, which is in them: a million keys beside them would cost 80 MB.
struct account_by_id {
  using is_transparent = void;
  std::size_t operator()(const account_id& id) const { return std::hash<account_id>{}(id); }
  std::size_t operator()(const account_state& account) const { return (*this)(account.id); }
  bool operator()(const account_state& a, const account_state& b) const { return a.id == b.id; }
  bool operator()(const account_id& a, const account_state& b) const { return a == b.id; }
  bool operator()(const account_state& a, const account_id& b) const { return a.id == b; }
};
using account_set = std::unordered_set<account_state, account_by_id, account_by_id>;

/// "Claims up to this one are over": said at `at` in control (R22).
struct claim_return {
  returned said;
  kafka_offset at;
  bool operator==(const claim_return&) const = default;
};

/// Only claims within the short retention of the leases can still be judged by them.
inline constexpr std::size_t max_returns_kept = 64;

struct node_state {
  node_name name;
  incarnation life;                  ///< the newest life seen in control (R12)
  std::vector<claim_return> returns; ///< of the claims against it, oldest first, bounded
  node_announced announced;
  kafka_offset announced_at{-1}; ///< -1: never announced itself
  /// Whether the claim against it at `claim` is over.
  bool has_returned(kafka_offset claim, const std::optional<broker_time>& appended) const;
  bool operator==(const node_state&) const = default;
};

struct operation_state {
  struct open_target {
    operation_target target;
    kafka_offset decided{-1}; ///< of its last decision about the account; -1: none was applied
    bool operator==(const open_target&) const = default;
  };
  operation_started started;
  kafka_offset offset; ///< of its start, its order
  node_name node;      ///< the supervisor that took it, or goes on with it
  std::uint64_t succeeded = 0, failed = 0;
  std::vector<operation_outcome> outcomes; ///< bounded; the counters tell the rest
  std::int64_t finished_ms = 0;            ///< 0: not finished
  std::uint64_t listed = 0;                ///< targets, with an outcome or not
  std::map<account_id, open_target> open;  ///< targets without an outcome
  bool operator==(const operation_state&) const = default;
};

/// Commands are few: of those that are finished the last ones are kept for `ha monitor`, the log has all.
inline constexpr std::size_t max_operations_kept = 64;
/// Nobody is refused who types commands, or a script that waits for replicas: this is for one that enrols
/// accounts one by one while their destination is down. Each takes some 500 bytes on every node, and its turn
/// at each tick.
inline constexpr std::size_t max_operations_unfinished = 1000;
/// Outcomes kept per operation; beyond it only failures are, up to twice as many, the rest is counted.
inline constexpr std::size_t max_outcomes_kept = 5000;
/// Ids of the last records: repeats come from a producer's own retry, so within a few requests.
inline constexpr std::size_t max_record_ids_kept = 512;

class control_state {
public:
  /// Everything below this offset is folded.
  kafka_offset next() const { return next_; }

  const account_state* account(const account_id& id) const; ///< null: never enrolled
  const node_state* node(const node_name& name) const;      ///< null: never seen
  const operation_state* operation(const operation_id& id) const;

  const account_set& accounts() const { return accounts_; }
  const std::map<node_name, node_state>& nodes() const { return nodes_; }
  const std::map<operation_id, operation_state>& operations() const { return operations_; }
  /// Those without an end, which are never forgotten: above max_operations_unfinished no further command is
  /// taken.
  std::size_t unfinished_operations() const;

  // --- for evolve and the codec only ---
  account_state& edit_account(const account_id& id); ///< makes one if absent
  node_state& edit_node(const node_name& name);
  operation_state* edit_operation(const operation_id& id);
  /// Forgets the oldest finished ones above max_operations_kept; returns the forgotten, to be deleted where
  /// they are stored.
  std::vector<operation_id> add_operation(operation_state operation);
  bool remember_record(const std::string& id); ///< false: seen before
  const std::deque<std::string>& record_ids() const { return record_ids_; }
  void set_next(kafka_offset next) { next_ = next; }
  shared_name share(const node_name& name) { return names_.share(name); }
  /// One shared copy for all accounts that a record, or an operation, changed.
  std::shared_ptr<const change_origin> share(const change_origin& origin);

  bool operator==(const control_state& other) const;

private:
  kafka_offset next_{0};
  account_set accounts_;
  std::map<node_name, node_state> nodes_;
  std::map<operation_id, operation_state> operations_;
  std::deque<std::string> record_ids_;
  std::unordered_set<std::string> known_records_;
  name_pool names_;
  std::unordered_map<std::string, std::weak_ptr<const change_origin>> origins_;
};

} // namespace understudy
