#include "events/control/decide.hpp"

#include "events/control/decide_promotion.hpp"
#include "events/control/placement.hpp"

#include <algorithm>
#include <set>

namespace understudy {
namespace {

/// The events of one account, each expecting the version that the one before it makes.
class account_events {
public:
  account_events(account_id account, account_version version)
      : account_(std::move(account))
      , version_(version) {}
  void add(std::vector<control_event>& events, account_change_body body) {
    events.push_back(account_change{account_, version_, std::move(body)});
    version_ = version_.next();
  }

private:
  account_id account_;
  account_version version_;
};

bool all_passed(const account_decision& decided) {
  return std::all_of(decided.gates.begin(), decided.gates.end(), [](const gate& g) { return g.passed; });
}

std::string first_blocked(const account_decision& decided) {
  for (const auto& g : decided.gates)
    if (!g.passed)
      return g.figures;
  return {};
}

gate destination_gate(const account_state& account, const node_name& node) {
  const bool exists = account.destination(node) != nullptr;
  return {"is a destination", node, exists,
          fmt::format("{} {} a destination of this account", node, exists ? "is" : "is not")};
}

class decider {
public:
  decider(const control_state& state, const command& wanted, const live_facts& facts)
      : state_(state)
      , command_(wanted)
      , facts_(facts) {}

  decision run() {
    std::visit([this](const auto& body) { decide_on(body); }, command_.body);
    const bool any = std::any_of(result_.accounts.begin(), result_.accounts.end(),
                                 [](const auto& account) { return account.decided; });
    if (any && !command_.operation.empty() && !state_.operation(command_.operation))
      result_.events.insert(result_.events.begin(),
                            operation_started{command_.operation, kind_, command_.by, command_.at_ms,
                                              result_.accounts.size(), command_.text});
    std::sort(result_.claims_needed.begin(), result_.claims_needed.end());
    result_.claims_needed.erase(std::unique(result_.claims_needed.begin(), result_.claims_needed.end()),
                                result_.claims_needed.end());
    return std::move(result_);
  }

private:
  void decide_on(const enrol& body) {
    kind_ = "enrol";
    placement place(state_, facts_.partitions);
    for (const auto& account : body.accounts)
      enrol_one(account, body, place);
  }

  void decide_on(const unenrol& body) {
    kind_ = "unenrol";
    for (const auto& id : body.accounts)
      unenrol_one(id, body.destination);
  }

  void decide_on(const promote& body) {
    kind_ = "promote";
    const std::set<account_id> loss(body.accept_loss.begin(), body.accept_loss.end());
    for (const auto& id : body.accounts) {
      auto decided = begin(id);
      if (const auto* account = known(decided, id)) {
        auto promotion = decide_promotion(*account, body, loss.contains(id), facts_);
        decided.gates.insert(decided.gates.end(), promotion.gates.begin(), promotion.gates.end());
        decided.destination = promotion.destination;
        decided.waits = promotion.waits;
        decided.is_second = promotion.is_second;
        result_.claims_needed.insert(result_.claims_needed.end(), promotion.claims_needed.begin(),
                                     promotion.claims_needed.end());
        result_.declines.insert(result_.declines.end(), promotion.declines.begin(), promotion.declines.end());
        if (all_passed(decided) && promotion.event) {
          decided.text =
              fmt::format("promoted to {} in epoch {}", promotion.event->to, promotion.event->term);
          account_events(id, account->version).add(result_.events, *promotion.event);
        }
      }
      finish(std::move(decided));
    }
  }

  void decide_on(const pause_replicas& body) { set_paused(body.accounts, true); }
  void decide_on(const resume_replicas& body) { set_paused(body.accounts, false); }

  void decide_on(const reinitialise& body) {
    kind_ = "reinitialise";
    auto decided = begin(body.account);
    if (const auto* account = known(decided, body.account)) {
      decided.gates.push_back(destination_gate(*account, body.node));
      not_being_promoted(decided, *account);
      if (all_passed(decided)) {
        decided.text = fmt::format("the replica on {} gets a new snapshot", body.node);
        account_events(body.account, account->version)
            .add(result_.events, replica_reset{body.node, body.reason});
      }
    }
    finish(std::move(decided));
  }

