#include "events/control/decide_promotion.hpp"

#include <algorithm>

namespace understudy {
namespace {

// Gates that time, or another node's word, opens.
constexpr std::string_view claim_gate_name = "claim ready";
constexpr std::string_view own_lease_gate_name = "own lease runs";
constexpr std::string_view decline_gate_name = "epoch declined";
constexpr std::string_view answer_gate_name = "source answers";
constexpr std::string_view fence_gate_name = "fence read";
constexpr std::string_view under_way_gate_name = "not under way already";
constexpr std::string_view earlier_gate_name = "earlier promotion over";

bool holds_for_good(const gate& g) {
  return !g.passed && g.known && g.name != claim_gate_name && g.name != own_lease_gate_name &&
         g.name != decline_gate_name && g.name != answer_gate_name && g.name != fence_gate_name &&
         g.name != earlier_gate_name;
}

std::string figure(const std::optional<sequence>& number) {
  return number ? fmt::format("sequence {}", *number) : std::string("an unknown sequence");
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
    const auto possible = candidates();
    account_gates(possible);
    const auto chosen = choose(possible);
    if (planned())
      source_alive();
    else
      source_gone(chosen);
    result_.destination = chosen;
    const auto& gates = result_.gates;
    const bool for_good = std::any_of(gates.begin(), gates.end(), holds_for_good);
    const bool blocked = std::any_of(gates.begin(), gates.end(), [](const gate& g) { return !g.passed; });
    const bool only_claims = std::all_of(gates.begin(), gates.end(), [](const gate& g) {
      return g.passed || !g.known || g.name == claim_gate_name;
    });
    if (!only_claims)
      result_.claims_needed.clear(); // nobody is claimed for a promotion that holds anyway
    if (for_good)
      result_.declines.clear();
    if (!blocked)
      result_.event = event(chosen);
    result_.waits = blocked && !for_good;
    result_.is_second = result_.waits && std::any_of(gates.begin(), gates.end(), [](const gate& g) {
                          return !g.passed && g.name == earlier_gate_name;
                        });
    return std::move(result_);
  }

private:
  bool planned() const { return wanted_.kind == promotion_kind::planned; }

  void add(std::vector<gate>& gates, std::string name, const node_name& about, bool passed,
           std::string figures, bool is_known = true) {
    gates.push_back({std::move(name), about, passed, std::move(figures), is_known});
  }

  void account_gates(const std::vector<node_name>& candidates) {
    auto& gates = result_.gates;
    add(gates, "not paused", {}, !account_.is_paused,
        account_.is_paused ? "its replicas are paused: restartReplicas first" : "its replicas aren't paused");
    if (planned()) {
      const auto* current = account_.terms.current();
      const bool settled = current && current->state == term_state::activated;
      add(gates, "no promotion under way", {}, settled,
          settled ? fmt::format("its epoch {} is active", current->term) : why_not_active(current));
    }
    protection_gate(candidates.size() == 1 && goes_back_to(candidates.front()));
    if (facts_)
      add(gates, "figures", {}, true,
          fmt::format("acknowledged up to {}, in the log up to {}", figure(facts_->acknowledged),
                      figure(facts_->in_log)),
          facts_->acknowledged.has_value() && facts_->in_log.has_value());
  }

  /// What isn't promised may be missing from the log: of a planned promotion the destinations then stop at
  /// the fence, which says so (R29), and only the source has everything. Where nothing is known to be missing
  /// (durability is asynchronous, a setting isn't right) a living source hands all of it over.
  void protection_gate(bool goes_back) {
    const auto& gap = account_.gap;
    const bool drains = planned() && gap && !gap->lacks_changes();
    std::string figures = "every acknowledged write is in the log";
    if (gap) {
      std::string_view then = planned() ? ": wait until it is protected again, or give --accept-loss for it"
                                        : ": give --accept-loss for it";
      if (drains)
        then = ", and its source hands everything over";
      else if (goes_back)
        then = ", and goes back to its source, which has everything";
      else if (accept_loss_)
        then = ", and its loss was accepted";
      figures = fmt::format("it is unprotected since sequence {} ({}){}", gap->since, gap->reason, then);
    }
    add(result_.gates, "protected", {}, !gap || accept_loss_ || goes_back || drains, std::move(figures));
  }

