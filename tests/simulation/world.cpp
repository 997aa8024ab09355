#include "tests/simulation/world.hpp"

#include "tests/simulation/sim_process.hpp"

namespace understudy::simulation {

sim_host::sim_host(node_name name, std::uint32_t server, sim_mariadb::tell_client tell)
    : name(std::move(name))
    , server(server)
    , db(server, std::move(tell)) {}

sim_host::~sim_host() = default;

world::world(std::uint64_t seed, const options& chosen)
    : random(seed)
    , chosen(chosen)
    , log(time, chosen.tell)
    , truth(log)
    , control(time)
    , leases(time)
    , accounts(time) {
  draw_knobs();
  truth.nobody_fails = chosen.calm;
  control.on_landed = [this](const control_record& record, kafka_offset offset) {
    truth.control_landed(record, offset);
  };
  accounts.on_landed = [this](const account_event& event, kafka_offset offset) {
    truth.account_landed(event, offset);
  };
  for (std::uint32_t i = 0; i < 3; ++i) {
    const node_name name(fmt::format("node{}", i + 1));
    hosts.push_back(std::make_unique<sim_host>(
        name, i + 1, [this, i](write_id write, told outcome) { told_client(*hosts[i], write, outcome); }));
    // Two clocks differ by up to 8 %, under the tenth that a claim waits longer (R22).
    hosts.back()->clock_ppm = random.between(-40'000, 40'000);
  }
}

world::~world() = default;

void world::draw_knobs() {
  limits.lease.lease = std::chrono::milliseconds(random.between(300, 1200));
  limits.lease.skew = std::chrono::milliseconds(random.between(20, 120));
  limits.lease.retention = std::chrono::milliseconds(random.between(20'000, 100'000));
  limits.heartbeat_ms = limits.lease.lease.count() / random.between(3, 8);
  limits.read_batch = static_cast<int>(random.between(1, 8));
  limits.accounts = static_cast<std::size_t>(random.between(1, 3));
  limits.fault_gap_ms = static_cast<int>(random.between(150, 1500));
  if (chosen.calm) { // no node is so slow, or its lease so short, that it looks dead
    limits.lease.lease = std::chrono::milliseconds(1200);
    limits.heartbeat_ms = 100;
    limits.read_batch = 8;
    limits.slow_percent = 0;
  }
}

sim_host& world::host(const node_name& name) {
  for (auto& host : hosts)
    if (host->name == name)
      return *host;
  log.violated("there is no node {}", name);
}

bool world::connected(const sim_host& host) const {
  return time.now() >= host.cut_off_until;
}

/// Every account lives on node1 at first, with a replica on the two others, each whole with nothing in it.
void world::enrol_all() {
  const node_name home = hosts[0]->name;
  const auto append = [this](const sim_host& by, std::vector<control_event> events) {
    control.append({{by.name, incarnation{0}}, unique("r"), rules_version, {}, std::move(events)});
  };
  for (std::size_t i = 0; i < limits.accounts; ++i) {
    const account_id id(fmt::format("account{}", i + 1));
    account_names.push_back(id);
    directory[id] = home;
    std::vector<control_event> events{account_change{id, {}, enrolled{id.value, home, partition_id{0}}}};
    for (std::uint32_t n = 1; n < hosts.size(); ++n)
      events.push_back(account_change{id, account_version{n}, destination_set{hosts[n]->name, 10 * n}});
    append(*hosts[0], std::move(events));
    for (std::uint32_t n = 1; n < hosts.size(); ++n) {
      const auto request = truth.control().account(id)->destination(hosts[n]->name)->requested;
      hosts[n]->db.replica(id) = {true, epoch{}, sequence{}, request, {}, false};
      append(*hosts[n], {account_change{id, {}, replica_ready{hosts[n]->name, request, "", sequence{}}}});
    }
  }
}

void world::start(sim_host& host) {
  if (host.process)
    return;
  log.tell("{} starts", host.name);
  host.process = std::make_unique<sim_process>(*this, host);
  for (std::size_t i = 0; i < hosts.size(); ++i)
    if (hosts[i].get() == &host)
      schedule_tick(i, host.starts);
}

void world::kill(sim_host& host) {
  if (!host.process)
    return;
  log.tell("{}: kill -9 of the node", host.name);
  host.process.reset();
  for (auto& [account, guarded] : host.db.guarded())
    guarded = false; // its session is gone
  time.after(random.between(20, 2500) * millisecond, [this, &host] { start(host); });
}

void world::schedule_tick(std::size_t index, std::uint64_t life) {
  time.after(random.between(1000, 8000), [this, index, life] {
    auto& host = *hosts[index];
    if (!host.process || host.starts != life)
      return;
    const auto stands = std::max(host.stopped_until, host.frozen_until);
    if (time.now() >= stands) {
      host.process->tick();
      schedule_tick(index, life);
    } else {
      time.at(stands, [this, index, life] { schedule_tick(index, life); });
    }
  });
}

void world::schedule_client() {
  time.after(random.between(2, 60) * millisecond, [this] {
    const auto& account = random.pick(account_names);
    // Most clients follow the directory; a stale cache, or a person, goes elsewhere (R35).
    auto& target = !chosen.calm && random.per_mille(8) ? *random.pick(hosts) : host(directory[account]);
    if (target.db.up() && time.now() >= target.frozen_until) {
      const auto write = next_write_++;
      writes_[write] = {account};
      target.db.commit(account, write);
      if (const auto& binlog = target.db.binlog(); !binlog.empty() && binlog.back().write == write) {
        truth.wrote(binlog.back().id, write);
        log.tell("client writes {} of {} on {}", write, account, target.name);
      }
    }
    if (time.now() < limits.length + limits.quiet / 2)
      schedule_client();
  });
}

void world::told_client(sim_host& host, write_id write, told outcome) {
  if (outcome != told::ok)
    return log.tell("client of write {} on {} is told: {}", write, host.name,
                    outcome == told::error ? "error" : "connection lost");
  const auto term = host.db.source_term_of(write);
  log.tell("client of write {} on {} is told OK{}", write, host.name, term ? "" : " (a foreign write)");
  if (term)
    truth.acknowledged(writes_[write].account, write, *term, host.name);
}

void world::schedule_administrator() {
  time.after(random.between(chosen.calm ? 30 : 300, chosen.calm ? 600 : 3000) * millisecond, [this] {
    auto& host = *random.pick(hosts);
    if (host.process) {
      promote wanted;
      wanted.accounts = {random.pick(account_names)};
      wanted.kind = random.percent(45) ? promotion_kind::planned : promotion_kind::unplanned;
      if (random.percent(60))
        wanted.destination = random.pick(hosts)->name;
      wanted.no_return = random.percent(3);
      log.tell("administrator asks {} for {} promotion of {}", host.name,
               wanted.kind == promotion_kind::planned ? "a planned" : "an unplanned",
               wanted.accounts.front());
      host.process->take_command({operation_id(unique("op")), "ada", 0, "", std::move(wanted)});
    }
    if (!quiet())
      schedule_administrator();
  });
}

/// In the quiet time an administrator looks after what a promotion left unfinished.
void world::schedule_repair() {
  time.after(random.between(300, 900) * millisecond, [this] {
    for (const auto& id : account_names) {
      const auto* current = truth.control().account(id)->terms.current();
      auto& host = *random.pick(hosts);
      if (!host.process || !current || current->state == term_state::activated)
        continue;
      log.tell("administrator asks {} to finish the promotion of {}", host.name, id);
      promote wanted{{id}, std::nullopt, promotion_kind::unplanned, {}, false};
      if (random.percent(60))
        wanted.destination = random.pick(hosts)->name;
      host.process->take_command({operation_id(unique("op")), "ada", 0, "", std::move(wanted)});
    }
    schedule_repair();
  });
}

void world::check_all() {
  for (const auto& id : account_names) {
    for (auto& host : hosts) {
      const auto& replica = host->db.replica(id);
      if (replica.tracking && !host->db.tainted(id) && !host->db.role(id).source)
        truth.replica_at(id, replica.number, host->db.rows(id), host->name, true);
    }
    if (without_source(id))
      ++result_.stuck_accounts;
  }
}

bool world::without_source(const account_id& id) const {
  const auto* account = truth.control().account(id);
  return !account->terms.active() || account->promotion();
}

/// Only a person can choose where an account goes on that was written on every mailstore while none was its
/// source. Wherever a whole copy is left, its promotion has to come to an end once all is well again.
const sim_host* world::unfinished() const {
  for (const auto& id : account_names)
    for (const auto& host : hosts) {
      const auto& replica = host->db.replica(id);
      const auto* destination = truth.control().account(id)->destination(host->name);
      if (without_source(id) && destination && destination->ready && replica.tracking &&
          !host->db.tainted(id) && replica.number.value == truth.line_length(id))
        return host.get();
    }
  return nullptr;
}

/// What an account had before its enrolment is its first snapshot's business, not the protocol's: here
/// accounts are empty until their home has begun.
void world::begin_when_active(std::int64_t clients) {
  time.after(50 * millisecond, [this, clients] {
    for (const auto& id : account_names)
      if (!truth.control().account(id)->terms.active())
        return begin_when_active(clients);
    for (std::int64_t i = 0; i < clients; ++i)
      schedule_client();
    schedule_administrator();
    if (!chosen.calm)
      schedule_faults();
  });
}

void world::run() {
  enrol_all();
  for (auto& host : hosts)
    start(*host);
  begin_when_active(random.between(1, 4));
  time.at(limits.length, [this] {
    heal();
    schedule_repair();
  });
  auto end = limits.length + limits.quiet;
  while (time.step(end)) {
  }
  // Small batches make a slow node: it may still be reading what it missed.
  while (unfinished() && end < limits.length + 6 * limits.quiet)
    for (end += second; time.step(end);) {
    }
  if (const auto* host = unfinished())
    log.violated("a promotion didn't come to its end, though {} has a whole copy", host->name);
  check_all();
  result_.acknowledged = truth.acknowledged_count();
  result_.epochs = truth.epochs_begun();
}

} // namespace understudy::simulation
