#include "tests/simulation/sim_process.hpp"

namespace understudy::simulation {
sim_process::sim_process(world& around, sim_host& machine)
    : world_(around)
    , host_(machine)
    , start_number_(++machine.starts)
    , process_(fmt::format("{}/{}", machine.name, machine.starts))
    , lease_(machine.name, process_, static_cast<std::int64_t>(machine.starts), around.limits.lease)
    , line_(kafka_offset{0}, kafka_offset{0}, nullptr)
    , settle_(settling()) {
  const auto connected = [this] { return world_.connected(host_); };
  life_ = account_life_ = incarnation(++host_.lives);
  auto& w = world_;
  control_out_ = std::make_shared<sim_channel<control_record>>(w.time, w.random, w.control, connected,
                                                               w.limits.slow_percent);
  leases_out_ = std::make_shared<sim_channel<lease_record>>(w.time, w.random, w.leases, connected,
                                                            w.limits.slow_percent);
  accounts_out_ = std::make_shared<sim_channel<account_event>>(w.time, w.random, w.accounts, connected,
                                                               w.limits.slow_percent);
  append_control({control_incarnation{}, node_announced{}});
  leases_out_->send({{host_.name, life_}, lease_incarnation{}}, nullptr);
  accounts_out_->send({{host_.name, account_life_}, incarnation_event{}}, nullptr);
}

sim_process::~sim_process() {
  *alive_ = false;
  control_out_->abandon();
  leases_out_->abandon();
  accounts_out_->abandon();
}

boot_time sim_process::clock() const {
  return host_.clock(world_.time.now());
}

bool sim_process::caught_up() const {
  return control_own_ && leases_own_ && accounts_own_;
}

void sim_process::tick() {
  using part = void (sim_process::*)();
  static constexpr part parts[] = {
      &sim_process::read_control,    &sim_process::read_leases, &sim_process::read_accounts,
      &sim_process::attach_capture,  &sim_process::capture,     &sim_process::take_reports,
      &sim_process::keep_checkpoint, &sim_process::end_commits, &sim_process::drive_accounts,
      &sim_process::send_snapshots,  &sim_process::renew,       &sim_process::answer_claims,
      &sim_process::supervise};
  constexpr auto count = static_cast<std::int64_t>(std::size(parts));
  const auto first = world_.random.between(0, count - 1);
  for (std::int64_t i = 0; i < count; ++i)
    if (world_.random.percent(70))
      (this->*parts[static_cast<std::size_t>((first + i) % count)])();
}

void sim_process::replace_account_producer() {
  accounts_out_->abandon();
  const auto connected = [this] { return world_.connected(host_); };
  accounts_out_ = std::make_shared<sim_channel<account_event>>(world_.time, world_.random, world_.accounts,
                                                               connected, world_.limits.slow_percent);
  account_life_ = incarnation(++host_.lives);
  accounts_out_->send({{host_.name, account_life_}, incarnation_event{}}, nullptr);
  reports_.clear(); // those of the old life no longer count (R12)
  for (const auto& [number, event] : pending_)
    send(number, event.body);
}

void sim_process::detach_capture() {
  attached_ = false;
}

void sim_process::append_control(std::vector<control_event> events, change_origin origin) {
  control_record record{
      {host_.name, life_}, world_.unique("r"), rules_version, std::move(origin), std::move(events)};
  control_out_->send(std::move(record), nullptr);
}

void sim_process::say(const account_id& account, account_change_body fact) {
  // Said again until it is read back: a record may be lost with its producer.
  auto& last = said_[account];
  if (last != 0 && world_.time.now() < last + 400 * millisecond)
    return;
  last = world_.time.now();
  append_control({account_change{account, {}, std::move(fact)}});
}

void sim_process::read_control() {
  const auto now = world_.time.now();
  if (!world_.connected(host_) || host_.stale_until[0] > now)
    return;
  const auto& log = world_.control.log();
  for (int i = 0; i < world_.limits.read_batch && control_read_ < log.size(); ++i) {
    const auto& record = log[control_read_].record;
    const kafka_offset offset(static_cast<std::int64_t>(control_read_++));
    const auto result = evolve(control_, record, offset);
    for (std::size_t e = 0; e < result.events.size(); ++e)
      if (const auto* back = std::get_if<returned>(&record.events[e]); back && result.events[e].applied)
        lease_.fold_returned(record.from.node, *back, offset, clock());
    lease_.fold_control(control_.next());
    if (record.from == writer{host_.name, life_})
      control_own_ = true;
    for (auto& command : running_)
      if (command.record == record.id)
        command.record.clear();
  }
  if (control_read_ == log.size())
    control_polled_ = clock();
  lose_epochs();
}

void sim_process::read_leases() {
  const auto now = world_.time.now();
  if (!world_.connected(host_) || host_.stale_until[1] > now)
    return;
  const auto& log = world_.leases.log();
  for (int i = 0; i < 2 * world_.limits.read_batch && leases_read_ < log.size(); ++i) {
    const auto& landed = log[leases_read_];
    const kafka_offset offset(static_cast<std::int64_t>(leases_read_++));
    lease_.fold(landed.record, {offset, landed.appended, clock()});
    if (landed.record.from == writer{host_.name, life_})
      leases_own_ = true;
  }
  if (lease_.asks_for_range())
    lease_.fold_range(kafka_offset{0}, kafka_offset(static_cast<std::int64_t>(log.size())));
}

void sim_process::read_accounts() {
  const auto now = world_.time.now();
  if (!world_.connected(host_) || host_.stale_until[2] > now || !host_.db.up())
    return;
  const auto& log = world_.accounts.log();
  for (int i = 0; i < 2 * world_.limits.read_batch && accounts_read_ < log.size(); ++i) {
    const auto& landed = log[accounts_read_];
    const kafka_offset offset(static_cast<std::int64_t>(accounts_read_));
    const state_terms terms(control_);
    const auto verdict =
        accounts_wait_ ? line_.retry(landed.record, offset, terms) : line_.step(landed.record, offset, terms);
    accounts_wait_ = std::holds_alternative<line_wait>(verdict);
    if (accounts_wait_)
      return;
    ++accounts_read_;
    take_verdict(verdict, landed.record, offset);
  }
}

void sim_process::take_verdict(const line_verdict& verdict, const account_event& event, kafka_offset offset) {
  if (const auto* stopped = std::get_if<line_stop>(&verdict))
    world_.log.violated("P2: {} stops an account: {}", host_.name, stopped->why.what);
  if (const auto* begun = std::get_if<line_incarnation>(&verdict)) {
    if (begun->from == writer{host_.name, account_life_})
      accounts_own_ = true;
  } else if (std::holds_alternative<line_deliver>(verdict)) {
    const auto& transaction = std::get<transaction_event>(event.body);
    replicate(transaction);
  } else if (const auto* fence = std::get_if<line_fence>(&verdict)) {
    fences_[fence->account] = {fence->term, offset, fence->cut};
    if (auto& replica = host_.db.replica(fence->account); replica.tracking && replica.number == fence->cut)
      replica.term = fence->term;
    lose_epochs();
    world_.log.tell("{} reads the fence of epoch {} of {}, cut at {}", host_.name, fence->term,
                    fence->account, fence->cut);
    become_replica_at(*fence);
  } else if (const auto* snapshot = std::get_if<line_snapshot>(&verdict)) {
    load_snapshot(*snapshot);
  }
}

void sim_process::replicate(const transaction_event& transaction) {
  auto& db = host_.db;
  auto& replica = db.replica(transaction.account);
  if (db.role(transaction.account).source || !replica.tracking)
    return;
  const bool dedupes = world_.chosen.broken != mutant::dedupe_off;
  if (dedupes && transaction.number <= replica.number)
    return; // R36: no row of understudy.replica to advance
  if (dedupes && transaction.number != replica.number.next())
    world_.log.violated("P2: {} is at sequence {} of {} and is given {}", host_.name, replica.number,
                        transaction.account, transaction.number);
  db.apply(transaction.account, world_.truth.write_of(transaction.id), transaction.term, transaction.number);
  if (!db.tainted(transaction.account))
    world_.truth.replica_at(transaction.account, transaction.number, db.rows(transaction.account), host_.name,
                            false);
}

void sim_process::load_snapshot(const line_snapshot& snapshot) {
  const auto& marker = snapshot.marker;
  const auto* account = control_.account(marker.account);
  const auto* wanted = account ? account->destination(host_.name) : nullptr;
  const auto& replica = host_.db.replica(marker.account);
  const bool answered = replica.tracking && wanted && replica.answers == wanted->requested;
  if (!wanted || wanted->ready || answered || snapshot.behind > 0 || host_.db.role(marker.account).source)
    return;
  replica_row row;
  row.tracking = true;
  row.term = marker.term;
  row.number = marker.number;
  row.answers = wanted->requested;
  host_.db.load(marker.account, world_.snapshots.at(marker.id).rows, row);
  world_.log.tell("{} loads snapshot {} of {} at sequence {}", host_.name, marker.id, marker.account,
                  marker.number);
  world_.truth.replica_at(marker.account, marker.number, host_.db.rows(marker.account), host_.name, true);
}

} // namespace understudy::simulation
