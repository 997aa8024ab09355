// Rows of an account that changed on a mailstore that isn't its primary (R35).
#include "actors/supervisor/supervisor.hpp"
#include "storage/state/mailbox_probe.hpp"

#include <spdlog/spdlog.h>

namespace understudy {
namespace {

/// Asking whether mailboxes are still loaded runs commands: so often is enough for what an administrator does
/// next.
constexpr std::chrono::seconds probe_interval{5};

/// Every host removes rows of some tables by itself: that is nobody's write.
foreign_write without_pruning(const foreign_write& write, const profile& rules) {
  if (!write.rows)
    return write;
  auto rows = std::make_shared<std::vector<row_change>>();
  for (const auto& row : *write.rows)
    if (!rules.is_self_pruned(row.table->table))
      rows->push_back(row);
  return {write.account, write.id, std::move(rows), write.logged};
}

} // namespace

void supervisor::on_foreign(const foreign_write& written) {
  const auto* account = state().account(written.account);
  const auto write = without_pruning(written, *parts_->rules);
  if (account == nullptr || account->is_withdrawn || (write.rows && write.rows->empty()))
    return;
  if (write.logged && !parts_->fences_at_start->cut(write.account, account->terms, *write.logged))
    return; // this node's own, before its epoch ended: every replica has it
  parts_->metrics->foreign_write();
  if (const auto hidden = foreign_lines_.admit(std::chrono::steady_clock::now()))
    spdlog::error(
        "account {}: transaction {} changed {} rows here, but {} is its primary; {} {} and go nowhere else{}",
        write.account, write.id.text(), write.rows ? std::to_string(write.rows->size()) : "too many",
        account->primary(),
        write.rows ? "they are kept in" : "they are more than [limits] memory allows to keep in",
        parts_->divergence->file().string(),
        *hidden == 0 ? "" : fmt::format(" ({} more such lines weren't shown)", *hidden));
  in_background(*parts_->sql, [parts = parts_, write]() -> std::function<void()> {
    const auto kept = parts->divergence->add(divergence_lines(write, wall_ms()));
    return [kept] {
      if (!kept)
        spdlog::error("a foreign write isn't in the report: {}. {}", kept.error().what, kept.error().todo);
    };
  });
  const auto* active = account->terms.active();
  if (active == nullptr)
    return;
  if (is_self(active->primary)) {
    if (account->terms.current() != active) // handed over, and nobody has begun yet
      work(account->id).copy.unlike_cut = write.id;
  } else if (account->destination(self_name()) != nullptr) {
    set_right(*account, write.id);
  }
}

/// The first time the replica is initialised anew; then somebody goes on writing to it, which a further copy
/// wouldn't end.
void supervisor::set_right(const account_state& account, const gtid& transaction) {
  auto& doing = work(account.id);
  doing.copy.foreign_at = std::chrono::system_clock::now();
  const bool keeps_its_rows = becomes_replica(account);
  if (keeps_its_rows)
    doing.copy.unlike_cut = transaction;
  // Before a copy is begun here there is none to spoil: the tail of an epoch that ended without this node,
  // which a restart captures while the snapshot is asked for (R33). Loading it replaces whatever lies there.
  const auto figures = parts_->replicas->figures_of(account.id);
  const bool begun = figures && figures->state != "waiting_for_snapshot";
  const bool is_whole = account.destination(self_name())->ready || keeps_its_rows;
  if (doing.copy.parked || (!is_whole && !begun))
    return;
  if (!std::exchange(doing.copy.foreign_before, true)) {
    if (is_whole)
      ask_for_snapshot(account, fmt::format("foreign write by transaction {}", transaction.text()));
    else
      doing.copy.foreign_in_load = true;
    return;
  }
  doing.copy.parked = true;
  const auto reason =
      fmt::format("{}foreign writes again, the last by transaction {}; a new copy is made when the "
                  "mail server here doesn't hold the mailbox any more (restart it), or when this "
                  "destination is removed and set again",
                  parked_mark, transaction.text());
  spdlog::error("account {}: its replica here is {}", account.id, reason);
  parts_->replicas->park(account.id, reason);
  append_fact(account.id, replica_reset{self_name(), reason});
}

/// Its role row is written, so it can't be declined any more, but a new copy of it was asked for here: a
/// foreign write lies ahead of that row, say, and is in nobody's log.
void supervisor::note_unlike_log(const account_state& account, epoch term) {
  auto& doing = work(account.id);
  const auto* here = account.destination(self_name());
  if (const auto write = std::exchange(doing.copy.unlike_cut, std::nullopt); write && here == nullptr) {
    doing.unlike_log = {term, fmt::format("foreign write by transaction {}", write->text())}; // back here
    return;
  }
  if (here == nullptr || (here->ready && !doing.copy.reset_pending))
    return;
  doing.unlike_log = {term,
                      here->reset_why ? *here->reset_why : std::string("a new copy of it was asked for")};
}

/// What the primary has is the account: the others get it as it is here.
void supervisor::give_replicas_its_rows(const account_state& account, const term_entry& active) {
  const auto found = work_.find(account.id);
  if (found == work_.end() || !found->second.unlike_log)
    return;
  const auto unlike = std::exchange(found->second.unlike_log, std::nullopt);
  if (unlike->since != active.term)
    return;
  const auto reason = fmt::format("epoch {} began with rows that no log has ({})", active.term, unlike->why);
  spdlog::error("account {}: {}; its replicas are initialised anew", account.id, reason);
  reset_replicas({account.id}, reason);
}

bool supervisor::is_parked(const destination_state& destination) {
  return !destination.ready && destination.reset_why != nullptr &&
         destination.reset_why->starts_with(parked_mark);
}

void supervisor::probe_parked() {
  const auto now = std::chrono::steady_clock::now();
  if (probing_ || now < next_probe_)
    return;
  next_probe_ = now + probe_interval;
  std::vector<std::pair<account_id, std::chrono::system_clock::time_point>> parked;
  for (const auto& [id, doing] : work_)
    if (doing.copy.parked)
      parked.emplace_back(id, doing.copy.foreign_at);
  if (parked.empty())
    return;
  probing_ = true;
  in_background(*parts_->questions, [this, parked, parts = parts_]() -> std::function<void()> {
    std::vector<account_id> unloaded;
    for (const auto& [id, at] : parked)
      if (const auto loaded = may_be_loaded(parts->rules->loaded_mailbox, id, at); loaded && !*loaded)
        unloaded.push_back(id);
    return [this, unloaded] {
      probing_ = false;
      for (const auto& id : unloaded)
        unpark(id);
    };
  });
}

void supervisor::unpark(const account_id& id) {
  const auto* account = state().account(id);
  auto& doing = work(id);
  if (account == nullptr || !std::exchange(doing.copy.parked, false))
    return;
  doing.copy.foreign_before = false;
  spdlog::info("account {}: the mail server here doesn't hold the mailbox any more: a new copy is made", id);
  ask_for_snapshot(*account, "foreign writes have ended");
}

} // namespace understudy