  void enrol_one(const account_to_enrol& wanted, const enrol& body, placement& place) {
    auto decided = begin(wanted.id);
    decided.name = wanted.name;
    const auto* account = state_.account(wanted.id);
    const bool is_new = !account || account->is_withdrawn;
    const node_name& home = home_of(state_, wanted);
    node_known(decided, home);
    if (home != body.destination)
      node_known(decided, body.destination);
    decided.gates.push_back(source_gate(home, body.destination));
    if (all_passed(decided)) {
      account_events events(wanted.id, account ? account->version : account_version{});
      const auto* old = is_new ? nullptr : account->destination(body.destination);
      if (is_new)
        events.add(
            result_.events,
            enrolled{wanted.name, home, account ? account->partition : place.place(home, body.destination)});
      if (!old || old->priority != body.priority)
        events.add(result_.events, destination_set{body.destination, body.priority});
      decided.text =
          old ? fmt::format("{} is its destination with priority {}", body.destination, body.priority)
              : fmt::format("replicated to {} with priority {}", body.destination, body.priority);
    }
    finish(std::move(decided));
  }

  void unenrol_one(const account_id& id, const node_name& destination) {
    auto decided = begin(id);
    if (const auto* account = known(decided, id)) {
      decided.gates.push_back(destination_gate(*account, destination));
      not_being_promoted(decided, *account);
      if (all_passed(decided)) {
        account_events events(id, account->version);
        events.add(result_.events, destination_removed{destination});
        const bool last = account->destinations.size() == 1;
        if (last)
          events.add(result_.events, withdrawn{});
        decided.text = last ? fmt::format("not replicated any more: {} was its last destination", destination)
                            : fmt::format("not replicated to {} any more", destination);
      }
    }
    finish(std::move(decided));
  }

  void set_paused(const std::vector<account_id>& accounts, bool pause) {
    kind_ = pause ? "pause" : "resume";
    for (const auto& id : accounts) {
      auto decided = begin(id);
      if (const auto* account = known(decided, id)) {
        if (pause) // its destination would stop before the fence, and nobody could write the account
          not_being_promoted(decided, *account);
        decided.text = pause                ? "its replicas are paused"
                       : account->is_paused ? "its replicas go on"
                                            : "it wasn't paused; what stopped of it is tried again";
        account_events events(id, account->version);
        if (!pause)
          events.add(result_.events, resumed{});
        else if (!account->is_paused && all_passed(decided))
          events.add(result_.events, paused{});
      }
      finish(std::move(decided));
    }
  }

  /// A repeated account is decided once: its second decision would expect a version that never comes.
  account_decision begin(const account_id& id) {
    account_decision decided;
    decided.account = id;
    if (const auto* account = state_.account(id))
      decided.name = account->name;
    if (!seen_.insert(id).second)
      decided.gates.push_back({"named once", {}, false, "the account is named more than once"});
    return decided;
  }

  const account_state* known(account_decision& decided, const account_id& id) const {
    const auto* account = state_.account(id);
    const bool is_enrolled = account && !account->is_withdrawn;
    decided.gates.push_back(
        {"enrolled",
         {},
         is_enrolled,
         std::string(is_enrolled ? std::string_view("it is replicated") : not_replicated_text)});
    return is_enrolled && all_passed(decided) ? account : nullptr;
  }

  void node_known(account_decision& decided, const node_name& name) const {
    const auto* node = state_.node(name);
    const bool is_known = node && node->announced_at.value >= 0;
    decided.gates.push_back({"node known", name, is_known,
                             is_known
                                 ? fmt::format("{} is known", name)
                                 : fmt::format("no node named {} is known: start understudyd there", name)});
  }

  static void not_being_promoted(account_decision& decided, const account_state& account) {
    const auto* promotion = account.promotion();
    decided.gates.push_back({"no promotion under way",
                             {},
                             promotion == nullptr,
                             promotion
                                 ? fmt::format("its promotion to {} in epoch {} is under way{}",
                                               promotion->primary.get(), promotion->term, whose(*promotion))
                                 : "no promotion of it is under way"});
  }

  void finish(account_decision decided) {
    decided.decided = all_passed(decided);
    decided.waits = decided.waits && !decided.decided;
    if (!decided.decided)
      decided.text = first_blocked(decided);
    result_.accounts.push_back(std::move(decided));
  }

  const control_state& state_;
  const command& command_;
  const live_facts& facts_;
  std::string kind_;
  std::set<account_id> seen_;
  decision result_;
};

} // namespace

const node_name& home_of(const control_state& state, const account_to_enrol& wanted) {
  const auto* account = state.account(wanted.id);
  return account == nullptr || account->is_withdrawn ? wanted.home : account->primary();
}

gate source_gate(const node_name& home, const node_name& destination) {
  const bool is_source = home == destination;
  return {"is not the source", destination, !is_source,
          is_source ? fmt::format("{} is its source: choose another destination", home)
                    : fmt::format("its source is {}", home)};
}

decision decide(const control_state& state, const command& wanted, const live_facts& facts) {
  return decider(state, wanted, facts).run();
}

} // namespace understudy
