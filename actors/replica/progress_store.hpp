// Keeps what the reader reached in the local MariaDB (R6), and reads it at a start. Blocking; one thread.
#pragma once
#include "actors/replica/replica_reader.hpp"
#include "storage/state/local_state.hpp"

namespace understudy {

/// What a start finds.
struct stored_replicas {
  struct replica {
    replica_record row;
    std::uint32_t group = 0;
  };
  std::map<account_id, replica> replicas;
  std::map<account_id, stopped_account> stopped;
  std::map<partition_id, reader_place> places;
  std::map<partition_id, lives_log> lives;
  std::vector<std::string> shapes; ///< records of understudy.accounts
  std::uint64_t index_volume = 0;
};

class progress_store {
public:
  progress_store(sql_options sql, std::shared_ptr<const profile> rules);

  /// Makes the tables that aren't there, reads everything.
  result<stored_replicas> load();
  /// One account as it stands now; nothing: no row in understudy.replica.
  result<std::optional<stored_replicas::replica>> find(const account_id& account);
  /// Stores this and what earlier calls couldn't store: shapes, reasons and lives before offsets.
  result<void> store(reading_progress reached);

private:
  result<sql_session*> session();

  sql_options sql_;
  std::shared_ptr<const profile> rules_;
  std::optional<sql_session> session_;
  reading_progress due_;
};

} // namespace understudy
