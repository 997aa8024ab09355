// An account's way through its epochs on one node (R27–R31, R34).
#include "tests/simulation/sim_process.hpp"

namespace understudy::simulation {
namespace {

constexpr instant guard_limit = 1500 * millisecond;

} // namespace

void sim_process::guard(const account_id& account, bool stand) {
  host_.db.guarded()[account] = stand;
}

void sim_process::drive_accounts() {
  if (!attached_ || !host_.db.up())
    return;
  for (const auto& account : control_.accounts()) {
    const auto& id = account.id;
    const auto role = host_.db.role(id);
    decline_if_asked(account, role);
    if (role.source)
      drive_source(account, role);
    else if (role.decision.value >= 0)
      hand_over(account, role);
    drive_promotion(account, role);
    drive_replica(account, role);
  }
}

/// The node is the account's source as far as its own MariaDB knows.
void sim_process::drive_source(const account_state& account, const role_row& role) {
  const auto& id = account.id;
  const auto* current = account.terms.current();
  if (!current)
    return;
  if (current->term == role.term) {
    if (const auto standing = guard_since_.find(id); standing != guard_since_.end()) {
      guard(id, false); // the planned decision was aborted
      guard_since_.erase(standing);
    }
    return;
  }
  if (current->term < role.term)
    return;
  if (ended_without_us(id, role.term))
    return; // see end_commits()
  // A planned decision of ours. Declined by its destination, or the guard takes too long: it is given up,
  // which only we may do, and only as long as the role row isn't written (R28).
  if (current->state == term_state::declined || aborting_[id] == current->term) {
    aborting_[id] = current->term;
    return say(id, promotion_aborted{current->term, "given up"});
  }
  auto& since = guard_since_[id];
  if (since.first != current->term) {
    since = {current->term, world_.time.now()};
    guard(id, true);
    world_.log.tell("{} guards {} for epoch {}", host_.name, id, current->term);
    if (world_.random.percent(10))
      aborting_[id] = current->term;
    return;
  }
  if (world_.time.now() > since.second + guard_limit) {
    aborting_[id] = current->term;
    return;
  }
  if (!world_.random.percent(50))
    return;
  role_row leaving;
  leaving.term = current->term;
  leaving.decision = current->decision;
  host_.db.write_role(id, leaving);
  world_.log.tell("{} writes its role row: {} leaves for epoch {}", host_.name, id, current->term);
}

/// The role row is written: when capture has met it, the fence goes out behind everything before it.
void sim_process::hand_over(const account_state& account, const role_row& role) {
  const auto& id = account.id;
  const auto* pending = account.terms.pending();
  const bool to_carry_out = pending && pending->term == role.term;
  if (to_carry_out && in_force(id) < role.term && captured_ > host_.db.role_index(id))
    hand_over_fence(id, role.term, role.decision);
  const auto* current = account.terms.current();
  if (current && (current->term != role.term || current->state == term_state::activated)) {
    guard(id, false);
    guard_since_.erase(id);
  }
}

/// R34: at its own cut the old source is a replica by itself, if nothing was written there since.
void sim_process::become_replica_at(const line_fence& fence) {
  auto& db = host_.db;
  const auto role = db.role(fence.account);
  const bool ours = !role.source && role.decision == fence.decision && role.term == fence.term;
  if (!ours || db.replica(fence.account).tracking || db.rows(fence.account).size() != fence.cut.value)
    return;
  db.replica(fence.account) = {true, fence.term, fence.cut, kafka_offset{-1}, fence.term, false};
  world_.truth.replica_at(fence.account, fence.cut, db.rows(fence.account), host_.name, true);
}

void sim_process::hand_over_fence(const account_id& account, epoch term, kafka_offset decision) {
  if (fence_handed_[account] == term)
    return;
  fence_handed_[account] = term;
  world_.log.tell("{} hands over the fence of epoch {} of {}", host_.name, term, account);
  produce(fence_event{account, term, decision, true}, nullptr);
}

void sim_process::leave_epoch(const account_id& account, epoch term) {
  auto& db = host_.db;
  const auto role = db.role(account);
  if (!role.source || role.term > term)
    return;
  role_row none;
  none.term = role.term;
  db.write_role(account, none);
  db.replica(account).tracking = false;
  guard(account, false);
  guard_since_.erase(account);
}

/// The account is to begin here.
void sim_process::drive_promotion(const account_state& account, const role_row& role) {
  const auto& id = account.id;
  auto& db = host_.db;
  const auto* pending = account.terms.pending();
  if (!pending || pending->primary != host_.name) {
    if (const auto* active = account.terms.active();
        active && active->primary == host_.name && role.source && role.term == active->term)
      world_.directory[id] = host_.name; // read back: control says so too
    if (!guard_since_.contains(id) && role.decision.value < 0)
      guard(id, false); // of a beginning that was superseded
    return;
  }
  const bool first = pending->origin == term_origin::enrolment;
  if (role.source && role.term == pending->term) {
    if (captured_ > db.role_index(id))
      say(id, activated{pending->term, first ? kafka_offset{-1} : role.fence, role.cut, ""});
    return;
  }
  if (first || world_.chosen.broken == mutant::fence_ignored) {
    role_row begins{pending->term, true, kafka_offset{-1}, kafka_offset{0}, {}};
    world_.truth.begins(id, begins.term, host_.name, db.rows(id));
    numbers_[id] = {};
    db.write_role(id, begins);
    return;
  }
  if (in_force(id) < pending->term) {
    if (pending->origin == term_origin::unplanned)
      hand_over_fence(id, pending->term, pending->decision);
    return;
  }
  const auto& fence = fences_[id];
  // Under the guard, and with everything captured, so that no foreign write slips in before the role row.
  guard(id, true);
  if (captured_ < db.binlog().size())
    return;
  const bool whole = db.replica(id).tracking && db.replica(id).number == fence.cut;
  if (!whole || declining_[id] == pending->term) {
    // It can't begin, so it says so: another may be decided without a claim on this node (R24).
    declining_[id] = pending->term;
    guard(id, false);
    return say(id, declined{pending->term, "its replica is not whole"});
  }
  world_.log.tell("{} writes its role row: {} begins epoch {}", host_.name, id, pending->term);
  world_.truth.begins(id, pending->term, host_.name, db.rows(id));
  db.replica(id).tracking = false;
  db.replica(id).stayed_behind = true;
  numbers_[id] = {fence.cut, fence.cut};
  db.write_role(id, {pending->term, true, kafka_offset{-1}, fence.offset, fence.cut});
  guard(id, false);
}

void sim_process::drive_replica(const account_state& account, const role_row& role) {
  const auto* wanted = account.destination(host_.name);
  auto& replica = host_.db.replica(account.id);
  if (!wanted || role.source)
    return;
  if (wanted->ready) {
    if (!replica.tracking)
      say(account.id, replica_reset{host_.name, "not whole"});
    return;
  }
  const auto* active = account.terms.active();
  const bool handed_over =
      active && replica.handed_over == active->term && active->origin == term_origin::planned;
  if (replica.tracking && (replica.answers == wanted->requested || handed_over))
    say(account.id,
        replica_ready{host_.name, wanted->requested, handed_over ? "" : "snapshot", replica.number});
}

/// R24: before the role row only.
void sim_process::decline_if_asked(const account_state& account, const role_row& role) {
  const auto* pending = account.terms.pending();
  if (!pending || !pending->decline_asked || pending->primary != host_.name || role.term >= pending->term)
    return;
  // The source that was claimed for it may live again: its epoch is cut all the same.
  if (pending->origin == term_origin::unplanned && in_force(account.id) < pending->term)
    return hand_over_fence(account.id, pending->term, pending->decision);
  declining_[account.id] = pending->term;
  say(account.id, declined{pending->term, "asked"});
}

} // namespace understudy::simulation
