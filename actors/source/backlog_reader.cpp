#include "actors/source/backlog_reader.hpp"

#include "actors/source/slice_owners.hpp"
#include "events/model/named_thread.hpp"

#include <caf/send.hpp>
#include <fmt/format.h>

namespace understudy {
namespace {

/// First and longest pause between two attempts to connect.
constexpr std::chrono::milliseconds shortest_wait{100};
constexpr std::chrono::milliseconds longest_wait{5000};
/// Between two looks at what should have come: each asks for every account.
constexpr std::uint64_t look_every = 1000;
/// What an event takes beside its rows, in bytes.
constexpr std::size_t beside_its_rows = 850;

bool lies_before(const gtid_position& read, const gtid_position& place) {
  return std::ranges::all_of(read.domains(), [&](const auto& each) { return place.covers(each.second); });
}

} // namespace

backlog_reader::backlog_reader(options o)
    : options_(std::move(o))
    , window_(std::make_shared<reading_window>(options_.most_in_flight)) {
  options_.stream.synchronous = false;
  thread_ = named_thread("backlog", [this] { run(); });
}

backlog_reader::~backlog_reader() {
  stop();
}

void backlog_reader::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    if (source_)
      source_->interrupt();
  }
  window_->close();
  wake_.notify_all();
  if (thread_.joinable())
    thread_.join();
}

void backlog_reader::follow(const std::vector<account>& accounts) {
  for (const auto& each : accounts) {
    const auto before = options_.around->log->follow_missing(each.id);
    if (!before)
      continue;
    const std::lock_guard lock(mutex_);
    followed_[each.id] = each.term;
    mailboxes_[each.mailbox] = each.id;
    if (source_ && lies_before(read_, *before))
      continue;
    again_ = true; // at the latest when it is connected: its beginning may be known already
    if (source_)
      source_->interrupt();
  }
  wake_.notify_all();
}

bool backlog_reader::follows(const account_id& id) const {
  const std::lock_guard lock(mutex_);
  return followed_.contains(id);
}

void backlog_reader::leave(const account_id& id) {
  forget(id);
  options_.around->log->unfollow_missing(id);
  window_->forget(id);
}

void backlog_reader::forget(const account_id& id) {
  const std::lock_guard lock(mutex_);
  followed_.erase(id);
  std::erase_if(mailboxes_, [&](const auto& each) { return each.second == id; });
  if (followed_.empty() && source_)
    source_->interrupt();
}

std::vector<std::pair<account_id, epoch>> backlog_reader::followed() const {
  const std::lock_guard lock(mutex_);
  return {followed_.begin(), followed_.end()};
}

void backlog_reader::run() {
  auto pause = shortest_wait;
  while (true) {
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [this] { return stopping_ || !followed_.empty(); });
      if (stopping_)
        return;
    }
    const auto ended = run_connection();
    std::unique_lock lock(mutex_);
    source_.reset();
    if (followed_.empty())
      say_the_end();
    if (ended) {
      pause = shortest_wait;
      continue;
    }
    wake_.wait_for(lock, pause, [this] { return stopping_; });
    pause = std::min(pause * 2, longest_wait);
  }
}

void backlog_reader::say_the_end() {
  const auto events = events_.load();
  options_.report(false,
                  fmt::format("the binlog isn't read again any more: {} events were produced, {} accounts "
                              "lack nothing of it in Kafka",
                              events - std::exchange(events_said_, events), std::exchange(in_order_, 0)));
}

std::optional<gtid_position> backlog_reader::where_to_begin() {
  std::vector<gtid_position> places;
  for (const auto& [id, term] : followed())
    if (auto before = options_.around->log->follow_missing(id))
      places.push_back(std::move(*before));
    else
      forget(id);
  return places.empty() ? std::nullopt : std::optional(earliest(places));
}

/// An error: to be tried again.
result<void> backlog_reader::run_connection() {
  {
    const std::lock_guard lock(mutex_);
    again_ = false;
  }
  const auto start = where_to_begin();
  if (!start)
    return {};
  if (auto admitted = options_.admitted(); !admitted)
    return admitted;
  auto stream = options_.stream;
  stream.start = *start;
  auto opened = capture_source::open(stream, options_.routing,
                                     [this](const binlog_place&) { look_for_what_didnt_come(); });
  if (!opened) {
    if (!opened.error().retryable)
      give_up_all(opened.error().what);
    return tl::make_unexpected(opened.error());
  }
  auto* const source = opened->get();
  {
    const std::lock_guard lock(mutex_);
    source_ = std::move(*opened);
    read_ = *start;
    if (stopping_ || again_)
      source_->interrupt();
  }
  options_.report(false,
                  fmt::format("the binlog is read again for {} accounts of which Kafka lacks events, from "
                              "behind {}",
                              followed().size(), start->text()));
  return read_on(*source);
}

