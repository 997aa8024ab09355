#include "actors/source/known_accounts.hpp"

#include "actors/source/slice_owners.hpp"

#include <caf/actor_system.hpp>
#include <caf/send.hpp>

namespace understudy {
namespace {

/// What is read late, as behind a node that was down, was committed earlier than it's read (P8).
std::int64_t committed_us(const sliced_transaction& transaction, std::int64_t now_us) {
  return std::min(now_us, (std::int64_t{transaction.timestamp} + 1) * 1'000'000);
}

std::int64_t wall_us() {
  return std::chrono::duration_cast<std::chrono::microseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

/// Null: there were more than may be kept.
std::shared_ptr<std::vector<row_change>> kept_changes(sliced_transaction::slice& slice) {
  return slice.too_large ? nullptr : std::make_shared<std::vector<row_change>>(std::move(slice.changes));
}

/// Nobody but the caller refers to it, so nothing is on its way to it or back, and it holds nothing.
bool is_at_rest(const account_handle& account) {
  auto* control = caf::actor_cast<caf::actor_control_block*>(account);
  if (control->strong_refs.load(std::memory_order_acquire) != 1)
    return false;
  return static_cast<const account_actor*>(control->get())->is_at_rest();
}

} // namespace

known_accounts::known_accounts(caf::actor_system& system, std::shared_ptr<const account_surroundings> around)
    : system_(system)
    , around_(std::move(around)) {}

const known_accounts::entry* known_accounts::find(const account_id& account) const {
  const auto found = accounts_.find(account);
  return found == accounts_.end() ? nullptr : &found->second;
}

known_accounts::entry* known_accounts::find(const account_id& account) {
  return const_cast<entry*>(std::as_const(*this).find(account));
}

const known_accounts::entry* known_accounts::by_mailbox(mailbox_id mailbox) const {
  const auto found = mailboxes_.find(mailbox);
  return found == mailboxes_.end() ? nullptr : found->second;
}

known_accounts::entry* known_accounts::by_mailbox(mailbox_id mailbox) {
  return const_cast<entry*>(std::as_const(*this).by_mailbox(mailbox));
}

const account_handle& known_accounts::wake(entry& account) {
  if (!account.actor) {
    account_start start{*account.id,  account.term,      account.sent,
                        std::nullopt, account.partition, account.is_protected};
    if (account.last_id != gtid{})
      start.last_id = account.last_id;
    account.actor = system_.spawn<account_actor, caf::lazy_init>(around_, std::move(start));
    account.captured = true;
    awake_.push_back(&account);
  }
  return account.actor;
}

void known_accounts::rest() {
  const std::lock_guard lock(mutex_);
  std::erase_if(awake_, [](entry* account) {
    if (std::exchange(account->captured, false) || (account->actor && !is_at_rest(account->actor)))
      return false;
    account->actor = nullptr;
    return true;
  });
}

bool known_accounts::has_mailbox(const entry& account) const {
  const auto found = mailboxes_.find(account.mailbox);
  return found != mailboxes_.end() && found->second == &account;
}

/// Unless it's another account's by now.
void known_accounts::leave_mailbox(const entry& account) {
  if (has_mailbox(account))
    mailboxes_.erase(account.mailbox);
}

void known_accounts::expect(known_account account) {
  const std::lock_guard lock(mutex_);
  const auto [at, fresh] = accounts_.try_emplace(account.account);
  auto& slot = at->second;
  if (fresh) {
    slot.id = &at->first;
    slot.term = slot.settled_term = account.term;
    slot.role = slot.settled_role = account.role;
    former_.add(account.account, std::move(account.known), account.marker);
  } else if (slot.mailbox != account.mailbox) {
    leave_mailbox(slot);
  }
  slot.mailbox = slot.settled_mailbox = account.mailbox;
  slot.partition = account.partition;
  // A source whose epoch was closed met no role row that says so: its numbers are of a history that ended.
  if (fresh || slot.role != account_role::source || slot.closed) {
    slot.sent = slot.confirmed = account.last;
    slot.last_id = {};
    slot.is_protected = account.is_protected;
    if (slot.role == account_role::none || slot.closed) { // forgotten, or ended, and followed again
      slot.role = account.role;
      if (slot.term == epoch{}) // its role row never came
        slot.term = slot.settled_term = account.term;
    }
    slot.closed = false;
    slot.actor = nullptr;
  }
  if (slot.mailbox != mailbox_id{})
    mailboxes_[slot.mailbox] = &slot;
}

void known_accounts::on_registered(sliced_transaction& transaction) {
  const std::lock_guard lock(mutex_);
  for (const auto& row : transaction.registry) {
    auto* account = row.kind == change_kind::remove ? nullptr : find(row.account);
    if (account == nullptr)
      continue;
    if (std::exchange(account->mailbox, row.mailbox) != row.mailbox)
      note_change(*account, transaction.end);
    mailboxes_[row.mailbox] = account;
    if (row.renamed && account->is_written())
      caf::anon_send(around_->supervisor, account_renamed{row.account, row.name});
  }
  if (transaction.registry.size() > 1)
    join_slices(transaction, [this](mailbox_id mailbox) { return std::as_const(*this).by_mailbox(mailbox); });
}

void known_accounts::on_unregistered(const sliced_transaction& transaction) {
  const std::lock_guard lock(mutex_);
  // In the rows' order: a mailbox that is replaced, or that accounts exchange, is somebody's behind it.
  for (const auto& row : transaction.registry)
    if (row.kind == change_kind::remove)
      mailboxes_.erase(row.mailbox);
    else if (auto* account = find(row.account); account != nullptr)
      mailboxes_[row.mailbox] = account;
}

std::vector<std::pair<account_id, const std::vector<row_change>*>>
known_accounts::changes_in(const sliced_transaction& transaction) const {
  const std::lock_guard lock(mutex_);
  std::vector<std::pair<account_id, const std::vector<row_change>*>> all;
  for (const auto& slice : transaction.slices)
    if (const auto* account = by_mailbox(slice.mailbox))
      all.emplace_back(*account->id, &slice.changes);
  return all;
}

std::shared_ptr<const void> known_accounts::on_slices(sliced_transaction& transaction,
                                                      caf::execution_unit* unit) {
  const std::lock_guard lock(mutex_);
  met_.advance(transaction.id);
  met_end_ = transaction.end;
  const bool unseen = changes_unseen(transaction);
  std::vector<std::pair<entry*, sliced_transaction::slice*>> own;
  for (auto& slice : transaction.slices) {
    auto* account = by_mailbox(slice.mailbox);
    if (account == nullptr)
      continue;
    if (account->is_written())
      own.emplace_back(account, &slice);
    else if (account->term != epoch{} && account->role != account_role::none)
      report_foreign(*account, transaction.id, kept_changes(slice));
  }
  const auto slices = static_cast<std::uint32_t>(own.size()) + (unseen ? 1 : 0);
  const auto number =
      around_->settle->begin(transaction.id, transaction.end, slices, transaction.bytes, transaction.group);
  for (const auto& [account, slice] : own) {
    auto check = std::make_shared<settlement::slice>(settlement::slice{number});
    account->written_up_to = {transaction.end.file_number(), transaction.end.offset};
    if (settle_known(*account, transaction.id, check) ||
        refuse_left_out(*account, transaction.id, check, unit))
      continue;
    account->last_id = transaction.id;
    const auto& actor = wake(*account);
    account->captured = true;
    account->sent = account->sent.next();
    tell(actor,
         slice_captured{std::move(check), transaction.id, transaction.end,
                        committed_us(transaction, wall_us()), kept_changes(*slice)},
         unit);
  }
  if (!unseen)
    return {};
  auto last = std::make_shared<settlement::slice>(settlement::slice{number});
  const void* const held = last.get();
  return {held, [settle = around_->settle, last = std::move(last)](const void*) { settle->release(last); }};
}

void known_accounts::report_foreign(const entry& account, const gtid& id,
                                    std::shared_ptr<const std::vector<row_change>> changes) {
  foreign_write write{*account.id, id, std::move(changes)};
  if (const auto event = former_.take(*account.id, id))
    write.logged = logged_place{account.term, event->where.offset};
  caf::anon_send(around_->supervisor, std::move(write));
}

/// R12: in Kafka since a former life of this node, so it isn't produced again.
bool known_accounts::settle_known(entry& account, const gtid& id, const settlement::slice_ptr& check) {
  const auto event = former_.take(*account.id, id);
  if (!event)
    return false;
  account.sent = std::max(account.sent, event->number);
  // Of an earlier one a fence would say, falsely, that it's the last one's.
  account.last_id = event->number == account.sent ? id : gtid{};
  around_->settle->delivered(check, event->where);
  note_confirmed(account, event->number);
  return true;
}

/// What the log lacks since a former life, while a snapshot has it: numbered behind that one's marker its
/// replicas would get it twice. Control may not know yet, and then its COMMIT waits for that (R3).
bool known_accounts::refuse_left_out(entry& account, const gtid& id, const settlement::slice_ptr& check,
                                     caf::execution_unit* unit) {
  const auto number = former_.left_out_before(*account.id, id);
  if (!number)
    return false;
  const auto& actor = wake(account);
  account.captured = true;
  tell(actor, slice_refused{check, *number, "a former life of this node left it out of the log"}, unit);
  return true;
}

void known_accounts::on_roles(const sliced_transaction& transaction, caf::execution_unit* unit) {
  const std::lock_guard lock(mutex_);
  for (const auto& row : transaction.roles)
    on_role({row.account, row.term, parse_role(row.role).value_or(account_role::none), row.decision,
             parse_account_checksum(row.at_cut).value_or(account_checksum{}), row.read_at},
            transaction.end, unit);
}

/// R29: whether what was read for it before the guard stood is what the account is at the cut.
bool known_accounts::is_cut(const entry& account, const role_record& row) {
  return row.read_at.file.empty() || !is_behind(account.written_up_to, row.read_at);
}

bool known_accounts::written_behind(const account_id& id, const binlog_place& place) const {
  const std::lock_guard lock(mutex_);
  const auto* account = find(id);
  return account != nullptr && is_behind(account->written_up_to, place);
}

void known_accounts::on_role(const role_record& row, const binlog_place& place, caf::execution_unit* unit) {
  auto* account = find(row.account);
  if (account == nullptr)
    return; // forgotten meanwhile: removed from control before its role row was read
  if (row.term < account->term)
    return; // its end is known already: expect() was told of a later epoch
  // That it leaves an epoch in which it isn't active yet is said once more, by a process that came back to it
  // behind its fence: nothing was written in that, and whoever asks wants to know where the fence lies.
  const bool was_written = account->role == account_role::source && account->term < row.term;
  const role_met met{row.account,
                     row.term,
                     row.role,
                     row.decision,
                     account->sent,
                     was_written,
                     is_cut(*account, row) ? row.at_cut : account_checksum{}};
  const bool has_ended = row.role == account_role::source && row.term <= account->closed_up_to;
  if (!has_ended && (account->actor || (was_written && !account->closed)))
    tell(wake(*account), met, unit);
  else if (row.role == account_role::source)
    around_->log->repeat_shapes(account->partition); // R14: what an actor that goes on does itself
  account->term = row.term;
  account->role = row.role;
  account->closed = has_ended;
  account->is_own = row.role == account_role::source && !has_ended;
  if (row.role != account_role::source)
    account->actor = nullptr; // it ends when what is in flight is confirmed and nobody speaks to it any more
  note_change(*account, place);
  caf::anon_send(around_->supervisor, met);
}

void known_accounts::begin_anew(const capture_beginning& from, bool is_another_history) {
  const std::lock_guard lock(mutex_);
  if (is_another_history)
    former_ = {};   // it gives the same GTIDs again, to other transactions
  changes_.clear(); // what was met is below the new place
  met_ = from.position;
  met_end_ = {};
  to_meet_ = {};
  for (auto& [id, account] : accounts_) {
    account.settled_role = account.role;
    account.settled_term = account.term;
    account.settled_mailbox = account.mailbox;
    mark_changed(account);
  }
  for (const auto& role : from.roles)
    if (const auto* account = find(role.account);
        account != nullptr &&
        (role.term > account->term || (role.term == account->term && role.role == account_role::source &&
                                       account->role == account_role::replica)))
      on_role(role, {}, nullptr);
}

void known_accounts::close_epoch(const account_id& id, epoch term) {
  const std::lock_guard lock(mutex_);
  auto* account = find(id);
  if (account == nullptr || account->term > term)
    return;
  account->closed_up_to = std::max(account->closed_up_to, term);
  account->is_own = false;
  if (!std::exchange(account->closed, true) && account->role == account_role::source)
    around_->settle->epoch_ended(account->partition);
  if (account->actor)
    tell(account->actor, epoch_closed{term});
  else
    around_->log->refusal_is_said(id, account->sent);
}

bool known_accounts::set_protected(const account_id& id, bool is_protected) {
  const std::lock_guard lock(mutex_);
  auto* account = find(id);
  if (account == nullptr)
    return false;
  account->is_protected = is_protected;
  const bool answers = is_protected && account->is_written();
  if (answers)
    tell(wake(*account), protect{});
  else if (account->actor && !is_protected)
    tell(account->actor, settle_unprotected{});
  return answers;
}

bool known_accounts::is_lost(const account_id& id) const {
  const std::lock_guard lock(mutex_);
  const auto* account = find(id);
  return account != nullptr && account->role == account_role::source && account->closed;
}

bool known_accounts::is_protected(const account_id& id) const {
  const std::lock_guard lock(mutex_);
  const auto* account = find(id);
  return account == nullptr || account->is_protected;
}

void known_accounts::forget(const account_id& id) {
  const std::lock_guard lock(mutex_);
  auto* account = find(id);
  if (account == nullptr || (account->role == account_role::none && !account->actor))
    return;
  if (account->actor)
    tell(account->actor, epoch_closed{account->term});
  else
    around_->log->refusal_is_said(id, account->sent);
  leave_mailbox(*account);
  former_.forget(id);
  std::erase_if(changes_, [&](const account_change& change) { return change.account == id; });
  account->actor = nullptr;
  account->role = account->settled_role = account_role::none;
  account->settled_term = account->term;
  account->settled_mailbox = account->mailbox;
  account->confirmed = account->sent = std::max(account->sent, account->confirmed);
  mark_changed(*account);
}

bool known_accounts::is_handed_over(const account_id& id, epoch behind) const {
  const std::lock_guard lock(mutex_);
  const auto* account = find(id);
  return account != nullptr && account->role == account_role::replica && account->term > behind;
}

bool known_accounts::has_left(const account_id& id) const {
  const std::lock_guard lock(mutex_);
  const auto* account = find(id);
  return account == nullptr || !has_mailbox(*account);
}

void known_accounts::meet_first(const gtid_position& end, const gtid_position& settled) {
  {
    const std::lock_guard lock(mutex_);
    met_ = settled; // by a former life
  }
  must_meet(end);
}

void known_accounts::must_meet(const gtid_position& end) {
  const std::lock_guard lock(mutex_);
  for (const auto& [domain, last] : end.domains())
    if (!met_.covers(last))
      to_meet_.advance(last);
}

bool known_accounts::has_met_what_was_there() {
  if (std::ranges::any_of(to_meet_.domains(), [&](const auto& last) { return !met_.covers(last.second); }))
    return false;
  to_meet_ = {};
  return true;
}

bool known_accounts::met_what_was_there() {
  const std::lock_guard lock(mutex_);
  return has_met_what_was_there();
}

known_accounts::writer known_accounts::writer_of(const account_id& id, epoch term) {
  const std::lock_guard lock(mutex_);
  auto* account = find(id);
  if (account == nullptr || !account->is_written() || account->term != term)
    return {};
  // Its last numbers may be of transactions that still wait in their COMMIT; and one that was refused has
  // none in Kafka.
  if (!has_met_what_was_there() || !former_.are_met(id, met_))
    return {};
  return {wake(*account), met_end_};
}

bool known_accounts::is_written(const account_id& id) const {
  const std::lock_guard lock(mutex_);
  const auto* account = find(id);
  return account != nullptr && account->is_written();
}

std::vector<std::pair<account_id, epoch>> known_accounts::written_here() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::pair<account_id, epoch>> all;
  for (const auto& [id, account] : accounts_)
    if (account.is_written())
      all.emplace_back(id, account.term);
  return all;
}

bool known_accounts::knows_replica(const account_id& id, mailbox_id mailbox) const {
  const std::lock_guard lock(mutex_);
  const auto* account = find(id);
  if (account == nullptr || account->mailbox != mailbox)
    return false;
  // What it wrote before is told with the epoch that it was written in: that's kept until all of it is met.
  return account->role == account_role::replica || !former_.are_met(id, met_);
}

bool known_accounts::knows(const account_id& id) const {
  const std::lock_guard lock(mutex_);
  const auto* account = find(id);
  return account != nullptr && (account->role != account_role::none || account->term == epoch{});
}

std::optional<known_accounts::numbered> known_accounts::numbered_up_to(const account_id& id) const {
  const std::lock_guard lock(mutex_);
  const auto* account = find(id);
  if (account == nullptr)
    return std::nullopt;
  return numbered{account->term, std::max(account->sent, account->confirmed), account->is_own};
}

mailbox_id known_accounts::mailbox_of(const account_id& id) const {
  const std::lock_guard lock(mutex_);
  const auto* account = find(id);
  return account == nullptr ? mailbox_id{} : account->mailbox;
}

void known_accounts::confirmed(const account_id& id, epoch term, sequence number) {
  const std::lock_guard lock(mutex_);
  if (auto* account = find(id); account != nullptr && term > account->closed_up_to)
    note_confirmed(*account, number);
}

void known_accounts::note_confirmed(entry& account, sequence number) {
  if (account.confirmed >= number)
    return;
  account.confirmed = number;
  mark_changed(account);
}

sequence known_accounts::confirmed_of(const account_id& id) const {
  const std::lock_guard lock(mutex_);
  const auto* account = find(id);
  return account == nullptr ? sequence{} : account->confirmed;
}

void known_accounts::note_change(const entry& account, const binlog_place& place) {
  changes_.push_back({place, *account.id, account.mailbox, account.term, account.role});
}

void known_accounts::mark_changed(entry& account) {
  if (!std::exchange(account.changed, true))
    changed_.push_back(&account);
}

std::vector<captured_account> known_accounts::changed_accounts(const binlog_place& place) {
  const std::lock_guard lock(mutex_);
  while (!changes_.empty() && changes_.front().place <= place) {
    const auto& change = changes_.front();
    if (auto* account = find(change.account)) {
      account->settled_role = change.role;
      account->settled_term = change.term;
      account->settled_mailbox = change.mailbox;
      mark_changed(*account);
    }
    changes_.pop_front();
  }
  std::vector<captured_account> changed;
  for (auto* account : std::exchange(changed_, {})) {
    account->changed = false;
    if (account->settled_term != epoch{}) // else its first role row isn't below the place yet
      changed.push_back({*account->id, account->settled_mailbox, account->settled_term, account->settled_role,
                         account->confirmed, account->partition, account->is_protected});
  }
  return changed;
}

void known_accounts::not_stored(const std::vector<captured_account>& changed) {
  const std::lock_guard lock(mutex_);
  for (const auto& each : changed)
    if (auto* account = find(each.account))
      mark_changed(*account);
}

} // namespace understudy
