// What reading one record of an account's partition means.
#pragma once
#include "events/control/account_terms.hpp"
#include "events/model/account_event.hpp"
#include "events/model/error.hpp"

#include <functional>
#include <optional>
#include <string>
#include <variant>

namespace understudy {

/// The next transaction of the account's line: apply it.
struct line_deliver {
  /// Set if it came in parts and this record was the last: the whole. Else the record itself is the
  /// transaction (not copied: it may be large).
  std::optional<transaction_event> assembled;
};

/// A valid fence: the epoch before is cut here (R27).
struct line_fence {
  account_id account;
  epoch term;            ///< in force from here on
  kafka_offset decision; ///< in understudy.control
  node_name primary;     ///< of the new epoch
  bool is_protected = true;
  sequence cut; ///< the last sequence before it
};

/// A valid snapshot marker. The snapshot holds everything up to marker.number; `behind` events that follow
/// that one lie before the marker in the partition.
struct line_snapshot {
  snapshot_event marker;
  std::uint64_t behind = 0;
};

struct line_shape {
  shape table;
};

/// A node's life in this partition begins: one's own tells that everything older was read (R12, R19).
struct line_incarnation {
  writer from;
};

/// A part of a transaction that isn't whole yet.
struct line_part {};

/// Concerns nobody, is void, or was there before; `why` for logs and tests.
struct line_ignore {
  std::string why;
};

/// Can't be judged before control is folded up to `control` (exclusive) or, if that is -1, any further: give
/// the same record to retry() then. Other accounts' records may go on; this account's must stay in order.
struct line_wait {
  kafka_offset control{-1};
};

/// This account can't go on (P6); it stays stopped until the line is made anew.
struct line_stop {
  error why;
};

using line_verdict = std::variant<line_deliver, line_fence, line_snapshot, line_shape, line_incarnation,
                                  line_part, line_ignore, line_wait, line_stop>;

/// Decodes the joined bodies of a transaction's parts (R13).
using part_decoder = std::function<result<transaction_event>(std::string_view body)>;

/// What control says, as far as it is folded. control_state and copies of parts of it can stand behind this.
class terms_lookup {
public:
  virtual ~terms_lookup() = default;
  /// Control is folded below this offset.
  virtual kafka_offset folded() const = 0;
  /// Null: not enrolled as far as control is folded.
  virtual const account_terms* terms(const account_id& account) const = 0;
  virtual bool withdrawn(const account_id& account) const = 0;
};

} // namespace understudy