result<void> backlog_reader::read_on(capture_source& source) {
  while (window_->wait()) {
    auto next = source.next_transaction();
    if (!next) {
      const bool is_lost = source.refusal() != position_refusal::none;
      if (is_lost || !next.error().retryable)
        give_up_all(next.error().what);
      return tl::make_unexpected(next.error());
    }
    if (!*next)
      return {};
    take(std::move(**next));
    if (++unlooked_ >= look_every)
      look_for_what_didnt_come();
    if (followed().empty())
      return {};
  }
  return {};
}

void backlog_reader::take(sliced_transaction&& transaction) {
  give_up_at(transaction);
  auto slices = slices_of(transaction);
  for (auto& [id, slice] : slices)
    take_slice(id, transaction, std::move(slice), transaction.bytes / slices.size());
}

/// As capture does: see known_accounts.
std::vector<std::pair<account_id, sliced_transaction::slice>>
backlog_reader::slices_of(sliced_transaction& transaction) {
  const std::lock_guard lock(mutex_);
  if (again_) // somebody's earlier ones aren't read yet
    return {};
  read_.advance(transaction.id);
  for (const auto& row : transaction.registry)
    if (row.kind != change_kind::remove && followed_.contains(row.account))
      mailboxes_[row.mailbox] = row.account;
  const auto owner_of = [this](mailbox_id mailbox) {
    const auto owner = mailboxes_.find(mailbox);
    return owner == mailboxes_.end() ? account_id{} : owner->second;
  };
  if (transaction.registry.size() > 1)
    join_slices(transaction, owner_of);
  std::vector<std::pair<account_id, sliced_transaction::slice>> all;
  for (auto& slice : transaction.slices)
    if (auto owner = owner_of(slice.mailbox); owner != account_id{})
      all.emplace_back(std::move(owner), std::move(slice));
  for (const auto& row : transaction.registry)
    if (row.kind == change_kind::remove)
      mailboxes_.erase(row.mailbox);
    else if (followed_.contains(row.account))
      mailboxes_[row.mailbox] = row.account;
  return all;
}

void backlog_reader::take_slice(const account_id& id, const sliced_transaction& transaction,
                                sliced_transaction::slice&& slice, std::size_t bytes) {
  const auto& around = options_.around;
  if (slice.too_large)
    around->log->give_up_missing(id, why_too_large(transaction.id), transaction.id);
  const auto missing = around->log->take_missing(id, transaction.id);
  if (!missing)
    return forget(id); // the log knows why
  if (!*missing)
    return;
  const auto& [partition, term, number, from, is_last] = **missing;
  // When it was captured nobody knows any more; it was committed a moment before.
  transaction_event event{id,
                          term,
                          number,
                          transaction.id,
                          std::int64_t{transaction.timestamp} * 1'000'000,
                          std::move(slice.changes)};
  auto done = [around, window = window_, id, term = term, number = number,
               charged = window_->take(id, bytes + beside_its_rows)](const delivery_outcome& outcome) {
    window->give_back(id, charged);
    around->confirmed(id, term, number); // refused, it is used up all the same
    if (outcome.refused)
      caf::anon_send(around->supervisor, account_refused{id, term, number, outcome.refused->what});
  };
  ++events_;
  if (around->log->make_up_for(**missing, std::move(event), std::move(done))) {
    ++in_order_;
    forget(id);
  }
}

/// What no slice tells of: the replicas need a new snapshot for it anyway, and rows behind it may be of other
/// tables; numbers behind another role aren't of this line.
void backlog_reader::give_up_at(const sliced_transaction& transaction) {
  const bool unseen = changes_unseen(transaction);
  if (!unseen && transaction.roles.empty())
    return;
  for (const auto& [id, term] : followed()) {
    if (unseen)
      options_.around->log->give_up_missing(
          id, fmt::format("rows may have changed unseen in {}", transaction.id.text()), transaction.id);
    for (const auto& row : transaction.roles)
      if (row.account == id && row.term > term)
        options_.around->log->give_up_missing(
            id, fmt::format("epoch {} was begun in {}", row.term, transaction.id.text()), transaction.id);
  }
}

void backlog_reader::look_for_what_didnt_come() {
  unlooked_ = 0;
  gtid_position read;
  std::vector<std::pair<account_id, epoch>> all;
  {
    const std::lock_guard lock(mutex_);
    if (again_) // somebody's weren't looked for there
      return;
    read = read_;
    all.assign(followed_.begin(), followed_.end());
  }
  for (const auto& [id, term] : all)
    for (const auto& [domain, last] : read.domains())
      if (!options_.around->log->missing_read_up_to(id, last)) {
        forget(id);
        break;
      }
}

void backlog_reader::give_up_all(const std::string& why) {
  options_.report(true, fmt::format("the binlog can't be read again for what Kafka lacks: {}", why));
  for (const auto& [id, term] : followed()) {
    options_.around->log->give_up_missing(id, why);
    forget(id);
  }
}

} // namespace understudy
