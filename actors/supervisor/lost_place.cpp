// Capture can't go on from where it stood (O07, R9): what this node owes its accounts before it may begin
// anew.
//
// A position that was purged: what came behind it was never captured, and may have been acknowledged while
// nobody held commits back. Each account that is written here is said to be unprotected, and its replicas to
// need a new snapshot; only when control says so does capture begin again, and no snapshot is taken before.
// Another history: this server isn't the one that was captured, so its accounts count as dead here. Capture
// waits, nothing is acknowledged, and the lease ends (R21), until they are all promoted elsewhere or
// withdrawn.
#include "actors/source/own_lines.hpp"
#include "actors/supervisor/supervisor.hpp"
#include "storage/state/mailstore_queries.hpp"
#include "storage/state/waiting_commits.hpp"

#include <spdlog/spdlog.h>

namespace understudy {
namespace {

using kind = position_lost::kind;

/// Looking through partitions that can't be read is given up after so long, and begun again.
constexpr std::chrono::seconds reading_patience{60};

/// Tells capture of accounts that this node writes, as control knows them, without a checkpoint of its own.
/// Returns what shows that this isn't the server that wrote them (R9): the checkpoint isn't all that it
/// lacks.
result<std::string> make_known(node_parts& parts, sql_session& session, const gtid_position& end,
                               std::vector<known_account> accounts) {
  if (accounts.empty())
    return std::string{};
  std::vector<std::pair<account_id, partition_id>> places;
  std::vector<account_id> ids;
  for (const auto& account : accounts) {
    places.emplace_back(account.account, account.partition);
    ids.push_back(account.account);
  }
  const auto found = mailstore_queries(session, parts.rules).find_by_id(ids);
  if (!found)
    return tl::make_unexpected(found.error());
  std::unordered_map<account_id, mailbox_id> mailboxes;
  for (const auto& registered : *found)
    mailboxes[registered.account] = registered.mailbox;
  const auto deadline = std::chrono::steady_clock::now() + reading_patience;
  const auto numbers = highest_numbers(parts.kafka, parts.config.node.name, *parts.log, places,
                                       [&] { return std::chrono::steady_clock::now() > deadline; });
  if (!numbers)
    return tl::make_unexpected(numbers.error());
  std::string differs;
  for (auto& account : accounts) {
    const auto& [highest, own, own_term] = numbers->at(account.account);
    if (!mailboxes.contains(account.account))
      differs = fmt::format("it has no mailbox of account {}", account.account);
    else if (own && own_term == account.term && !end.covers(*own)) // an earlier epoch's: of any server
      differs = fmt::format("Kafka has transaction {} of account {}, its binlog ends before that",
                            own->text(), account.account);
    account.mailbox = mailboxes[account.account];
    account.last = highest;
    parts.accounts->expect(std::move(account));
  }
  return differs;
}

std::string describe(const position_lost& lost, const gtid_position& end, const node_name& self) {
  switch (lost.why) {
  case kind::unknown:
    return fmt::format("this node doesn't know where it stood in the binlog of MariaDB, which is at {}",
                       end.text());
  case kind::purged:
    return fmt::format(
        "MariaDB's binlog, at {}, doesn't reach back to {} any more: what came in between can't be "
        "captured",
        end.text(), lost.wanted.text());
  case kind::diverged:
    return fmt::format(
        "MariaDB at {} isn't the server whose history was captured{} ({}): accounts of {} count as dead here",
        end.text(), lost.wanted.empty() ? "" : " up to " + lost.wanted.text(), lost.what, self);
  }
  return {};
}

} // namespace

/// R9: `activated` was said when the account's role row had come back through the binlog, so a server without
/// it isn't the one where the epoch began: a backup from before was restored.
std::optional<position_lost> supervisor::lost_history() const {
  std::unordered_map<account_id, epoch> ahead; // in the server, not met by capture yet
  for (const auto& role : parts_->roles_ahead)
    ahead[role.account] = role.term;
  for (const auto& account : state().accounts()) {
    const auto* active = account.terms.active();
    if (account.is_withdrawn || active == nullptr || !is_self(active->primary))
      continue;
    const auto known = parts_->accounts->numbered_up_to(account.id);
    const auto role = ahead.find(account.id);
    if ((known && known->term >= active->term) || (role != ahead.end() && role->second >= active->term))
      continue;
    return position_lost{kind::diverged, parts_->settle->settled(),
                         fmt::format("epoch {} of account {} began here, and it doesn't know of that",
                                     active->term, account.id)};
  }
  return std::nullopt;
}

void supervisor::on_position_lost(const position_lost& lost) {
  lost_.emplace();
  lost_->said = lost;
  attend_lost_place();
}

void supervisor::attend_lost_place() {
  if (!begun_ || !lost_ || lost_->busy)
    return;
  if (lost_->roles == std::nullopt)
    return examine_place();
  std::vector<control_event> owed;
  bool may_begin = true;
  for (const auto& account : state().accounts())
    may_begin = settle_loss(account, owed) && may_begin;
  append(std::move(owed));
  if (may_begin)
    begin_capture_anew();
}

void supervisor::examine_place() {
  lost_->busy = true;
  std::vector<known_account> unknown;
  std::size_t own = 0;
  for (const auto& account : state().accounts()) {
    const auto& id = account.id;
    const auto* active = account.terms.active();
    if (account.is_withdrawn || active == nullptr || !is_self(active->primary))
      continue;
    ++own;
    if (!parts_->accounts->knows(id))
      unknown.push_back(
          {id, {}, account.partition, active->term, account_role::source, {}, account.is_protected(), {}});
  }
  in_background(*parts_->releasing,
                [this, parts = parts_, own, unknown = std::move(unknown)]() mutable -> std::function<void()> {
                  std::unordered_map<account_id, role_record> roles;
                  gtid_position end;
                  const auto outcome = [&]() -> result<std::string> {
                    auto session = sql_session::open(parts->local);
                    if (!session)
                      return tl::make_unexpected(static_cast<const error&>(session.error()));
                    auto position = mailstore_queries(*session, parts->rules).binlog_position();
                    if (!position)
                      return tl::make_unexpected(position.error());
                    end = *position;
                    auto written = logged_state(*session).roles();
                    if (!written)
                      return tl::make_unexpected(written.error());
                    for (auto& role : *written)
                      roles[role.account] = role;
                    return make_known(*parts, *session, end, std::move(unknown));
                  }();
                  return [this, outcome, end, own, roles = std::move(roles)]() mutable {
                    if (!lost_)
                      return;
                    lost_->busy = false;
                    if (!outcome) {
                      spdlog::warn("the binlog can't be examined yet: {}", outcome.error().what);
                      return;
                    }
                    if (lost_->said.why == kind::unknown && !outcome->empty()) {
                      lost_->said.why = kind::diverged;
                      lost_->said.what = *outcome;
                    }
                    lost_->roles = std::move(roles);
                    lost_->reason = describe(lost_->said, end, self_name());
                    report_lost_place(own);
                    attend_lost_place();
                  };
                });
}

void supervisor::report_lost_place(std::size_t own_accounts) {
  if (own_accounts == 0 && !counts_as_dead()) {
    spdlog::info("capture begins anew; no account is written here: {}", lost_->reason);
    return;
  }
  parts_->metrics->error("binlog_position");
  if (counts_as_dead())
    spdlog::critical("{}; nothing is acknowledged here until they are promoted elsewhere (`understudy ha "
                     "promoteAccounts source_mail_host {}`) or their destinations are removed; {} accounts",
                     lost_->reason, self_name(), own_accounts);
  else
    spdlog::error(
        "{}; {} accounts are unprotected until their replicas are initialised anew, which begins now",
        lost_->reason, own_accounts);
}

bool supervisor::settle_loss(const account_state& account, std::vector<control_event>& owed) {
  const auto* active = account.terms.active();
  if (account.is_withdrawn || active == nullptr || !is_self(active->primary))
    return true;
  if (counts_as_dead())
    return false;
  const auto* promotion = account.promotion();
  if (promotion != nullptr && !is_self(promotion->primary)) {
    if (promotion->origin == term_origin::unplanned)
      return true; // this epoch is closed by its fence, wherever it was captured to
    const auto role = lost_->roles->find(account.id);
    if (role != lost_->roles->end() && role->second.term == promotion->term)
      return true; // its role row was written: the fence may be handed over already (R28)
  }
  if (account.gap && account.gap->reason == lost_->reason &&
      std::none_of(account.destinations.begin(), account.destinations.end(),
                   [](const auto& d) { return d.ready; }))
    return true;
  auto& told = lost_->told[account.id];
  if (told == account.version)
    return false; // on its way
  told = account.version;
  if (promotion != nullptr && !is_self(promotion->primary)) {
    owed.push_back(account_change{account.id, {}, promotion_aborted{promotion->term, lost_->reason}});
    return false;
  }
  const auto since = parts_->accounts->confirmed_of(account.id).next();
  owed.push_back(
      account_change{account.id, {}, unprotected{account.terms.current()->term, lost_->reason, since}});
  for (const auto& destination : account.destinations)
    owed.push_back(account_change{account.id, {}, replica_reset{destination.node, lost_->reason}});
  return false;
}

void supervisor::begin_capture_anew() {
  lost_->busy = true;
  const auto known = lost_->said.why == kind::unknown ? before_ending_ : std::nullopt;
  in_background(
      *parts_->releasing, [this, parts = parts_, dead = counts_as_dead(), known]() -> std::function<void()> {
        const auto from = [&]() -> result<capture_beginning> {
          if (known && !dead)
            return *known;
          auto session = sql_session::open(parts->local);
          if (!session)
            return tl::make_unexpected(static_cast<const error&>(session.error()));
          if (dead) // what waits is of a history that nobody goes on with: its clients mustn't be
                    // told OK (R8)
            if (const auto ended = end_waiting_commits(*session, *parts->endings); !ended)
              return tl::make_unexpected(ended.error());
          return read_capture_beginning(*session);
        }();
        return [this, from, dead] {
          if (!from) {
            if (std::exchange(lost_->not_yet, from.error().what) != from.error().what)
              spdlog::warn("capture can't begin anew yet, it is tried again: {}", from.error().what);
            lost_->busy = false;
            return;
          }
          spdlog::info("capture begins at {}", from->position.text());
          parts_->source->restart_at(*from, dead);
          lost_.reset();
        };
      });
}

} // namespace understudy
