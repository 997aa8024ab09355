// Whether a replica that is to take over has its source's rows at the cut (R29).
#include "actors/supervisor/supervisor.hpp"
#include "storage/snapshot/group_database.hpp"
#include "storage/verify/checksum_difference.hpp"
#include "storage/verify/checksum_reader.hpp"

#include <spdlog/spdlog.h>

namespace understudy {
namespace {

/// Of an account that nobody writes to: its source is fenced, and all before that is applied.
result<account_checksum> read_here(node_parts& parts, const account_id& id, const account_checksum& source) {
  auto session = parts.sessions->borrow();
  if (!session)
    return tl::make_unexpected(static_cast<const error&>(session.error()));
  auto found = mailstore_queries(**session, parts.rules).find_by_id({id});
  if (!found)
    return tl::make_unexpected(found.error());
  if (found->empty())
    return failure("it has no mailbox in this mailstore");
  const auto databases = account_databases(*parts.rules, found->front().group);
  result<account_checksum> read;
  for (const bool again : {false, true}) {
    auto catalog = parts.catalogs.of(**session, databases);
    if (!catalog)
      return tl::make_unexpected(catalog.error());
    read = read_checksum(**session, parts.rules, **catalog, found->front(), parts.config.limits.guard);
    if (!read || again || difference_of(source, *read).empty())
      break;
    for (const auto& database : databases) // a table may have been made since it was read
      parts.catalogs.forget(database);
  }
  return read;
}

} // namespace

/// True: they are the same, or the fence doesn't say what they were (an unplanned one can't); else they are
/// being compared.
bool supervisor::is_compared(const account_state& account, const term_entry& pending) {
  auto& doing = work(account.id);
  if (doing.fence->at_cut.empty() || doing.compared >= pending.term)
    return true;
  doing.busy = true;
  in_background(*parts_->promotions,
                [this, parts = parts_, id = account.id, term = pending.term,
                 source = doing.fence->at_cut]() -> std::function<void()> {
                  const auto here = read_here(*parts, id, source);
                  return [this, id, term, source, here] { on_compared(id, term, source, here); };
                });
  return false;
}

void supervisor::on_compared(const account_id& id, epoch term, const account_checksum& source,
                             const result<account_checksum>& here) {
  work(id).busy = false;
  if (!here) {
    couldnt_begin(id, term, {"its rows can't be compared with its source's: " + here.error().what,
                             here.error().todo, here.error().retryable});
    return;
  }
  const auto difference = difference_of(source, *here);
  parts_->metrics->verified(rows_of(*here), !difference.empty());
  if (difference.empty()) {
    work(id).compared = term;
    attend(id);
    return;
  }
  parts_->metrics->error("verify");
  spdlog::error("account {}: its replica here isn't what its source has at the cut of epoch {}: {}", id, term,
                difference);
  const auto* account = state().account(id);
  if (account == nullptr)
    return;
  decline(*account, term, "its rows here aren't its source's: " + difference);
  ask_for_snapshot(*account, "other rows than its source at the cut: " + difference);
}

} // namespace understudy
