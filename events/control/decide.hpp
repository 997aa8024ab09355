// decide(state, command, facts) -> events, gates: runs once, on the supervisor that took the command (R25).
#pragma once
#include "events/control/commands.hpp"
#include "events/control/control_event.hpp"
#include "events/control/control_state.hpp"

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace understudy {

/// One condition of a decision, with the figures it was judged by (P10).
struct gate {
  std::string name; ///< stable, e.g. "snapshot ready"
  node_name about;  ///< the node that it judges; empty: the account itself
  bool passed = false;
  std::string figures; ///< a sentence that is true as it stands, passed or not; it names its node itself
  bool known = true; ///< false: nobody could say; `passed` tells whether that holds the account (decision 18)
  bool operator==(const gate&) const = default;
};

/// Whether a node reaches the volumes that an account's blobs are on (R32). Both empty: it reaches them all.
struct volume_facts {
  std::vector<std::string> missing; ///< clauses that name each one that it doesn't reach, and why
  std::vector<std::string> unknown; ///< … each one of which nobody can say, and why
  std::optional<bool> reached() const {
    if (!missing.empty())
      return false;
    return unknown.empty() ? std::optional(true) : std::nullopt;
  }
};

/// What only the live node of a replica knows.
struct replica_facts {
  std::optional<sequence> applied;     ///< none: its node didn't answer
  std::optional<std::string> stopped;  ///< the error that stopped it
  std::string not_whole;               ///< why its copy isn't, as it knows it; empty: it doesn't say
  std::optional<bool> mailbox_loaded;  ///< R32: an old copy in the mail server's memory; none: not known
  std::optional<volume_facts> volumes; ///< none: nobody looked
};

struct account_facts {
  std::optional<sequence> acknowledged; ///< by the source; none: it didn't answer
  std::optional<sequence> in_log;       ///< the last one in Kafka that a living node knows of
  epoch fenced;                         ///< the highest epoch whose valid fence this node read (R24)
  /// The epoch whose destination has had its turn for so long without beginning that another may take its
  /// place (promotion_patience). 0: none.
  epoch overdue;
  std::map<node_name, replica_facts> replicas;
  /// Whether the mailstores of the nodes that answered have a mailbox of it.
  std::map<node_name, bool> has_mailbox;
};

struct node_facts {
  bool lease_runs = false;         ///< its renewals are fresh, no claim stands, it hasn't resigned
  std::optional<std::string> sick; ///< it reports its own mailstore sick
  bool silent = false; ///< asked for its figures, it gave none: it, or its MariaDB, didn't answer in time
};

/// A claim of this node (lease_view::claim_against()) that waits or is ready. One that can't carry a decision
/// any more isn't given: its node may live again, and living nodes aren't claimed.
struct claim_facts {
  kafka_offset offset{-1}; ///< -1: none appended
  bool ready = false;      ///< R22 is fulfilled: it carries a decision now
  std::string figures;     ///< "3.2 s of 3.8 s waited", "returned", …
  std::optional<broker_time> appended{};
};

/// What decide needs beyond control. What a dead node can't tell is shown as unknown and blocks nothing; what
/// a living one didn't tell is waited for, within a bound (case O04, decision 18).
struct live_facts {
  node_name self; ///< the deciding node
  std::uint32_t partitions = 64;
  bool answers_may_come = true; ///< living nodes that were silent are asked again: a promotion waits for them
  std::map<node_name, node_facts> nodes;
  std::map<node_name, claim_facts> claims;
  std::unordered_map<account_id, account_facts> accounts;
};

/// Of an account that isn't enrolled: the same words wherever it's refused.
inline constexpr std::string_view not_replicated_text = "it isn't replicated: setAccountDestination first";

struct account_decision {
  account_id account;
  std::string name;     ///< address, if known
  bool decided = false; ///< every gate passed: `events` holds something for it (or nothing was left to do)
  /// Not decided yet, but nothing holds it that doesn't pass by itself: a claim, a decline, or the word of
  /// the source of a planned promotion is waited for. Decide again.
  bool waits = false;
  /// `waits`, for the end of another's promotion: once that is active, this command has lost.
  bool is_second = false;
  std::string text;      ///< one sentence: what will be done, or why not
  node_name destination; ///< of a promotion: the chosen one
  std::vector<gate> gates;
};

/// The primary of a decided epoch that must say `declined` before another is decided (R24).
struct decline_wanted {
  account_id account;
  node_name node;
  epoch term;
  node_name instead; ///< the destination that is wanted
  bool operator==(const decline_wanted&) const = default;
};

struct decision {
  std::vector<control_event> events; ///< to be cut by to_records(); empty: nothing to append
  std::vector<account_decision> accounts;
  std::vector<node_name> claims_needed; ///< append a claim against each, wait, decide again
  std::vector<decline_wanted> declines; ///< ask these living nodes, decide again
};

/// The account's source: as control has it or, of one that isn't enrolled, where its mailbox was found. As
/// long-lived as what it's given.
const node_name& home_of(const control_state& state, const account_to_enrol& wanted);
/// "is not the source": nobody is a destination of the account that is its home.
gate source_gate(const node_name& home, const node_name& destination);

/// Pure. Each account passes or holds by itself (R32). `--dry-run` and `explain` show the same result.
decision decide(const control_state& state, const command& wanted, const live_facts& facts);

} // namespace understudy
