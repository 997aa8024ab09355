#include "events/control/decide_promotion.hpp"

#include <algorithm>

namespace understudy {
namespace {

// Gates that time, or another node's word, opens.
constexpr std::string_view claim_gate_name = "claim ready";
constexpr std::string_view decline_gate_name = "epoch declined";
constexpr std::string_view answer_gate_name = "source answers";
constexpr std::string_view fence_gate_name = "fence read";

bool holds_for_good(const gate& g) {
  return !g.passed && g.name != claim_gate_name && g.name != decline_gate_name &&
         g.name != answer_gate_name && g.name != fence_gate_name;
}

std::string figure(const std::optional<sequence>& number) {
  return number ? fmt::format("{}", *number) : std::string("unknown");
}

class promotion_judge {
public:
  promotion_judge(const account_state& account, const promote& wanted, bool accept_loss,
                  const live_facts& live)
      : account_(account)
      , wanted_(wanted)
      , accept_loss_(accept_loss)
      , live_(live) {
    if (const auto known = live.accounts.find(account.id); known != live.accounts.end())
      facts_ = &known->second;
  }

  promotion_gates run() {
    account_gates();
    const auto chosen = choose();
    if (planned())
      source_alive();
    else
      source_gone(chosen);
    result_.destination = chosen;
    const auto& gates = result_.gates;
    const bool for_good = std::any_of(gates.begin(), gates.end(), holds_for_good);
    const bool blocked = std::any_of(gates.begin(), gates.end(), [](const gate& g) { return !g.passed; });
    const bool only_claims = std::all_of(gates.begin(), gates.end(),
                                         [](const gate& g) { return g.passed || g.name == claim_gate_name; });
    if (!only_claims)
      result_.claims_needed.clear(); // nobody is claimed for a promotion that holds anyway
    if (for_good)
      result_.declines.clear();
    if (!blocked)
      result_.event = event(chosen);
    result_.waits = blocked && !for_good;
    return std::move(result_);
  }

private:
  bool planned() const { return wanted_.kind == promotion_kind::planned; }

  void add(std::vector<gate>& gates, std::string name, const node_name& about, bool passed,
           std::string figures) {
    gates.push_back({std::move(name), about, passed, std::move(figures)});
  }

  void account_gates() {
    auto& gates = result_.gates;
    add(gates, "not paused", {}, !account_.is_paused,
        account_.is_paused ? "it is paused: restartReplicas first" : "it is active");
    if (planned()) {
      const auto* current = account_.terms.current();
      const bool settled = current && current->state == term_state::activated;
      add(gates, "no promotion under way", {}, settled,
          settled
              ? fmt::format("epoch {} is active", current->term)
              : fmt::format("epoch {} on {} is not active yet{}: an unplanned promotion can supersede it",
                            current ? current->term : epoch{}, current ? current->primary.get() : node_name{},
                            current ? whose(*current) : std::string{}));
    } else {
      const bool ok = account_.is_protected() || accept_loss_;
      add(gates, "protected", {}, ok,
          account_.is_protected()
              ? "every acknowledged write is in the log"
              : fmt::format("unprotected since sequence {} ({}){}", account_.gap->since, account_.gap->reason,
                            accept_loss_ ? ", loss accepted" : ": needs --accept-loss for this account"));
    }
    if (facts_)
      add(gates, "figures", {}, true,
          fmt::format("acknowledged {}, in the log {}", figure(facts_->acknowledged),
                      figure(facts_->in_log)));
  }

  /// The first destination that passes its gates; its gates, or those of all if none does, are kept.
  node_name choose() {
    std::vector<node_name> candidates;
    if (wanted_.destination)
      candidates.push_back(*wanted_.destination);
    else
      candidates = by_priority();
    if (candidates.empty())
      add(result_.gates, "is a destination", {}, false, "it has no destination");
    std::vector<gate> passed_over;
    for (const auto& node : candidates) {
      auto gates = destination_gates(node);
      const bool passes = std::all_of(gates.begin(), gates.end(), [](const gate& g) { return g.passed; });
      if (passes) {
        result_.gates.insert(result_.gates.end(), gates.begin(), gates.end());
        explain(passed_over);
        return node;
      }
      passed_over.insert(passed_over.end(), gates.begin(), gates.end());
    }
    result_.gates.insert(result_.gates.end(), passed_over.begin(), passed_over.end());
    return candidates.empty() ? node_name{} : candidates.front();
  }

