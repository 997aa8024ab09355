#include "actors/replica/snapshot_loading.hpp"

#include "actors/replica/snapshot_chunks.hpp"
#include "events/log/topic_names.hpp"
#include "storage/snapshot/first_copies.hpp"

#include <set>

namespace understudy {
namespace {

using clock = std::chrono::steady_clock;

/// How long a poll may wait before `stopping` is looked at again.
constexpr std::chrono::milliseconds look{100};
constexpr std::size_t chunks_per_poll = 200;
constexpr std::chrono::milliseconds marks_patience{5000};
/// For the chunks of a source that was followed by another.
constexpr std::chrono::milliseconds orphans_patience{1000};

load_error given_up() {
  return load_error({"it isn't wanted any more, or the node is stopping", {}, true});
}

/// Hands over the snapshot's chunks to the last.
load_result<void> read_chunks(const load_task& task, partition_reader& reader,
                              const std::function<load_result<void>(const snapshot_chunk&)>& take) {
  snapshot_chunks source(task.met.marker, task.shapes);
  auto last_progress = clock::now() - task.waited;
  while (!task.stopping()) {
    if (task.is_superseded())
      return tl::make_unexpected(superseded(task.request.account, task.request.snapshot));
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
      if (task.stopping()) // each of them is a COMMIT, which may wait for Kafka
        return tl::make_unexpected(given_up());
      if (auto taken = take(**chunk); !taken)
        return taken;
      last_progress = clock::now();
      if ((*chunk)->last)
        return {};
    }
    const auto quiet = clock::now() - last_progress;
    if (quiet > orphans_patience && task.is_orphaned())
      return tl::make_unexpected(superseded(task.request.account, task.request.snapshot));
    if (quiet > task.patience)
      return failure(fmt::format("no chunk of snapshot {} came for {} s: its source is gone or too slow",
                                 task.request.snapshot, task.patience.count() / 1000));
  }
  return tl::make_unexpected(given_up());
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

load_result<account_placement> load_snapshot(const load_task& task, snapshot_readers& readers) {
  if (task.stopping()) // another one may be under way
    return tl::make_unexpected(given_up());
  auto reader = readers.take(task.met.marker.partition, task.met.marker.first);
  if (!reader)
    return tl::make_unexpected(reader.error());
  auto loader = snapshot_loader::begin(task.sql, task.rules, task.request);
  if (!loader)
    return tl::make_unexpected(loader.error());
  if (auto checked = check_chunks(task, reader->get(), **loader); !checked)
    return tl::make_unexpected(checked.error());
  auto loaded = read_chunks(task, reader->get(), [&](const snapshot_chunk& chunk) {
    const auto tell_progress = [&] {
      const auto rows = (*loader)->rows_loaded();
      if (task.progress)
        task.progress(rows, std::max(chunk.rows_total, rows));
    };
    if (chunk.index == 0)
      tell_progress(); // of how many: it may have to wait for the mail server's locks
    auto done = (*loader)->load(chunk);
    if (done)
      tell_progress();
    return done;
  });
  if (!loaded)
    return tl::make_unexpected(loaded.error());
  const auto& then = task.met.then;
  if (auto done = (*loader)->finish(then.term, then.number, then.next); !done)
    return tl::make_unexpected(done.error());
  return (*loader)->placement();
}

namespace {

/// The end of what is in Kafka, as far as a reader knows that hears nothing for so long.
constexpr std::chrono::milliseconds nothing_more{150};
/// Chunks that are loaded in one transaction, as records: bounds its undo, and what lies in memory.
constexpr std::size_t bytes_together = std::size_t{2} << 20;

/// Several snapshots of one partition, read at once.
class loads_together {
public:
  explicit loads_together(const std::vector<load_task>& tasks)
      : tasks_(tasks)
      , outcomes_(tasks.size())
      , whole_(tasks.size()) {
    for (const auto& task : tasks_)
      chunks_.emplace_back(task.met.marker, task.shapes);
    for (std::size_t i = 0; i < tasks_.size(); ++i)
      open_.insert(i);
  }

  result<void> read(snapshot_readers& readers);
  result<void> load(session_pool& sessions);
  std::vector<load_outcome> take_outcomes() { return std::move(outcomes_); }

private:
  void take(const record& r);
  bool goes_on(std::size_t i);
  void leave_orphans();
  void supersede(std::size_t i) {
    settle(i, {load_outcome::kind::ended,
               tl::make_unexpected(superseded(tasks_[i].request.account, tasks_[i].request.snapshot))});
  }
  void settle(std::size_t i, load_outcome outcome) {
    outcomes_[i] = std::move(outcome);
    open_.erase(i);
  }

