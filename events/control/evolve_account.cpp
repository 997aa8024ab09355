#include "events/control/evolve_account.hpp"

#include <algorithm>

namespace understudy {
namespace {

/// Each overload checks one kind of change, applies it, and returns why it is void, or an empty text.
class account_folder {
public:
  account_folder(control_state& state, account_state& account, const control_record& record,
                 kafka_offset offset)
      : state_(state)
      , account_(account)
      , record_(record)
      , offset_(offset) {}

  std::string operator()(const enrolled& event) {
    if (account_.version.value > 0 && !account_.is_withdrawn)
      return "it is replicated already";
    if (account_.partition.value >= 0 && account_.partition != event.partition)
      return fmt::format("its partition is {} and never moves", account_.partition);
    account_.name = event.name;
    account_.partition = event.partition;
    account_.is_withdrawn = account_.is_paused = false;
    account_.destinations.clear();
    account_.gap = std::make_shared<const protection_gap>(
        protection_gap{"enrolled, its capture has not begun yet", sequence{1}, {}, {}});
    term_entry entry;
    entry.term = account_.terms.next_term();
    entry.primary = state_.share(event.home);
    entry.decision = offset_;
    account_.terms.enrol(std::move(entry));
    return {};
  }

  std::string operator()(const destination_set& event) {
    if (account_.primary() == event.node)
      return fmt::format("{} is its source", event.node);
    if (auto* known = edit(event.node)) {
      known->priority = event.priority;
    } else {
      destination_state fresh;
      fresh.node = state_.share(event.node);
      fresh.priority = event.priority;
      fresh.requested = offset_;
      account_.destinations.push_back(std::move(fresh));
    }
    sort_destinations();
    return {};
  }

  std::string operator()(const destination_removed& event) {
    if (!edit(event.node))
      return fmt::format("{} is not a destination of it", event.node);
    if (const auto* promotion = account_.promotion(); promotion && promotion->primary == event.node)
      return fmt::format("it is being promoted to {}", event.node);
    std::erase_if(account_.destinations, [&](const auto& d) { return d.node == event.node; });
    account_.destinations.shrink_to_fit();
    return {};
  }

  std::string operator()(const withdrawn&) {
    if (account_.promotion())
      return "a promotion of it is not finished";
    account_.is_withdrawn = true;
    account_.destinations = {};
    account_.gap = std::make_shared<const protection_gap>(protection_gap{"not replicated", {}, {}, {}});
    return {};
  }

  std::string operator()(const promotion_decided& event) {
    if (auto why = why_not(event); !why.empty())
      return why;
    term_entry entry;
    entry.term = event.term;
    entry.primary = state_.share(event.to);
    entry.decision = offset_;
    entry.origin = event.kind == promotion_kind::planned ? term_origin::planned : term_origin::unplanned;
    entry.return_source = event.return_source;
    if (!event.claims.empty())
      entry.claims = std::make_shared<const std::vector<claim_reference>>(event.claims);
    entry.rivals = std::make_shared<const contention>(contention{contender_of(event.to), {}});
    account_.terms.add(std::move(entry));
    return {};
  }

  std::string operator()(const paused&) {
    if (account_.is_paused)
      return "it is paused already";
    account_.is_paused = true;
    return {};
  }

  std::string operator()(const resumed&) {
    account_.is_paused = false;
    return {};
  }

  std::string operator()(const renamed& event) {
    if (account_.primary() != record_.from.node)
      return fmt::format("its name is what the registry of {} says", account_.primary());
    account_.name = event.name;
    return {};
  }

  std::string operator()(const replica_ready& event) {
    auto* destination = edit(event.node);
    if (!destination)
      return fmt::format("{} is not a destination of it", event.node);
    if (event.node != record_.from.node)
      return fmt::format("only {} itself may say so", event.node);
    if (destination->requested != event.request)
      return fmt::format("it answers the request at {}, the last one is at {}", event.request,
                         destination->requested);
    destination->ready = true;
    destination->from = event.number;
    destination->reset_why = nullptr;
    return {};
  }

  std::string operator()(const replica_reset& event) {
    auto* destination = edit(event.node);
    if (!destination)
      return fmt::format("{} is not a destination of it", event.node);
    reset(*destination, event.reason);
    return {};
  }

