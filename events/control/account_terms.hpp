// The epochs of one account as control decided them: what decide, the line of an account and a source need.
#pragma once
#include "events/control/contender.hpp"
#include "events/control/control_event.hpp"
#include "events/control/shared_name.hpp"

#include <memory>
#include <optional>
#include <span>
#include <vector>

namespace understudy {

enum class term_origin : std::uint8_t { enrolment, planned, unplanned };
enum class term_state : std::uint8_t {
  decided,   ///< not active yet
  activated, ///< its primary takes writes; every earlier epoch is closed
  aborted,   ///< by the source before its fence: it never began
  declined,  ///< by its primary before its role row: nothing was ever written in it
};

struct term_entry {
  epoch term;
  shared_name primary;
  kafka_offset decision;         ///< of the enrolment or decision in understudy.control
  kafka_offset closed{};         ///< offset of aborted or declined; meaningful in those states only
  kafka_offset fence{-1};        ///< offset in the account's partition, known from `activated`
  std::int64_t activated_ms = 0; ///< wall clock of its primary: the one before was primary until then (R32)
  term_origin origin = term_origin::enrolment;
  term_state state = term_state::decided;
  bool return_source = true;
  bool decline_asked = false;                                 ///< its primary is to decline it (R24)
  std::shared_ptr<const std::vector<claim_reference>> claims; ///< null: none
  /// Whose promotion it is, until it's active: null then, and of enrolments.
  std::shared_ptr<const contention> rivals;
  bool names_claim_on(const node_name& node) const;
  bool never_began() const;                         ///< aborted or declined
  bool is_void_before(kafka_offset decision) const; ///< never_began(), said before that decision
  bool operator==(const term_entry& other) const;
};

/// " (by ada on mailstore2, operation 6f9c…)" of a promotion that isn't active yet; else empty.
std::string whose(const term_entry& entry);
/// "mailstore3 was asked for instead (by bob on mailstore3, operation 77aa…)"; empty: its primary isn't asked
/// to decline it.
std::string why_superseded(const term_entry& entry);

/// A reader that lags behind by more promotions than this needs a new snapshot. More are kept only if all of
/// them are open: somebody may write in each.
inline constexpr std::size_t max_terms_kept = 64;

class account_terms {
public:
  std::span<const term_entry> all() const { return entries_; } ///< oldest first, terms ascending
  /// First epoch of the present enrolment: records of earlier epochs concern nobody. 0: never enrolled.
  epoch first() const { return first_; }
  const term_entry* find(epoch term) const;
  /// The last that wasn't aborted: only its primary's facts count. (A declined one stays current: what came
  /// before it may have been fenced, so only its source's abort, or a further decision, goes on.) Null: none.
  const term_entry* current() const;
  /// The last activated one: whose primary takes the writes; null: none yet.
  const term_entry* active() const;
  /// current(), if it is neither activated nor declined; null: none. The first epoch counts too.
  const term_entry* pending() const;
  /// Where the first fence behind this epoch lies in the account's partition; nothing: control doesn't know
  /// one yet.
  std::optional<kafka_offset> fence_behind(epoch term) const;
  /// The highest epoch whose fence is known from control to lie before `offset` in the account's partition,
  /// else the first of the enrolment: what is in force for a reader that begins at `offset`.
  epoch in_force_at(kafka_offset offset) const;
  /// Epochs in which somebody may still write: neither aborted, declined, nor below an activated one or
  /// `fenced`, the highest epoch whose fence was read (R24).
  std::vector<const term_entry*> unclosed(epoch fenced = {}) const;
  /// True if another node was given a further epoch without the help of the primary of `term`, whatever
  /// became of that: its fence may lie in the log, so nothing of `term` is acknowledged any more (R20).
  bool ended_by_a_claim(epoch term) const;
  /// True if the planned epoch `term` was to end an epoch of `node`, which then had the account to hand over.
  bool handed_over_by(const node_name& node, epoch term) const;
  /// Until when `node` was the primary the last time, by the wall clock of its successor; none: never.
  std::optional<std::int64_t> primary_until_ms(const node_name& node) const;
  epoch next_term() const;
  /// True if `term` was decided and isn't kept: one below the active one, or one in which nobody wrote.
  bool forgot(epoch term) const;

  void enrol(term_entry entry); ///< begins a new enrolment
  void add(term_entry entry);
  term_entry* edit(epoch term);

  // for the codec
  void restore(epoch first, std::vector<term_entry> entries);
  bool operator==(const account_terms& other) const = default;

private:
  void drop_one();

  epoch first_;
  std::vector<term_entry> entries_;
};

} // namespace understudy
