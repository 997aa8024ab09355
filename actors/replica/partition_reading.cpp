// What each record means; see partition_feeds.cpp for what becomes of accounts.
#include "actors/replica/partition_reading.hpp"

namespace understudy {

partition_reading::partition_reading(reading_sink& sink, const decision_source& decisions,
                                     body_decoder decode, limits l)
    : sink_(sink)
    , decisions_(decisions)
    , decode_(std::move(decode))
    , limits_(l) {}

partition_reading::feed* partition_reading::fed_by(const account_id& account, kafka_offset offset,
                                                   bool catching_up) {
  const auto found = feeds_.find(account);
  if (found == feeds_.end())
    return nullptr;
  auto& f = found->second;
  return f.is == (catching_up ? state::catching : state::reading) && offset >= f.next ? &f : nullptr;
}

bool partition_reading::wants(const std::string& key, kafka_offset offset, bool catching_up) const {
  if (key.empty())
    return true; // shapes and lives concern everybody
  const auto found = feeds_.find(account_id(key));
  return found != feeds_.end() && found->second.is == (catching_up ? state::catching : state::reading) &&
         offset >= found->second.next;
}

void partition_reading::on_record(account_event&& event, kafka_offset offset, std::size_t bytes,
                                  bool catching_up, time_point now) {
  lives_.met(event.from, offset);
  if (std::holds_alternative<incarnation_event>(event.body))
    drop_older_parts(event.from);
  const auto* concerned = account_of(event);
  if (!concerned)
    return;
  const auto account = *concerned;
  auto* f = fed_by(account, offset, catching_up);
  if (!f)
    return;
  // Whoever isn't stuck takes what was polled: that much is bounded by the consumer's own queue.
  if (catching_up && sink_.backlog(account) > limits_.catch_up_share && sink_.is_stuck(account)) {
    step_back(account, *f, offset, now);
    return;
  }
  f->next = offset.next();
  if (lives_.is_void(event.from, offset))
    return;
  if (f->waiting)
    hold_back(account, *f, std::move(event), offset, bytes, f->control);
  else
    step(account, *f, std::move(event), offset, bytes);
}

void partition_reading::step(const account_id& account, feed& f, account_event&& event, kafka_offset offset,
                             std::size_t bytes) {
  const auto decided = decisions_.about(account);
  if (decided.withdrawn)
    return;
  const line_control control{decisions_.folded(), decided.terms.get(), false};
  undecoded_.reset();
  auto verdict = std::visit(
      [&](auto& body) -> line_verdict {
        using type = std::decay_t<decltype(body)>;
        if constexpr (std::is_same_v<type, part_event>) {
          return f.line.step(event.from, body, control,
                             [this](std::string_view joined) -> result<transaction_event> {
                               auto whole = decode_(joined);
                               if (!whole) {
                                 undecoded_ = whole.error();
                                 return tl::make_unexpected(error(whole.error()));
                               }
                               auto* transaction = std::get_if<transaction_event>(&whole->body);
                               if (!transaction)
                                 return failure("joined parts hold something else than a transaction");
                               return std::move(*transaction);
                             });
        } else if constexpr (std::is_same_v<type, fence_event>) {
          return f.line.step(event.from, body, offset, control);
        } else if constexpr (std::is_same_v<type, transaction_event> ||
                             std::is_same_v<type, snapshot_event>) {
          return f.line.step(event.from, body, control);
        } else {
          return line_ignore{"not of this topic"};
        }
      },
      event.body);
  on_verdict(account, f, std::move(verdict), std::move(event), offset, bytes);
}

void partition_reading::on_verdict(const account_id& account, feed& f, line_verdict&& verdict,
                                   account_event&& event, kafka_offset offset, std::size_t bytes) {
  const auto whole = [&] {
    f.open.reset();
    with_parts_.erase(account);
  };
  if (auto* deliver = std::get_if<line_deliver>(&verdict)) {
    whole();
    if (!f.placed)
      return; // the snapshot that it waits for will contain it
    auto transaction = std::make_shared<const transaction_event>(
        deliver->assembled ? std::move(*deliver->assembled)
                           : std::move(std::get<transaction_event>(event.body)));
    sink_.deliver(account, queued_event{std::move(transaction), offset.next(), bytes});
  } else if (auto* fence = std::get_if<line_fence>(&verdict)) {
    whole();
    if (f.placed)
      sink_.deliver(account, queued_fence{fence->term, fence->primary, fence->cut, offset,
                                          fence->is_protected, std::get<fence_event>(event.body).at_cut});
  } else if (auto* met = std::get_if<line_snapshot>(&verdict)) {
    on_marker(account, f, *met, event.from, offset);
  } else if (std::holds_alternative<line_part>(verdict)) {
    if (!f.open)
      f.open = open_parts{offset, event.from};
    with_parts_.insert(account);
  } else if (auto* wait = std::get_if<line_wait>(&verdict)) {
    const auto control = wait->control.value >= 0 ? wait->control : decisions_.folded().next();
    hold_back(account, f, std::move(event), offset, bytes, control);
  } else if (auto* stop = std::get_if<line_stop>(&verdict)) {
    if (f.placed)
      return on_stop(account, f, std::move(stop->why), offset);
    // Whatever it is, the next marker begins anew; this one, too, if the line had begun too early.
    const bool again = std::holds_alternative<snapshot_event>(event.body) && f.line_begin != offset;
    f.line_begin = again ? offset : offset.next();
    f.line = account_line(f.line_begin, decisions_.folded());
    if (again)
      step(account, f, std::move(event), offset, bytes);
  }
}

void partition_reading::on_marker(const account_id& account, feed& f, const line_snapshot& met,
                                  const writer& from, kafka_offset offset) {
  if (f.placed)
    return; // another destination's
  if (met.marker.request < decisions_.about(account).requested)
    return; // of a view older than what was asked for since: changes that nobody saw may be missing in it
  // Events that the view lacks but that lie before the marker are read again; the line knows by number.
  const auto next = met.behind == 0 ? offset.next() : f.line_begin;
  const replay_point then{met.marker.term, met.marker.number, next};
  set_position(account, f, then);
  become(account, f, state::held);
  f.loading_from = offset;
  sink_.marker({met.marker, from.node, then});
}

void partition_reading::on_stop(const account_id& account, feed& f, error why, kafka_offset offset) {
  if (undecoded_ && undecoded_->kind == decode_failure::unknown_shape)
    return lack_shape(account, f, std::move(why), undecoded_->fingerprint, f.open ? f.open->first : offset);
  if (undecoded_) {
    f.line = account_line(f.line.position());
    halt_at(account, f, f.open ? f.open->first : offset, why.what);
    return sink_.halted(account, halt::stopped, std::move(why), 0);
  }
  lose(account, why.what);
}

void partition_reading::on_undecodable(const std::string& key, kafka_offset offset, const decode_error& why,
                                       bool catching_up) {
  const account_id account(key);
  auto* f = fed_by(account, offset, catching_up);
  if (!f)
    return;
  if (!f->placed || f->waiting) {
    // Not needed yet, or not its turn: it's read again behind what waits.
    if (f->waiting)
      step_aside(account, *f);
    return;
  }
  if (why.kind == decode_failure::unknown_shape)
    return lack_shape(account, *f, why, why.fingerprint, offset);
  halt_at(account, *f, offset, why.what);
  sink_.halted(account, halt::stopped, why, 0);
}

void partition_reading::lack_shape(const account_id& account, feed& f, error why, std::uint64_t fingerprint,
                                   kafka_offset offset) {
  f.line = account_line(f.line.position());
  halt_at(account, f, offset, why.what);
  sink_.halted(account, halt::lacks_shape, std::move(why), fingerprint);
}

void partition_reading::hold_back(const account_id& account, feed& f, account_event&& event,
                                  kafka_offset offset, std::size_t bytes, kafka_offset control) {
  if (!f.waiting)
    f.waiting = std::make_unique<std::deque<waiting_record>>();
  f.control = control;
  f.waiting->push_back({std::move(event), offset, bytes});
  waiting_bytes_ += bytes;
  waiting_.insert(account);
  std::size_t held = 0;
  for (const auto& record : *f.waiting)
    held += record.bytes;
  if (f.waiting->size() > limits_.waiting_records || held > limits_.waiting_bytes)
    step_aside(account, f);
}

void partition_reading::control_folded() {
  const auto folded = decisions_.folded();
  const auto accounts = std::vector(waiting_.begin(), waiting_.end());
  for (const auto& account : accounts) {
    auto& f = feeds_.at(account);
    if (folded < f.control)
      continue;
    auto records = std::move(f.waiting);
    waiting_.erase(account);
    while (!records->empty()) {
      auto record = std::move(records->front());
      records->pop_front();
      waiting_bytes_ -= record.bytes;
      if (f.waiting)
        hold_back(account, f, std::move(record.event), record.offset, record.bytes, f.control);
      else if (f.is == state::reading || f.is == state::catching)
        step(account, f, std::move(record.event), record.offset, record.bytes);
    }
  }
}

void partition_reading::passed(kafka_offset offset, bool catching_up) {
  auto& at = catching_up ? pass_ : position_;
  if (at)
    at = std::max(*at, offset.next());
}

void partition_reading::drop_older_parts(const writer& begun) {
  const auto accounts = std::vector(with_parts_.begin(), with_parts_.end());
  for (const auto& account : accounts) {
    auto& f = feeds_.at(account);
    if (f.open && f.open->from.node == begun.node && f.open->from.life < begun.life) {
      f.open.reset();
      with_parts_.erase(account);
    }
  }
}

} // namespace understudy
