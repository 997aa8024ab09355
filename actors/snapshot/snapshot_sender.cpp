#include "actors/snapshot/snapshot_sender.hpp"

#include "actors/messages.hpp"
#include "actors/snapshot/snapshot_stream.hpp"
#include "actors/support/worker_pool.hpp"
#include "storage/snapshot/snapshot_reader.hpp"

#include <caf/actor_system.hpp>
#include <caf/send.hpp>

#include <atomic>
#include <mutex>
#include <set>

namespace understudy {
namespace {

using clock = std::chrono::steady_clock;

/// How long the account's slices may be held while the view opens: it is what its writers wait for.
constexpr std::chrono::milliseconds longest_hold{1000};
/// A view that opened later than this may find its hold abandoned already.
constexpr std::chrono::milliseconds safe_hold{800};
constexpr unsigned opening_attempts = 5;
/// Of values in a chunk: as JSON it takes up to twice that, and still fits into one record mostly.
constexpr std::size_t value_share = 3;

} // namespace

struct snapshot_sender::parts {
  options o;
  snapshot_stream stream;
  session_pool sessions;
  std::shared_ptr<snapshot_structures> structures = std::make_shared<snapshot_structures>();
  std::atomic<bool> stopping{false};
  std::atomic<std::uint64_t> rows_sent{0};
  std::mutex mutex; ///< of next_row
  std::condition_variable wake;
  clock::time_point next_row{};
  worker_pool workers;

  explicit parts(options given)
      : o(std::move(given))
      , stream({o.kafka, {o.node, o.life}, o.max_message_bytes, std::size_t{4} << 20, o.report})
      , sessions(snapshot_session(o.sql), std::max(1U, o.threads))
      , workers("snapshot", std::max(1U, o.threads)) {}

  /// False: the node stops.
  bool pause(clock::time_point until) {
    std::unique_lock lock(mutex);
    wake.wait_until(lock, until, [this] { return stopping.load(); });
    return !stopping;
  }

  void throttle(std::size_t rows) {
    if (o.rows_per_second == 0)
      return;
    clock::time_point until;
    {
      const std::lock_guard lock(mutex);
      next_row =
          std::max(next_row, clock::now()) + std::chrono::microseconds(rows * 1'000'000 / o.rows_per_second);
      until = next_row;
    }
    pause(until);
  }

