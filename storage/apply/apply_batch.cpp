#include "storage/apply/apply_batch.hpp"

#include "storage/state/catalog_reader.hpp"
#include "storage/state/sql_fields.hpp"
#include "storage/state/sql_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <thread>
#include <unordered_map>

namespace understudy {

result<void> applier_state::prepare() {
  if (!session.connected()) {
    if (auto up = session.reconnect(); !up)
      return plain(up);
    flags = {};
  }
  if (!schema_is_old.exchange(false))
    return {};
  if (auto kept = keep_to_packet_limit(); !kept) {
    schema_is_old = true;
    return kept;
  }
  auto catalog = read_catalog(session, *rules);
  if (!catalog) {
    schema_is_old = true;
    return tl::make_unexpected(catalog.error());
  }
  schema = std::make_unique<destination_schema>(rules,
                                                std::make_shared<const schema_catalog>(std::move(*catalog)));
  return {};
}

/// A session keeps the limit of the moment when it connected (A08).
result<void> applier_state::keep_to_packet_limit() {
  const auto limit = session.query_value("SELECT @@GLOBAL.max_allowed_packet");
  if (!limit)
    return passed_on(limit);
  if (to_number<std::uint64_t>(*limit) == session.max_packet())
    return {};
  flags = {};
  return plain(session.reconnect());
}

apply_batch::apply_batch(applier_state& state, const std::vector<account_batch>& batch)
    : state_(state) {
  accounts_.reserve(batch.size());
  for (const auto& given : batch) {
    auto& made = accounts_.emplace_back();
    made.given = &given;
    made.outcome = {given.where.account, sequence(0), kafka_offset(-1), std::nullopt};
    for (const auto& event : given.events)
      made.left.push_back(&event);
  }
  positions_known_ =
      std::all_of(batch.begin(), batch.end(), [](const auto& given) { return given.at.has_value(); });
  if (positions_known_)
    for (auto& account : accounts_)
      stand_at(account, *account.given->at);
}

std::vector<apply_outcome> apply_batch::outcomes() const {
  std::vector<apply_outcome> out;
  out.reserve(accounts_.size());
  for (const auto& account : accounts_)
    out.push_back(account.outcome);
  return out;
}

result<void> apply_batch::pause(std::chrono::milliseconds& length) {
  ++state_.counters.repeats;
  // Looked at now and then, so that a stopping node waits for no long pause.
  constexpr std::chrono::milliseconds look{20};
  for (auto waited = std::chrono::milliseconds(0); waited < length; waited += look) {
    if (state_.options.stopping && state_.options.stopping())
      return failure("the applier is stopping", {}, true);
    std::this_thread::sleep_for(std::min(look, length));
  }
  length = std::min(length * 2, state_.options.longest_pause);
  return {};
}

void apply_batch::take_position(progress& account, const sql_row* found) {
  auto& outcome = account.outcome;
  if (found == nullptr || (*found)[2] != "ready") {
    outcome.stopped =
        error{fmt::format("there is no {} of it here", found == nullptr ? "replica" : "whole snapshot"),
              "initialise the replica (setAccountDestination)"};
    return;
  }
  stand_at(account, {to_id<sequence>((*found)[1]), to_id<kafka_offset>((*found)[3])});
}

/// A redelivery is dropped; a gap or another account's event stops the account.
void apply_batch::stand_at(progress& account, const replica_position& at) {
  auto& outcome = account.outcome;
  outcome.applied = at.applied;
  outcome.next = at.next;
  const auto fresh = std::find_if(account.left.begin(), account.left.end(),
                                  [&](const auto* e) { return e->event->number > outcome.applied; });
  state_.counters.redelivered += static_cast<std::uint64_t>(fresh - account.left.begin());
  account.left.erase(account.left.begin(), fresh);
  auto expected = outcome.applied.next();
  for (const auto* e : account.left) {
    if (e->event->number != expected || e->event->account != outcome.account) {
      outcome.stopped = error{fmt::format("sequence {} should follow, but sequence {} of account {} came",
                                          expected, e->event->number, e->event->account),
                              "run restartReplicas; if it stops here again, re-initialise the replica"};
      return;
    }
    expected = expected.next();
  }
}

result<void> apply_batch::read_positions() {
  std::string names;
  for (const auto& account : accounts_)
    names += (names.empty() ? "" : ",") + sql_text(account.outcome.account.value);
  state_.session.doing("read the positions of replicas");
  const auto rows = state_.session.query(
      "SELECT account_id, sequence, state, next_offset FROM understudy.replica WHERE account_id IN (" +
      names + ")");
  if (!rows)
    return passed_on(rows);
  std::unordered_map<std::string, const sql_row*> found;
  for (const auto& row : rows->rows)
    found.emplace(to_text(row[0]), &row);
  for (auto& account : accounts_) {
    if (account.outcome.stopped)
      continue;
    const auto at = found.find(account.outcome.account.value);
    take_position(account, at == found.end() ? nullptr : at->second);
  }
  positions_known_ = true;
  return {};
}

void apply_batch::take_over(const std::vector<share>& shares, const apply_plan& made) {
  auto& counters = state_.counters;
  ++counters.transactions;
  counters.statements += made.statements.size();
  for (const auto& [account, count] : shares) {
    const auto& last = *account->left[count - 1];
    account->outcome.applied = last.event->number;
    account->outcome.next = last.next;
    account->left.erase(account->left.begin(), account->left.begin() + static_cast<std::ptrdiff_t>(count));
    counters.events += count;
  }
}

apply_batch::attempt_result apply_batch::judge(const std::vector<share>& shares,
                                               const std::vector<account_work>& works, const apply_plan& made,
                                               apply_transaction& transaction, transaction_failure failed) {
  if (failed.positions_moved || failed.why.retryable || !state_.session.connected())
    return {verdict::look_again, {}};
  attempt_result judged;
  if (!failed.statement) {
    for (const auto& part : shares)
      judged.offenders.emplace_back(part.account, static_cast<const error&>(failed.why));
    return judged;
  }
  const auto& statement = made.statements[*failed.statement];
  if (shares.size() == 1 && statement.rows.size() == 1) {
    judged.offenders.emplace_back(
        shares.front().account, row_failure(state_.session, statement.like(), *works.front().where, failed));
    return judged;
  }
  auto offenders = transaction.find_offenders(made, *failed.statement);
  if (!offenders && offenders.error().retryable)
    return {verdict::look_again, {}};
  if (offenders)
    for (auto& [account, why] : *offenders)
      judged.offenders.emplace_back(shares[account].account, std::move(why));
  // Together they fail, one by one they don't: each of them goes alone.
  if (judged.offenders.empty())
    for (const auto* row : statement.rows)
      judged.offenders.emplace_back(shares[row->account].account,
                                    row_failure(state_.session, *row, *works[row->account].where, failed));
  return judged;
}

apply_batch::attempt_result apply_batch::attempt(const std::vector<share>& shares, bool in_order) {
  std::vector<account_work> works;
  std::vector<position_step> steps;
  for (const auto& [account, count] : shares) {
    auto& work = works.emplace_back(account_work{&account->given->where, {}});
    for (std::size_t i = 0; i < count; ++i)
      work.events.push_back(account->left[i]->event.get());
    const auto& last = *account->left[count - 1];
    steps.push_back({account->outcome.account, account->outcome.applied, last.event->number, last.event->term,
                     last.next});
  }
  const auto& options = state_.options;
  const auto made = make_plan(works,
                              [this](const std::shared_ptr<const shape>& table, std::uint32_t group) {
                                return state_.schema->resolve(table, group);
                              },
                              {options.rows_per_statement, options.bytes_per_statement,
                               static_cast<std::size_t>(state_.session.max_packet()), in_order});
  attempt_result refused;
  for (const auto& [index, number, why, may_pass] : made.refused) {
    auto* account = shares[index].account;
    // What comes before it is applied first: then it's the first itself.
    const bool waits = may_pass && number == account->left.front()->event->number;
    refused.offenders.emplace_back(account,
                                   error{fmt::format("sequence {}: {}", number, why.what), why.todo, waits});
  }
  if (!refused.offenders.empty())
    return refused;
  apply_transaction transaction(state_.session, state_.flags, works);
  auto failed = transaction.run(made, steps);
  if (failed)
    return judge(shares, works, made, transaction, std::move(*failed));
  take_over(shares, made);
  return {verdict::committed, {}};
}

/// First whole, since what failed may have been another account's; then event by event in the source's order,
/// until one fails: that one's error is the account's.
apply_batch::verdict apply_batch::apply_alone(progress& account) {
  if (!schema_refreshed_) {
    schema_refreshed_ = true;
    state_.schema_is_old = true;
    if (!state_.prepare())
      return verdict::look_again; // the loop meets the same error and judges it
  }
  ++state_.counters.solo;
  const auto whole = attempt({{&account, account.left.size()}}, false);
  if (whole.what != verdict::failed)
    return whole.what;
  while (account.open()) {
    auto one = attempt({{&account, 1}}, true);
    if (one.what == verdict::look_again)
      return one.what;
    if (one.what == verdict::failed)
      account.outcome.stopped = std::move(one.offenders.front().second);
  }
  return verdict::committed;
}

apply_batch::verdict apply_batch::next_step() {
  std::vector<share> together;
  for (auto& account : accounts_)
    if (account.open() && !alone_.contains(&account))
      together.push_back({&account, account.left.size()});
  if (together.empty()) {
    const auto next =
        std::find_if(accounts_.begin(), accounts_.end(), [](const auto& a) { return a.open(); });
    return next == accounts_.end() ? verdict::committed : apply_alone(*next);
  }
  const auto tried = attempt(together, false);
  for (const auto& [account, why] : tried.offenders)
    if (why.retryable) // no other attempt of this call, and no look at the tables, would tell more
      account->outcome.stopped = why;
    else
      alone_.insert(account);
  return tried.what;
}

result<void> apply_batch::settle() {
  const auto is_open = [](const progress& a) { return a.open(); };
  auto length = state_.options.first_pause;
  while (std::any_of(accounts_.begin(), accounts_.end(), is_open)) {
    auto ready = state_.prepare();
    if (ready && !positions_known_)
      ready = read_positions();
    if (!ready && !ready.error().retryable)
      return ready;
    if (ready && next_step() != verdict::look_again) {
      length = state_.options.first_pause;
      continue;
    }
    // Whatever happened, understudy.replica knows what landed (R36).
    positions_known_ = false;
    if (auto waited = pause(length); !waited)
      return waited;
  }
  return {};
}

} // namespace understudy