  /// A promotion that was decided goes on where it is, if that node lives; one that was handed over as
  /// planned and that no destination can take goes back to its source, which has everything (R29).
  std::vector<node_name> by_priority() const {
    std::vector<node_name> candidates;
    for (const auto& destination : account_.destinations)
      candidates.push_back(destination.node);
    const auto* pending = account_.promotion();
    if (pending && lives(pending->primary))
      std::stable_partition(candidates.begin(), candidates.end(),
                            [&](const node_name& node) { return node == pending->primary.get(); });
    const auto* current = account_.terms.current();
    if (!planned() && account_.terms.active() && current->state != term_state::activated &&
        current->origin == term_origin::planned && lives(account_.primary()))
      candidates.push_back(account_.primary());
    return candidates;
  }

  bool lives(const node_name& node) const {
    const auto known = live_.nodes.find(node);
    return known != live_.nodes.end() && known->second.lease_runs && !known->second.sick;
  }

  /// Destinations of a better priority that were passed over hold nothing, but are told.
  void explain(const std::vector<gate>& passed_over) {
    for (const auto& g : passed_over)
      if (!g.passed)
        add(result_.gates, "passed over", g.about, true, fmt::format("{}: {}", g.name, g.figures));
  }

  std::vector<gate> destination_gates(const node_name& node) {
    std::vector<gate> gates;
    const auto* destination = account_.destination(node);
    const auto* current = account_.terms.current();
    // A promotion that never became active may be given back to the source, which has everything.
    const bool is_source = node == account_.primary();
    const bool goes_back =
        is_source && !planned() && account_.terms.active() && current->state != term_state::activated;
    add(gates, "is not the source", node, !is_source || goes_back,
        is_source && !goes_back ? "it is its source already"
                                : fmt::format("its source is {}", account_.primary()));
    if (!goes_back) {
      add(gates, "is a destination", node, destination != nullptr || is_source,
          destination ? fmt::format("priority {}", destination->priority)
                      : "it is not a destination of this account");
      if (destination)
        add(gates, "snapshot ready", node, destination->ready, readiness(*destination));
    }
    const auto* pending = account_.promotion();
    const bool under_way =
        !planned() && pending && pending->primary == node && pending->origin == term_origin::unplanned;
    if (under_way)
      add(gates, "not under way already", node, false,
          fmt::format("epoch {} is being carried out there{}", pending->term, whose(*pending)));
    node_alive(gates, node);
    if (facts_)
      if (const auto replica = facts_->replicas.find(node); replica != facts_->replicas.end())
        replica_gates(gates, node, replica->second);
    return gates;
  }

  static std::string readiness(const destination_state& destination) {
    if (destination.ready)
      return fmt::format("whole since sequence {}", destination.from);
    return destination.reset_why ? fmt::format("a new snapshot is on its way: {}", *destination.reset_why)
                                 : "its first snapshot is not complete";
  }

  void node_alive(std::vector<gate>& gates, const node_name& node) {
    const auto known = live_.nodes.find(node);
    const bool runs = known != live_.nodes.end() && known->second.lease_runs;
    const bool sick = known != live_.nodes.end() && known->second.sick;
    add(gates, "node alive", node, runs && !sick,
        sick   ? *known->second.sick
        : runs ? "its lease runs"
               : "its lease does not run");
  }

  void replica_gates(std::vector<gate>& gates, const node_name& node, const replica_facts& replica) {
    add(gates, "replica running", node, !replica.stopped,
        replica.stopped ? *replica.stopped : fmt::format("applied {}", figure(replica.applied)));
    add(gates, "volumes reachable", node, replica.missing_volumes.empty(),
        replica.missing_volumes.empty()
            ? "all"
            : fmt::format("not reachable: {}", fmt::join(replica.missing_volumes, ", ")));
    const bool loaded = replica.mailbox_loaded.value_or(false);
    add(gates, "mailbox not in memory", node, !loaded,
        loaded ? "its mail server still has an old copy of the mailbox in memory: restart it, or unload the "
                 "mailbox"
        : replica.mailbox_loaded ? "it is not"
                                 : "unknown");
  }

