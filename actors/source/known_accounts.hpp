// The accounts of this node as capture knows them: what it was told, or met in the binlog. Where an account
// is written here, its actor gets its slices.
//
// Any thread may call, but for what is said to be capture's. An actor exists only while somebody needs it: a
// million accounts that nobody writes cost a node no more than their entries here.
#pragma once
#include "actors/source/account.hpp"
#include "actors/source/former_lines.hpp"
#include "actors/source/known_account.hpp"
#include "storage/binlog/sliced_transaction.hpp"
#include "storage/state/capture_beginning.hpp"
#include "storage/state/local_state.hpp"

#include <deque>
#include <mutex>
#include <unordered_map>

namespace caf {
class actor_system;
}

namespace understudy {

class known_accounts {
public:
  known_accounts(caf::actor_system& system, std::shared_ptr<const account_surroundings> around);

  /// Tells of an account before its role row is written, or at the start. Later calls renew what isn't
  /// decided by the binlog: mailbox, partition, `last` if no role was met since.
  void expect(known_account account);
  /// The account's epoch ended without this node (R20): its slices are foreign from now on, or from the
  /// epoch's role row on.
  void close_epoch(const account_id& account, epoch term);
  /// True: the account's actor says holds_again, once everything that it produces from then on holds its
  /// COMMIT.
  bool set_protected(const account_id& account, bool is_protected);
  /// Its epoch here was closed, and capture met no role row yet that says so.
  bool is_lost(const account_id& account) const;
  /// As was said last; true for an account that isn't known.
  bool is_protected(const account_id& account) const;
  /// The account isn't replicated any more; its numbers go on if it is enrolled again (R11).
  void forget(const account_id& account);
  /// Before capture starts: behind `settled` the binlog has transactions up to `end`, which may still wait in
  /// their COMMIT, and of those that were refused Kafka tells nothing.
  void meet_first(const gtid_position& end, const gtid_position& settled);
  /// Behind it MariaDB holds commits again: whatever the binlog has up to there it may have let go before
  /// capture met it.
  void must_meet(const gtid_position& end);
  /// Who writes the account's line here in an epoch; nobody (a null actor) once the epoch was closed (R20),
  /// and as long as capture hasn't met its role row, or all that Kafka and the binlog had when this process
  /// began.
  struct writer {
    account_handle actor;
    binlog_place met; ///< transactions up to here were met before; of later ones the actor knows
  };
  writer writer_of(const account_id& account, epoch term);
  /// Capture met the role row by which it left here behind that epoch.
  bool is_handed_over(const account_id& account, epoch behind) const;
  /// It was captured, and forgotten again: nothing that it writes is sliced.
  bool has_left(const account_id& account) const;
  /// Whether capture has met all that it must: what the binlog had when this process began, at least.
  bool met_what_was_there();
  /// Whether it's a source here, in whatever epoch.
  bool is_written(const account_id& account) const;

  /// The accounts that are written here as far as capture knows, with their epochs.
  std::vector<std::pair<account_id, epoch>> written_here() const;
  /// It has a role here, or its first role row is to come.
  bool knows(const account_id& account) const;
  /// Whether it's a replica here, in this mailbox, as expect() was told or a role row says.
  bool knows_replica(const account_id& account, mailbox_id mailbox) const;
  /// The last epoch and number of it that this node knows of; nothing if it was never told of it.
  struct numbered {
    epoch term;
    sequence last;
    bool
        is_own; ///< this process wrote that epoch until it was forgotten, or does: nobody gave a later number
  };
  std::optional<numbered> numbered_up_to(const account_id& account) const;
  /// Whether capture has met a transaction of the account, as its source, that ends behind `place`.
  bool written_behind(const account_id& account, const binlog_place& place) const;
  /// The account's local mailbox id; 0 = not known.
  mailbox_id mailbox_of(const account_id& account) const;

  /// Kafka holds this number of an account of ours. One of an epoch that was closed may be void, and be told
  /// when numbers go on behind that epoch's cut already: it doesn't count.
  void confirmed(const account_id& account, epoch term, sequence number);
  sequence confirmed_of(const account_id& account) const;

  /// What a checkpoint must hold of accounts that changed since the last call: roles as of `place`, numbers
  /// that Kafka holds.
  std::vector<captured_account> changed_accounts(const binlog_place& place);
  /// What a call gave couldn't be stored: the next one gives these accounts again.
  void not_stored(const std::vector<captured_account>& changed);
  /// Ends the actors that nothing was captured for since the last call, and that nobody waits for.
  void rest();

