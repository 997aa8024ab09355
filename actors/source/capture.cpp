#include "actors/source/capture.hpp"

#include "events/model/named_thread.hpp"

#include <caf/send.hpp>

#include <random>

namespace understudy {
namespace {

/// First and longest pause between two attempts to connect (case S06: never a storm).
constexpr std::chrono::milliseconds first_pause{100};
constexpr std::chrono::milliseconds longest_pause{5000};

} // namespace

capture::capture(options o)
    : options_(std::move(o))
    , unit_(options_.around->supervisor.home_system())
    , lost_(options_.lost_at_start)
    , has_place_(!lost_ || lost_->why != position_lost::kind::unknown) {}

capture::~capture() {
  stop();
}

void capture::start(std::optional<position_lost> lost) {
  if (!lost_)
    lost_ = std::move(lost);
  thread_ = named_thread("capture", [this] { run(); });
}

void capture::stop() {
  stopping_ = true;
  options_.around->settle->stop();
  {
    const std::lock_guard lock(source_mutex_);
    if (source_)
      source_->interrupt();
  }
  wake_.notify_all();
  if (thread_.joinable())
    thread_.join();
}

void capture::reconnect() {
  const std::lock_guard lock(source_mutex_);
  if (source_)
    source_->interrupt();
}

void capture::acknowledge(const binlog_place& place) {
  const std::lock_guard lock(source_mutex_);
  // A failed write means that the connection is gone; the place is acknowledged again when it is back.
  if (source_ && source_->send_ack(place))
    acknowledged_ = place;
}

bool capture::is_acknowledged(const binlog_place& place) {
  const std::lock_guard lock(source_mutex_);
  return place <= acknowledged_;
}

void capture::run() {
  std::minstd_rand random{std::random_device{}()};
  auto pause = first_pause;
  if (lost_)
    wait_for_place(*std::exchange(lost_, std::nullopt));
  while (!stopping_) {
    const auto began = std::chrono::steady_clock::now();
    auto outcome = run_connection();
    options_.attached(false, outcome ? std::string{} : outcome.error().what);
    {
      const std::lock_guard lock(source_mutex_);
      source_.reset();
    }
    if (stopping_)
      return;
    if (lost_) {
      wait_for_place(*std::exchange(lost_, std::nullopt));
      continue;
    }
    if (!outcome && !outcome.error().retryable) {
      options_.stuck(outcome.error());
      return;
    }
    if (std::chrono::steady_clock::now() - began > longest_pause)
      pause = first_pause;
    const auto jitter = std::chrono::milliseconds(random() % static_cast<unsigned>(pause.count()));
    std::unique_lock lock(source_mutex_);
    wake_.wait_for(lock, pause + jitter, [this] { return stopping_.load(); });
    pause = std::min(pause * 2, longest_pause);
  }
}

void capture::wait_for_place(position_lost lost) {
  caf::anon_send(options_.around->supervisor, std::move(lost));
  std::unique_lock lock(source_mutex_);
  wake_.wait(lock, [this] { return stopping_ || restarted_; });
  restarted_ = false;
}

void capture::restart_at(const capture_beginning& from, bool is_another_history) {
  options_.around->settle->begin_at(from.position);
  has_place_ = true;
  options_.tail = {};
  options_.accounts->begin_anew(from, is_another_history);
  const std::lock_guard lock(source_mutex_);
  restarted_ = true;
  wake_.notify_all();
}

std::optional<position_lost> capture::why_lost(const capture_source& source, const error& failed) const {
  using kind = position_lost::kind;
  const auto refusal = source.refusal();
  if (refusal == position_refusal::none)
    return std::nullopt;
  return position_lost{refusal == position_refusal::purged ? kind::purged : kind::diverged,
                       options_.around->settle->settled(), failed.what};
}

result<void> capture::run_connection() {
  if (auto admitted = options_.admitted(); !admitted)
    return admitted;
  auto resumption = options_.around->settle->resume();
  auto stream = options_.stream;
  stream.start = resumption.start;
  if (use_second_id_)
    stream.server_id = options_.second_server_id;
  const capture_source* source_of_beats = nullptr; // a heartbeat comes within next_transaction()
  auto opened =
      capture_source::open(stream, options_.routing,
                           [this, &source_of_beats, told = binlog_place{}](const binlog_place& idle) mutable {
                             // Not once more than is needed: behind a RESET MASTER the server takes a place
                             // of the file that is gone for one in the new file, and releases every commit up
                             // to there.
                             if (std::exchange(told, idle) != idle && !is_acknowledged(idle))
                               options_.around->settle->idle_at(idle);
                             const auto& counted = source_of_beats->counters();
                             if (options_.nothing_to_read)
                               options_.nothing_to_read(counted.events - counted.heartbeats);
                           });
  if (!opened)
    return tl::make_unexpected(opened.error());
  capture_source* source = opened->get();
  source_of_beats = source;
  {
    const std::lock_guard lock(source_mutex_);
    source_ = std::move(*opened);
    acknowledged_ = {};
    if (stopping_)
      source_->interrupt();
  }
  options_.attached(true, {});
  std::deque<gtid> outstanding(resumption.outstanding.begin(), resumption.outstanding.end());
  while (!stopping_) {
    options_.around->settle->wait_for_room();
    auto next = source->next_transaction();
    if (!next) {
      if (source->counters().events == 0)
        use_second_id_ = !use_second_id_;
      lost_ = why_lost(*source, next.error());
      return tl::make_unexpected(next.error());
    }
    if (!*next)
      return {};
    auto before = read_before(**next, outstanding);
    if (!before) {
      lost_ = position_lost{position_lost::kind::diverged, resumption.start, before.error().what};
      return tl::make_unexpected(before.error());
    }
    if (*before)
      continue;
    if (auto taken = on_transaction(std::move(**next)); !taken) {
      lost_ = position_lost{position_lost::kind::diverged, resumption.start, taken.error().what};
      return taken;
    }
  }
  return {};
}

result<bool> capture::read_before(const sliced_transaction& transaction, std::deque<gtid>& outstanding) {
  if (outstanding.empty())
    return false;
  if (outstanding.front() != transaction.id)
    return failure(fmt::format("the binlog continues with {} where {} was read before: this server's history "
                               "isn't the one that was captured",
                               transaction.id.text(), outstanding.front().text()),
                   "its accounts are initialised anew; look for a restored backup or a binlog that was cut");
  outstanding.pop_front();
  options_.around->settle->read_again(transaction.end);
  return true;
}

std::string capture::check_tail(const sliced_transaction& transaction) {
  // Rows that couldn't be read or kept, or an XA COMMIT of what was prepared before the settled position: no
  // proof.
  if (!transaction.unseen.empty() ||
      std::ranges::any_of(transaction.slices, &sliced_transaction::slice::too_large)) {
    options_.tail.pass_over(transaction.id);
    return {};
  }
  tail_check::slices changed;
  for (const auto& [account, changes] : options_.accounts->changes_in(transaction))
    changed[account] = changes;
  return options_.tail.read(transaction.id, changed, [this](const account_id& account) {
    return options_.accounts->has_left(account); // removed while this node was away
  });
}

result<void> capture::on_transaction(sliced_transaction&& transaction) {
  auto& accounts = *options_.accounts;
  accounts.on_registered(transaction);
  if (!options_.tail.done())
    if (auto differs = check_tail(transaction); !differs.empty())
      return failure(std::move(differs));
  auto held = accounts.on_slices(transaction, &unit_);
  accounts.on_roles(transaction, &unit_);
  unit_.run();
  accounts.on_unregistered(transaction);
  if (std::find(transaction.own_tables.begin(), transaction.own_tables.end(), "probe") !=
      transaction.own_tables.end())
    options_.probe_seen();
  report_unseen(transaction, std::move(held));
  return {};
}

void capture::report_unseen(const sliced_transaction& transaction, std::shared_ptr<const void> held) {
  for (const auto& warning : transaction.unseen)
    caf::anon_send(options_.around->supervisor,
                   rows_unseen{fmt::format("{} at {}: {}", transaction.id.text(), transaction.end.file,
                                           warning.statement),
                               warning.database, warning.rows_may_have_changed, held});
}

} // namespace understudy
