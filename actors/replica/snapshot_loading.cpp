#include "actors/replica/snapshot_loading.hpp"

#include "events/codec/encode.hpp"
#include "events/codec/parts.hpp"
#include "events/log/partition_reader.hpp"
#include "events/log/topic_names.hpp"

namespace understudy {
namespace {

using clock = std::chrono::steady_clock;

/// How long a poll may wait before `stopping` is looked at again.
constexpr std::chrono::milliseconds look{100};
constexpr std::size_t chunks_per_poll = 200;
constexpr std::chrono::milliseconds marks_patience{5000};

class chunk_source {
public:
  explicit chunk_source(const load_task& task)
      : task_(task)
      , parts_(most_event_bytes) {}

  /// The chunk that this record brings; nothing: none, or not the whole of it yet.
  result<std::optional<snapshot_chunk>> take(const record& r) {
    if (r.key != task_.request.account.value)
      return std::nullopt;
    auto event = decoder_.decode(r.payload, *task_.shapes);
    if (!event)
      return unreadable(event.error());
    if (const auto* part = std::get_if<part_event>(&event->body)) {
      auto joined = parts_.feed(event->from, *part, r.offset);
      if (!joined)
        return tl::make_unexpected(joined.error());
      if (!*joined)
        return std::nullopt;
      event = decoder_.decode(**joined, *task_.shapes);
      if (!event)
        return unreadable(event.error());
    }
    if (auto* s = std::get_if<shape_event>(&event->body)) {
      auto added = task_.shapes->add(std::move(s->table));
      if (!added)
        return tl::make_unexpected(added.error());
    }
    auto* chunk = std::get_if<snapshot_chunk>(&event->body);
    if (!chunk || chunk->id != task_.request.snapshot)
      return std::nullopt;
    return std::move(*chunk);
  }

private:
  /// Records of the account's other snapshots may name shapes that lie before ours.
  result<std::optional<snapshot_chunk>> unreadable(const decode_error& why) {
    if (why.kind == decode_failure::unknown_shape && !begun_)
      return std::nullopt;
    return tl::make_unexpected(error(why));
  }

  const load_task& task_;
  decoder decoder_;
  part_assembler parts_;
  bool begun_ = false;

public:
  void begun() { begun_ = true; }
};

/// Hands over the snapshot's chunks to the last.
load_result<void> read_chunks(const load_task& task, partition_reader& reader,
                              const std::function<load_result<void>(const snapshot_chunk&)>& take) {
  chunk_source source(task);
  auto last_progress = clock::now();
  while (!task.stopping()) {
    auto got = reader.poll(chunks_per_poll, look);
    for (const auto& trouble : got.events)
      if (trouble.kind != reader_trouble::unavailable)
        return failure(
            fmt::format("snapshot {} is gone from Kafka: {}", task.request.snapshot, trouble.text));
    for (const auto& r : got.records) {
      auto chunk = source.take(r);
      if (!chunk)
        return tl::make_unexpected(chunk.error());
      if (!*chunk)
        continue;
      source.begun();
      if (auto taken = take(**chunk); !taken)
        return taken;
      last_progress = clock::now();
      if ((*chunk)->last)
        return {};
    }
    if (clock::now() - last_progress > task.patience)
      return failure(fmt::format("no chunk of snapshot {} came for {} s: its source is gone or too slow",
                                 task.request.snapshot, task.patience.count() / 1000));
  }
  return failure("the node is stopping", {}, true);
}

/// A copy is given up only for one that can be loaded to its last row: the source may be the next to die.
load_result<void> check_chunks(const load_task& task, partition_reader& reader, snapshot_loader& loader) {
  if (!loader.has_copy())
    return {};
  auto checked = read_chunks(task, reader, [&](const snapshot_chunk& chunk) { return loader.check(chunk); });
  if (!checked) {
    checked.error().what = fmt::format("a new snapshot can't be loaded, so the copy before it is kept: {}",
                                       checked.error().what);
    return checked;
  }
  if (auto back = reader.seek(task.met.marker.partition, task.met.marker.first); !back)
    return tl::make_unexpected(back.error());
  return {};
}

} // namespace

load_result<account_placement> load_snapshot(const load_task& task) {
  auto reader = partition_reader::open(task.kafka, topic::snapshots);
  if (!reader)
    return tl::make_unexpected(reader.error());
  if (auto added = (*reader)->add(task.met.marker.partition, task.met.marker.first); !added)
    return tl::make_unexpected(added.error());
  auto loader = snapshot_loader::begin(task.sql, task.rules, task.request);
  if (!loader)
    return tl::make_unexpected(loader.error());
  if (auto checked = check_chunks(task, **reader, **loader); !checked)
    return tl::make_unexpected(checked.error());
  auto loaded = read_chunks(task, **reader, [&](const snapshot_chunk& chunk) {
    auto done = (*loader)->load(chunk);
    if (done && task.progress)
      task.progress((*loader)->rows_loaded(), std::max(chunk.rows_total, (*loader)->rows_loaded()));
    return done;
  });
  if (!loaded)
    return tl::make_unexpected(loaded.error());
  const auto& then = task.met.then;
  if (auto done = (*loader)->finish(then.term, then.number, then.next); !done)
    return tl::make_unexpected(done.error());
  return (*loader)->placement();
}

result<void> search_shape(const kafka_settings& kafka, partition_id partition, std::uint64_t fingerprint,
                          shape_registry& shapes, std::chrono::milliseconds patience,
                          const std::function<bool()>& stopping) {
  auto reader = partition_reader::open(kafka, topic::accounts);
  if (!reader)
    return tl::make_unexpected(reader.error());
  const auto marks = (*reader)->watermarks_of(partition, marks_patience);
  if (!marks)
    return tl::make_unexpected(marks.error());
  if (auto added = (*reader)->add(partition, marks->low); !added)
    return added;
  decoder reads;
  const auto deadline = clock::now() + patience;
  auto at = marks->low;
  while (at < marks->high && !stopping() && clock::now() < deadline) {
    for (const auto& r : (*reader)->poll(chunks_per_poll, look).records) {
      at = r.offset.next();
      if (!r.key.empty())
        continue; // a shape concerns no account
      auto event = reads.decode(r.payload, shapes);
      auto* met = event ? std::get_if<shape_event>(&event->body) : nullptr;
      if (met)
        if (auto added = shapes.add(std::move(met->table)); !added)
          return tl::make_unexpected(added.error());
    }
    if (shapes.find(fingerprint))
      return {};
  }
  return failure(fmt::format("no shape with fingerprint {} lies in partition {} (offsets {} to {})",
                             fingerprint, partition, marks->low, marks->high),
                 "re-initialise the account", at < marks->high);
}

} // namespace understudy
