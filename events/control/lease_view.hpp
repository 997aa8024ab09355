// The arithmetic of leases and claims (R18–R24): one node's view of understudy.leases. Pure, one thread.
#pragma once
#include "events/control/control_event.hpp"
#include "events/control/lease.hpp"

#include <chrono>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace understudy {

struct lease_rules {
  std::chrono::milliseconds lease{3000};        ///< T; above the brokers' session timeout (R23)
  std::chrono::milliseconds skew{500};          ///< what brokers' clocks may differ by
  std::chrono::milliseconds retention{3600000}; ///< of understudy.leases
};

/// Where and when a record was read.
struct lease_place {
  kafka_offset offset;
  std::optional<broker_time> appended; ///< none unless the timestamp's type is LogAppendTime
  boot_time read;                      ///< by this machine's clock
};

enum class claim_stage : std::uint8_t {
  none,    ///< this process has no claim against that node
  waiting, ///< not yet: `until`
  ready,   ///< it carries a decision now
  spoilt,  ///< it can't carry one any more: claim again; `why`
};

struct claim_status {
  claim_stage stage = claim_stage::none;
  kafka_offset offset{-1};
  std::optional<broker_time> appended;
  std::optional<boot_time> until; ///< waiting: the earliest time by which it may be ready
  std::string why;                ///< figures for the gate
};

struct standing_claim {
  kafka_offset offset;
  std::optional<broker_time> appended;
  node_name by;
};

/// Ends them all: in a log made anew the last may lie below one of the log before.
returned return_from(const std::vector<standing_claim>& claims);

/// Another process that renewed under our name before us.
struct former_process {
  std::string process; ///< UUID; empty: it isn't known
  boot_time over; ///< it acknowledges nothing from then on, though it be alive and have read nothing of us
};

/// What a peer's records look like to us.
struct peer_lease {
  std::optional<boot_time> last_renewal_read;
  bool resigned = false; ///< its last record is a resignation
  bool claimed = false;  ///< a claim against it stands
  std::uint32_t rules = 0;
  std::string process;
};

class lease_view {
public:
  /// `self` renews as `process`, started at `started_ms` (wall clock).
  lease_view(node_name self, std::string process, std::int64_t started_ms, lease_rules rules);

  // --- what is read ---
  void fold(const lease_record& record, const lease_place& place);
  /// Control applied this of `node`; that record lies at `control` and was read at `read`.
  void fold_returned(const node_name& node, const returned& said, kafka_offset control, boot_time read);
  /// Control is folded up to `next`.
  void fold_control(kafka_offset next);
  /// Our own resignation was handed over: the lease ends, and only renewals sent after it count (R22).
  void resigned(boot_time handed_over);
  /// The log begins at `low` and ends at `high`, asked for after everything below next() was folded in.
  void fold_range(kafka_offset low, kafka_offset high);
  /// Records were passed over, or it's another log: what was read of it isn't there for others any more, and
  /// a claim against us may be among what we didn't read.
  void fold_break(boot_time now);

  /// This process counts as started then: behind its former ones, whatever the clock says (R19).
  void started(std::int64_t ms) { started_ms_ = ms; }
  /// This process's records are of this life from here on (R12).
  void begins(incarnation life) { life_ = life; }

  // --- our own lease ---
  /// The lease runs (R18).
  bool holds(boot_time now) const;
  /// Until when; none: no renewal ever counted.
  std::optional<boot_time> runs_until() const;
  /// Since when it ran without a break, if it runs.
  std::optional<boot_time> held_since(boot_time now) const;
  /// A report of a record that the broker stamped `appended`, judged at `now`: whether it settles (R20).
  bool counts(std::optional<broker_time> appended, boot_time now) const;
  /// Claims against us that stand, oldest first: end the commits (R8), append `returned` of the last.
  std::vector<standing_claim> claims_against_self() const;
  /// Another process renews under our name and started later, or has begun a later life under it, behind
  /// which nothing of ours counts, whether it still lives or not (R12): this one must stop (R19).
  bool replaced() const { return replaced_; }
  /// Its UUID, or its life, to be named in the error.
  const std::string& replaced_by() const { return replaced_by_; }
  /// The last process of our name whose renewal lies before this life's first record, unless it resigned
  /// behind that. To be asked once that record was read.
  std::optional<former_process> former() const;
  /// Why it doesn't run, for the operator; empty: it does.
  std::string why_not_held(boot_time now) const;

