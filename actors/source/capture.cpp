#include "actors/source/capture.hpp"

#include <caf/actor_system.hpp>
#include <caf/send.hpp>

#include <random>

namespace understudy {
namespace {

/// First and longest pause between two attempts to connect (case S06: never a storm).
constexpr std::chrono::milliseconds first_pause{100};
constexpr std::chrono::milliseconds longest_pause{5000};

std::int64_t wall_us() {
  return std::chrono::duration_cast<std::chrono::microseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

} // namespace

capture::capture(options o)
    : options_(std::move(o))
    , lost_(options_.lost_at_start)
    , has_place_(!lost_ || lost_->why != position_lost::kind::unknown) {}

capture::~capture() {
  stop();
}

void capture::start() {
  thread_ = std::thread([this] { run(); });
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
  if (source_)
    (void)source_->send_ack(place);
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

void capture::restart_at(const capture_beginning& from) {
  options_.around->settle->begin_at(from.position);
  has_place_ = true;
  {
    const std::lock_guard lock(mutex_);
    options_.tail = {};
    role_changes_.clear(); // what was met is below the new place
    for (auto& [id, account] : accounts_) {
      account->settled_role = account->info.role;
      account->settled_term = account->info.term;
      mark_changed(*account);
    }
    for (const auto& role : from.roles) {
      const auto known = accounts_.find(role.account);
      if (known != accounts_.end() && role.term > known->second->info.term)
        on_role({role.account, role.term, std::string(text_of(role.role)), role.decision}, {});
    }
  }
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
  auto resumption = options_.around->settle->resume();
  auto stream = options_.stream;
  stream.start = resumption.start;
  if (use_second_id_)
    stream.server_id = options_.second_server_id;
  auto opened = capture_source::open(stream, options_.routing);
  if (!opened)
    return tl::make_unexpected(opened.error());
  capture_source* source = opened->get();
  {
    const std::lock_guard lock(source_mutex_);
    source_ = std::move(*opened);
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
  // Rows that couldn't be read, or an XA COMMIT of what was prepared before the settled position: no proof.
  if (!transaction.unseen.empty())
    return {};
  tail_check::slices changed;
  for (const auto& slice : transaction.slices)
    if (const auto* account = by_mailbox(slice.mailbox))
      changed[account->info.account] = &slice.changes;
  return options_.tail.read(transaction.id, changed);
}

result<void> capture::on_transaction(sliced_transaction&& transaction) {
  const std::lock_guard lock(mutex_);
  on_registry(transaction, false);
  if (!options_.tail.done())
    if (auto differs = check_tail(transaction); !differs.empty())
      return failure(std::move(differs));
  struct part {
    entry* account;
    std::vector<row_change>* changes;
  };
  std::vector<part> own;
  std::vector<part> foreign;
  for (auto& slice : transaction.slices) {
    auto* account = by_mailbox(slice.mailbox);
    if (account == nullptr)
      continue;
    auto& list = account->info.role == "source" && !account->closed ? own : foreign;
    list.push_back({account, &slice.changes});
  }
  const auto number = options_.around->settle->begin(
      transaction.id, transaction.end, static_cast<std::uint32_t>(own.size()), transaction.bytes);
  for (auto& [account, changes] : own) {
    slice_captured message{std::make_shared<settlement::slice>(settlement::slice{number}), transaction.id,
                           transaction.end, wall_us(),
                           std::make_shared<const std::vector<row_change>>(std::move(*changes))};
    account->sent = account->sent.next();
    tell(account->actor, std::move(message));
  }
  for (auto& [account, changes] : foreign)
    if (account->info.term != epoch{} && account->info.role != "none")
      caf::anon_send(options_.around->supervisor,
                     foreign_write{account->info.account, transaction.id,
                                   std::make_shared<const std::vector<row_change>>(std::move(*changes))});
  for (const auto& row : transaction.roles)
    on_role(row, transaction.end);
  on_registry(transaction, true);
  if (std::find(transaction.own_tables.begin(), transaction.own_tables.end(), "probe") !=
      transaction.own_tables.end())
    options_.probe_seen();
  report_unseen(transaction);
  return {};
}

void capture::on_registry(const sliced_transaction& transaction, bool removals) {
  for (const auto& row : transaction.registry) {
    if ((row.kind == change_kind::remove) != removals)
      continue;
    if (removals) {
      mailboxes_.erase(row.mailbox);
      continue;
    }
    const auto found = accounts_.find(row.account);
    if (found == accounts_.end())
      continue;
    found->second->info.mailbox = row.mailbox;
    mailboxes_[row.mailbox] = found->second.get();
  }
}

void capture::on_role(const sliced_transaction::role_row& row, const binlog_place& place) {
  const auto found = accounts_.find(row.account);
  if (found == accounts_.end())
    return; // forgotten meanwhile: removed from control before its role row was read
  auto& account = *found->second;
  const role_met met{row.account, row.term, row.role, row.decision, account.sent, account.actor != nullptr};
  account.info.term = row.term;
  account.info.role = row.role;
  account.closed = false;
  if (row.role == "source" && !account.actor)
    begin_writing(account);
  if (account.actor)
    tell(account.actor, met);
  if (row.role != "source" && account.actor) {
    account.info.last = account.sent;
    account.actor = nullptr; // it ends when what is in flight is confirmed and nobody speaks to it any more
  }
  role_changes_.push_back({place, row.account, row.term, row.role});
  caf::anon_send(options_.around->supervisor, met);
}

void capture::begin_writing(entry& account) {
  auto& info = account.info;
  account.sent = info.last;
  account_start start{info.account,   info.term,         info.last,
                      info.partition, info.is_protected, take_known(info.known, info.term)};
  account.actor = options_.system->spawn<account_actor, caf::lazy_init>(options_.around, std::move(start));
}

void capture::report_unseen(const sliced_transaction& transaction) {
  for (const auto& warning : transaction.unseen)
    caf::anon_send(options_.around->supervisor,
                   rows_unseen{fmt::format("{} at {}: {}", transaction.id.text(), transaction.end.file,
                                           warning.statement),
                               warning.database, warning.rows_may_have_changed});
}

void capture::expect(known_account account) {
  const std::lock_guard lock(mutex_);
  auto& slot = accounts_[account.account];
  if (!slot) {
    slot = std::make_unique<entry>();
    slot->info = std::move(account);
    slot->sent = slot->confirmed = slot->info.last;
    slot->settled_role = slot->info.role;
    slot->settled_term = slot->info.term;
    if (slot->info.role == "source")
      begin_writing(*slot);
  } else {
    if (slot->info.mailbox != account.mailbox)
      mailboxes_.erase(slot->info.mailbox);
    slot->info.mailbox = account.mailbox;
    slot->info.partition = account.partition;
    if (!slot->actor) {
      slot->info.last = slot->sent = slot->confirmed = account.last;
      slot->info.is_protected = account.is_protected;
      if (slot->info.role == "none") // forgotten, and followed again
        slot->info.role = account.role;
    }
  }
  if (slot->info.mailbox != mailbox_id{})
    mailboxes_[slot->info.mailbox] = slot.get();
}

void capture::close_epoch(const account_id& account, epoch term) {
  const std::lock_guard lock(mutex_);
  const auto found = accounts_.find(account);
  if (found == accounts_.end() || found->second->info.term > term)
    return;
  found->second->closed = true;
  if (found->second->actor)
    tell(found->second->actor, epoch_closed{term});
}

void capture::set_protected(const account_id& account, bool is_protected) {
  const std::lock_guard lock(mutex_);
  const auto found = accounts_.find(account);
  if (found == accounts_.end())
    return;
  found->second->info.is_protected = is_protected;
  if (!found->second->actor)
    return;
  if (is_protected)
    tell(found->second->actor, protect{});
  else
    tell(found->second->actor, settle_unprotected{});
}

void capture::forget(const account_id& id) {
  const std::lock_guard lock(mutex_);
  const auto found = accounts_.find(id);
  if (found == accounts_.end())
    return;
  auto& account = *found->second;
  if (account.info.role == "none" && !account.actor)
    return;
  if (account.actor)
    tell(account.actor, epoch_closed{account.info.term});
  mailboxes_.erase(account.info.mailbox);
  std::erase_if(role_changes_, [&](const role_change& change) { return change.account == id; });
  account.actor = nullptr;
  account.info.role = account.settled_role = "none";
  account.settled_term = account.info.term;
  account.info.last = account.confirmed = account.sent = std::max(account.sent, account.confirmed);
  mark_changed(account);
}

account_handle capture::actor_of(const account_id& account) const {
  const std::lock_guard lock(mutex_);
  const auto found = accounts_.find(account);
  return found == accounts_.end() || found->second->closed ? account_handle{} : found->second->actor;
}

std::vector<std::pair<account_id, epoch>> capture::written_here() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::pair<account_id, epoch>> all;
  for (const auto& [id, account] : accounts_)
    if (account->info.role == "source" && !account->closed)
      all.emplace_back(id, account->info.term);
  return all;
}

bool capture::knows(const account_id& account) const {
  const std::lock_guard lock(mutex_);
  return accounts_.contains(account);
}

std::optional<capture::numbered> capture::numbered_up_to(const account_id& account) const {
  const std::lock_guard lock(mutex_);
  const auto found = accounts_.find(account);
  if (found == accounts_.end())
    return std::nullopt;
  return numbered{found->second->info.term, std::max(found->second->sent, found->second->confirmed)};
}

mailbox_id capture::mailbox_of(const account_id& account) const {
  const std::lock_guard lock(mutex_);
  const auto found = accounts_.find(account);
  return found == accounts_.end() ? mailbox_id{} : found->second->info.mailbox;
}

void capture::confirmed(const account_id& account, sequence number) {
  const std::lock_guard lock(mutex_);
  const auto found = accounts_.find(account);
  if (found == accounts_.end() || found->second->confirmed >= number)
    return;
  found->second->confirmed = number;
  mark_changed(*found->second);
}

sequence capture::confirmed_of(const account_id& account) const {
  const std::lock_guard lock(mutex_);
  const auto found = accounts_.find(account);
  return found == accounts_.end() ? sequence{} : found->second->confirmed;
}

void capture::mark_changed(entry& account) {
  if (!std::exchange(account.changed, true))
    changed_.push_back(account.info.account);
}

std::vector<capture::known_account> capture::changed_accounts(const binlog_place& place) {
  const std::lock_guard lock(mutex_);
  while (!role_changes_.empty() && role_changes_.front().place <= place) {
    const auto& change = role_changes_.front();
    if (const auto found = accounts_.find(change.account); found != accounts_.end()) {
      found->second->settled_role = change.role;
      found->second->settled_term = change.term;
      mark_changed(*found->second);
    }
    role_changes_.pop_front();
  }
  std::vector<known_account> changed;
  for (const auto& id : std::exchange(changed_, {})) {
    const auto found = accounts_.find(id);
    if (found == accounts_.end())
      continue;
    auto& account = *found->second;
    account.changed = false;
    if (account.settled_term == epoch{})
      continue; // its first role row isn't below the place yet
    changed.push_back({id,
                       account.info.mailbox,
                       account.info.partition,
                       account.settled_term,
                       account.settled_role,
                       account.confirmed,
                       account.info.is_protected,
                       {}});
  }
  return changed;
}

capture::entry* capture::by_mailbox(mailbox_id mailbox) {
  const auto found = mailboxes_.find(mailbox);
  return found == mailboxes_.end() ? nullptr : found->second;
}

} // namespace understudy
