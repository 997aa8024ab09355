#include "actors/replica/apply_queue.hpp"

#include "events/model/invariant.hpp"

#include <algorithm>

namespace understudy {
namespace {

std::size_t bytes_of_item(const queued_item& item) {
  const auto* event = std::get_if<queued_event>(&item);
  return event ? event->bytes : 0;
}

bool is_fence(const queued_item& item) {
  return std::holds_alternative<queued_fence>(item);
}

replay_point behind(const queued_item& item) {
  if (const auto* fence = std::get_if<queued_fence>(&item))
    return {fence->term, fence->cut, fence->offset.next()};
  const auto& event = std::get<queued_event>(item);
  return {event.event->term, event.event->number, event.next};
}

} // namespace

apply_queue::apply_queue(limits l)
    : limits_(l)
    , lanes_(l.lanes + 1) // the last lane is for accounts that met a lock
    , next_batch_(l.lanes + 1) {}

apply_queue::slot* apply_queue::find(const account_id& account) {
  const auto found = slots_.find(account);
  return found == slots_.end() ? nullptr : &found->second;
}

const apply_queue::slot* apply_queue::find(const account_id& account) const {
  const auto found = slots_.find(account);
  return found == slots_.end() ? nullptr : &found->second;
}

unsigned apply_queue::lane_of(const account_id& account) const {
  if (events_ < limits_.gather_events)
    return 0;
  return static_cast<unsigned>(std::hash<account_id>{}(account) % limits_.lanes);
}

void apply_queue::open(account_placement where, replay_point at) {
  auto& s = slots_[where.account];
  waiting_.erase(where.account);
  drop_queue(s);
  s.applied = s.taken = at;
  s.closed = s.stopped = false;
  s.where = std::move(where);
}

bool apply_queue::close(const account_id& account) {
  auto* s = find(account);
  if (!s)
    return true;
  drop_queue(*s);
  if (s->in_flight.empty()) {
    erase(account);
    return true;
  }
  s->closed = true;
  return false;
}

bool apply_queue::is_open(const account_id& account) const {
  const auto* s = find(account);
  return s && !s->closed;
}

void apply_queue::push(const account_id& account, queued_item item) {
  auto* s = find(account);
  if (!s || s->closed || s->stopped)
    return;
  const auto size = bytes_of_item(item);
  s->queued_bytes += size;
  bytes_ += size;
  ++events_;
  fences_ += is_fence(item);
  s->queue.push_back(std::move(item));
  make_ready(account, *s);
}

std::optional<replay_point> apply_queue::withdraw(const account_id& account) {
  auto* s = find(account);
  if (!s || s->closed)
    return {};
  drop_queue(*s);
  return s->taken;
}

void apply_queue::drop_queue(slot& s) {
  bytes_ -= s.queued_bytes;
  events_ -= s.queue.size();
  fences_ -= static_cast<std::size_t>(std::ranges::count_if(s.queue, is_fence));
  s.queued_bytes = 0;
  s.queue.clear();
}

void apply_queue::make_ready(const account_id& account, slot& s) {
  if (s.ready || s.closed || s.queue.empty() || !s.in_flight.empty())
    return;
  s.ready = true;
  lanes_[s.alone ? limits_.lanes : lane_of(account)].push_back(account);
}

bool apply_queue::gathers(unsigned lane, time_point now) const {
  return now < next_batch_.at(lane) && fences_ == 0 && events_ < limits_.gather_events;
}

apply_queue::time_point apply_queue::helps_from(unsigned lane) const {
  const bool may = lane > 0 && lane < limits_.lanes;
  return may ? next_batch_.front() + limits_.overdue : time_point::max();
}

apply_queue::taken apply_queue::take(unsigned lane, time_point now) {
  taken out;
  if (gathers(lane, now))
    return out;
  std::size_t events = 0;
  std::size_t bytes = 0;
  const bool helps = now >= helps_from(lane) && first_of(lane) > now; // what waits in its own isn't due
  auto& ready = lanes_.at(helps ? 0 : lane);
  for (auto left = ready.size(); left > 0 && events < limits_.events && bytes < limits_.bytes && !out.alone;
       --left) {
    auto account = std::move(ready.front());
    ready.pop_front();
    auto* s = find(account);
    if (!s || !s->ready)
      continue;
    if (s->not_before > now) {
      ready.push_back(std::move(account));
      continue;
    }
    s->ready = false;
    if (s->queue.empty() || !s->in_flight.empty() || s->closed)
      continue;
    out.alone = s->alone;
    fill(*s, out, events, bytes);
  }
  if (!out.empty())
    next_batch_.at(lane) = now + limits_.gather;
  return out;
}

void apply_queue::fill(slot& s, taken& out, std::size_t& events, std::size_t& bytes) {
  if (const auto* fence = std::get_if<queued_fence>(&s.queue.front())) {
    out.fences.emplace_back(s.where, *fence);
    s.taken = behind(s.queue.front());
    s.in_flight.splice(s.in_flight.end(), s.queue, s.queue.begin());
    --fences_;
    ++events;
    return;
  }
  account_batch batch{s.where, replica_position{s.applied.number, s.applied.next}, {}};
  while (!s.queue.empty() && events < limits_.events && bytes < limits_.bytes) {
    auto* event = std::get_if<queued_event>(&s.queue.front());
    if (!event)
      break;
    batch.events.push_back({event->event, event->next});
    s.taken = behind(s.queue.front());
    s.queued_bytes -= event->bytes;
    s.flight_bytes += event->bytes;
    bytes += event->bytes;
    ++events;
    s.in_flight.splice(s.in_flight.end(), s.queue, s.queue.begin());
  }
  out.batches.push_back(std::move(batch));
}

apply_queue::time_point apply_queue::first_of(unsigned lane) const {
  auto first = time_point::max();
  for (const auto& account : lanes_.at(lane))
    if (const auto* s = find(account); s && s->ready)
      first = std::min(first, s->not_before);
  return first;
}

std::optional<apply_queue::time_point> apply_queue::next_try(unsigned lane) const {
  auto first = std::min(first_of(lane), std::max(first_of(0), helps_from(lane)));
  if (first == time_point::max())
    return {};
  return fences_ == 0 ? std::max(first, next_batch_.at(lane)) : first;
}

void apply_queue::land(slot& s) {
  bytes_ -= s.flight_bytes;
  events_ -= s.in_flight.size();
  s.flight_bytes = 0;
  s.in_flight.clear();
}

void apply_queue::put_back(slot& s) {
  s.queued_bytes += s.flight_bytes;
  s.flight_bytes = 0;
  fences_ += static_cast<std::size_t>(std::ranges::count_if(s.in_flight, is_fence));
  s.queue.splice(s.queue.begin(), s.in_flight);
  s.taken = s.applied;
}

void apply_queue::erase(const account_id& account) {
  slots_.erase(account);
  waiting_.erase(account);
}

bool apply_queue::settle(const account_id& account, slot& s) {
  if (s.closed) {
    erase(account);
    return false;
  }
  make_ready(account, s);
  return true;
}

bool apply_queue::finish(const apply_outcome& outcome) {
  auto* s = find(outcome.account);
  invariant(s && !s->in_flight.empty(), "an account's batch ends once");
  land(*s);
  waiting_.erase(outcome.account);
  s->alone = false;
  s->not_before = {};
  if (outcome.stopped) {
    s->stopped = true;
    drop_queue(*s);
    // A batch has events of one epoch only: it ends at a fence.
    if (outcome.next.value >= 0 && outcome.applied > s->applied.number)
      s->applied = {s->taken.term, outcome.applied, outcome.next};
    s->taken = s->applied;
  } else {
    s->applied = s->taken;
  }
  return settle(outcome.account, *s);
}

bool apply_queue::wait(const apply_outcome& outcome, time_point now) {
  auto* s = find(outcome.account);
  invariant(s && !s->in_flight.empty(), "an account's batch ends once");
  const auto is_applied = [&](const queued_item& item) { return behind(item).number <= outcome.applied; };
  if (is_applied(s->in_flight.front()))
    waiting_.erase(outcome.account); // what it waited for before has come
  const auto since = waiting_.try_emplace(outcome.account, now).first->second;
  const bool is_promoted =
      std::ranges::any_of(s->queue, is_fence) || std::ranges::any_of(s->in_flight, is_fence);
  if (s->closed || is_promoted || now - since >= limits_.volume_wait)
    return false; // whoever is to begin behind the fence declines at once
  while (!s->in_flight.empty() && is_applied(s->in_flight.front())) {
    const auto size = bytes_of_item(s->in_flight.front());
    s->flight_bytes -= size;
    bytes_ -= size;
    --events_;
    s->applied = behind(s->in_flight.front());
    s->in_flight.pop_front();
  }
  put_back(*s);
  s->alone = false;
  s->not_before = now + limits_.again;
  make_ready(outcome.account, *s);
  return true;
}

bool apply_queue::finish_fence(const account_id& account, const queued_fence& fence) {
  auto* s = find(account);
  invariant(s && !s->in_flight.empty(), "an account's fence ends once");
  land(*s);
  s->applied = {fence.term, fence.cut, fence.offset.next()};
  return settle(account, *s);
}

std::vector<account_id> apply_queue::give_back(const taken& batch, time_point now) {
  std::vector<account_id> closed;
  const auto one = [&](const account_id& account, bool was_fence) {
    auto* s = find(account);
    invariant(s && !s->in_flight.empty(), "a batch is given back once");
    put_back(*s);
    if (s->closed) {
      drop_queue(*s);
      erase(account);
      closed.push_back(account);
      return;
    }
    if (s->alone || was_fence || batch.batches.size() == 1)
      s->not_before = now + limits_.again;
    s->alone = true;
    make_ready(account, *s);
  };
  for (const auto& b : batch.batches)
    one(b.where.account, false);
  for (const auto& [where, fence] : batch.fences)
    one(where.account, true);
  return closed;
}

std::size_t apply_queue::bytes_of(const account_id& account) const {
  const auto* s = find(account);
  return s ? s->queued_bytes + s->flight_bytes : 0;
}

bool apply_queue::idle(const account_id& account) const {
  const auto* s = find(account);
  return !s || (!s->stopped && s->queue.empty() && s->in_flight.empty());
}

std::optional<sequence> apply_queue::read_up_to(const account_id& account) const {
  const auto* s = find(account);
  if (!s || s->closed)
    return std::nullopt;
  if (s->queue.empty())
    return s->taken.number;
  const auto* event = std::get_if<queued_event>(&s->queue.back());
  return event ? event->event->number : std::get<queued_fence>(s->queue.back()).cut;
}

std::optional<std::int64_t> apply_queue::oldest_commit_us(const account_id& account) const {
  const auto* s = find(account);
  if (!s || s->closed)
    return std::nullopt;
  for (const auto* items : {&s->in_flight, &s->queue})
    for (const auto& item : *items)
      if (const auto* event = std::get_if<queued_event>(&item))
        return event->event->committed_us;
  return std::nullopt;
}

std::optional<replay_point> apply_queue::applied(const account_id& account) const {
  const auto* s = find(account);
  return s && !s->closed ? std::optional(s->applied) : std::nullopt;
}

bool apply_queue::is_stuck(const account_id& account) const {
  const auto* s = find(account);
  return s && (s->alone || waiting_.contains(account));
}

std::vector<account_id> apply_queue::delayed() const {
  std::vector<account_id> out;
  for (const auto& [account, s] : slots_)
    if (!s.queue.empty() && is_stuck(account))
      out.push_back(account);
  return out;
}

std::optional<std::pair<account_id, std::size_t>> apply_queue::largest() const {
  const auto most =
      std::ranges::max_element(slots_, {}, [](const auto& entry) { return entry.second.queued_bytes; });
  if (most == slots_.end() || most->second.queued_bytes == 0)
    return {};
  return std::pair(most->first, most->second.queued_bytes);
}

} // namespace understudy
