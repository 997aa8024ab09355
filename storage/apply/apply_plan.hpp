// From many accounts' events to few statements (pure; R38–R41): row images are merged and rows grouped only
// where no unique or foreign key can tell the difference.
//
// Each account's changes get a level: a change lies above every earlier one of the same account that it might
// conflict with (same row, a unique value given up and taken again, parent before child, cascades). Changes
// of one level commute, so those of the same table, kind and columns become one statement, over all accounts.
#pragma once
#include "events/model/account_event.hpp"
#include "storage/apply/destination_table.hpp"
#include "storage/apply/placement.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace understudy {

/// One account's part of a batch: its events in order of sequence.
struct account_work {
  const account_placement* where = nullptr;
  std::vector<const transaction_event*> events;
};

struct plan_limits {
  /// Rows in a statement: more gain nothing, since what the server keeps of a longer one leaves its caches,
  /// and hold locks in larger lumps.
  std::size_t rows = 250;
  /// Bytes of a statement's text; a single row may exceed it up to `max_packet`.
  std::size_t bytes = std::size_t{4} << 20;
  /// The server's max_allowed_packet, read at connect (A08).
  std::size_t max_packet = std::size_t{16} << 20;
  /// Nothing merged, nothing grouped: every change by itself, in the source's order. For an account that
  /// failed in a batch.
  bool in_order = false;
};

/// One (possibly merged) change of one row, ready to be written.
struct planned_row {
  std::uint32_t account = 0; ///< index into the batch
  sequence first;            ///< of the events merged in it
  sequence last;
  std::uint32_t level = 0;
  change_kind kind = change_kind::insert;
  bool foreign_keys_off = false;
  bool unique_checks_off = false;
  bool lenient = false;  ///< holds ENUM's error value: refused by a strict sql_mode
  bool forgiven = false; ///< may be missing: self-pruned table, or cascaded in the same event (R38)
  std::shared_ptr<const shape> table;
  std::shared_ptr<const destination_table> target;
  std::vector<cell> before; ///< the row's key, or every column (R40), without the mailbox's
  std::vector<cell> after;  ///< ordered by column; values already mapped to the local host
  std::string text;      ///< its part of an update or delete of several rows; made when the plan is complete
  std::size_t bytes = 0; ///< of its part of a statement, at most
};

/// Rows that one statement changes.
struct planned_statement {
  std::vector<const planned_row*> rows; ///< all of the same table, kind, columns and flags; never empty
  /// Rows that must be found (update, delete) or written (insert). Ignored if the rows are forgiven.
  std::uint64_t expected = 0;
  const planned_row& like() const { return *rows.front(); }
};

struct planned_refusal {
  std::uint32_t account = 0;
  sequence number; ///< the event that can't be planned
  error why;       ///< never retryable: whoever looks nothing up again can only give up
  /// Nothing is wrong with the event: the volume that it names may be known with the next look-up.
  bool may_pass = false;
};

struct apply_plan {
  std::vector<std::unique_ptr<planned_row>> rows;
  std::vector<planned_statement> statements; ///< in the order in which they must run
  /// Accounts whose events can't be planned (unknown table, unmapped volume): they have no statements.
  std::vector<planned_refusal> refused;
  std::uint64_t changes = 0; ///< row changes before merging
};

apply_plan make_plan(const std::vector<account_work>& batch, const table_resolver& resolve,
                     const plan_limits& limits);

/// "table mboxgroup/mail_item, key (id=5), sequence 17, before (…), after (…)", for errors (R38).
std::string describe(const planned_row& row);

/// What an applier's session sets after each connect (R37), beyond standard_setup().
std::vector<std::string> applier_setup();

/// sql_mode of the applier's session; `lenient` lets ENUM's error value through.
std::string applier_sql_mode(bool lenient);

} // namespace understudy
