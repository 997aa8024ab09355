// Three mailstores, one Kafka, clients, administrators and bad luck, all from one seed.
#pragma once
#include "events/control/lease_view.hpp"
#include "tests/simulation/options.hpp"
#include "tests/simulation/oracle.hpp"
#include "tests/simulation/sim_kafka.hpp"

#include <array>
#include <map>
#include <memory>
#include <set>

namespace understudy::simulation {

class sim_process;

/// Limits are drawn per seed too.
struct knobs {
  lease_rules lease;
  std::int64_t heartbeat_ms = 100;
  int read_batch = 4;           ///< records read, transactions captured in one go
  instant length = 20 * second; ///< of the troubled time; a quiet one follows
  instant quiet = 12 * second;
  std::size_t accounts = 2;
  int fault_gap_ms = 800; ///< mean time between faults
  int slow_percent = 2;   ///< of what is sent to Kafka lands late
};

/// What is on one machine.
struct sim_host {
  sim_host(node_name name, std::uint32_t server, sim_mariadb::tell_client tell);
  ~sim_host();
  node_name name;
  std::uint32_t server;
  sim_mariadb db;
  std::unique_ptr<sim_process> process; ///< null: down
  std::uint64_t lives = 0;              ///< survives, as a node's clock does
  std::uint64_t starts = 0;
  instant cut_off_until = 0;            ///< from Kafka
  instant stopped_until = 0;            ///< SIGSTOP: the process stands, its clock runs
  instant frozen_until = 0;             ///< the virtual machine stands, its clock too
  instant stood_still = 0;              ///< time lost by its clock
  std::array<instant, 3> stale_until{}; ///< reads of control, leases, accounts see nothing new
  std::int64_t clock_ppm = 0;

  /// CLOCK_BOOTTIME of this machine.
  boot_time clock(instant now) const {
    const auto ran = (frozen_until > now ? frozen_since : now) - stood_still;
    return boot_time((ran + ran * clock_ppm / 1'000'000) * 1000 + 1);
  }
  instant frozen_since = 0;
};

struct snapshot_content {
  std::vector<write_id> rows;
};

class world {
public:
  world(std::uint64_t seed, const options& chosen);
  ~world();
  /// Runs to the end; throws violation.
  void run();

  scheduler time;
  random_source random;
  options chosen;
  knobs limits;
  story log;
  oracle truth;
  sim_partition<control_record> control;
  sim_partition<lease_record> leases;
  sim_partition<account_event> accounts;
  std::map<std::string, snapshot_content> snapshots;
  std::map<account_id, node_name> directory; ///< where clients go
  std::vector<account_id> account_names;
  std::vector<std::unique_ptr<sim_host>> hosts;

  sim_host& host(const node_name& name);
  bool connected(const sim_host& host) const;
  std::string unique(std::string_view prefix) { return fmt::format("{}{}", prefix, ++unique_); }
  bool quiet() const { return time.now() >= limits.length; }
  /// What became of the run, for the summary of many.
  struct figures {
    std::uint64_t acknowledged = 0, epochs = 0, stuck_accounts = 0;
  };
  figures result() const { return result_; }

private:
  void draw_knobs();
  void enrol_all();
  void start(sim_host& host);
  void kill(sim_host& host);
  void begin_when_active(std::int64_t clients);
  void schedule_tick(std::size_t host, std::uint64_t life);
  void schedule_client();
  void schedule_faults();
  void schedule_administrator();
  void schedule_repair();
  void fault();
  void fault_on(sim_host& host, int kind);
  void freeze(sim_host& host, instant span);
  void lose_sight(sim_host& lost, sim_host& sleeper);
  void heal();
  void told_client(sim_host& host, write_id write, told outcome);
  void check_all();
  bool without_source(const account_id& id) const;
  /// A host that could be the source of an account that has none; null: there is none.
  const sim_host* unfinished() const;

  struct write_state {
    account_id account;
    bool foreign = false;
  };
  std::map<write_id, write_state> writes_;
  std::uint64_t unique_ = 0, next_write_ = 1;
  figures result_;
};

} // namespace understudy::simulation
