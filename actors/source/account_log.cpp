#include "actors/source/account_log.hpp"

#include "events/codec/encode.hpp"
#include "events/codec/parts.hpp"
#include "events/log/gathering.hpp"
#include "events/log/topic_names.hpp"
#include "events/model/named_thread.hpp"

#include <numeric>

namespace understudy {
namespace {

/// Records that concern no account (shapes, incarnations) have no report to wait for.
constexpr std::uint64_t no_token = 0;
/// Between two attempts of what Kafka couldn't take.
constexpr std::chrono::milliseconds retry_pause{500};

const std::string& key_of(const account_event_body& body) {
  static const std::string none;
  return std::visit(
      [](const auto& b) -> const std::string& {
        if constexpr (requires { b.account; })
          return b.account.value;
        else
          return none;
      },
      body);
}

/// What an event takes until it's confirmed, beside its rows: entries in maps and queues (measured: 850
/// bytes).
constexpr std::size_t entry_bytes = 850;

/// Its rows, and its records in the producer's queue or ours: 2.6 to 6.7 times the records alone.
std::size_t memory_of(const account_event_body& body, std::size_t record_bytes) {
  auto bytes = entry_bytes + record_bytes;
  if (const auto* transaction = std::get_if<transaction_event>(&body))
    for (const auto& change : transaction->changes)
      bytes += understudy::memory_of(change);
  return bytes;
}

error refusal_of(const account_id& account, const std::string& text) {
  return {fmt::format("Kafka refuses an event of account {}: {}", account, text),
          "raise the topic's max.message.bytes, then initialise the account's replicas anew"};
}

std::size_t size_of(const std::vector<std::string>& records) {
  return std::accumulate(records.begin(), records.end(), std::size_t{0},
                         [](std::size_t sum, const std::string& record) { return sum + record.size(); });
}

} // namespace

account_log::account_log(options o)
    : options_(std::move(o))
    , life_(options_.first_life)
    , limit_(options_.max_message_bytes) {}

account_log::~account_log() {
  stop();
}

result<void> account_log::start() {
  if (auto opened = open_producer(); !opened)
    return opened;
  maintenance_ = named_thread("account-log", [this] { run_maintenance(); });
  return {};
}

result<void> account_log::open_producer() {
  producer_options limits;
  limits.max_message_bytes = limit_;
  producer_callbacks callbacks;
  callbacks.on_delivery = [this](delivery&& report) { on_report(std::move(report)); };
  callbacks.on_held = callbacks.on_delivery; // commits wait for nothing else
  callbacks.on_fatal = [this](const error& why) {
    options_.report(fmt::format("the Kafka producer gave up ({}); a new one produces again what isn't "
                                "confirmed",
                                why.what));
    const std::lock_guard lock(mutex_);
    fatal_ = true;
    changed_.notify_all();
  };
  callbacks.on_connection = options_.on_connection;
  auto opened = producer::start(options_.kafka, limits, std::move(callbacks));
  if (!opened)
    return tl::make_unexpected(opened.error());
  producer_ = std::move(*opened);
  return {};
}

void account_log::stop() {
  std::shared_ptr<producer> last;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    last = producer_;
    changed_.notify_all();
  }
  if (maintenance_.joinable())
    maintenance_.join();
  if (last)
    last->stop(std::chrono::milliseconds::zero());
}

void account_log::run_maintenance() {
  using clock = std::chrono::steady_clock;
  const auto is_look_due = [this] { return limit_doubted_ && clock::now() >= next_look_; };
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    changed_.wait_for(lock, retry_pause, [&] { return stopping_ || fatal_ || has_room_ || is_look_due(); });
    if (stopping_)
      return;
    if (is_look_due()) {
      look_at_limit(lock);
      next_look_ = clock::now() + retry_pause; // whatever is refused meanwhile
    }
    has_room_ = false;
    if (!std::exchange(fatal_, false)) {
      send_backlog_locked();
      continue;
    }
    lock.unlock();
    replace_producer();
    lock.lock();
    // A topic that can't be written for a while must not make new producers in a row.
    changed_.wait_for(lock, retry_pause, [this] { return stopping_; });
  }
}

