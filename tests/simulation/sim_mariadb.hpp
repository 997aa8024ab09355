// A simulated MariaDB: a binlog whose commits wait for the ACK, rows, and what survives a crash.
#pragma once
#include "events/model/gtid.hpp"
#include "events/model/ids.hpp"

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace understudy::simulation {

using write_id = std::uint64_t; ///< a client's transaction: one row of one account

/// The row of understudy.role: a role change is a transaction of its own in the binlog (R11).
struct role_row {
  epoch term;
  bool source = false;
  kafka_offset decision{-1}; ///< giving up for a planned decision: the one that the fence will name
  kafka_offset fence{-1};    ///< beginning as source: where the epoch's fence lies
  sequence cut;
};

/// The row of understudy.replica, advanced with the rows in one transaction (R36).
struct replica_row {
  bool tracking = false; ///< whole and following
  epoch term;            ///< that `number` is of, or that began behind it
  sequence number;
  kafka_offset answers{-1};   ///< the request that the snapshot answered
  epoch handed_over;          ///< R34: it was the source until this epoch's fence
  bool stayed_behind = false; ///< whole, when the account began to be written here
};

struct binlog_entry {
  enum class type : std::uint8_t { client, role, own };
  type kind;
  gtid id;
  account_id account;
  write_id write = 0;
  role_row role;
};

/// What a node keeps of its capture over restarts; never in the binlog (R6).
struct capture_row {
  std::size_t settled = 0; ///< binlog index
  std::optional<kafka_offset> read_from;
  std::map<account_id, sequence> numbers; ///< that Kafka holds
};

enum class told : std::uint8_t { ok, error, lost };

class sim_mariadb {
public:
  using tell_client = std::function<void(write_id, told)>;
  sim_mariadb(std::uint32_t server, tell_client tell)
      : server_(server)
      , tell_(std::move(tell)) {}

  bool up() const { return up_; }
  void crash(); ///< all waiting clients lose their connection; what is in the binlog stays
  void start() { up_ = true; }

  /// A client's COMMIT: waits for the ACK of its place. Refused (error) while the account is guarded.
  void commit(const account_id& account, write_id write);
  void write_role(const account_id& account, const role_row& role);
  void apply(const account_id& account, write_id write, epoch term, sequence number);
  void load(const account_id& account, std::vector<write_id> rows, const replica_row& replica);

  /// Everything below binlog index `end` is acknowledged: its waiting clients are told OK.
  void acknowledge(std::size_t end);
  /// R8: every connection in COMMIT is ended.
  void end_commits();

  const std::vector<binlog_entry>& binlog() const { return binlog_; }
  std::vector<write_id>& rows(const account_id& account) { return rows_[account]; }
  role_row role(const account_id& account) const;
  std::size_t role_index(const account_id& account) const; ///< binlog index of its last role row, or npos
  replica_row& replica(const account_id& account) { return replicas_[account]; }
  /// A foreign write (R35) since the rows were last loaded whole: no replica for the moment.
  bool tainted(const account_id& account) const { return tainted_.contains(account); }
  std::map<account_id, bool>& guarded() { return guarded_; }
  /// Whose ACK a commit waits for: whether the account's role at that place was the source's.
  std::optional<epoch> source_term_of(write_id write) const;

  capture_row checkpoint; ///< as the node stored it last

private:
  gtid next_id() { return {0, server_, ++last_}; }

  std::uint32_t server_;
  tell_client tell_;
  bool up_ = true;
  std::uint64_t last_ = 0;
  std::vector<binlog_entry> binlog_;
  struct waiter {
    std::size_t index;
    write_id write;
  };
  std::deque<waiter> waiting_;
  std::map<account_id, std::vector<write_id>> rows_;
  std::map<account_id, std::pair<role_row, std::size_t>> roles_;
  std::map<account_id, replica_row> replicas_;
  std::map<account_id, bool> guarded_;
  std::set<account_id> tainted_;
  std::map<write_id, epoch> source_terms_;
};

} // namespace understudy::simulation
