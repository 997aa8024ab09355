// Whether a replica that is to take over has its source's rows at the cut (R29). Both sides read theirs
// before the account's guard stands, and once more where something was written since.
#include "actors/supervisor/supervisor.hpp"
#include "storage/snapshot/group_database.hpp"
#include "storage/state/sql_fields.hpp"
#include "storage/verify/checksum_difference.hpp"

#include <spdlog/spdlog.h>

namespace understudy {
namespace {

/// What reading an account's rows here takes.
struct reading {
  session_pool::borrowed session;
  registered_account account;
  std::set<std::string> databases;
  std::shared_ptr<const schema_catalog> catalog;
};

result<reading> begin_reading(node_parts& parts, const account_id& id) {
  auto session = parts.sessions->borrow();
  if (!session)
    return passed_on(session);
  auto found = mailstore_queries(**session, parts.rules).mailbox_of(id);
  if (!found)
    return tl::make_unexpected(found.error());
  auto databases = account_databases(*parts.rules, found->group);
  auto catalog = parts.catalogs.of(**session, databases);
  if (!catalog)
    return tl::make_unexpected(catalog.error());
  return reading{std::move(*session), std::move(*found), std::move(databases), std::move(*catalog)};
}

result<std::optional<checksum_view>> read_in_view(node_parts& parts, const account_id& id) {
  auto begun = begin_reading(parts, id);
  if (!begun)
    return tl::make_unexpected(begun.error());
  return view_checksum(*begun->session, parts.rules, *begun->catalog, begun->account,
                       parts.config.limits.guard);
}

/// Of an account that nobody writes to: its source is fenced, and all before that is applied.
result<std::optional<account_checksum>> read_at_cut(node_parts& parts, const account_id& id,
                                                    const account_checksum& source) {
  auto begun = begin_reading(parts, id);
  if (!begun)
    return tl::make_unexpected(begun.error());
  const auto limit = parts.config.limits.guard;
  auto read = read_checksum(*begun->session, parts.rules, *begun->catalog, begun->account, limit);
  if (!read || !*read || difference_of(source, **read).empty())
    return read;
  for (const auto& database : begun->databases) // a table may have been made since they were read
    parts.catalogs.forget(database);
  auto catalog = parts.catalogs.of(*begun->session, begun->databases);
  if (!catalog)
    return tl::make_unexpected(catalog.error());
  return read_checksum(*begun->session, parts.rules, **catalog, begun->account, limit);
}

void say_not_compared(const account_id& id, epoch term, std::string_view why) {
  spdlog::warn("account {}: its rows aren't compared with its source's at the cut of epoch {}: {}", id, term,
               why);
}

} // namespace

/// While the source is still on its way to its fence.
void supervisor::read_ahead(const account_state& account, const term_entry& pending) {
  auto& doing = work(account.id);
  if (doing.taking.ahead && doing.taking.ahead->term == pending.term)
    return;
  doing.taking.ahead = rows_ahead{pending.term, std::nullopt};
  in_background(*parts_->promotions,
                [this, parts = parts_, id = account.id, term = pending.term]() -> std::function<void()> {
                  auto read = read_in_view(*parts, id);
                  return [this, id, term, read = std::move(read)] {
                    auto& ahead = work(id).taking.ahead;
                    if (!ahead || ahead->term != term)
                      return;
                    ahead->read = read ? read->value_or(checksum_view{}) : checksum_view{};
                    attend(id);
                  };
                });
}

/// True: they are the same, or the fence doesn't say what they were (an unplanned one can't); else they are
/// being compared.
bool supervisor::is_compared(const account_state& account, const term_entry& pending) {
  auto& doing = work(account.id);
  if (doing.taking.compared >= pending.term)
    return true;
  if (doing.taking.fence->at_cut.empty() || !doing.taking.fence->is_protected) {
    if (pending.origin == term_origin::planned && account.primary() != self_name())
      say_not_compared(account.id, pending.term,
                       doing.taking.fence->is_protected ? "the fence doesn't say what they were"
                                                        : "its log may lack some, and that was accepted");
    doing.taking.compared = pending.term;
    return true;
  }
  if (doing.taking.ahead && doing.taking.ahead->term == pending.term) {
    const auto& ahead = doing.taking.ahead->read;
    if (!ahead)
      return false; // in a moment
    if (ahead->applied == doing.taking.fence->cut &&
        difference_of(doing.taking.fence->at_cut, ahead->rows).empty()) {
      parts_->metrics->verified(rows_of(ahead->rows), false);
      doing.taking.compared = pending.term;
      return true;
    }
  }
  doing.busy = true;
  in_background(*parts_->promotions,
                [this, parts = parts_, id = account.id, term = pending.term,
                 source = doing.taking.fence->at_cut]() -> std::function<void()> {
                  const auto here = read_at_cut(*parts, id, source);
                  return [this, id, term, source, here] { on_compared(id, term, source, here); };
                });
  return false;
}

void supervisor::on_compared(const account_id& id, epoch term, const account_checksum& source,
                             const result<std::optional<account_checksum>>& here) {
  work(id).busy = false;
  if (!here) {
    couldnt_begin(id, term,
                  {"its rows can't be compared with its source's: " + here.error().what, here.error().todo,
                   here.error().retryable});
    return;
  }
  if (!*here)
    say_not_compared(id, term, "reading them takes too long");
  const auto difference = *here ? difference_of(source, **here) : std::string{};
  if (*here)
    parts_->metrics->verified(rows_of(**here), !difference.empty());
  if (difference.empty()) {
    work(id).taking.compared = term;
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