void account_log::replace_producer() {
  std::shared_ptr<producer> old;
  {
    const std::lock_guard lock(mutex_);
    old = std::move(producer_);
    life_ = life_.next(); // reports of the old life no longer count (R12)
  }
  if (old)
    old->stop(std::chrono::milliseconds::zero());
  refusals impossible; // no part is small enough for a lowered limit
  {
    const std::lock_guard lock(mutex_);
    if (auto opened = open_producer(); !opened) {
      options_.report(opened.error().what);
      fatal_ = true;
      return;
    }
    // Also what came while there was no producer: all of it is in pending_, whose order stands.
    backlog_.clear();
    partitions_.clear();
    impossible = write_again_locked();
  }
  finish_all(std::move(impossible));
}

void account_log::produce(partition_id partition, account_event_body body, on_delivery done,
                          captured_from from) {
  outgoing event{partition, std::move(body), std::move(done), from, 0};
  incarnation life;
  std::vector<outgoing> freed;
  {
    const std::lock_guard lock(mutex_);
    if (const auto* fence = std::get_if<fence_event>(&event.body))
      freed = left_out_.break_off(fence->account, "its epoch ended");
    if (hold_back_locked(event))
      return;
    life = life_;
  }
  write_all(std::move(freed));
  write(std::move(event), life);
}

/// What is missing must be made up for first, by the binlog or by a snapshot: nobody may meet a gap before.
bool account_log::hold_back_locked(outgoing& event) {
  const auto* transaction = std::get_if<transaction_event>(&event.body);
  if (transaction == nullptr)
    return false;
  switch (left_out_.judge(event.partition, *transaction, event.from,
                          has_room_locked(options_.most_waiting_bytes))) {
  case left_out_events::verdict::written:
    return false;
  case left_out_events::verdict::left_out:
    return true;
  case left_out_events::verdict::behind:
    break;
  }
  if (!event.from.holds_commit) {
    const auto records = encode_body(event.body, life_);
    event.bytes = memory_of(event.body, records ? size_of(*records) : records.error().size);
  }
  const auto account = transaction->account;
  left_out_.wait_behind(account, std::move(event));
  return true;
}

bool account_log::has_room_locked(std::size_t most) const {
  return unheld_bytes_ + left_out_.bytes() <= most;
}

void account_log::write_all(std::vector<outgoing> events) {
  for (auto& each : events)
    write(std::move(each), life());
}

void account_log::write(outgoing event, incarnation life) {
  auto records = encode_body(event.body, life);
  std::uint64_t number = 0;
  {
    const std::lock_guard lock(mutex_);
    number = next_number_++;
    auto& kept = pending_[number];
    kept.partition = event.partition;
    kept.outcome.account = account_id(key_of(event.body));
    kept.body = std::move(event.body);
    kept.from = event.from;
    kept.done = std::move(event.done);
    kept.since = std::chrono::steady_clock::now();
    if (life != life_) // a new life began meanwhile
      records = encode_body(kept.body, life_);
    if (records || records.error().size > 0) {
      kept.bytes = records ? size_of(*records) : records.error().size;
      pending_bytes_ += kept.bytes;
      if (!kept.from.holds_commit) {
        kept.unheld_bytes = memory_of(kept.body, kept.bytes);
        unheld_bytes_ += kept.unheld_bytes;
      }
      if (!records)
        doubt_locked(number, std::move(records.error()));
      else if (!doubts_.contains(kept.outcome.account))
        write_locked(number, std::move(*records));
      return;
    }
  }
  finish(number, records.error());
}

