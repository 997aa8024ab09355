#include "events/line/account_line.hpp"

#include <algorithm>
#include <utility>

namespace understudy {
namespace {

/// Repeats come from one producer's retries and from a restart, so they are near.
constexpr std::size_t max_recent = 4;

line_ignore ignore(std::string why) {
  return {std::move(why)};
}

/// Neither what it wrote nor who might have is known any more.
error too_long_ago(epoch term) {
  return {fmt::format("epoch {} is too long ago: control keeps {} epochs", term, max_terms_kept),
          "re-initialise the replica", false};
}

/// R27: a fence is its new primary's, or, if planned, its source's; and each epoch that it cuts is its
/// writer's own, that of a primary whose claim the decision names, or one that control, before it decided,
/// knew nobody would ever write in.
std::string why_invalid(const writer& from, const account_terms& terms, epoch in_force,
                        const term_entry& decided) {
  if (decided.primary != from.node && decided.origin != term_origin::planned)
    return fmt::format("the fence of epoch {} is {}'s to write, not {}'s", decided.term,
                       decided.primary.get(), from.node);
  for (const auto& cut : terms.all()) {
    if (cut.term < in_force || cut.term >= decided.term)
      continue;
    if (cut.primary != from.node && !decided.names_claim_on(cut.primary) &&
        !cut.is_void_before(decided.decision))
      return fmt::format("the fence of epoch {} by {} may not cut epoch {} of {}", decided.term, from.node,
                         cut.term, cut.primary.get());
  }
  return {};
}

} // namespace

account_line::account_line(line_position position)
    : position_(std::move(position)) {
  if (position_.number && position_.id)
    recent_.push_back({*position_.number, *position_.id});
}

account_line::account_line(kafka_offset begin, kafka_offset control_at_begin)
    : begin_(begin)
    , control_at_begin_(control_at_begin) {}

line_verdict account_line::stop(error why) {
  stopped_ = why;
  return line_stop{std::move(why)};
}

/// Finds out which epoch is in force. False: a promotion is under way whose fence may lie before the line's
/// begin; control tells once it is active, or given up.
bool account_line::resolve(const account_terms& terms) {
  if (begin_) {
    auto in_force = terms.in_force_at(*begin_);
    for (const auto& entry : terms.all()) {
      const bool fence_may_lie_before = entry.term > in_force && entry.state == term_state::decided &&
                                        entry.origin != term_origin::enrolment && begin_->value > 0 &&
                                        entry.decision < control_at_begin_;
      if (!fence_may_lie_before)
        continue;
      if (&entry == terms.pending())
        return false;
      // Superseded before it became active, and fenced or not: what that leaves open is left out here, and
      // the sequence will tell whoever needs it.
      in_force = entry.term;
    }
    position_.term = in_force;
    begin_.reset();
  }
  if (position_.term < terms.first()) { // enrolled anew: numbers may begin anew too
    position_ = {terms.first(), std::nullopt, std::nullopt, std::nullopt};
    recent_.clear();
  }
  return true;
}

/// What holds for every record but a fence: control knows the account, and the epoch in force is the
/// record's. None: go on with it.
std::optional<line_verdict> account_line::judge_writer(const writer& from, epoch term,
                                                       const line_control& control) {
  if (stopped_)
    return line_stop{*stopped_};
  if (!control.terms)
    return line_wait{}; // its writer had read the enrolment
  const auto& terms = *control.terms;
  if (term < terms.first())
    return ignore("of an earlier enrolment");
  if (!resolve(terms))
    return line_wait{};
  if (term < position_.term)
    return ignore(fmt::format("epoch {} was cut: epoch {} is in force", term, position_.term));
  const auto* entry = terms.find(term);
  if (!entry && terms.forgot(term))
    return stop(too_long_ago(term));
  if (!entry)
    return line_wait{}; // decided further on in control
  // Who begins without a number needs nothing from before: its writer had read the fence, in a log that was
  // replaced since, maybe (C01).
  if (term > position_.term && !position_.number && entry == terms.active() && entry->primary == from.node)
    position_.term = term;
  if (term > position_.term)
    return stop(
        {fmt::format("a record of epoch {} by {}, but no valid fence began that epoch", term, from.node),
         "re-initialise the replica", false});
  if (entry->primary != from.node)
    return ignore(fmt::format("epoch {} is {}'s, not {}'s", term, entry->primary.get(), from.node));
  return std::nullopt;
}

line_verdict account_line::step(const writer& from, const transaction_event& event,
                                const line_control& control) {
  if (auto verdict = judge_writer(from, event.term, control))
    return *verdict;
  return accept(event);
}

line_verdict account_line::accept(const transaction_event& event) {
  // No repeat of anything: every record of this epoch lies behind its fence. Ignored, it would be lost.
  if (position_.cut && event.number <= *position_.cut)
    return stop(
        {fmt::format("sequence {} of epoch {}, GTID {}, isn't behind the cut of that epoch, sequence "
                     "{}: its source gives numbers that were given before",
                     event.number, event.term, event.id.text(), *position_.cut),
         "what it acknowledges reaches no replica: stop the account's clients, then re-initialise its "
         "replicas from it",
         false});
  const auto known =
      std::find_if(recent_.begin(), recent_.end(), [&](const seen& s) { return s.number == event.number; });
  if (known != recent_.end()) {
    if (known->id == event.id)
      return ignore(fmt::format("sequence {} was there before", event.number));
    return stop({fmt::format("sequence {} of epoch {} came twice: GTID {} and GTID {}", event.number,
                             event.term, known->id.text(), event.id.text()),
                 "the source's history isn't the one in Kafka: re-initialise the account (R12)", false});
  }
  if (position_.number && event.number <= *position_.number)
    return ignore(fmt::format("sequence {} is behind {}", event.number, *position_.number));
  if (position_.number && event.number != position_.number->next())
    return stop({fmt::format("gap: sequence {} follows {}", event.number, *position_.number),
                 "re-initialise the replica", false});
  position_.number = event.number;
  position_.id = event.id;
  if (recent_.size() == max_recent)
    recent_.erase(recent_.begin());
  recent_.push_back({event.number, event.id});
  open_.reset();
  return line_deliver{};
}

line_verdict account_line::step(const writer& from, const part_event& event, const line_control& control,
                                const part_decoder& decode) {
  if (auto verdict = judge_writer(from, event.term, control))
    return *verdict;
  if (event.index == 0)
    open_ = parts{from, event.term, event.number, event.count, 0, {}};
  if (!open_ || open_->from != from || open_->term != event.term || open_->number != event.number ||
      open_->count != event.count || open_->next != event.index) {
    open_.reset();
    return ignore(fmt::format("part {} of {} of sequence {} without the ones before it", event.index + 1,
                              event.count, event.number));
  }
  if (open_->body.size() + event.body.size() > max_transaction_bytes)
    return stop({fmt::format("sequence {} is larger than {} bytes", event.number, max_transaction_bytes),
                 "re-initialise the replica", false});
  open_->body += event.body;
  ++open_->next;
  if (open_->next < open_->count)
    return line_part{};
  const auto whole = *std::exchange(open_, std::nullopt);
  auto transaction = decode(whole.body);
  if (!transaction)
    return stop(transaction.error());
  if (transaction->number != event.number || transaction->term != event.term ||
      transaction->account != event.account)
    return stop({fmt::format("the parts of sequence {} hold another transaction", event.number),
                 "re-initialise the replica", false});
  auto verdict = accept(*transaction);
  if (auto* deliver = std::get_if<line_deliver>(&verdict))
    deliver->assembled = std::move(*transaction);
  return verdict;
}

line_verdict account_line::step(const writer& from, const snapshot_event& event,
                                const line_control& control) {
  if (auto verdict = judge_writer(from, event.term, control))
    return *verdict;
  const auto last = position_.number.value_or(event.number);
  if (event.number > last) // its view has transactions that were left out of the log
    return stop({fmt::format("gap: snapshot {} lies behind sequence {}, the log ends at {}", event.id,
                             event.number, last),
                 "re-initialise the replica", false});
  position_.number = last;
  return line_snapshot{event, last.value - event.number.value};
}

/// R29: the cut is where the fence lies, and the source says what should lie before it.
std::string account_line::why_not_the_cut(const fence_event& event) const {
  if (!event.last || !position_.number)
    return {};
  if (*event.last != *position_.number)
    return fmt::format("the source handed epoch {} over behind sequence {}, the log ends at {}", event.term,
                       *event.last, *position_.number);
  const bool read_it = !recent_.empty() && recent_.back().number == *event.last;
  if (event.last_id && read_it && recent_.back().id != *event.last_id)
    return fmt::format("sequence {} is GTID {} to the source, and GTID {} in the log", *event.last,
                       event.last_id->text(), recent_.back().id.text());
  return {};
}

line_verdict account_line::step(const writer& from, const fence_event& event, kafka_offset offset,
                                const line_control& control) {
  if (stopped_)
    return line_stop{*stopped_};
  if (control.folded <= event.decision)
    return line_wait{event.decision.next()};
  if (!control.terms)
    return ignore("a fence of an account that was never enrolled");
  const auto& terms = *control.terms;
  if (event.term < terms.first())
    return ignore("of an earlier enrolment");
  if (!resolve(terms))
    return line_wait{};
  if (event.term <= position_.term)
    return ignore(fmt::format("epoch {} is in force already", position_.term));
  const auto* decided = terms.find(event.term);
  if (!decided && terms.forgot(event.term))
    return stop(too_long_ago(event.term));
  if (!decided || decided->decision != event.decision)
    return ignore(
        fmt::format("the decision at {} for epoch {} was never applied", event.decision, event.term));
  if (decided->fence != offset) // else its new primary found it valid, and control took it
    if (auto why = why_invalid(from, terms, position_.term, *decided); !why.empty())
      return ignore(std::move(why));
  // Nobody may begin on what isn't all there, now or behind a later fence, which says nothing of it (R29).
  if (auto why = why_not_the_cut(event); !why.empty())
    return stop({std::move(why), "re-initialise the replica", false});
  open_.reset(); // parts that aren't whole before the fence are void (R13)
  position_.term = event.term;
  position_.cut = position_.number;
  return line_fence{event.account,    event.term,         event.decision,
                    decided->primary, event.is_protected, position_.number.value_or(sequence{})};
}

} // namespace understudy