  /// Nobody named another destination: one that is being carried out by a living node isn't superseded.
  bool carried_out(const term_entry& pending) const {
    return !wanted_.destination && pending.origin == term_origin::unplanned && lives(pending.primary) &&
           !pending.decline_asked;
  }

  void source_alive() { node_alive(result_.gates, account_.primary()); }

  void source_gone(const node_name& destination) {
    const auto fenced = facts_ ? facts_->fenced : epoch{};
    const auto* active = account_.terms.active();
    for (const auto* open : account_.terms.unclosed(fenced)) {
      const node_name& node = open->primary;
      if (node == destination)
        continue; // its own epoch: it stops it by itself
      const auto claim = live_.claims.find(node);
      const bool claimed = claim != live_.claims.end() && claim->second.offset.value >= 0;
      const bool may_decline = open != active && open->origin != term_origin::enrolment;
      const auto* current = account_.terms.current();
      if (may_decline && lives(node) && !claimed && carried_out(*open)) {
        add(result_.gates, "not under way already", node, false,
            fmt::format("epoch {} is being carried out there{}: name another destination to supersede it",
                        open->term, whose(*open)));
      } else if (may_decline && lives(node) && !claimed) {
        result_.declines.push_back({account_.id, node, open->term, destination});
        add(result_.gates, std::string(decline_gate_name), node, false,
            fmt::format("epoch {} was given to it{} and it is alive: it is asked to decline", open->term,
                        whose(*open)));
      } else if (open == active && lives(node) && !claimed && current != active &&
                 current->origin == term_origin::planned) {
        // Only it knows whether it handed the fence over (R28).
        add(result_.gates, std::string(answer_gate_name), node, false,
            fmt::format("it was to hand epoch {} over{}: its abort, or its fence, is waited for",
                        current->term, whose(*current)));
      } else if (open == active && lives(node) && !claimed && declined_behind_its_fence(*open, *current)) {
        add(result_.gates, std::string(fence_gate_name), node, false,
            fmt::format("{} declined epoch {} behind its fence, which ends epoch {}: it is read first",
                        current->primary.get(), current->term, open->term));
      } else if (lives(node) && !claimed) {
        add(result_.gates, "source gone", node, false,
            "its lease runs: promote as planned, or stop it first");
      } else {
        claim_gate(node, claimed ? &claim->second : nullptr);
      }
    }
  }

  /// An unplanned epoch is declined only once its fence is in the log: it cuts the one before although its
  /// primary lives, and no claim is needed as soon as anybody says that it read it (R24).
  static bool declined_behind_its_fence(const term_entry& cut, const term_entry& current) {
    return current.term > cut.term && current.state == term_state::declined &&
           current.origin == term_origin::unplanned && current.names_claim_on(cut.primary);
  }

  void claim_gate(const node_name& node, const claim_facts* claim) {
    const bool ready = claim && claim->ready;
    add(result_.gates, std::string(claim_gate_name), node, ready,
        claim ? fmt::format("claim at {}: {}", claim->offset, claim->figures) : "not claimed yet");
    if (ready)
      add_claim({node, claim->offset});
    else
      result_.claims_needed.push_back(node);
  }

  void add_claim(claim_reference claim) {
    if (std::find(claims_.begin(), claims_.end(), claim) == claims_.end())
      claims_.push_back(std::move(claim));
  }

  promotion_decided event(const node_name& to) const {
    promotion_decided decided;
    decided.term = account_.terms.next_term();
    decided.from = account_.primary();
    decided.to = to;
    decided.kind = wanted_.kind;
    decided.claims = claims_;
    decided.fenced = !planned() && facts_ ? facts_->fenced : epoch{};
    decided.return_source = !wanted_.no_return;
    return decided;
  }

  const account_state& account_;
  const promote& wanted_;
  bool accept_loss_;
  const live_facts& live_;
  const account_facts* facts_ = nullptr;
  std::vector<claim_reference> claims_;
  promotion_gates result_;
};

} // namespace

promotion_gates decide_promotion(const account_state& account, const promote& wanted, bool accept_loss,
                                 const live_facts& facts) {
  return promotion_judge(account, wanted, accept_loss, facts).run();
}

} // namespace understudy
