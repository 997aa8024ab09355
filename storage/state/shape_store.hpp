// What a partition reader must know of what lies before the place it goes on from: shapes (R14) and the lives
// of nodes (R12). Local, never through the binlog (R6).
#pragma once
#include "events/model/error.hpp"
#include "events/model/ids.hpp"
#include "storage/state/sql_session.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace understudy {

/// Uses a session opened with local_setup(); one thread at a time. Documents are the callers' own text.
class shape_store {
public:
  explicit shape_store(sql_session& session)
      : session_(&session) {}

  /// Makes its two tables if they aren't there.
  result<void> ensure();
  /// Shapes never change: a fingerprint that is there already is left alone.
  result<void> store_shapes(const std::map<std::uint64_t, std::string>& documents);
  result<std::vector<std::string>> shapes();
  result<void> store_lines(const std::map<partition_id, std::string>& documents);
  result<std::map<partition_id, std::string>> lines();

private:
  sql_session* session_;
};

} // namespace understudy