  std::string operator()(const unprotected& event) {
    if (auto why = why_not_primary(event.term); !why.empty())
      return why;
    // What wasn't promised before isn't promised now: the earlier beginning stays.
    protection_gap gap{event.reason, event.since, {}, kafka_offset{-1}};
    if (!event.is_written && event.since != sequence{}) {
      gap.missing = event.is_unseen ? sequence{} : event.since;
      gap.at = offset_;
    }
    if (const auto& before = account_.gap) {
      gap.since = std::min(before->since, gap.since);
      gap.missing = std::max(before->missing, gap.missing);
      gap.at = std::max(before->at, gap.at);
    }
    account_.gap = std::make_shared<const protection_gap>(std::move(gap));
    return {};
  }

  std::string operator()(const protected_again& event) {
    if (auto why = why_not_primary(event.term); !why.empty())
      return why;
    account_.gap = nullptr;
    return {};
  }

  std::string operator()(const promotion_aborted& event) {
    const auto* entry = account_.terms.current();
    if (!entry || entry->term != event.term)
      return fmt::format("epoch {} is not the last one decided", event.term);
    if (entry->origin != term_origin::planned)
      return fmt::format("epoch {} was not a planned promotion", event.term);
    if (entry->state == term_state::activated)
      return fmt::format("epoch {} is active", event.term);
    if (account_.primary() != record_.from.node)
      return fmt::format("only the source, {}, may abort it", account_.primary());
    close(event.term, term_state::aborted);
    return {};
  }

  std::string operator()(const activated& event) {
    if (auto why = why_not_primary(event.term); !why.empty())
      return why;
    const auto* entry = account_.terms.current();
    if (entry->state == term_state::activated)
      return fmt::format("epoch {} is active already", event.term);
    if ((entry->origin == term_origin::enrolment) != (event.fence.value < 0))
      return "every epoch but the first of an enrolment begins behind a fence";
    exchange_roles(*entry);
    auto* active = account_.terms.edit(event.term);
    active->state = term_state::activated;
    active->fence = event.fence;
    active->activated_ms = record_.origin.at_ms;
    active->rivals = nullptr; // from here on the account's origin tells
    account_.gap =
        event.gap.empty()
            ? nullptr
            : std::make_shared<const protection_gap>(protection_gap{event.gap, event.cut.next(), {}, {}});
    return {};
  }

  std::string operator()(const declined& event) {
    const auto* entry = account_.terms.find(event.term);
    if (!entry || entry->term < account_.terms.first() || entry->state != term_state::decided)
      return fmt::format("epoch {} is not waiting to become active", event.term);
    if (entry->primary != record_.from.node)
      return fmt::format("only {} may decline epoch {}", entry->primary.get(), event.term);
    close(event.term, term_state::declined);
    return {};
  }

  std::string operator()(const decline_asked& event) {
    auto* entry = account_.terms.edit(event.term);
    if (!entry || entry->term < account_.terms.first() || entry->state != term_state::decided)
      return fmt::format("epoch {} is not waiting to become active", event.term);
    if (entry->decline_asked)
      return fmt::format("{} was asked to decline epoch {} before", entry->primary.get(), event.term);
    entry->decline_asked = true;
    if (entry->rivals)
      entry->rivals =
          std::make_shared<const contention>(contention{entry->rivals->decided, contender_of(event.instead)});
    return {};
  }

private:
  contender contender_of(const node_name& destination) {
    return {state_.share(record_.origin), state_.share(record_.from.node), state_.share(destination)};
  }

  destination_state* edit(const node_name& node) {
    return const_cast<destination_state*>(std::as_const(account_).destination(node));
  }

  void sort_destinations() {
    std::sort(account_.destinations.begin(), account_.destinations.end(), [](const auto& a, const auto& b) {
      return std::tie(a.priority, a.node.get()) < std::tie(b.priority, b.node.get());
    });
    account_.destinations.shrink_to_fit();
  }

  void reset(destination_state& destination, std::string why) {
    destination.ready = false;
    destination.requested = offset_;
    destination.reset_why = std::make_shared<const std::string>(std::move(why));
  }

  void close(epoch term, term_state state) {
    auto* entry = account_.terms.edit(term);
    // A decline closed the epoch where it stands, whatever its source says later: readers judge by the
    // offset.
    if (entry->state != term_state::declined)
      entry->closed = offset_;
    entry->state = state;
  }

