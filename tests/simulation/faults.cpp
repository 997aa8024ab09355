// What goes wrong in the simulated world.
#include "tests/simulation/sim_process.hpp"
#include "tests/simulation/world.hpp"

namespace understudy::simulation {

void world::schedule_faults() {
  const auto gap = random.between(limits.fault_gap_ms / 4, 2 * limits.fault_gap_ms) * millisecond;
  time.after(gap, [this] {
    if (quiet())
      return;
    fault();
    schedule_faults();
  });
}

void world::fault() {
  const auto half_skew = limits.lease.skew.count() / 2;
  switch (random.between(0, 12)) {
  case 0: // another leader, another clock
    accounts.lead_with_clock(random.between(-half_skew, half_skew));
    leases.lead_with_clock(random.between(-half_skew, half_skew));
    return;
  case 1: {
    const auto until = time.now() + random.between(20, 2500) * millisecond;
    log.tell("a partition is without leader");
    const auto which = random.between(0, 3);
    if (which != 1)
      control.without_leader_until(until);
    if (which != 2)
      leases.without_leader_until(until);
    if (which != 3)
      accounts.without_leader_until(until);
    return;
  }
  case 2:
    return lose_sight(*random.pick(hosts), *random.pick(hosts));
  default:
    fault_on(*random.pick(hosts), static_cast<int>(random.between(0, 9)));
  }
}

void world::fault_on(sim_host& host, int kind) {
  const auto now = time.now();
  const auto span = random.between(10, 3000) * millisecond;
  switch (kind) {
  case 0:
  case 1:
    return kill(host);
  case 2:
  case 3:
    if (!host.db.up())
      return;
    log.tell("{}: kill -9 of MariaDB", host.name);
    host.db.crash();
    if (host.process)
      host.process->detach_capture();
    if (random.percent(50))
      kill(host);
    return time.after(span, [this, &host] {
      log.tell("{}: MariaDB is up again", host.name);
      host.db.start();
    });
  case 4:
    log.tell("{}: SIGSTOP for {} ms", host.name, span / millisecond);
    host.stopped_until = std::max(host.stopped_until, now + span);
    return;
  case 5:
    return freeze(host, span);
  case 6:
  case 7:
    log.tell("{}: cut off from Kafka for {} ms", host.name, span / millisecond);
    host.cut_off_until = std::max(host.cut_off_until, now + span);
    return;
  case 8:
    log.tell("{}: reads are stale for {} ms", host.name, span / millisecond);
    host.stale_until[static_cast<std::size_t>(random.between(0, 2))] = now + span;
    return;
  default:
    if (host.process && time.now() >= host.stopped_until) {
      log.tell("{}: its producer is in a fatal state", host.name);
      host.process->replace_account_producer();
    }
  }
}

void world::freeze(sim_host& host, instant span) {
  if (time.now() < host.frozen_until)
    return;
  log.tell("{}: the virtual machine stands still for {} ms", host.name, span / millisecond);
  host.frozen_since = time.now();
  host.frozen_until = time.now() + span;
  time.at(host.frozen_until, [&host, span] { host.stood_still += span; });
}

/// What a claim's wait is for (R22): `lost` is cut off for about a lease; `sleeper`, which was about to miss
/// it, stands still until it is back, and by its own clock its lease runs when it wakes. Both then read late.
void world::lose_sight(sim_host& lost, sim_host& sleeper) {
  const auto lease = limits.lease.lease.count() * millisecond;
  if (&lost == &sleeper)
    return;
  log.tell("{}: cut off from Kafka for a lease, {} loses sight of it", lost.name, sleeper.name);
  lost.cut_off_until = std::max(lost.cut_off_until, time.now() + lease);
  time.after(lease * 9 / 10, [this, lease, &lost, &sleeper] {
    freeze(sleeper, lease);
    time.after(lease, [this, lease, &lost, &sleeper] {
      const auto late = [&] { return time.now() + random.between(0, lease); };
      sleeper.stale_until[1] = std::max(sleeper.stale_until[1], late());
      const auto until = late();
      for (auto& stale : lost.stale_until)
        stale = std::max(stale, until);
    });
  });
}

/// The quiet time begins: everything is up again.
void world::heal() {
  log.tell("everything heals");
  for (auto& host : hosts) {
    host->cut_off_until = std::min(host->cut_off_until, time.now());
    host->stopped_until = std::min(host->stopped_until, time.now());
    if (!host->db.up())
      host->db.start();
    start(*host);
  }
}

} // namespace understudy::simulation
