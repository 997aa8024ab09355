// A node's way from the binlog to Kafka, and back to the ACK (R2, R7, R11, R12, R19, R20).
#include "events/codec/encode.hpp"
#include "tests/simulation/sim_process.hpp"

namespace understudy::simulation {
namespace {

binlog_place place_behind(std::size_t index) {
  return {"binlog.000001", index + 1};
}

/// Each transaction of a server has the number that follows the one before.
std::size_t index_behind(const gtid_position& settled) {
  return settled.empty() ? 0 : settled.domains().begin()->second.number;
}

} // namespace

void sim_process::attach_capture() {
  auto& db = host_.db;
  if (attached_ || !db.up() || !caught_up())
    return;
  attached_ = true;
  if (!begun_)
    begin_capture();
  const auto resumption = settle_.resume();
  captured_ = index_behind(resumption.start);
  outstanding_.assign(resumption.outstanding.begin(), resumption.outstanding.end());
  db.acknowledge(captured_); // the server takes the requested start as acknowledged (R7)
  world_.log.tell("{} captures from binlog index {} of {}", host_.name, captured_, db.binlog().size());
  if (std::exchange(begun_, true))
    return;
  // Whoever waits for an epoch that was lost meanwhile is told so before anything is acknowledged (R19).
  lose_epochs();
  settle_.begin_acknowledging();
}

/// Numbering starts from what was read up to our own record (R12), so not before.
void sim_process::begin_capture() {
  const auto& db = host_.db;
  auto from = db.checkpoint.settled;
  if (world_.chosen.broken == mutant::tail_forgotten)
    from = db.binlog().size();
  for (std::size_t i = 0; i < from; ++i)
    if (db.binlog()[i].kind == binlog_entry::type::role)
      role_at_[db.binlog()[i].account] = db.binlog()[i].role;
  gtid_position settled;
  if (from > 0)
    settled.advance(db.binlog()[from - 1].id);
  settle_.begin_at(settled);
  take_up_numbers(settled);
}

/// R11, R12: from what was read up to our own record, and from the copies here. See read_own_lines().
void sim_process::take_up_numbers(const gtid_position& settled) {
  auto& db = host_.db;
  std::map<account_id, known_account> known;
  for (const auto& account : control_.accounts()) {
    const auto& role = role_at_[account.id];
    const bool is_known = role.term != epoch{} || account.destination(host_.name);
    const auto last = db.checkpoint.numbers.find(account.id);
    known[account.id] = {account.id,
                         mailbox_id{1},
                         partition_id{0},
                         role.term,
                         role.source ? account_role::source
                         : is_known  ? account_role::replica
                                     : account_role::none,
                         last == db.checkpoint.numbers.end() ? sequence{} : last->second,
                         true,
                         {}};
  }
  own_partition line(host_.name, account_life_, settled);
  tail_check tail;
  logged_fences fences;
  const auto& log = world_.accounts.log();
  const kafka_offset high(static_cast<std::int64_t>(log.size()));
  for (auto at = line.begin(db.checkpoint.read_from, {kafka_offset{0}, high}); at < high && !line.done();
       at = at.next()) {
    auto landed = log[static_cast<std::size_t>(at.value)];
    if (world_.chosen.broken == mutant::void_counts && landed.record.from.node == host_.name &&
        !std::holds_alternative<incarnation_event>(landed.record.body))
      landed.record.from.life = account_life_;
    line.take({partition_id{0}, at, {}, encode(landed.record).value(), landed.appended}, known, tail, fences);
  }
  for (auto& [id, account] : known) {
    if (const auto& copy = db.replica(id); copy.tracking || copy.stayed_behind)
      note_copy(account, {id, account.mailbox, copy.term, copy.number, {}, {}, replica_state::ready, {}, {}});
    numbers_[id] = {account.last, account.last};
    former_.add(id, std::move(account.known), account.marker);
  }
  met_ = settled;
  to_meet_ = settled;
  if (!db.binlog().empty())
    to_meet_.advance(db.binlog().back().id);
}

void sim_process::capture() {
  auto& db = host_.db;
  if (!attached_ || !db.up())
    return;
  for (int i = 0; i < world_.limits.read_batch && captured_ < db.binlog().size(); ++i) {
    const auto& entry = db.binlog()[captured_];
    const auto end = place_behind(captured_);
    ++captured_;
    if (was_read_before(entry, end))
      continue;
    met_.advance(entry.id);
    if (entry.kind == binlog_entry::type::role)
      role_at_[entry.account] = entry.role;
    if (entry.kind == binlog_entry::type::client)
      capture_write(entry, end);
    else
      settle_.begin(entry.id, end, 0, 1);
  }
}

/// R7: over a new connection what is outstanding comes again, and keeps its tickets.
bool sim_process::was_read_before(const binlog_entry& entry, const binlog_place& end) {
  if (outstanding_.empty())
    return false;
  if (outstanding_.front() != entry.id)
    world_.log.violated("R9: {} reads {} where it had read {}", host_.name, entry.id.text(),
                        outstanding_.front().text());
  outstanding_.pop_front();
  settle_.read_again(end);
  return true;
}

void sim_process::capture_write(const binlog_entry& entry, binlog_place end) {
  const auto role = role_at_[entry.account];
  const auto lost = lost_.find(entry.account);
  if (role.source && (lost == lost_.end() || role.term > lost->second)) {
    const auto check =
        std::make_shared<settlement::slice>(settlement::slice{settle_.begin(entry.id, std::move(end), 1, 1)});
    return produce_slice(entry, role.term, check);
  }
  settle_.begin(entry.id, std::move(end), 0, 1); // R35: a foreign write
  former_.take(entry.account, entry.id);
  auto& replica = host_.db.replica(entry.account);
  if (!replica.tracking)
    return;
  replica.tracking = false;
  world_.log.tell("{} finds foreign write {} of {}", host_.name, entry.write, entry.account);
  say(entry.account, replica_reset{host_.name, "foreign write"});
}

void sim_process::produce_slice(const binlog_entry& entry, epoch term, const settlement::slice_ptr& check) {
  const auto& account = entry.account;
  in_flight_.push_back({account, term, check});
  auto& numbers = numbers_[account];
  if (const auto known = former_.take(account, entry.id)) { // in Kafka since a life before this one
    numbers.sent = std::max(numbers.sent, known->number);
    numbers.confirmed = std::max(numbers.confirmed, known->number);
    return settle_.delivered(check, known->where);
  }
  const auto number = numbers.sent = numbers.sent.next();
  if (world_.chosen.broken == mutant::ack_before_kafka)
    settle_.delivered(check,
                      {partition_id{0}, kafka_offset{0}, broker_time(world_.time.now() / millisecond)});
  produce(
      transaction_event{account, term, number, entry.id, 0, {}},
      [this, account, term, number, check](const settlement::report& where) {
        settle_.delivered(check, where);
        auto& confirmed = numbers_[account].confirmed;
        if (const auto lost = lost_.find(account); lost == lost_.end() || term > lost->second)
          confirmed = std::max(confirmed, number);
      },
      check->number);
}

void sim_process::produce(account_event_body body, on_report done, settlement::ticket from) {
  const auto number = next_produced_++;
  send(number, pending_[number].body = std::move(body));
  pending_[number].done = std::move(done);
  pending_[number].from = from;
}

void sim_process::send(std::uint64_t number, const account_event_body& body) {
  accounts_out_->send({{host_.name, account_life_}, body},
                      [this, number, alive = alive_](kafka_offset offset, broker_time appended) {
                        if (*alive)
                          reports_.push_back({number, {partition_id{0}, offset, appended}});
                      });
}

settlement::options sim_process::settling() {
  settlement::options rules;
  rules.counts = [this](broker_time appended) { return reports_count(appended); };
  rules.acknowledge = [this](const binlog_place& place) {
    if (attached_ && host_.db.up())
      host_.db.acknowledge(place.offset);
  };
  rules.waits_at_start = true;
  return rules;
}

/// Kafka's reports wait here for a process that stands still.
void sim_process::take_reports() {
  for (const auto& each : std::exchange(reports_, {})) {
    const auto confirmed = pending_.extract(each.number);
    if (!confirmed.empty() && confirmed.mapped().done)
      confirmed.mapped().done(each.where);
  }
  std::erase_if(in_flight_, [](const in_flight& each) { return each.check.expired(); });
}

void sim_process::keep_checkpoint() {
  if (!attached_ || !host_.db.up() || !world_.random.percent(30))
    return;
  std::optional<settlement::ticket> oldest;
  for (const auto& [number, event] : pending_)
    if (event.from != 0 && (!oldest || event.from < *oldest))
      oldest = event.from;
  const auto* taken = checkpoints_.renew(settle_.take_checkpoint(), oldest);
  if (!taken)
    return;
  auto& stored = host_.db.checkpoint;
  stored.settled = index_behind(taken->settled);
  if (const auto from = taken->read_from.find(partition_id{0}); from != taken->read_from.end())
    stored.read_from = from->second; // one that isn't named keeps what is stored
  for (const auto& [account, numbers] : numbers_)
    stored.numbers[account] = numbers.confirmed;
}

bool sim_process::reports_count(broker_time appended) const {
  const auto now = clock();
  switch (world_.chosen.broken) {
  case mutant::lease_ignored:
  case mutant::ack_before_kafka:
    return true;
  case mutant::broker_time_ignored:
    return lease_.holds(now);
  default:
    return lease_.counts(appended, now);
  }
}

epoch sim_process::in_force(const account_id& account) const {
  const auto* line = line_.line(account);
  return line ? line->position().term : epoch{};
}

/// A decision, or a fence, that was read ends the epoch, and it wasn't we who handed it over (R20).
bool sim_process::ended_without_us(const account_id& account, epoch term) const {
  if (in_force(account) > term)
    return true;
  const auto* known = control_.account(account);
  const auto* current = known ? known->terms.current() : nullptr;
  if (!current || current->term <= term)
    return false;
  // A planned decision is ours to carry out: what lies before our fence is ours until that fence is read.
  const term_entry* next = nullptr;
  for (const auto& entry : known->terms.all())
    if (!next && entry.term > term && entry.state != term_state::aborted)
      next = &entry;
  const bool from_us = next == current && current->origin == term_origin::planned;
  return !from_us;
}

void sim_process::hold_acknowledging() {
  ending_ = true;
  settle_.hold();
}

/// R20: looked at as soon as control or a fence was read, before another report is.
void sim_process::lose_epochs() {
  if (!begun_)
    return;
  for (const auto& account : control_.accounts()) {
    const auto& id = account.id;
    for (const auto& role : {role_at_[id], host_.db.role(id)}) {
      auto& lost = lost_[id];
      if (!role.source || role.term <= lost || !ended_without_us(id, role.term))
        continue;
      lost = role.term;
      world_.log.tell("{} gives {} up: its epoch {} is over", host_.name, id, role.term);
      hold_acknowledging();
      settle_.epoch_ended(partition_id{0});
      for (const auto& each : in_flight_)
        if (const auto check = each.check.lock(); check && each.account == id && each.term <= lost)
          settle_.release(check, partition_id{0}); // nobody waits for it any more
    }
  }
}

/// Guard, end the commits, write the role rows, release (R8, R20).
void sim_process::end_commits() {
  if (!ending_ || !host_.db.up())
    return;
  host_.db.end_commits();
  for (const auto& [account, term] : lost_)
    leave_epoch(account, term);
  ending_ = false;
  settle_.go_on();
}

/// A snapshot for each destination that asks for one, at the captured place (R16).
void sim_process::send_snapshots() {
  if (!attached_ || !host_.db.up())
    return;
  const bool met_what_was_there =
      std::ranges::all_of(to_meet_.domains(), [&](const auto& last) { return met_.covers(last.second); });
  for (const auto& account : control_.accounts()) {
    const auto& id = account.id;
    const auto role = role_at_[id];
    const auto* current = account.terms.current();
    if (!role.source || !current || current->term != role.term || in_force(id) > role.term ||
        !met_what_was_there || !former_.are_met(id, met_))
      continue;
    for (const auto& destination : account.destinations) {
      auto& sent = snapshots_sent_.try_emplace({id, destination.node}, kafka_offset{-1}).first->second;
      if (destination.ready || sent == destination.requested)
        continue;
      const auto number = numbers_[id].sent;
      const auto& rows = host_.db.rows(id);
      if (rows.size() < number.value)
        continue;
      sent = destination.requested;
      snapshot_content content;
      content.rows.assign(rows.begin(), rows.begin() + static_cast<std::ptrdiff_t>(number.value));
      const auto name = world_.unique("s");
      world_.snapshots[name] = std::move(content);
      produce(snapshot_event{id, role.term, number, name, partition_id{0}, kafka_offset{0}}, nullptr);
    }
  }
}

} // namespace understudy::simulation
