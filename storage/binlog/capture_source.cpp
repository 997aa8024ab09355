#include "storage/binlog/capture_source.hpp"

#include "storage/binlog/event_decoder.hpp"
#include "storage/binlog/transaction_slicer.hpp"

namespace understudy {

struct capture_source::parts {
  parts(std::unique_ptr<binlog_stream> s, std::shared_ptr<const table_routing> routing, std::size_t most_kept,
        std::function<void(const binlog_place&)> idle)
      : stream(std::move(s))
      , slicer(std::move(routing), most_kept)
      , on_idle(std::move(idle)) {}

  /// Counts an event; the transaction that it ends, if it does.
  result<std::optional<sliced_transaction>> take(const raw_event& raw) {
    auto event = decoder.decode(raw.bytes);
    if (!event)
      return tl::make_unexpected(event.error());
    ++counters.events;
    if (const auto* beat = std::get_if<heartbeat>(&event->body)) {
      ++counters.heartbeats;
      if (beat->end != 0 && on_idle)
        on_idle({decoder.file(), beat->end});
    }
    if (std::holds_alternative<skipped>(event->body))
      ++counters.skipped_events;
    auto done = slicer.feed(*event, decoder.file(), raw.wants_ack);
    counters.rows.store(slicer.rows_read(), std::memory_order_relaxed);
    return done;
  }

  std::unique_ptr<binlog_stream> stream;
  event_decoder decoder;
  transaction_slicer slicer;
  capture_counters counters;
  std::function<void(const binlog_place&)> on_idle;
};

capture_source::capture_source(std::unique_ptr<parts> p)
    : parts_(std::move(p)) {}
capture_source::~capture_source() = default;

result<std::unique_ptr<capture_source>>
capture_source::open(const stream_options& options, std::shared_ptr<const table_routing> routing,
                     std::function<void(const binlog_place&)> on_idle) {
  auto stream = binlog_stream::connect(options);
  if (!stream)
    return tl::make_unexpected(stream.error());
  return std::unique_ptr<capture_source>(new capture_source(std::make_unique<parts>(
      std::move(*stream), std::move(routing), options.most_kept_bytes, std::move(on_idle))));
}

result<std::optional<sliced_transaction>> capture_source::next_transaction() {
  auto& p = *parts_;
  for (;;) {
    auto raw = p.stream->next();
    if (!raw)
      return tl::make_unexpected(raw.error());
    if (!*raw)
      return std::nullopt;
    auto transaction = p.take(**raw);
    if (!transaction)
      return transaction;
    if (!*transaction)
      continue;
    (*transaction)->generation = p.stream->generation();
    ++p.counters.transactions;
    return transaction;
  }
}

position_refusal capture_source::refusal() const {
  return parts_->stream->refusal();
}
result<void> capture_source::send_ack(const binlog_place& place) {
  return parts_->stream->send_ack(place);
}
void capture_source::interrupt() {
  parts_->stream->interrupt();
}
std::uint64_t capture_source::generation() const {
  return parts_->stream->generation();
}
bool capture_source::synchronous() const {
  return parts_->stream->synchronous();
}
const capture_counters& capture_source::counters() const {
  return parts_->counters;
}
void capture_source::reroute() {
  parts_->slicer.reroute();
}

} // namespace understudy