  std::vector<node_name> candidates() const {
    if (wanted_.destination)
      return {*wanted_.destination};
    return by_priority();
  }

  /// The first destination that passes its gates, or has none but unknown ones, for whose answer is asked
  /// again; its gates, or those of all if none does, are kept.
  node_name choose(const std::vector<node_name>& candidates) {
    if (candidates.empty())
      add(result_.gates, "is a destination", {}, false, "it has no destination: setAccountDestination first");
    std::vector<gate> passed_over;
    for (const auto& node : candidates) {
      auto gates = destination_gates(node);
      const bool passes =
          std::all_of(gates.begin(), gates.end(), [](const gate& g) { return g.passed || !g.known; });
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
    const bool begins = pending && lives(pending->primary);
    if (begins)
      std::stable_partition(candidates.begin(), candidates.end(),
                            [&](const node_name& node) { return node == pending->primary.get(); });
    if (goes_back_to(account_.primary()) && account_.terms.current()->origin == term_origin::planned &&
        lives(account_.primary())) {
      if (!account_.is_protected() && !accept_loss_ && !begins)
        candidates.clear(); // nobody else is known to have everything
      candidates.push_back(account_.primary());
    }
    return candidates;
  }

  /// A promotion that never became active may be given back to the source, which has everything.
  bool goes_back_to(const node_name& node) const {
    return node == account_.primary() && !planned() && account_.terms.active() != nullptr &&
           account_.terms.current()->state != term_state::activated;
  }

  static std::string why_not_active(const term_entry* current) {
    if (!current)
      return "it has no epoch yet";
    if (current->origin == term_origin::enrolment)
      return fmt::format("its first epoch on {} isn't active yet", current->primary.get());
    return fmt::format("its promotion to {} in epoch {} is under way{}", current->primary.get(),
                       current->term, whose(*current));
  }

  bool lives(const node_name& node) const {
    const auto known = live_.nodes.find(node);
    return known != live_.nodes.end() && known->second.lease_runs && !known->second.sick;
  }

  /// Destinations of a better priority that were passed over hold nothing, but are told.
  void explain(const std::vector<gate>& passed_over) {
    for (const auto& g : passed_over)
      if (!g.passed)
        add(result_.gates, "passed over", g.about, true, g.figures);
  }

  std::vector<gate> destination_gates(const node_name& node) {
    std::vector<gate> gates;
    const auto* destination = account_.destination(node);
    const bool is_source = node == account_.primary();
    const bool goes_back = goes_back_to(node);
    add(gates, "is not the source", node, !is_source || goes_back,
        goes_back   ? fmt::format("{} is its source, and has everything: it goes back there", node)
        : is_source ? fmt::format("{} is its source already", node)
                    : fmt::format("its source is {}", account_.primary()));
    if (is_source && !goes_back)
      return gates; // nothing else of it would tell more
    if (!is_source) {
      add(gates, "is a destination", node, destination != nullptr,
          destination ? fmt::format("{} is a destination with priority {}", node, destination->priority)
                      : fmt::format("{} is not a destination of this account", node));
      if (destination)
        add(gates, "snapshot ready", node, destination->ready, readiness(*destination));
    }
    const auto* pending = account_.promotion();
    const bool under_way =
        !planned() && pending && pending->primary == node && pending->origin == term_origin::unplanned;
    if (under_way)
      add(gates, std::string(under_way_gate_name), node, false,
          fmt::format("its promotion to {} in epoch {} is being carried out already{}", node, pending->term,
                      whose(*pending)));
    node_alive(gates, node);
    node_answers(gates, node);
    if (is_source || (destination && destination->ready))
      mailbox_gate(gates, node);
    if (facts_)
      if (const auto replica = facts_->replicas.find(node); replica != facts_->replicas.end())
        replica_gates(gates, node, replica->second);
    return gates;
  }

  std::string readiness(const destination_state& destination) const {
    const auto& node = destination.node.get();
    if (destination.ready)
      return fmt::format("the copy on {} is whole since sequence {}", node, destination.from);
    const auto* why = destination.reset_why.get();
    if (why && why->starts_with(parked_mark))
      return fmt::format("the copy on {} is {}", node, *why);
    // It asked for a snapshot for one reason, and may not have got it for another.
    if (facts_)
      if (const auto replica = facts_->replicas.find(node);
          replica != facts_->replicas.end() && !replica->second.not_whole.empty())
        why = &replica->second.not_whole;
    // Nobody asked for a snapshot for the old source yet: it does so itself, if it needs one (R33, R34).
    if (!why && account_.terms.primary_until_ms(node))
      return fmt::format("{} was its source before, and {}", node,
                         lives(node) ? "isn't known to have a whole copy yet"
                                     : "has to come back first: what it holds isn't known to be whole");
    return fmt::format("the snapshot for {} {}{}", node,
                       lives(node) ? "isn't complete yet" : "waits until that node is up",
                       why ? fmt::format(" ({})", *why) : std::string{});
  }

  void node_alive(std::vector<gate>& gates, const node_name& node) {
    const auto known = live_.nodes.find(node);
    const bool runs = known != live_.nodes.end() && known->second.lease_runs;
    const bool sick = known != live_.nodes.end() && known->second.sick;
    add(gates, "node alive", node, runs && !sick,
        sick   ? fmt::format("{} reports its mailstore sick: {}", node, *known->second.sick)
        : runs ? fmt::format("{} is up: its lease runs", node)
               : fmt::format("{} isn't up: its lease doesn't run", node));
  }

  /// Whether its replica runs and what its mail server has in memory only the node itself knows. One that is
  /// dead is held by its lease; one that lives is asked again. Nobody waits for ever where the source is
  /// dead.
  void node_answers(std::vector<gate>& gates, const node_name& node) {
    const auto known = live_.nodes.find(node);
    if (known == live_.nodes.end() || !known->second.silent || !lives(node))
      return;
    add(gates, "node answers", node, !live_.answers_may_come && !planned(),
        fmt::format("{} is up and didn't answer: whether anything there speaks against it isn't known", node),
        false);
  }

  void replica_gates(std::vector<gate>& gates, const node_name& node, const replica_facts& replica) {
    add(gates, "replica running", node, !replica.stopped,
        replica.stopped
            ? fmt::format("the replica on {} can't take over: {}", node, *replica.stopped)
            : fmt::format("the replica on {} has applied up to {}", node, figure(replica.applied)));
    volumes_gate(gates, node, replica.volumes.value_or(volume_facts{{}, {"nobody looked for them"}}));
    const bool loaded = replica.mailbox_loaded.value_or(false);
    add(gates, "mailbox not in memory", node, !loaded,
        loaded ? fmt::format("the mail server on {} still has an old copy of the mailbox in memory: restart "
                             "it, or unload the mailbox",
                             node)
        : replica.mailbox_loaded
            ? fmt::format("the mail server on {} has no old copy of the mailbox in memory", node)
            : fmt::format(
                  "whether the mail server on {} has an old copy of the mailbox in memory isn't known", node),
        replica.mailbox_loaded.has_value());
  }

  /// What nobody can say holds nothing: at night a destination that may not look must not stop a promotion.
  void volumes_gate(std::vector<gate>& gates, const node_name& node, const volume_facts& volumes) {
    const auto reached = volumes.reached();
    add(gates, "volumes reachable", node, reached.value_or(true),
        !reached   ? fmt::format("whether {} reaches the account's volumes isn't known: {}", node,
                                 fmt::join(volumes.unknown, "; "))
        : *reached ? fmt::format("{} reaches the account's volumes", node)
                   : fmt::format("{} doesn't reach the account's volumes: {}", node,
                                 fmt::join(volumes.missing, "; ")),
        reached.has_value());
  }

  epoch fenced() const { return facts_ ? facts_->fenced : epoch{}; }

  /// Living nodes carry out the promotion that was decided before: nobody takes the account away from them in
  /// the middle of it, whatever he names (R24). Only what has been its destination's turn for long may be
  /// superseded, and only by name.
  bool waits_for(const term_entry& pending, const node_name& destination) const {
    if (!lives(pending.primary))
      return false;
    const bool is_planned = pending.origin == term_origin::planned;
    const bool handed_over = !is_planned || fenced() >= pending.term;
    if (!handed_over && !lives(account_.primary()))
      return false;
    if (pending.primary == destination)
      return is_planned; // else it holds for good: "not under way already"
    if (pending.decline_asked)
      return false;
    const bool is_overdue = facts_ && facts_->overdue >= pending.term;
    return !handed_over || !wanted_.destination || !is_overdue;
  }

  void source_alive() {
    node_alive(result_.gates, account_.primary());
    mailbox_gate(result_.gates, account_.primary());
  }

  /// Whoever deleted a mailbox, or its row, left nothing to promote.
  void mailbox_gate(std::vector<gate>& gates, const node_name& node) {
    const auto known = facts_ ? facts_->has_mailbox.find(node) : std::map<node_name, bool>::const_iterator{};
    if (!facts_ || known == facts_->has_mailbox.end())
      return; // it didn't answer
    add(gates, "mailbox there", node, known->second,
        known->second ? fmt::format("{} has a mailbox of it", node)
                      : fmt::format("{} has no mailbox of it any more: removeAccountDestination ends its "
                                    "replication",
                                    node));
  }

  /// True: it waits for the end of that promotion, and asks nobody meanwhile.
  bool earlier_promotion(const node_name& destination) {
    const auto* pending = account_.promotion();
    if (!pending || !waits_for(*pending, destination))
      return false;
    const bool for_good = !wanted_.destination && pending->origin == term_origin::unplanned;
    add(result_.gates, std::string(for_good ? under_way_gate_name : earlier_gate_name), pending->primary,
        false,
        fmt::format("its promotion to {} in epoch {} is being carried out{}{}", pending->primary.get(),
                    pending->term, whose(*pending), for_good ? "" : ": its end is waited for"));
    return true;
  }

  void source_gone(const node_name& destination) {
    const auto* active = account_.terms.active();
    const bool waits = earlier_promotion(destination);
    for (const auto* open : account_.terms.unclosed(fenced())) {
      const node_name& node = open->primary;
      if (node == destination || (waits && open == account_.promotion()))
        continue; // its own epoch: it stops it by itself
      const auto claim = live_.claims.find(node);
      const bool claimed = claim != live_.claims.end() && claim->second.offset.value >= 0;
      const bool may_decline = open != active && open->origin != term_origin::enrolment;
      const auto* current = account_.terms.current();
      if (may_decline && lives(node) && !claimed) {
        result_.declines.push_back({account_.id, node, open->term, destination});
        add(result_.gates, std::string(decline_gate_name), node, false,
            fmt::format("{} was to begin epoch {}{} and is up: it is asked to decline", node, open->term,
                        whose(*open)));
      } else if (open == active && lives(node) && !claimed && current != active &&
                 current->origin == term_origin::planned) {
        // Only it knows whether it handed the fence over (R28).
        add(result_.gates, std::string(answer_gate_name), node, false,
            fmt::format("{} was to hand over to {} in epoch {}{}: its abort, or its fence, is waited for",
                        node, current->primary.get(), current->term, whose(*current)));
      } else if (open == active && lives(node) && !claimed && declined_behind_its_fence(*open, *current)) {
        add(result_.gates, std::string(fence_gate_name), node, false,
            fmt::format("{} declined epoch {} behind its fence, which ends epoch {}: it is read first",
                        current->primary.get(), current->term, open->term));
      } else if (lives(node) && !claimed) {
        add(result_.gates, "source gone", node, false,
            open == current && open->origin == term_origin::enrolment
                ? fmt::format("its first epoch on {} isn't active yet: try again in a moment", node)
                : fmt::format(
                      "{} may still write it, its lease runs: try again in a moment, or stop that node",
                      node));
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
    // R22. Behind an outage of Kafka the deciding node's own lease is what doesn't run: a claim would end the
    // commits of a mailstore that is well, and most of all its own.
    if (!claim && !lives(live_.self)) {
      add(result_.gates, std::string(own_lease_gate_name), live_.self, false,
          node == live_.self
              ? fmt::format(
                    "{} is its source and decides this, and its own lease doesn't run: that is waited "
                    "for; another node can be asked, too (--node)",
                    node)
              : fmt::format("{} decides this, and can't claim {} before its own lease runs: that is waited "
                            "for; another node can be asked, too (--node)",
                            live_.self, node));
      return;
    }
    const bool ready = claim && claim->ready;
    add(result_.gates, std::string(claim_gate_name), node, ready,
        claim ? fmt::format("{} is claimed (at {}): {}", node, claim->offset, claim->figures)
              : fmt::format("{} isn't claimed yet: that comes first, and takes a little more than a lease",
                            node));
    if (ready)
      add_claim({node, claim->offset, claim->appended});
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
    decided.fenced = planned() ? epoch{} : fenced();
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