tl::expected<account_log::encoded, account_log::unencodable>
account_log::encode_body(const account_event_body& body, incarnation life) const {
  const writer from{options_.node, life};
  std::string whole;
  if (auto done = encode_to(whole, from, body); !done)
    return tl::make_unexpected(unencodable{std::move(done.error())});
  const auto limit = payload_limit(limit_, key_of(body).size());
  const auto* transaction = std::get_if<transaction_event>(&body);
  encoded records;
  if (const auto* fence = std::get_if<fence_event>(&body); fence != nullptr && fence->last)
    whole.resize(std::max(whole.size(), std::min(gathered_bytes, limit)),
                 ' '); // its guard stands till it's read
  if (whole.size() <= limit || transaction == nullptr) {
    records.push_back(std::move(whole));
    return records;
  }
  auto parts = split(whole, from, transaction->account, transaction->term, transaction->number, limit);
  if (!parts)
    return tl::make_unexpected(unencodable{std::move(parts.error()), whole.size()});
  for (auto& part : *parts) {
    std::string text;
    if (auto done = encode_to(text, from, std::move(part)); !done)
      return tl::make_unexpected(unencodable{std::move(done.error())});
    records.push_back(std::move(text));
  }
  return records;
}

void account_log::write_locked(std::uint64_t number, encoded records) {
  auto& event = pending_.at(number);
  event.records = records.size();
  event.written = true;
  say_first_locked(event.partition, event.body);
  for (auto& record : records)
    send_locked({event.partition, key_of(event.body), std::move(record), number});
}

void account_log::say_first_locked(partition_id partition, const account_event_body& body) {
  auto& state = partitions_[partition];
  if (!state.begun) {
    state.begun = true;
    say_locked(partition, incarnation_event{});
  }
  const auto* transaction = std::get_if<transaction_event>(&body);
  if (transaction == nullptr)
    return;
  const shape* said = nullptr;
  for (const auto& change : transaction->changes) {
    if (change.table.get() == said)
      continue;
    said = change.table.get();
    if (state.shapes_said.emplace(said, change.table).second)
      say_locked(partition, shape_event{*said});
  }
}

void account_log::say_locked(partition_id partition, const account_event_body& body) {
  std::string text;
  if (auto done = encode_to(text, {options_.node, life_}, body); !done) {
    options_.report(done.error().what);
    return;
  }
  send_locked({partition, {}, std::move(text), no_token});
}

void account_log::send_locked(unsent record) {
  const auto keep = [&] {
    record.payload.shrink_to_fit(); // grown while it was written: up to twice its length
    backlog_.push_back(std::move(record));
  };
  if (!backlog_.empty() || !producer_)
    return keep();
  const auto taken =
      producer_->produce(topic::accounts, record.partition, record.key, record.payload, record.token);
  if (!taken && taken.error().retryable)
    keep();
  // Any other refusal is the producer's end: on_fatal follows, and a new life writes it again.
}

void account_log::send_backlog_locked() {
  while (!backlog_.empty() && producer_) {
    auto& record = backlog_.front();
    const auto taken =
        producer_->produce(topic::accounts, record.partition, record.key, record.payload, record.token);
    if (!taken && taken.error().retryable)
      return;
    backlog_.pop_front();
  }
}

void account_log::on_report(delivery&& report) {
  std::optional<error> refused;
  {
    const std::lock_guard lock(mutex_);
    if (!backlog_.empty() && !std::exchange(has_room_, true))
      changed_.notify_all();
    if (report.token == no_token) {
      if (report.outcome == produce_outcome::too_large || report.outcome == produce_outcome::refused)
        options_.report(fmt::format("partition {} refuses a record about shapes or incarnations: {}",
                                    report.partition, report.text));
      return;
    }
    const auto found = pending_.find(report.token);
    if (found == pending_.end())
      return;
    auto& event = found->second;
    switch (report.outcome) {
    case produce_outcome::held:
      event.outcome.offset = std::max(event.outcome.offset, report.offset);
      event.outcome.first = std::min(event.outcome.first.value_or(report.offset), report.offset);
      // Without LogAppendTime a report never counts (R20): the latest possible time says so.
      event.outcome.stamp = std::max(
          event.outcome.stamp, report.time.value_or(broker_time{std::numeric_limits<std::int64_t>::max()}));
      if (++event.confirmed < event.records)
        return;
      partitions_[event.partition].last_held = std::max(partitions_[event.partition].last_held, report.token);
      if (const auto known = doubts_.find(event.outcome.account);
          known != doubts_.end() && report.token > known->second.first)
        known->second.overtaken = true;
      break;
    case produce_outcome::too_large:
      return doubt_locked(report.token, refusal_of(event.outcome.account, report.text));
    case produce_outcome::refused:
      refused = refusal_of(event.outcome.account, report.text);
      break;
    case produce_outcome::topic_unavailable:
      fatal_ = true; // everything unconfirmed again, in order, in a new life
      changed_.notify_all();
      return;
    case produce_outcome::purged:
    case produce_outcome::fatal:
    case produce_outcome::queue_full:
      return; // the next life writes it again
    }
  }
  finish(report.token, std::move(refused));
}

