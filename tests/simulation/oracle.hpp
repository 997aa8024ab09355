// Knows everything, touches nothing: folds what landed and checks the promises after every step.
#pragma once
#include "events/control/evolve.hpp"
#include "events/control/lease.hpp"
#include "events/line/partition_line.hpp"
#include "events/line/state_terms.hpp"
#include "tests/simulation/sim_mariadb.hpp"
#include "tests/simulation/story.hpp"

#include <map>
#include <set>

namespace understudy::simulation {

class oracle {
public:
  explicit oracle(story& log);

  /// Then living nodes carry out what was decided, and nobody may take it from them (R24).
  bool nobody_fails = false;

  // --- what landed in Kafka ---
  void control_landed(const control_record& record, kafka_offset offset);
  void account_landed(const account_event& event, kafka_offset offset);

  // --- what happened on a mailstore ---
  void wrote(const gtid& id, write_id write) { writes_[id] = write; }
  /// P1, P5: a client of a source was told OK.
  void acknowledged(const account_id& account, write_id write, epoch term, const node_name& node);
  /// P1, P2, P4: a node begins as source of `term` with these rows.
  void begins(const account_id& account, epoch term, const node_name& node,
              const std::vector<write_id>& rows);
  /// P2, P3: a replica says that it is at `number` with these rows. `whole`: compare all of them.
  void replica_at(const account_id& account, sequence number, const std::vector<write_id>& rows,
                  const node_name& node, bool whole);

  write_id write_of(const gtid& id) const { return writes_.at(id); }
  std::size_t line_length(const account_id& account) const {
    const auto line = lines_.find(account);
    return line == lines_.end() ? 0 : line->second.size();
  }
  const control_state& control() const { return control_; }
  std::uint64_t acknowledged_count() const { return acknowledged_count_; }
  std::uint64_t epochs_begun() const { return epochs_begun_; }

private:
  story& log_;
  control_state control_;
  partition_line partition_;
  std::map<gtid, write_id> writes_;
  std::map<account_id, std::vector<write_id>> lines_; ///< the history that the fences cut
  std::map<account_id, std::set<write_id>> in_line_;
  std::map<account_id, std::map<write_id, epoch>> acknowledged_; ///< and in which epoch
  struct beginning {
    node_name node;
    std::set<write_id> rows;
  };
  std::map<account_id, std::map<epoch, beginning>> primaries_;
  std::uint64_t acknowledged_count_ = 0, epochs_begun_ = 0;
};

} // namespace understudy::simulation
