// Loads a snapshot's chunks into the local MariaDB (DESIGN §4.5). From the first of them to `finish` the
// replica's state is `loading` and it is not promotable; a crash at any point is healed by beginning again.
//
// Blocking; one thread. The account must not be in an applier's hands meanwhile.
#pragma once
#include "events/model/account_event.hpp"
#include "storage/apply/placement.hpp"
#include "storage/profile/profile.hpp"
#include "storage/state/recent_catalogs.hpp"
#include "storage/state/sql_session.hpp"

#include <atomic>
#include <functional>
#include <memory>
#include <string>

namespace understudy {

struct load_request {
  account_id account;
  std::string name;          ///< the account's address, for the local registry row's lookup and errors
  std::string snapshot;      ///< UUID
  mailbox_id source_mailbox; ///< for mailbox_id = "same"; 0 = unknown
  std::shared_ptr<const volume_map> volumes;
  /// Shared by loads: a catalog takes longer to read than a small account to load.
  std::shared_ptr<recent_catalogs> catalogs = std::make_shared<recent_catalogs>();
  kafka_offset answers{}; ///< of control: what asked for it
};

struct load_limits {
  std::size_t rows_per_statement = 1000;
  std::size_t bytes_per_statement = std::size_t{4} << 20;
  /// Rows removed in one transaction: bounds undo and the time that locks are held.
  std::size_t rows_per_delete = 5000;
};

struct load_error : error {
  load_error(error why, bool refusal = false) // as `failure()` gives it
      : error(std::move(why))
      , is_refusal(refusal) {}
  /// For what is, or isn't, on this mailstore: another snapshot changes nothing, an administrator does.
  bool is_refusal;
  /// A newer one of the account is on its way: this one needn't be loaded, or can't be to its end.
  bool is_superseded = false;
};
template <class T>
using load_result = tl::expected<T, load_error>;

class snapshot_loader {
public:
  /// Allocates the mailbox id if the account has none here. A replica, or what is left of an old source,
  /// keeps its mailbox id, but with `mailbox_id = "same"` where the source has another one by now; a mailbox
  /// of the account that is neither is refused, not overwritten. Refusals name what clashes (an id that is
  /// taken; with `mailbox_id = "own"` a volume that holds blobs under the mailbox id). What an earlier load
  /// left behind that was cut short is removed; a copy stays until load().
  static load_result<std::unique_ptr<snapshot_loader>> begin(sql_options connection,
                                                             std::shared_ptr<const profile> rules,
                                                             load_request request, load_limits limits = {});
  ~snapshot_loader();

  const account_placement& placement() const;

  /// A whole copy is here, or an old source's rows: nobody else may have them if the source dies now. Only
  /// if check() takes every chunk to the last may load() begin, which takes the copy away (P1).
  bool has_copy() const;
  /// Whether the chunk's rows would be written here: in order from 0. Changes nothing, but chunk 0 creates
  /// the group database, or tables of it, from its definitions where they aren't there.
  load_result<void> check(const snapshot_chunk& chunk);

  /// Chunks in order from 0; one that was loaded before is ignored, a gap is an error. Chunk 0 marks the
  /// replica as loading, removes what there is of the account, and creates the group database as check()
  /// does. Each chunk is one transaction. An error that is retryable: another load has taken this one's
  /// place.
  load_result<void> load(const snapshot_chunk& chunk);

  /// After the last chunk: the replica becomes `ready` at `number` of epoch `term`, to be continued from
  /// `next` in understudy.accounts. Fails if the last chunk hasn't been loaded; retryable, if another load
  /// has taken this one's place.
  result<void> finish(epoch term, sequence number, kafka_offset next);

  std::uint64_t rows_loaded() const; ///< any thread

private:
  struct parts;
  explicit snapshot_loader(std::unique_ptr<parts> p);
  std::unique_ptr<parts> parts_;
};

/// Removes every row of the account and its entry in understudy.replica, in bounded transactions that the
/// local capture skips (R36). Succeeds if there is nothing; leaves a mailbox that was never ours.
result<void> remove_replica(sql_options connection, const profile& rules, const account_id& account,
                            load_limits limits = {},
                            std::shared_ptr<recent_catalogs> catalogs = std::make_shared<recent_catalogs>());

} // namespace understudy