  std::string why_not_primary(epoch term) const {
    const auto* entry = account_.terms.current();
    if (!entry || account_.is_withdrawn)
      return "it is not replicated";
    if (entry->term != term)
      return fmt::format("it speaks of epoch {}, epoch {} was decided", term, entry->term);
    if (entry->state == term_state::declined)
      return fmt::format("epoch {} was declined", term);
    if (entry->primary != record_.from.node)
      return fmt::format("epoch {} is {}'s", term, entry->primary.get());
    return {};
  }

  std::string why_not(const promotion_decided& event) const {
    const auto* current = account_.terms.current();
    if (!current)
      return "it is not replicated";
    if (event.term != account_.terms.next_term())
      return fmt::format("epoch {} is not the next one", event.term);
    if (event.from != account_.primary())
      return fmt::format("its source is {}", account_.primary());
    const bool back_to_source =
        event.to == event.from && account_.terms.active() && current->state != term_state::activated;
    if (!account_.destination(event.to) && !back_to_source)
      return fmt::format("{} is not a destination of it", event.to);
    if (event.kind == promotion_kind::planned)
      return current->state == term_state::activated ? std::string{}
                                                     : "an earlier promotion of it is not finished";
    for (const auto& claim : event.claims)
      if (const auto* node = state_.node(claim.node);
          node && node->has_returned(claim.offset, claim.appended))
        return fmt::format("{} has returned: the claim at {} is over", claim.node, claim.offset);
    for (const auto* open : account_.terms.unclosed(event.fenced))
      if (open->primary != event.to &&
          std::none_of(event.claims.begin(), event.claims.end(),
                       [&](const auto& claim) { return claim.node == open->primary.get(); }))
        return fmt::format("no claim on {}, primary of epoch {}", open->primary.get(), open->term);
    return {};
  }

  /// The new primary leaves the destinations, the old one may take its place; who was named primary of an
  /// epoch in between, and never became active, may have written all the same.
  void exchange_roles(const term_entry& entry) {
    const auto* before = account_.terms.active();
    if (entry.origin == term_origin::enrolment || !before)
      return;
    std::uint32_t priority = 0;
    if (const auto* own = account_.destination(entry.primary))
      priority = own->priority;
    for (const auto& passed_over : account_.terms.all())
      if (passed_over.term > before->term && passed_over.term < entry.term &&
          passed_over.state == term_state::decided)
        if (auto* destination = edit(passed_over.primary))
          reset(*destination, fmt::format("named primary of epoch {}, never active", passed_over.term));
    std::erase_if(account_.destinations, [&](const auto& d) { return d.node == entry.primary; });
    if (entry.return_source && before->primary != entry.primary && !account_.destination(before->primary)) {
      destination_state source;
      source.node = before->primary;
      source.priority = priority;
      source.requested = offset_; // it asks for a snapshot itself, if it needs one (R33, R34)
      account_.destinations.push_back(std::move(source));
    }
    sort_destinations();
  }

  control_state& state_;
  account_state& account_;
  const control_record& record_;
  kafka_offset offset_;
};

} // namespace

event_outcome apply_account_change(control_state& state, const account_change& change,
                                   const control_record& record, kafka_offset offset) {
  const auto* known = state.account(change.account);
  const bool enrols = std::holds_alternative<enrolled>(change.body);
  if (!known && !enrols)
    return {false, "it is not replicated", {}};
  const auto version = known ? known->version : account_version{};
  if (is_decision(change.body) && version != change.expected) {
    event_outcome outcome{false, {}, known && known->origin ? *known->origin : change_origin{}};
    outcome.why = fmt::format("it was changed meanwhile (version {} instead of {}): run the command again",
                              version, change.expected);
    return outcome;
  }
  // What its primary didn't know yet when it said so may be what takes the protection away (R3).
  if (std::holds_alternative<protected_again>(change.body) && change.expected != account_version{} &&
      version != change.expected)
    return {false,
            fmt::format("it was changed meanwhile (version {} instead of {})", version, change.expected),
            {}};
  if (known && known->is_withdrawn && !enrols)
    return {false, "it is not replicated any more", {}};
  auto& account = state.edit_account(change.account);
  account_folder fold(state, account, record, offset);
  if (auto why = std::visit(fold, change.body); !why.empty())
    return {false, std::move(why), account.origin ? *account.origin : change_origin{}};
  account.version = account.version.next();
  if (is_decision(change.body))
    account.origin = state.share(record.origin);
  return {true, {}, {}};
}

} // namespace understudy
