// How an account moves, as far as this node is concerned (R27–R31).
#include "actors/replica/partition_reading.hpp"
#include "actors/source/own_lines.hpp"
#include "actors/supervisor/supervisor.hpp"
#include "storage/snapshot/group_database.hpp"
#include "storage/state/local_state.hpp"
#include "storage/state/mailstore_queries.hpp"
#include "storage/state/sql_fields.hpp"

#include <spdlog/spdlog.h>

namespace understudy {
namespace {

/// Reading a partition for an account's numbers is given up after so long, and begun again.
constexpr std::chrono::seconds reading_patience{60};

bool still_decided(const control_view& control, const account_id& id, epoch term) {
  return control.ask([&](const control_state& state) {
    const auto* account = state.account(id);
    const auto* entry = account == nullptr || account->is_withdrawn ? nullptr : account->terms.find(term);
    return entry != nullptr && entry->state == term_state::decided;
  });
}

enum class was_left : std::uint8_t { no, yes, unknown };

/// Whether the role row of that epoch is written, by a former life of this process, or by a statement that
/// was given up in its COMMIT: then capture meets it, and the fence is out or on its way.
was_left left_before(node_parts& parts, const account_id& account, epoch term) {
  auto session = sql_session::open(parts.local);
  if (!session)
    return was_left::unknown;
  const auto role = logged_state(*session).settled_role_of(account);
  if (!role)
    return was_left::unknown;
  return *role && (*role)->term >= term ? was_left::yes : was_left::no;
}

/// The comparison under the guard lengthens the account's pause: it gets this part of the guard's time.
constexpr int share_for_comparing = 4;

/// R29: what the new primary has to have at the cut, read before the guard stands, so that only an account
/// that is written to just then is away for the longer. Nothing: it can't be read.
std::optional<checksum_view> rows_before_guard(node_parts& parts, sql_session& session,
                                               const schema_catalog& catalog,
                                               const registered_account& account) {
  auto read = view_checksum(session, parts.rules, catalog, account, parts.config.limits.guard);
  if (read)
    return std::move(*read);
  spdlog::warn("account {}: its rows can't be read before its guard stands: {}", account.account,
               read.error().what);
  return std::nullopt;
}

/// The guard stands. Empty, and said, where they can't be read in time: the promotion goes on without.
void note_rows(node_parts& parts, sql_session& session, const schema_catalog& catalog,
               const registered_account& account, std::optional<checksum_view> before, role_record& leaving) {
  // Under the guard nothing of it waits in its COMMIT any more, and capture met all that doesn't.
  if (before && !parts.accounts->written_behind(account.account, before->place)) {
    leaving.at_cut = std::move(before->rows);
    leaving.read_at = std::move(before->place);
    return;
  }
  auto read =
      read_checksum(session, parts.rules, catalog, account, parts.config.limits.guard / share_for_comparing);
  if (read && *read)
    leaving.at_cut = std::move(**read);
  else
    spdlog::warn("account {}: its new primary can't compare its rows: {}", account.account,
                 read ? "reading them takes too long" : read.error().what);
}

/// R11: an account that was enrolled before goes on behind its last number, whoever gave it.
result<sequence> last_number(node_parts& parts, const account_id& account, partition_id partition,
                             epoch begun) {
  if (begun <= epoch{1})
    return sequence{};
  const auto here = parts.accounts->numbered_up_to(account);
  if (here && here->is_own && here->term.next() == begun)
    return here->last; // nobody wrote between that epoch, which was ours, and this one
  const auto deadline = std::chrono::steady_clock::now() + reading_patience;
  const auto highest =
      highest_numbers(parts.kafka, parts.config.node.name, *parts.log, {{account, partition}},
                      [&] { return std::chrono::steady_clock::now() > deadline; });
  if (!highest)
    return tl::make_unexpected(highest.error());
  return std::max(highest->at(account).highest, here ? here->last : sequence{});
}

/// The offset up to which its partition was read for others may lie behind where it goes on: a process that
/// dies before it stores one that knows this account must not go on from there.
result<void> note_own_rows(node_parts& parts, const replica_record& row) {
  auto session = parts.unlogged->borrow();
  if (!session)
    return passed_on(session);
  auto local = local_state::open(**session);
  if (!local)
    return tl::make_unexpected(local.error());
  return local->store_stopped(
      {row.account, row.next, std::string(goes_on_mark), std::chrono::system_clock::now()});
}

} // namespace

void supervisor::begin_first_epoch(const account_state& account, const term_entry& pending) {
  auto& doing = work(account.id);
  if (doing.busy || doing.role_begun >= pending.term)
    return;
  doing.busy = true;
  in_background(*parts_->promotions,
                [parts = parts_, id = account.id, term = pending.term, decision = pending.decision,
                 partition = account.partition, this]() -> std::function<void()> {
                  const auto outcome = [&]() -> result<void> {
                    auto session = parts->sessions->borrow();
                    if (!session)
                      return passed_on(session);
                    auto found = mailstore_queries(**session, parts->rules).mailbox_of(id);
                    if (!found)
                      return tl::make_unexpected(found.error());
                    known_account known;
                    known.account = id;
                    known.mailbox = found->mailbox;
                    known.partition = partition;
                    known.role = account_role::none;
                    auto number = last_number(*parts, id, partition, term);
                    if (!number)
                      return tl::make_unexpected(number.error());
                    known.last = *number;
                    if (auto noted = expect_role_rows(*parts->unlogged, *parts->accounts, {known}); !noted)
                      return noted;
                    if (!still_decided(*parts->control, id, term))
                      return {}; // withdrawn meanwhile
                    return logged_state(**session).write_role({id, term, account_role::source, decision});
                  }();
                  return [this, id, term, outcome] {
                    auto& doing = work(id);
                    doing.busy = false;
                    if (outcome) {
                      doing.role_begun = std::max(doing.role_begun, term);
                      return;
                    }
                    spdlog::error("account {}: epoch {} can't begin here: {}", id, term,
                                  outcome.error().what);
                    waiting_.insert(id);
                  };
                });
}

void supervisor::hand_over(const account_state& account, const term_entry& pending) {
  auto& doing = work(account.id);
  if (doing.busy || doing.role_left >= pending.term)
    return;
  const std::string gone = !is_self(pending.primary) && looks_dead(pending.primary)
                               ? fmt::format("{} doesn't live any more", pending.primary.get())
                               : std::string{};
  if (gone.empty() && !doing.guarding.standing && !handing_over_.take(account.id))
    return;
  doing.busy = true;
  doing.role_left = pending.term;
  in_background(*parts_->promotions,
                [this, parts = parts_, id = account.id, term = pending.term, decision = pending.decision,
                 standing = doing.guarding.standing, since = doing.guarding.since, gone,
                 comes_back = is_self(pending.primary)]() mutable -> std::function<void()> {
                  auto left = was_left::no; // before this process had anything to do with it, for all we know
                  if (!gone.empty())
                    left = left_before(*parts, id, term);
                  const auto outcome = [&]() -> result<void> {
                    if (!gone.empty() && left != was_left::yes)
                      return failure(gone);
                    auto session = parts->sessions->borrow();
                    if (!session)
                      return passed_on(session);
                    auto found = mailstore_queries(**session, parts->rules).mailbox_of(id);
                    if (!found)
                      return tl::make_unexpected(found.error());
                    auto catalog =
                        parts->catalogs.of(**session, account_databases(*parts->rules, found->group));
                    if (!catalog)
                      return tl::make_unexpected(catalog.error());
                    guard_options limits;
                    limits.limit = parts->config.limits.guard;
                    std::optional<checksum_view> before;
                    if (standing && !standing->still_stands().value_or(false))
                      standing.reset(); // MariaDB was restarted: behind the role row it would be too late
                    if (!standing) {
                      if (!comes_back)
                        before = rows_before_guard(*parts, **session, **catalog, *found);
                      since = std::chrono::steady_clock::now();
                      auto taken = guard::take(parts->local, parts->rules, **catalog, *found, limits);
                      if (!taken)
                        return tl::make_unexpected(taken.error());
                      standing = std::move(*taken);
                    }
                    if (!still_decided(*parts->control, id, term))
                      return failure("its new primary declined it meanwhile");
                    role_record leaving{id, term, account_role::replica, decision, {}, {}};
                    if (!comes_back)
                      note_rows(*parts, **session, **catalog, *found, std::move(before), leaving);
                    // Behind this row in the binlog nothing of the account follows: capture meets it and
                    // hands over the fence (R28, R29).
                    return logged_state(**session).write_role(leaving);
                  }();
                  if (!outcome && gone.empty())
                    left = left_before(*parts, id, term);
                  return [this, id, term, standing, since, outcome, left] {
                    auto& doing = work(id);
                    doing.busy = false;
                    if (outcome || left != was_left::no) {
                      if (standing)
                        stand(id, standing);
                      doing.guarding.since = since;
                    }
                    if (outcome) {
                      attend(id);
                      return;
                    }
                    if (left != was_left::no) { // irrevocable (R28), or not known not to be
                      spdlog::warn("account {}: the promotion to epoch {} goes on, and is tried again: {}",
                                   id, term, outcome.error().what);
                      doing.role_left = {};
                      doing.role_maybe_left = term;
                      waiting_.insert(id);
                      return;
                    }
                    spdlog::warn("account {}: the promotion to epoch {} is given up: {}", id, term,
                                 outcome.error().what);
                    give_up_handing_over(id, term, outcome.error());
                    end_turn(id);
                  };
                });
}

void supervisor::end_turn(const account_id& id) {
  if (!handing_over_.leave(id))
    return;
  while (const auto next = handing_over_.next())
    attend(*next);
}

void supervisor::hand_fence_over(const account_state& account, const term_entry& pending, sequence cut) {
  parts_->log->produce(account.partition,
                       fence_event{account.id, pending.term, pending.decision, account.is_protected()},
                       [self = caf::actor_cast<caf::actor>(this), id = account.id, term = pending.term,
                        cut](const delivery_outcome& outcome) {
                         if (!outcome.refused)
                           caf::anon_send(self, fence_written{id, term, cut, outcome.offset});
                       });
}

void supervisor::write_fence(const account_state& account, const term_entry& pending) {
  auto& doing = work(account.id);
  if (doing.fence_sent >= pending.term)
    return;
  doing.fence_sent = pending.term;
  parts_->log->produce(
      account.partition, fence_event{account.id, pending.term, pending.decision, account.is_protected()},
      [this, self = caf::actor_cast<caf::actor>(this), fences = parts_->fences, id = account.id,
       term = pending.term](const delivery_outcome& outcome) {
        if (!outcome.refused) {
          fences->note(id, term);
          return;
        }
        spdlog::error("account {}: Kafka refuses the fence of epoch {}: {}", id, term, outcome.refused->what);
        caf::anon_send(self, run_here{[this, id] {
                         work(id).fence_sent = {};
                         waiting_.insert(id);
                       }});
      });
}

void supervisor::take_over(const account_state& account, const term_entry& pending) {
  auto& doing = work(account.id);
  if (doing.busy || (doing.role_begun >= pending.term && !doing.taking.unfenced))
    return;
  if (!doing.taking.fence || doing.taking.fence->term != pending.term) {
    // After a restart the fence may lie below where reading goes on.
    const auto figures = parts_->replicas->figures_of(account.id);
    if (!figures || figures->term != pending.term) {
      if (doing.taking.unfenced)
        waiting_.insert(account.id);
      return;
    }
    // Nothing of the account lies behind its fence yet: where reading goes on is as good a place for it.
    doing.taking.fence = fence_applied{account.id, pending.term, figures->applied,
                                       kafka_offset{figures->next.value - 1}, account.is_protected()};
  }
  if (const auto met = std::exchange(doing.taking.unfenced, std::nullopt); met && met->term == pending.term) {
    doing.role_begun = doing.taking.told_for = pending.term;
    doing.copy.following = false;
    // Not while an applier has it in its hands: it would replay the account's new epoch onto itself.
    return parts_->replicas->become_source(account.id,
                                           [this, self = caf::actor_cast<caf::actor>(this), met = *met] {
                                             caf::anon_send(self, run_here{[this, met] { on_role(met); }});
                                           });
  }
  if (!is_compared(account, pending))
    return;
  doing.copy.following = false;
  doing.busy = true;
  doing.taking.told_for = pending.term;
  epoch_beginner::epoch_start start;
  start.account.account = account.id;
  start.account.partition = account.partition;
  start.account.role = account_role::replica;
  start.account.last = doing.taking.fence->cut;
  start.account.is_protected = true; // `activated` says so, and holding begins before (R4)
  start.term = doing.taking.fence->term;
  start.decision = pending.decision;
  start.done = [this, self = caf::actor_cast<caf::actor>(this), id = account.id,
                term = doing.taking.fence->term](const result<void>& outcome) {
    caf::anon_send(self, run_here{[this, id, term, outcome] {
                     auto& doing = work(id);
                     doing.busy = false;
                     if (outcome) {
                       doing.role_begun = std::max(doing.role_begun, term);
                       doing.taking.failing_since = {};
                     } else {
                       couldnt_begin(id, term, outcome.error());
                     }
                   }});
  };
  // Only when no applier has the account in its hands any more may its own writes begin.
  parts_->replicas->become_source(
      account.id, [beginner = parts_->beginner, start = std::move(start)] { beginner->begin(start); });
}

void supervisor::become_replica(const account_state& account, const term_entry& active,
                                const destination_state& destination) {
  auto& doing = work(account.id);
  if (doing.busy || doing.copy.ready_sent >= destination.requested)
    return;
  doing.busy = true;
  in_background(*parts_->promotions,
                [this, parts = parts_, id = account.id, partition = account.partition, term = active.term,
                 begun = active.fence, request = destination.requested,
                 cut = doing.handed_over->cut]() -> std::function<void()> {
                  const auto outcome = [&]() -> result<void> {
                    auto session = parts->sessions->borrow();
                    if (!session)
                      return passed_on(session);
                    auto found = mailstore_queries(**session, parts->rules).mailbox_of(id);
                    if (!found)
                      return tl::make_unexpected(found.error());
                    replica_record row;
                    row.account = id;
                    row.mailbox = found->mailbox;
                    row.term = term;
                    row.applied = cut;
                    row.partition = partition;
                    row.next =
                        begun.next(); // our fence may be there twice, the later behind what others wrote
                    row.state = replica_state::ready;
                    row.request = request;
                    if (auto noted = note_own_rows(*parts, row); !noted)
                      return noted;
                    return logged_state(**session).write_replica(row);
                  }();
                  return [this, id, request, outcome, cut] {
                    auto& doing = work(id);
                    doing.busy = false;
                    if (!outcome) {
                      spdlog::warn("account {}: can't become a replica yet: {}", id, outcome.error().what);
                      waiting_.insert(id);
                      return;
                    }
                    const auto* account = state().account(id);
                    if (account == nullptr || account->terms.active() == nullptr || doing.copy.unlike_cut)
                      return;
                    doing.copy.ready_sent = request;
                    replica_side::followed how;
                    how.has_own_rows = true;
                    follow(*account, std::move(how));
                    append_fact(id, replica_ready{self_name(), request, {}, cut});
                  };
                });
}

} // namespace understudy