  /// Rows sent, maybe not confirmed.
  outcome run(const request& what, const std::shared_ptr<snapshot_stream::flight>& flight);
  void end(const request& what, const outcome& reached) const;
  result<std::unique_ptr<snapshot_reader>> open_view(const request& what, kafka_offset first);
  result<std::unique_ptr<snapshot_reader>> open_behind(const request& what,
                                                       std::future<binlog_place> follows);
  result<std::uint64_t> send_rows(const request& what, snapshot_reader& view,
                                  const std::shared_ptr<snapshot_stream::flight>& flight);
};

/// The account's slices are held from `opening` to `opened`; an actor that hears nothing for a second goes on
/// without a marker, by a message sent beforehand: whatever happens to this thread.
result<std::unique_ptr<snapshot_reader>> snapshot_sender::parts::open_view(const request& what,
                                                                           kafka_offset first) {
  error last;
  for (unsigned attempt = 0; attempt < opening_attempts && !stopping; ++attempt) {
    const auto began = clock::now();
    auto account = what.account_actor;
    const auto answer = std::make_shared<std::promise<binlog_place>>();
    tell(account, snapshot_opening{what.snapshot, answer});
    caf::delayed_anon_send(account, longest_hold, account_message{snapshot_abandoned{what.snapshot}});
    auto view = open_behind(what, answer->get_future());
    if (view && clock::now() - began < safe_hold) {
      tell(account, snapshot_opened{what.snapshot, (*view)->start().place, what.partition, first,
                                    what.mailbox, what.answers});
      return std::move(*view);
    }
    tell(account, snapshot_abandoned{what.snapshot});
    last = view ? error{"MariaDB took too long to open a read view", {}, true} : view.error();
    if (!last.retryable)
      break;
    // Behind the abandoning message of this attempt, which would end the next one's hold.
    if (!pause(began + longest_hold * 3 / 2))
      break;
  }
  return tl::make_unexpected(last);
}

result<std::unique_ptr<snapshot_reader>>
snapshot_sender::parts::open_behind(const request& what, std::future<binlog_place> follows) {
  if (follows.wait_for(safe_hold) != std::future_status::ready)
    return failure("its actor is busy", {}, true);
  return snapshot_reader::open(
      sessions, o.rules,
      {what.account, what.mailbox, what.snapshot, std::max(follows.get(), what.follows), safe_hold},
      structures);
}

result<std::uint64_t>
snapshot_sender::parts::send_rows(const request& what, snapshot_reader& view,
                                  const std::shared_ptr<snapshot_stream::flight>& flight) {
  std::set<const shape*> sent_shapes;
  while (!stopping) {
    auto chunk = view.next_chunk(o.rows_per_chunk, o.max_message_bytes / value_share);
    if (!chunk)
      return tl::make_unexpected(chunk.error());
    if (!*chunk)
      break;
    const auto rows = (*chunk)->rows.size();
    // A small account has rows in a few of its tables.
    for (const auto& row : (*chunk)->rows)
      if (sent_shapes.insert(row.table.get()).second)
        if (auto sent = stream.send(flight, what.partition, what.account, shape_event{*row.table}); !sent)
          return tl::make_unexpected(sent.error());
    if (auto sent = stream.send(flight, what.partition, what.account, std::move(**chunk)); !sent)
      return tl::make_unexpected(sent.error());
    rows_sent += rows;
    if (what.progress)
      what.progress(view.rows_read(), std::max(view.rows_read(), view.start().rows_estimate));
    throttle(rows);
  }
  if (stopping)
    return failure("the node is stopping", {}, true);
  return view.rows_read();
}

snapshot_sender::outcome snapshot_sender::parts::run(const request& what,
                                                     const std::shared_ptr<snapshot_stream::flight>& flight) {
  if (what.is_wanted && !what.is_wanted())
    return tl::make_unexpected(failed({"something newer was asked for meanwhile", {}, true}, true));
  // Before anything is held: from here on the destinations read.
  auto first = stream.send(flight, what.partition, what.account, incarnation_event{}).and_then([&] {
    return stream.confirm(flight);
  });
  if (!first)
    return tl::make_unexpected(first.error());
  auto view = open_view(what, *first);
  if (!view)
    return tl::make_unexpected(view.error());
  auto sent = send_rows(what, **view, flight);
  if (!sent)
    return tl::make_unexpected(sent.error());
  return *sent;
}

void snapshot_sender::parts::end(const request& what, const outcome& reached) const {
  if (!reached && !reached.error().is_superseded && o.report)
    o.report(log_level::warning, fmt::format("snapshot {} of account {} failed: {}", what.snapshot,
                                             what.account, reached.error().what));
  if (what.done)
    what.done(reached);
}

snapshot_sender::snapshot_sender(options o)
    : parts_(std::make_unique<parts>(std::move(o))) {}

snapshot_sender::~snapshot_sender() {
  stop();
}

result<void> snapshot_sender::start() {
  return parts_->stream.start();
}

void snapshot_sender::send(request what) {
  parts_->workers.submit([p = parts_.get(), what = std::move(what)] {
    const auto flight = std::make_shared<snapshot_stream::flight>();
    auto reached = p->run(what, flight);
    // The next one begins while Kafka's answers to this one are on their way.
    snapshot_stream::when_confirmed(flight, [p, what, reached = std::move(reached)](result<void> confirmed) {
      p->end(what, reached && !confirmed ? outcome(tl::make_unexpected(failed(confirmed.error()))) : reached);
    });
  });
}

void snapshot_sender::stop() {
  parts_->stopping = true;
  parts_->wake.notify_all();
  parts_->stream.stop();
  parts_->workers.stop();
}

std::uint64_t snapshot_sender::rows_sent() const {
  return parts_->rows_sent;
}

} // namespace understudy