  // --- others ---
  /// The newest claim of this process against `node` (R22).
  claim_status claim_against(const node_name& node, boot_time now) const;
  /// `node` looks dead: T + skew after the later of its last renewal and the start of our own lease; or it
  /// resigned. False while our own lease doesn't run: the trouble may be ours.
  bool suspected(const node_name& node, boot_time now) const;
  /// Where the log begins must be asked for: a claimed node has begun a new life behind a claim, and read it
  /// only if the log had it then.
  bool asks_for_range() const;
  peer_lease peer(const node_name& node) const;
  std::vector<node_name> peers() const;
  kafka_offset next() const { return next_; }

private:
  struct seen_claim {
    kafka_offset offset;
    std::optional<broker_time> appended;
    node_name by, against;
    std::string process;
    boot_time sent, read;
    kafka_offset control;
    std::optional<boot_time> last_renewal;     ///< when the claimed node's last renewal before it was read
    std::chrono::milliseconds lease{}, skew{}; ///< that renewal's; zero: not known
    bool after_resignation = false;            ///< the claimed node's last record before it is a resignation
    bool judged = false, is_void = false;      ///< for good: control is folded as far as the claimer's was
    bool is_unsure = false;                    ///< the claimed node's life has changed: did it read this one?
    bool is_gone = false;                      ///< not in the log: whom it's against lives on without it
  };
  struct release {
    returned said;
    kafka_offset control;
  };
  struct peer_state {
    incarnation life;
    std::optional<boot_time> last_renewal;
    bool resigned = false;
    std::uint32_t rules = 0;
    std::chrono::milliseconds lease{}, skew{}; ///< of its last renewal; zero: not known
    std::string process;
    std::deque<release> releases;
  };

  struct former_renewal {
    std::string process;
    boot_time read;
    lease_rules rules;
  };

  void replace_by(std::string process);
  void fold_former(const lease_record& record, boot_time read);
  void fold_renewal(const writer& from, const renewal& body, const lease_place& place);
  void fold_claim(const writer& from, const claim& body, const lease_place& place);
  /// The claimed node has returned from it, said below `control`.
  bool returned_before(const seen_claim& from, kafka_offset control) const;
  void judge_claims();
  void judge(seen_claim& which) const;
  bool stands(const seen_claim& which) const;
  /// Of one's own and the other's the longer: two nodes may be configured differently, or be about to (R22).
  lease_rules longer(std::chrono::milliseconds lease, std::chrono::milliseconds skew) const;

  node_name self_;
  std::string process_;
  std::int64_t started_ms_;
  std::optional<incarnation> life_;
  lease_rules rules_;
  kafka_offset next_{0};
  kafka_offset control_{0};
  std::map<node_name, peer_state> peers_;
  std::deque<seen_claim> claims_; ///< by offset
  boot_time counts_from_{};       ///< renewals sent at or before don't count
  std::optional<boot_time> until_, since_;
  std::optional<broker_time> renewed_; ///< broker's timestamp of the last counted renewal
  std::optional<former_renewal> former_;
  bool begun_ = false; ///< this process's first record was read
  bool replaced_ = false;
  std::string replaced_by_;
};

/// What must be true of a node that renews (R21).
struct renewal_facts {
  std::optional<boot_time> control_read_to_end;
  std::optional<boot_time>
      committed; ///< the last probe that committed, or came back through the binlog (R10)
  bool capture_attached = false;
};
/// Empty: it may renew; else why not, for the operator.
std::string why_not_renew(const renewal_facts& facts, boot_time now, const lease_rules& rules);

} // namespace understudy