  const std::vector<load_task>& tasks_;
  std::vector<load_outcome> outcomes_;
  std::vector<std::optional<snapshot_chunk>> whole_;
  std::vector<snapshot_chunks> chunks_;
  std::set<std::size_t> open_; ///< not read yet
  std::size_t bytes_ = 0;
};

bool loads_together::goes_on(std::size_t i) {
  const auto& task = tasks_[i];
  if (task.stopping())
    settle(i, {load_outcome::kind::ended, tl::make_unexpected(given_up())});
  else if (task.is_superseded())
    supersede(i);
  else
    return true;
  return false;
}

/// All that Kafka has was read.
void loads_together::leave_orphans() {
  for (const auto i : std::vector(open_.begin(), open_.end()))
    if (tasks_[i].waited > orphans_patience && tasks_[i].is_orphaned())
      supersede(i);
}

void loads_together::take(const record& r) {
  for (const auto i : std::vector(open_.begin(), open_.end())) {
    auto chunk = chunks_[i].take(r);
    if (!chunk && chunk.error().is_superseded) {
      settle(i, {load_outcome::kind::ended, tl::make_unexpected(chunk.error())});
    } else if (!chunk || (*chunk && !((*chunk)->index == 0 && (*chunk)->last))) {
      settle(i, {load_outcome::kind::alone, {}});
    } else if (*chunk) {
      bytes_ += r.payload.size();
      whole_[i] = std::move(**chunk);
      settle(i, {load_outcome::kind::alone, {}}); // unless it's loaded with the others
    }
  }
}

result<void> loads_together::read(snapshot_readers& readers) {
  for (const auto i : std::vector(open_.begin(), open_.end()))
    goes_on(i);
  if (open_.empty())
    return {};
  const auto& marker = tasks_.front().met.marker;
  auto from = marker.first;
  for (const auto i : open_)
    from = std::min(from, tasks_[i].met.marker.first);
  auto reader = readers.take(marker.partition, from);
  if (!reader)
    return tl::make_unexpected(reader.error());
  auto heard = clock::now();
  while (!open_.empty() && bytes_ < bytes_together) {
    if (clock::now() - heard >= nothing_more) {
      leave_orphans();
      break;
    }
    const auto got = reader->get().poll(chunks_per_poll, look / 2);
    for (const auto& r : got.records) {
      heard = clock::now();
      take(r);
    }
    if (std::ranges::any_of(got.events, [](const auto& e) { return e.kind != reader_trouble::unavailable; }))
      for (const auto i : std::vector(open_.begin(), open_.end()))
        settle(i, {load_outcome::kind::alone, {}}); // which says whose is gone
  }
  return {};
}

result<void> loads_together::load(session_pool& sessions) {
  std::vector<first_copy> copies;
  std::vector<std::size_t> which;
  for (std::size_t i = 0; i < tasks_.size(); ++i) {
    if (!whole_[i] || !goes_on(i))
      continue;
    const auto& task = tasks_[i];
    const auto& then = task.met.then;
    task.progress(0, whole_[i]->rows.size());
    copies.push_back({task.request, std::move(*whole_[i]), then.term, then.number, then.next});
    which.push_back(i);
  }
  if (copies.empty())
    return {};
  auto session = sessions.borrow();
  if (!session)
    return tl::make_unexpected(static_cast<const error&>(session.error()));
  const auto placed = load_first_copies(**session, tasks_.front().rules, copies);
  if (!placed)
    return tl::make_unexpected(placed.error());
  for (std::size_t n = 0; n < which.size(); ++n) {
    if (!(*placed)[n])
      continue;
    const auto rows = copies[n].chunk.rows.size();
    tasks_[which[n]].progress(rows, rows);
    outcomes_[which[n]] = {load_outcome::kind::ended, *(*placed)[n]};
  }
  return {};
}

} // namespace

/// What goes wrong with several says little of each: it's seen when each is loaded by itself.
std::vector<load_outcome> load_together(const std::vector<load_task>& tasks, snapshot_readers& readers,
                                        session_pool& sessions) {
  loads_together loads(tasks);
  if (auto done = loads.read(readers).and_then([&] { return loads.load(sessions); }); !done)
    tasks.front().say(
        fmt::format("{} snapshots aren't loaded together: {}", tasks.size(), done.error().what));
  return loads.take_outcomes();
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