void account_log::finish(std::uint64_t number, std::optional<error> refused) {
  pending event;
  {
    const std::lock_guard lock(mutex_);
    const auto found = pending_.find(number);
    if (found == pending_.end())
      return;
    event = std::move(found->second);
    pending_.erase(found);
    pending_bytes_ -= event.bytes;
    unheld_bytes_ -= event.unheld_bytes;
    if (pending_.empty())
      drained_.notify_all();
    // Nobody holds its COMMIT for control's word: no checkpoint may pass it before that word.
    const auto* lost = refused ? std::get_if<transaction_event>(&event.body) : nullptr;
    if (lost != nullptr && !event.from.holds_commit && event.from.transaction != 0)
      note_refused_locked(lost->account, lost->number, event.from.transaction);
  }
  event.outcome.refused = std::move(refused);
  if (options_.observe_ack && !event.outcome.refused)
    options_.observe_ack(
        std::chrono::duration<double>(std::chrono::steady_clock::now() - event.since).count(), event.bytes);
  event.done(event.outcome);
}

void account_log::repeat_shapes(partition_id partition) {
  const std::lock_guard lock(mutex_);
  partitions_[partition].shapes_said.clear();
}

void account_log::begin_life(partition_id partition) {
  const std::lock_guard lock(mutex_);
  auto& state = partitions_[partition];
  if (!std::exchange(state.begun, true))
    say_locked(partition, incarnation_event{});
}

incarnation account_log::life() const {
  const std::lock_guard lock(mutex_);
  return life_;
}

std::map<partition_id, std::uint64_t> account_log::oldest_unconfirmed() const {
  const std::lock_guard lock(mutex_);
  std::map<partition_id, std::uint64_t> oldest;
  for (const auto& [number, event] : pending_)
    oldest.try_emplace(event.partition, number);
  return oldest;
}

std::uint64_t account_log::last_number() const {
  const std::lock_guard lock(mutex_);
  return next_number_ - 1;
}

void account_log::note_refused(const account_id& account, sequence number, settlement::ticket transaction) {
  const std::lock_guard lock(mutex_);
  note_refused_locked(account, number, transaction);
}

void account_log::note_refused_locked(const account_id& account, sequence number,
                                      settlement::ticket transaction) {
  refused_.try_emplace(account, refused_events{number, transaction}).first->second.last = number;
}

void account_log::refusal_is_said(const account_id& account, sequence up_to) {
  const std::lock_guard lock(mutex_);
  if (const auto known = refused_.find(account); known != refused_.end() && known->second.last <= up_to)
    refused_.erase(known);
}

std::optional<settlement::ticket> account_log::oldest_missing() const {
  const std::lock_guard lock(mutex_);
  std::optional<settlement::ticket> oldest;
  const auto consider = [&oldest](settlement::ticket transaction) {
    if (transaction != 0 && (!oldest || transaction < *oldest))
      oldest = transaction;
  };
  for (const auto& [number, event] : pending_)
    consider(event.from.transaction);
  consider(left_out_.oldest().value_or(0));
  for (const auto& [account, events] : refused_)
    consider(events.first);
  return oldest;
}

std::size_t account_log::in_flight() const {
  const std::lock_guard lock(mutex_);
  return pending_.size();
}

std::size_t account_log::in_flight_bytes() const {
  const std::lock_guard lock(mutex_);
  return pending_bytes_;
}

bool account_log::connected() const {
  const std::lock_guard lock(mutex_);
  return producer_ && producer_->connected();
}

bool account_log::drain(std::chrono::milliseconds limit) {
  std::unique_lock lock(mutex_);
  return drained_.wait_for(lock, limit, [this] { return pending_.empty(); });
}

} // namespace understudy
