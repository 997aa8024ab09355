// The folded control state as its owner encodes it: opaque documents with the offset they were folded up to
// (DESIGN §5: restart = read on). Local: never through the binlog (R6).
#pragma once
#include "events/model/ids.hpp"
#include "storage/state/sql_session.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace understudy {

struct control_position {
  kafka_offset next{0};            ///< of understudy.control: everything below is folded in
  std::uint32_t rules_version = 0; ///< of the rules it was folded by (R26)
  /// When the broker appended the last record that is folded in: another log has another record there.
  std::optional<broker_time> appended{};
  std::string
      records{}; ///< a document: by it a record that comes again is known (R25); empty: an older program's
  bool operator==(const control_position&) const = default;
};

/// What changed since the last store; nullopt = the document is removed.
struct control_changes {
  control_position position;
  std::map<account_id, std::optional<std::string>> accounts;
  std::map<node_name, std::optional<std::string>> nodes;
  std::map<operation_id, std::optional<std::string>> operations;
  /// Requests that a snapshot of this node answers which is whole in Kafka, and its marker too.
  std::map<account_id, std::optional<kafka_offset>> sent{};
};

/// Uses a session opened with local_setup(); one thread at a time. A document is at most 16 MiB of UTF-8.
class control_store {
public:
  explicit control_store(sql_session& session)
      : session_(&session) {}

  /// All of it in one transaction, in multi-row statements below the server's max_allowed_packet.
  result<void> store(const control_changes& changes);
  /// nullopt = nothing stored yet: fold from the log's beginning.
  result<std::optional<control_position>> position();
  result<void> each_account(const std::function<void(account_id, std::string document)>& each);
  result<void> each_node(const std::function<void(node_name, std::string document)>& each);
  result<void> each_operation(const std::function<void(operation_id, std::string document)>& each);
  result<std::unordered_map<account_id, kafka_offset>> sent();
  /// Forgets everything that was folded, for folding anew (R26).
  result<void> clear();

private:
  sql_session* session_;
};

} // namespace understudy