  // Capture's thread, for each transaction in this order.

  /// Each account has one slice at most behind it.
  void on_registered(sliced_transaction& transaction);
  /// The changed accounts' rows; as long as the transaction lives.
  std::vector<std::pair<account_id, const std::vector<row_change>*>>
  changes_in(const sliced_transaction& transaction) const;
  /// `unit` runs the accounts' actors; null: CAF's workers. Gives, of a transaction that changed rows unseen,
  /// what its COMMIT waits for: until nobody refers to it any more.
  std::shared_ptr<const void> on_slices(sliced_transaction& transaction, caf::execution_unit* unit);
  void on_roles(const sliced_transaction& transaction, caf::execution_unit* unit);
  void on_unregistered(const sliced_transaction& transaction);

  /// Capture begins anew elsewhere: accounts get the roles that they have there, as if their rows had been
  /// met.
  void begin_anew(const capture_beginning& from, bool is_another_history);

private:
  /// A binlog_place without its file's name, of which there would be one an account.
  struct place_numbers {
    std::uint64_t file = 0;
    std::uint64_t offset = 0;
  };
  static bool is_behind(const place_numbers& end, const binlog_place& place) {
    return std::pair(end.file, end.offset) > std::pair(place.file_number(), place.offset);
  }
  struct entry {
    const account_id* id = nullptr; ///< the key in accounts_
    mailbox_id mailbox;
    mailbox_id settled_mailbox;
    epoch term;
    epoch settled_term;
    sequence sent;      ///< last number that its actor gives, as far as slices were sent
    sequence confirmed; ///< last number that Kafka holds
    gtid last_id;       ///< of `sent`, if this process captured it; all 0 otherwise
    place_numbers
        written_up_to; ///< the end of the last transaction of it that this process met as its source
    account_handle actor;
    partition_id partition;
    account_role role = account_role::none;
    /// Role, term and mailbox as of the last place that a checkpoint covered: later ones wait in changes_.
    account_role settled_role = account_role::none;
    bool is_protected = true;
    bool closed = false;
    epoch closed_up_to;    ///< epochs up to it have ended, also if their role rows are met only later
    bool is_own = false;   ///< `term` was begun here, by this process, and nobody else's decision ended it
    bool changed = false;  ///< since the last checkpoint
    bool captured = false; ///< something since the last rest()
    /// It is its source here, and the epoch wasn't closed.
    bool is_written() const { return role == account_role::source && !closed; }
  };
  /// What an account is behind that place.
  struct account_change {
    binlog_place place;
    account_id account;
    mailbox_id mailbox;
    epoch term;
    account_role role;
  };

  const entry* find(const account_id& account) const;
  entry* find(const account_id& account);
  entry* by_mailbox(mailbox_id mailbox);
  const entry* by_mailbox(mailbox_id mailbox) const;
  bool has_met_what_was_there();
  bool has_mailbox(const entry& account) const;
  void leave_mailbox(const entry& account);
  const account_handle& wake(entry& account);
  void report_foreign(const entry& account, const gtid& id,
                      std::shared_ptr<const std::vector<row_change>> changes);
  bool settle_known(entry& account, const gtid& id, const settlement::slice_ptr& check);
  bool refuse_left_out(entry& account, const gtid& id, const settlement::slice_ptr& check,
                       caf::execution_unit* unit);
  void note_confirmed(entry& account, sequence number);
  static bool is_cut(const entry& account, const role_record& row);
  void on_role(const role_record& row, const binlog_place& place, caf::execution_unit* unit);
  void mark_changed(entry& account);
  void note_change(const entry& account, const binlog_place& place);

  caf::actor_system& system_;
  std::shared_ptr<const account_surroundings> around_;
  mutable std::mutex mutex_; ///< of everything below
  std::unordered_map<account_id, entry> accounts_;
  std::unordered_map<mailbox_id, entry*> mailboxes_;
  former_lines former_;
  gtid_position met_;                  ///< transactions up to here were met
  gtid_position to_meet_;              ///< … and up to here the binlog had at the start; empty: all were
  binlog_place met_end_;               ///< end of the last of them
  std::deque<account_change> changes_; ///< in the binlog's order
  std::vector<entry*> changed_;
  std::vector<entry*> awake_; ///< that have an actor, or had one since the last rest()
};

} // namespace understudy
