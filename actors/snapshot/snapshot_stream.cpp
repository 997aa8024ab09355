#include "actors/snapshot/snapshot_stream.hpp"

#include "events/codec/encode.hpp"
#include "events/codec/parts.hpp"
#include "events/log/topic_names.hpp"

namespace understudy {
namespace {

/// Between two attempts while the producer's queue is full or Kafka is away.
constexpr std::chrono::milliseconds look_again{10};

} // namespace

snapshot_stream::snapshot_stream(options o)
    : options_(std::move(o)) {}

snapshot_stream::~snapshot_stream() {
  stop();
}

result<void> snapshot_stream::start() {
  const std::lock_guard lock(mutex_);
  return renew();
}

/// A new producer is a new life (R12). Under the lock.
result<void> snapshot_stream::renew() {
  producer_options limits;
  limits.max_message_bytes = options_.max_message_bytes;
  producer_callbacks callbacks;
  callbacks.on_delivery = [this](delivery&& report) { on_delivery(report); };
  callbacks.on_fatal = [this](const error& why) {
    if (options_.report)
      options_.report(log_level::error, why.what);
  };
  auto started = producer::start(options_.kafka, limits, std::move(callbacks));
  if (!started)
    return tl::make_unexpected(started.error());
  producer_ = std::move(*started);
  return {};
}

void snapshot_stream::stop() {
  std::shared_ptr<producer> last;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    last = std::move(producer_);
  }
  if (last)
    last->stop(std::chrono::milliseconds(0));
}

void snapshot_stream::on_delivery(const delivery& report) {
  pending done;
  {
    const std::lock_guard lock(mutex_);
    const auto found = pending_.find(report.token);
    if (found == pending_.end())
      return;
    done = std::move(found->second);
    pending_.erase(found);
  }
  auto& f = *done.snapshot;
  std::unique_lock lock(f.mutex);
  --f.records;
  f.bytes -= done.bytes;
  if (report.outcome == produce_outcome::held)
    f.last = report.offset;
  else if (!f.failed)
    f.failed = error{fmt::format("a record of the snapshot wasn't taken by Kafka: {}", report.text),
                     {},
                     report.outcome == produce_outcome::purged || report.outcome == produce_outcome::fatal};
  f.changed.notify_all();
  if (f.records > 0 || !f.then)
    return;
  const auto then = std::exchange(f.then, {});
  const auto outcome = f.failed ? result<void>(tl::make_unexpected(*f.failed)) : result<void>{};
  lock.unlock();
  then(outcome);
}

void snapshot_stream::when_confirmed(const std::shared_ptr<flight>& snapshot,
                                     std::function<void(result<void>)> then) {
  std::unique_lock lock(snapshot->mutex);
  if (snapshot->records > 0) {
    snapshot->then = std::move(then);
    return;
  }
  const auto outcome =
      snapshot->failed ? result<void>(tl::make_unexpected(*snapshot->failed)) : result<void>{};
  lock.unlock();
  then(outcome);
}

result<void> snapshot_stream::send(const std::shared_ptr<flight>& snapshot, partition_id partition,
                                   const account_id& account, const account_event_body& body) {
  std::string encoded;
  if (auto done = encode_to(encoded, options_.from, body); !done)
    return done;
  const auto limit = payload_limit(options_.max_message_bytes, account.value.size());
  if (encoded.size() <= limit)
    return produce(snapshot, partition, account, encoded);
  const auto* chunk = std::get_if<snapshot_chunk>(&body);
  if (!chunk)
    return failure(fmt::format("a record of {} bytes is over the topic's limit", encoded.size()));
  auto parts = split(encoded, options_.from, account, epoch{}, sequence(chunk->index), limit);
  if (!parts)
    return tl::make_unexpected(parts.error());
  for (auto& part : *parts) {
    std::string piece;
    if (auto done = encode_to(piece, options_.from, part); !done)
      return done;
    part.body.clear();
    if (auto done = produce(snapshot, partition, account, piece); !done)
      return done;
  }
  return {};
}

result<void> snapshot_stream::produce(const std::shared_ptr<flight>& snapshot, partition_id partition,
                                      const account_id& account, std::string_view payload) {
  {
    std::unique_lock lock(snapshot->mutex);
    snapshot->changed.wait(lock, [&] {
      return snapshot->failed || snapshot->records == 0 ||
             snapshot->bytes + payload.size() <= options_.in_flight_bytes;
    });
    if (snapshot->failed)
      return tl::make_unexpected(*snapshot->failed);
    ++snapshot->records;
    snapshot->bytes += payload.size();
  }
  auto taken = hand_over(snapshot, partition, account, payload);
  if (!taken) {
    const std::lock_guard lock(snapshot->mutex);
    --snapshot->records;
    snapshot->bytes -= payload.size();
    snapshot->changed.notify_all();
  }
  return taken;
}

result<void> snapshot_stream::hand_over(const std::shared_ptr<flight>& snapshot, partition_id partition,
                                        const account_id& account, std::string_view payload) {
  std::unique_lock lock(mutex_);
  const auto token = next_token_++;
  pending_.emplace(token, pending{snapshot, payload.size()});
  while (!stopping_) {
    if (!producer_ || producer_->is_fatal()) {
      auto old = std::move(producer_); // destroyed outside: its reports take the lock
      lock.unlock();
      old.reset();
      lock.lock();
      if (auto renewed = renew(); !renewed) {
        pending_.erase(token);
        return renewed;
      }
    }
    auto taken = producer_->produce(topic::snapshots, partition, account.value, payload, token);
    if (taken)
      return {};
    if (taken.error().kind == produce_outcome::fatal)
      continue;
    if (taken.error().kind != produce_outcome::queue_full) {
      pending_.erase(token);
      return tl::make_unexpected(error(taken.error()));
    }
    lock.unlock();
    std::this_thread::sleep_for(look_again);
    lock.lock();
  }
  pending_.erase(token);
  return failure("the node is stopping", {}, true);
}

result<kafka_offset> snapshot_stream::confirm(const std::shared_ptr<flight>& snapshot) {
  std::unique_lock lock(snapshot->mutex);
  snapshot->changed.wait(lock, [&] { return snapshot->failed || snapshot->records == 0; });
  if (snapshot->failed)
    return tl::make_unexpected(*snapshot->failed);
  return snapshot->last;
}

} // namespace understudy
