// A node's way from the binlog to Kafka, and back to the ACK (R2, R7, R11, R12, R19, R20).
#include "tests/simulation/sim_process.hpp"

namespace understudy::simulation {
namespace {

binlog_place place_behind(std::size_t index) {
  return {"binlog.000001", index + 1};
}

} // namespace

/// Numbering starts from what was read up to our own record (R12), so not before.
void sim_process::attach_capture() {
  auto& db = host_.db;
  if (attached_ || !db.up() || !caught_up())
    return;
  attached_ = true;
  captured_ = db.checkpoint;
  if (world_.chosen.broken == mutant::tail_forgotten)
    captured_ = db.binlog().size();
  role_at_.clear();
  for (std::size_t i = 0; i < captured_; ++i)
    if (db.binlog()[i].kind == binlog_entry::type::role)
      role_at_[db.binlog()[i].account] = db.binlog()[i].role;
  numbered_.clear();
  slices_.clear();
  gtid_position settled;
  if (captured_ > 0)
    settled.advance(db.binlog()[captured_ - 1].id);
  tracker_.reset(std::move(settled));
  db.acknowledge(captured_); // the server takes the requested start as acknowledged (R7)
  world_.log.tell("{} captures from binlog index {} of {}", host_.name, captured_, db.binlog().size());
}

void sim_process::capture() {
  auto& db = host_.db;
  if (!attached_ || !db.up())
    return;
  for (int i = 0; i < world_.limits.read_batch && captured_ < db.binlog().size(); ++i) {
    const auto& entry = db.binlog()[captured_];
    const auto end = place_behind(captured_);
    ++captured_;
    if (entry.kind == binlog_entry::type::role)
      role_at_[entry.account] = entry.role;
    if (entry.kind == binlog_entry::type::client)
      capture_write(entry, end);
    else
      tracker_.begin(entry.id, end, 0);
  }
}

void sim_process::capture_write(const binlog_entry& entry, binlog_place end) {
  const auto role = role_at_[entry.account];
  if (!role.source) { // R35: a foreign write
    tracker_.begin(entry.id, std::move(end), 0);
    auto& replica = host_.db.replica(entry.account);
    if (!replica.tracking)
      return;
    replica.tracking = false;
    world_.log.tell("{} finds foreign write {} of {}", host_.name, entry.write, entry.account);
    say(entry.account, replica_reset{host_.name, "foreign write"});
    return;
  }
  produce_slice(entry, tracker_.begin(entry.id, std::move(end), 1), role.term);
}

void sim_process::produce_slice(const binlog_entry& entry, ack_tracker::ticket ticket, epoch term) {
  const auto& account = entry.account;
  const auto key = next_slice_++;
  slices_[key] = {ticket, account, term, {}, std::nullopt};
  if (const auto known = own_places_.find(entry.id); known != own_places_.end()) {
    slices_[key].number = known->second.first; // it is in Kafka: a life before us produced it
    slices_[key].appended = known->second.second;
    return;
  }
  if (in_force(account) > term)
    return; // its epoch was cut without it; settle() ends the commits first
  auto& number = numbered_.try_emplace({account, term}, sequence{}).first->second;
  if (number.value == 0) {
    const auto* line = line_.line(account);
    number = line ? line->position().number.value_or(sequence{}) : sequence{};
  }
  number = number.next();
  slices_[key].number = number;
  account_event event{{host_.name, account_life_}, transaction_event{account, term, number, entry.id, 0, {}}};
  if (world_.chosen.broken == mutant::ack_before_kafka)
    slices_[key].appended = broker_time(world_.time.now() / millisecond);
  accounts_out_->send(std::move(event), [this, key, alive = alive_](kafka_offset, broker_time appended) {
    if (!*alive)
      return;
    if (const auto slice = slices_.find(key); slice != slices_.end())
      slice->second.appended = appended;
  });
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

void sim_process::settle() {
  if (!attached_ || !host_.db.up())
    return;
  std::map<account_id, epoch> over;
  for (auto slice = slices_.begin(); slice != slices_.end();) {
    const auto& s = slice->second;
    const bool ended = ended_without_us(s.account, s.term);
    const bool read_back = s.number.value > 0 && own_read_[s.account] >= s.number;
    const bool counts = s.appended && reports_count(*s.appended) && (!ended || read_back);
    if (counts) {
      tracker_.settle(s.ticket);
      slice = slices_.erase(slice);
      continue;
    }
    if (ended)
      over[s.account] = std::max(over[s.account], s.term);
    ++slice;
  }
  // What is settled on the way goes first: those clients may be told OK, the others lose their connection.
  if (const auto release = tracker_.take_release()) {
    host_.db.acknowledge(release->place.offset);
    if (world_.random.percent(30))
      host_.db.checkpoint = release->place.offset;
  }
  for (const auto& [account, term] : over)
    give_up(account, term);
}

/// A snapshot for each destination that asks for one, at the captured place (R16).
void sim_process::send_snapshots() {
  if (!attached_ || !host_.db.up())
    return;
  for (const auto& account : control_.accounts()) {
    const auto& id = account.id;
    const auto role = role_at_[id];
    const auto* current = account.terms.current();
    if (!role.source || !current || current->term != role.term || in_force(id) > role.term)
      continue;
    for (const auto& destination : account.destinations) {
      auto& sent = snapshots_sent_.try_emplace({id, destination.node}, kafka_offset{-1}).first->second;
      if (destination.ready || sent == destination.requested)
        continue;
      const auto* line = line_.line(id);
      const auto numbered = numbered_.find({id, role.term});
      const auto number = numbered != numbered_.end() ? numbered->second
                          : line                      ? line->position().number.value_or(sequence{})
                                                      : sequence{};
      const auto& rows = host_.db.rows(id);
      if (rows.size() < number.value)
        continue;
      sent = destination.requested;
      snapshot_content content;
      content.rows.assign(rows.begin(), rows.begin() + static_cast<std::ptrdiff_t>(number.value));
      const auto name = world_.unique("s");
      world_.snapshots[name] = std::move(content);
      accounts_out_->send({{host_.name, account_life_},
                           snapshot_event{id, role.term, number, name, partition_id{0}, kafka_offset{0}}},
                          nullptr);
    }
  }
}

} // namespace understudy::simulation
