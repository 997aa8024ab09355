// A node's leases, claims and commands (R18–R25).
#include "tests/simulation/sim_process.hpp"

namespace understudy::simulation {

void sim_process::renew() {
  const auto now = world_.time.now();
  if (!caught_up() || now < last_renewal_ + world_.limits.heartbeat_ms * millisecond)
    return;
  const renewal_facts facts{control_polled_, host_.db.up() ? std::optional(clock()) : std::nullopt,
                            attached_};
  if (!why_not_renew(facts, clock(), world_.limits.lease).empty())
    return;
  last_renewal_ = now;
  leases_out_->send({{host_.name, life_},
                     renewal{process_, static_cast<std::int64_t>(start_number_), ++renewals_, clock(), 1}},
                    nullptr);
}

/// Claimed: nothing is acknowledged until the commits are ended, then control is told (R8, R22).
void sim_process::answer_claims() {
  if (!caught_up())
    return;
  settle_.judge_again();
  const auto standing = lease_.claims_against_self();
  if (standing.empty())
    return;
  const auto newest = standing.back();
  if (std::exchange(claim_seen_, newest.offset) != newest.offset) {
    world_.log.tell("{} was claimed by {}: it ends its commits and returns", host_.name, newest.by);
    hold_acknowledging();
  }
  const auto now = world_.time.now();
  if (ending_ || (returning_ == newest.offset && now < returned_at_ + 400 * millisecond))
    return;
  returning_ = newest.offset;
  returned_at_ = now;
  append_control({return_from(standing)});
}

live_facts sim_process::facts() const {
  live_facts live;
  live.self = host_.name;
  live.partitions = 1;
  const auto now = clock();
  for (const auto& other : world_.hosts) {
    const auto& name = other->name;
    const auto peer = lease_.peer(name);
    auto& node = live.nodes[name];
    node.lease_runs = name == host_.name ? lease_.holds(now)
                                         : peer.last_renewal_read && !peer.claimed && !peer.resigned &&
                                               !lease_.suspected(name, now);
    const auto claim = lease_.claim_against(name, now);
    if (claim.stage == claim_stage::none || claim.stage == claim_stage::spoilt)
      continue;
    const bool hasty = world_.chosen.broken == mutant::claim_without_waiting;
    const bool ready = claim.stage == claim_stage::ready || (hasty && claim.stage == claim_stage::waiting);
    live.claims[name] = {claim.offset, ready, claim.why, claim.appended};
  }
  for (const auto& account : control_.accounts())
    live.accounts[account.id].fenced = in_force(account.id);
  return live;
}

void sim_process::take_command(command wanted) {
  running_.push_back({std::move(wanted), world_.time.now() + (world_.quiet() ? 3 : 10) * second, 0, {}, {}});
}

void sim_process::supervise() {
  if (!caught_up() || running_.empty())
    return;
  const auto now = world_.time.now();
  std::erase_if(running_, [&](const running& command) { return command.until <= now; });
  for (auto& running : running_) {
    if (now < running.next || !running.record.empty())
      continue;
    running.next = now + 50 * millisecond;
    auto live = facts();
    for (const auto& account : control_.accounts()) {
      auto& known = live.accounts[account.id];
      known.overdue = running.others.overdue(account, known.fenced, clock(), world_.limits.lease.lease);
    }
    const auto decided = decide(control_, running.wanted, live);
    if (!decided.events.empty()) {
      running.until = now; // decided once; whoever is void is told so
      world_.log.tell("{} decides: {}", host_.name, decided.accounts.front().text);
      append_control(decided.events, {running.wanted.operation, running.wanted.by, 0});
      continue;
    }
    for (const auto& wanted : decided.declines) {
      const auto* entry = control_.account(wanted.account)->terms.find(wanted.term);
      auto& last = decline_asked_[wanted.account];
      if (!entry || entry->decline_asked || now < last + 400 * millisecond)
        continue;
      last = now;
      append_control({account_change{wanted.account, {}, decline_asked{wanted.term, wanted.instead}}});
    }
    for (const auto& node : decided.claims_needed) {
      const auto stage = lease_.claim_against(node, clock()).stage;
      const bool again = stage == claim_stage::none || stage == claim_stage::spoilt;
      if (!again || !lease_.holds(clock()) || now < last_claim_ + 300 * millisecond)
        continue;
      last_claim_ = now;
      world_.log.tell("{} claims {}", host_.name, node);
      leases_out_->send({{host_.name, life_}, claim{node, process_, clock(), control_.next()}}, nullptr);
    }
  }
}

} // namespace understudy::simulation
