// The thread and its two consumers; what others ask of it is in reader_commands.cpp.
#include "actors/replica/replica_reader.hpp"

#include "events/log/gathering.hpp"
#include "events/log/topic_names.hpp"
#include "events/model/named_thread.hpp"

namespace understudy {
namespace {

/// Reading began by itself a second later: waiting longer gains nothing.
constexpr std::chrono::milliseconds leaders_wait{500};

/// A decoded event takes about three times its JSON (values of 40 bytes each, most of them short).
constexpr std::size_t decoded_factor = 3;
/// Records in one poll: what they take at most beyond the limit is bounded by the consumer's own queue.
constexpr std::size_t poll_records = 1000;
constexpr std::chrono::milliseconds idle_wait{100};
/// While accounts catch up, or memory is full, both readers are looked at in turn.
constexpr std::chrono::milliseconds short_wait{2};
constexpr std::chrono::milliseconds paused_wait{10};
constexpr std::chrono::seconds store_every{1};
std::size_t memory_of(const record& r) {
  return r.payload.size() * decoded_factor + 256;
}

} // namespace

replica_reader::replica_reader(options o)
    : options_(std::move(o)) {}

replica_reader::~replica_reader() {
  stop();
}

void replica_reader::start() {
  thread_ = named_thread("replica-reader", [this] { run(); });
}

void replica_reader::stop() {
  stopping_ = true;
  wake_.notify_all();
  {
    const std::lock_guard lock(mutex_);
    if (auto* reader = waker_.load())
      reader->wake();
  }
  if (thread_.joinable())
    thread_.join();
}

bool replica_reader::open_readers() {
  // Decoded it takes a multiple: what is fetched must stay small beside the limit, or it would be dropped
  // again.
  constexpr std::size_t least = std::size_t{64} << 10;
  constexpr std::size_t most = std::size_t{16} << 20;
  constexpr std::size_t largest_answer = std::size_t{8} << 20;
  const auto queue = [&](std::size_t share) {
    const auto bytes = std::clamp(options_.memory_limit / share, least, most);
    return reader_options{.queue_bytes = bytes,
                          .fetch_bytes = std::min(bytes / 2, largest_answer),
                          .least_bytes = std::min(gathered_bytes, bytes / 4),
                          .longest_wait = gathered_wait};
  };
  const auto main_queue = queue(8);
  const auto second_queue = queue(16);
  auto first = partition_reader::open(options_.kafka, topic::accounts, main_queue);
  auto second = partition_reader::open(options_.kafka, topic::accounts, second_queue);
  if (!first || !second) {
    say(log_level::error, (first ? second : first).error().what);
    return false;
  }
  main_ = std::move(*first);
  catch_up_ = std::move(*second);
  for (const auto& reader : {main_.get(), catch_up_.get()})
    reader->find_leaders(leaders_wait);
  const std::lock_guard lock(mutex_);
  waker_ = main_.get();
  return true;
}

void replica_reader::run() {
  if (!open_readers())
    return;
  while (!stopping_) {
    run_commands();
    const auto now = clock::now();
    relieve(now);
    if (paused_) {
      std::unique_lock lock(mutex_);
      wake_.wait_for(lock, paused_wait, [this] { return stopping_ || !commands_.empty(); });
    } else {
      start_passes(now);
      const bool passing = std::ranges::any_of(readings_, [](const auto& r) { return r.second.passing(); });
      poll_main(passing ? short_wait : idle_wait);
      if (passing)
        poll_passes(now);
    }
    options_.pool->kick();
    publish();
    if (!storing_ && clock::now() >= next_store_) {
      next_store_ = clock::now() + store_every;
      if (auto reached = progress(); !reached.empty()) {
        storing_ = true;
        options_.store(std::move(reached));
      }
    }
  }
  const std::lock_guard lock(mutex_);
  waker_ = nullptr;
}

void replica_reader::publish() {
  connected_ = main_->connected();
  std::size_t parked = 0;
  for (const auto& [partition, r] : readings_)
    parked += r.parked();
  parked_ = parked;
}

std::size_t replica_reader::backlog() const {
  auto bytes = options_.pool->bytes();
  for (const auto& [partition, r] : readings_)
    bytes += r.waiting_bytes();
  return bytes;
}

/// P7: first what can't move goes, then what is largest, then reading pauses.
void replica_reader::relieve(clock::time_point now) {
  const auto limit = options_.memory_limit;
  if (backlog() <= limit) {
    if (paused_ && backlog() < limit / 4 * 3)
      paused_ = false;
    return;
  }
  const auto park = [&](const account_id& account, std::string_view why) {
    if (auto* r = reading_of(account)) {
      r->park(account, now);
      say(log_level::info, fmt::format("account {}: it is parked: {}", account, why));
    }
  };
  for (const auto& account : options_.pool->delayed())
    park(account, "its rows are locked here, or it waits for a volume");
  std::size_t waiting = 0;
  for (auto& [partition, r] : readings_)
    waiting += r.waiting_bytes();
  if (waiting > limit / 4)
    for (auto& [partition, r] : readings_)
      r.park_waiting();
  while (backlog() > limit) {
    const auto largest = options_.pool->largest();
    if (!largest || largest->second < limit / 8)
      break;
    const auto before = backlog();
    park(largest->first, "its backlog is the largest and memory is full");
    if (backlog() >= before)
      break;
  }
  paused_ = backlog() > limit;
}

void replica_reader::poll_main(std::chrono::milliseconds timeout) {
  take(main_->poll(poll_records, timeout), false);
}

void replica_reader::poll_passes(clock::time_point now) {
  bool full = false;
  for (auto& [partition, r] : readings_)
    full = r.pass_is_full(now) || full;
  if (full)
    return end_passes();
  take(catch_up_->poll(poll_records, short_wait), true);
  end_passes();
}

void replica_reader::start_passes(clock::time_point now) {
  for (auto& [partition, r] : readings_) {
    if (logs_[partition].asked)
      continue;
    if (const auto from = r.begin_pass(now))
      if (auto added = catch_up_->add(partition, *from); !added)
        say(log_level::error, added.error().what);
    // Near its end the main reader waits, or the pass would run after it for ever.
    if (r.pass_is_near() && waiting_for_pass_.insert(partition).second)
      main_->pause(partition);
  }
}

void replica_reader::end_passes() {
  for (auto& [partition, r] : readings_) {
    if (!r.passing() || !r.end_pass())
      continue;
    catch_up_->remove(partition);
    if (waiting_for_pass_.erase(partition) == 0)
      continue;
    if (auto resumed = main_->resume(partition); !resumed)
      say(log_level::error, resumed.error().what);
  }
}

void replica_reader::take(fetched&& got, bool catching_up) {
  const auto now = clock::now();
  std::size_t bytes = 0;
  moved_.clear();
  for (auto& r : got.records) {
    bytes += r.key.size() + r.payload.size();
    on_record(std::move(r), catching_up, now);
  }
  if (options_.observe_consumed && bytes > 0)
    options_.observe_consumed(bytes);
  for (const auto& trouble : got.events)
    on_trouble(trouble, catching_up);
}

void replica_reader::on_record(record&& r, bool catching_up, clock::time_point now) {
  const auto found = readings_.find(r.partition);
  if (found == readings_.end())
    return;
  auto& partition = found->second;
  if (catching_up ? !partition.passing() : moved_.contains(r.partition))
    return; // fetched before the pass ended, or for where the reader was
  auto& log = logs_[r.partition];
  if (!catching_up && log.asked)
    return judge(r);
  const auto time = r.time;
  if (partition.wants(r.key, r.offset, catching_up)) {
    auto event = decoder_.decode(r.payload, *options_.shapes);
    if (!event) {
      if (r.key.empty())
        say(log_level::error,
            fmt::format("partition {}, offset {}: {}", r.partition, r.offset, event.error().what));
      else
        partition.on_undecodable(r.key, r.offset, event.error(), catching_up);
    } else {
      if (auto* s = std::get_if<shape_event>(&event->body))
        on_shape(r, std::move(s->table));
      partition.on_record(std::move(*event), r.offset, memory_of(r), catching_up, now);
    }
  }
  partition.passed(r.offset, catching_up);
  if (!catching_up && time)
    log.marks.met({r.offset, *time});
}

void replica_reader::on_shape(const record& r, shape&& table) {
  const auto fingerprint = table.fingerprint();
  if (!options_.stored_shapes.insert(fingerprint).second)
    return;
  if (auto added = options_.shapes->add(std::move(table)); !added)
    return say(log_level::error, added.error().what);
  new_shapes_.emplace(fingerprint, r.payload);
}

} // namespace understudy
