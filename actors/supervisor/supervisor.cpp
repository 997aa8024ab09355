#include "actors/supervisor/supervisor.hpp"

#include "actors/gateway/known_peers.hpp"
#include "actors/supervisor/node_questions.hpp"
#include "events/control/control_codec.hpp"
#include "storage/state/mailstore_queries.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <map>
#include <ranges>

namespace understudy {
namespace {

/// Retries of what failed and deadlines are looked at so often.
constexpr std::chrono::milliseconds supervisor_tick{250};
/// Between two looks at whether what this node announced of itself is still so: well below what a replica
/// waits for a volume that it doesn't know (apply_queue::limits::volume_wait).
constexpr std::chrono::seconds announcement_pause{30};
/// An operation is stored whole, with all its accounts: of 20,000 that is 4 MB, and each account's end
/// changes it. So storing takes a twentieth of the time, and a restart folds a little more of the log again.
constexpr int store_share = 20;
constexpr std::chrono::seconds longest_unstored{10};

/// Copies are refused where it isn't so; a volume that is added later is only said.
result<void> fit_for_replicas(const profile& rules, const std::vector<mailstore_volume>& volumes) {
  std::map<std::uint64_t, std::uint64_t> centralised;
  for (const auto& v : volumes)
    if (v.is_centralised)
      centralised.emplace(static_cast<std::uint64_t>(v.id), static_cast<std::uint64_t>(v.id));
  return rules.mailbox_ids == mailbox_mode::own ? allow_own_ids(volumes, centralised) : result<void>();
}

} // namespace

supervisor::supervisor(caf::actor_config& config, std::shared_ptr<node_parts> parts)
    : counted_actor(config, parts->supervisor_messages)
    , parts_(std::move(parts))
    , patience_(parts_->config.cluster.partition_patience) {
  operation_surroundings around;
  around.parts = parts_;
  around.append = [this](std::vector<control_event> events, const change_origin& origin) {
    std::vector<std::string> ids;
    for (auto& record : to_records({}, origin, std::move(events), [this] { return next_record_id(); })) {
      ids.push_back(record.id);
      parts_->link->append(std::move(record));
    }
    return ids;
  };
  around.run_here = [self = caf::actor_cast<caf::actor>(this)](std::function<void()> work) {
    caf::anon_send(self, run_here{std::move(work)});
  };
  around.fence_known_here = [parts = parts_](const account_id& id) {
    const auto here = parts->replicas->figures_of(id);
    return std::max(parts->fences->written(id), here ? here->term : epoch{});
  };
  around.ask_for_figures = [parts = parts_, run_here = around.run_here](
                               std::vector<account_id> ids, std::function<void(everybodys_figures)> then) {
    parts->questions->submit([=, ids = std::move(ids), then = std::move(then), peers = known_peers(*parts)] {
      run_here([then, figures = figures_everywhere(*parts, peers, ids, true)] { then(figures); });
    });
  };
  around.in_line_to = [lines = parts_->lines](const node_name& whom, std::function<void()> work) {
    lines->submit(whom, std::move(work));
  };
  around.claim = [parts = parts_](const node_name& node, kafka_offset folded) {
    parts->link->claim(node, folded);
  };
  operations_ = std::make_unique<operations>(std::move(around));
}

caf::behavior supervisor::make_behavior() {
  delayed_send(this, supervisor_tick, tick{});
  return {
      [this](const control_read& batch) { on_control(batch); },
      [this](const leases_read&) { on_leases(); },
      [this](const tick&) {
        on_tick();
        delayed_send(this, supervisor_tick, tick{});
      },
      [this](command_received& command) { operations_->on_command(std::move(command)); },
      [this](const run_here& job) { job.work(); },
      [this](const role_met& role) { on_role(role); },
      [this](const account_refused& refused) { on_refused(refused); },
      [this](const holds_again& holding) { on_holds_again(holding); },
      [this](const fence_written& written) { on_fence_written(written); },
      [this](const marker_written& written) {
        spdlog::debug("account {}: marker of snapshot {} at sequence {}, offset {}", written.account,
                      written.snapshot, written.number, written.offset);
        if (auto found = work_.find(written.account);
            found != work_.end() && found->second.sending.unmarked == written.snapshot) {
          found->second.sending.unmarked.clear();
          note_sent(written.account);
        }
      },
      [this](const fence_applied& applied) { on_fence_applied(applied); },
      [this](const replica_loaded& loaded) { on_loaded(loaded); },
      [this](const replica_stopped& stopped) { on_stopped(stopped); },
      [this](const account_renamed& known) { take_name(known.account, known.name); },
      [this](const foreign_write& write) { on_foreign(write); },
      [this](const rows_unseen& unseen) { on_unseen(unseen); },
      [this](const position_lost& lost) { on_position_lost(lost); },
  };
}

void supervisor::on_control(const control_read& batch) {
  std::unordered_set<account_id> touched;
  for (const auto& read : *batch.records) {
    if (!read.record) { // a record that nobody can read concerns everybody alike: it is void (R25)
      spdlog::error("understudy.control, offset {}: {}", read.offset, read.record.error().what);
      continue;
    }
    const auto outcome = parts_->control->fold(*read.record, read.offset, read.appended);
    on_evolution(*read.record, outcome);
    held_.erase(read.record->id);
    touched.insert(outcome.accounts.begin(), outcome.accounts.end());
  }
  const auto next = state().next();
  if (!begun_) {
    fold_into_leases();
    return begin_when_read();
  }
  for (const auto& account : touched)
    attend(account);
  // Behind that: what was decided against a claim ends epochs here before the claim lets go of the lease.
  fold_into_leases();
  attend_lost_place();
  parts_->replicas->control_folded(next);
}

void supervisor::fold_into_leases() {
  parts_->lease->change([&](lease_view& view) {
    for (const auto& [said, offset] : std::exchange(own_returns_, {}))
      view.fold_returned(self_name(), said, offset, boot_now());
    view.fold_control(state().next());
  });
}

void supervisor::on_evolution(const control_record& record, const evolution& outcome) {
  unstored_.accounts.insert(outcome.accounts.begin(), outcome.accounts.end());
  unstored_.nodes.insert(outcome.nodes.begin(), outcome.nodes.end());
  unstored_.operations.insert(outcome.operations.begin(), outcome.operations.end());
  unstored_.operations.insert(outcome.forgotten_operations.begin(), outcome.forgotten_operations.end());
  for (std::size_t i = 0; i < outcome.events.size(); ++i) {
    const auto* change = std::get_if<account_change>(&record.events[i]);
    if (change != nullptr && is_self(record.from.node)) {
      note_own_reset(*change);
      note_left_out(*change, outcome.events[i].applied);
    }
    if (std::holds_alternative<node_announced>(record.events[i]))
      peers_changed_ = true;
    if (!outcome.events[i].applied)
      spdlog::info("control, offset {}: event {} of {} is void: {}{}", outcome.offset, i, record.from.node,
                   change == nullptr ? "" : fmt::format("account {}: ", change->account),
                   outcome.events[i].why);
    else if (change != nullptr) {
      count_promotion(*change, outcome.offset);
      if (std::holds_alternative<resumed>(change->body))
        retry_stopped(change->account);
      if (std::holds_alternative<activated>(change->body))
        begin_epoch(change->account);
      const auto* removed = std::get_if<destination_removed>(&change->body);
      if (removed != nullptr && is_self(removed->node))
        forget_copy(change->account);
    } else if (begun_ && is_self(record.from.node)) {
      tell_operation(record.events[i]);
    }
    if (const auto* back = std::get_if<returned>(&record.events[i]);
        back != nullptr && outcome.events[i].applied) {
      if (is_self(record.from.node))
        own_returns_.emplace_back(*back, outcome.offset);
      else
        parts_->lease->change([&](lease_view& view) {
          view.fold_returned(record.from.node, *back, outcome.offset, boot_now());
        });
    }
  }
  operations_->on_evolution(record, outcome);
}

void supervisor::note_own_reset(const account_change& change) {
  const auto* reset = std::get_if<replica_reset>(&change.body);
  if (reset == nullptr || !is_self(reset->node))
    return;
  const auto found = work_.find(change.account);
  // Of a life before this one, or somebody's who asked this node for a new copy: nobody reads for its marker.
  if (found == work_.end() || !std::exchange(found->second.copy.reset_pending, false))
    return;
  const auto* account = state().account(change.account);
  const auto* destination = account == nullptr ? nullptr : account->destination(self_name());
  // One that has loaded a snapshot for an older request meanwhile passes over the marker of the next.
  const auto figures = parts_->replicas->figures_of(change.account);
  const bool has_loaded = figures && (figures->state == "ready" || figures->state == "paused");
  if (destination != nullptr && !destination->ready && !has_loaded) {
    found->second.copy.reset_seen = destination->requested;
    parts_->replicas->await(change.account, destination->requested);
  }
}

/// restartReplicas of an account that wasn't paused: a replica that stopped here is tried again; one that
/// needs a snapshot says so once more.
void supervisor::retry_stopped(const account_id& id) {
  const auto* account = state().account(id);
  if (!begun_ || account == nullptr || account->destination(self_name()) == nullptr)
    return;
  const auto figures = parts_->replicas->figures_of(id);
  if (figures && figures->state != "ready" && figures->state != "paused")
    parts_->replicas->resume(id);
}

void supervisor::count_promotion(const account_change& change, kafka_offset at) {
  using kind = node_metrics::promotion_kind;
  using ending = node_metrics::promotion_outcome;
  const auto* begun = std::get_if<activated>(&change.body);
  const auto* refused = std::get_if<declined>(&change.body);
  const auto* given_up = std::get_if<promotion_aborted>(&change.body);
  const auto* account = state().account(change.account);
  if (!begun_ || account == nullptr || (begun == nullptr && refused == nullptr && given_up == nullptr))
    return;
  const auto* term = account->terms.find(begun != nullptr     ? begun->term
                                         : refused != nullptr ? refused->term
                                                              : given_up->term);
  if (term == nullptr || term->origin == term_origin::enrolment)
    return;
  const auto how = term->origin == term_origin::planned ? kind::planned : kind::unplanned;
  if (begun == nullptr) {
    if (is_self(term->primary) && term->closed == at) // not declined before its source gave it up
      parts_->metrics->promotion(how, ending::failed);
    return;
  }
  tell_activation(*account, *term, begun->cut);
  if (is_self(term->primary))
    parts_->metrics->promotion(how, ending::done);
  // One clock a pause: a planned one begins and ends where the guard stands.
  if (const auto here = work_.find(change.account);
      how == kind::planned && here != work_.end() && here->second.guarding.standing)
    parts_->metrics->promotion_pause(
        how, std::chrono::duration<double>(std::chrono::steady_clock::now() - here->second.guarding.since)
                 .count());
  else if (how == kind::unplanned && is_self(term->primary) && account->origin)
    parts_->metrics->promotion_pause(how, static_cast<double>(wall_ms() - account->origin->at_ms) / 1000.0);
}

/// Who looks for what happened at night finds it in the logs of the nodes that it happened to.
void supervisor::tell_activation(const account_state& account, const term_entry& begun, sequence cut) const {
  const auto by = account.origin
                      ? fmt::format("by {}, operation {}", account.origin->by, account.origin->operation)
                      : std::string("nobody's operation");
  if (is_self(begun.primary)) {
    spdlog::info("account {}: active here in epoch {}, behind sequence {} ({})", account.id, begun.term, cut,
                 by);
    return;
  }
  const auto before =
      std::ranges::find_if(account.terms.all() | std::views::reverse, [&](const term_entry& entry) {
        return entry.term < begun.term && entry.state == term_state::activated;
      });
  if (before != account.terms.all().rend() && is_self(before->primary))
    spdlog::info("account {}: {} is its source now, in epoch {} ({})", account.id, begun.primary.get(),
                 begun.term, by);
}

void supervisor::tell_operation(const control_event& event) const {
  if (const auto* started = std::get_if<operation_started>(&event))
    spdlog::info("operation {}: {} of {} accounts, by {}", started->id, started->kind, started->accounts,
                 started->by);
  else if (const auto* finished = std::get_if<operation_finished>(&event))
    if (const auto* known = state().operation(finished->id))
      spdlog::info("operation {}: over, {} done, {} failed", finished->id, known->succeeded, known->failed);
}

void supervisor::on_leases() {
  begin_when_read();
  if (!begun_)
    return;
  parts_->settle->judge_again();
  if (const auto why = parts_->lease->why_replaced()) {
    parts_->replaced(*why);
    return;
  }
  if (counts_as_dead())
    return; // a claim stands until everything is taken over: returning it would spoil that (R22)
  const auto claims = parts_->lease->ask([](const lease_view& view) { return view.claims_against_self(); });
  if (!claims.empty() && return_from(claims) != claim_seen_)
    step_down(claims);
}

/// Without it nothing is acknowledged: a COMMIT that nobody answers must have its reason in the log (P8).
void supervisor::tell_lease() {
  if (parts_->lease->holds()) {
    if (std::exchange(lease_ended_, false))
      spdlog::info("the lease runs again, after {:.1f} s",
                   static_cast<double>(boot_now().value - held_lease_->value) / 1e9);
    held_lease_ = boot_now();
  } else if (held_lease_ && !std::exchange(lease_ended_, true)) {
    const auto not_renewed = parts_->link->why_not_renewing();
    const bool holds_commits = parts_->config.cluster.durability == durability_mode::synchronous;
    spdlog::error("the lease has ended{}: {}",
                  holds_commits ? ", and commits of protected accounts wait" : "",
                  not_renewed.empty() ? parts_->lease->why_not_held() : not_renewed);
  }
}

void supervisor::on_tick() {
  if (!begun_)
    return;
  tell_lease();
  if (auto gap = parts_->why_unprotected(); gap.empty() && (end_unknown_ || !node_gap_.empty()))
    end_gap();
  else if (gap != node_gap_)
    take_gap(std::move(gap));
  look_at_partitions();
  attend_left_out();
  look_for_uncovered();
  announce();
  const auto again = std::exchange(waiting_, {});
  for (const auto& account : again)
    attend(account);
  attend_lost_place();
  watch_guards();
  probe_parked();
  leave_peers();
  rescue_stranded();
  operations_->on_tick();
  store_control();
}

/// What has changed since it was stored last, as it is now.
control_changes supervisor::as_folded(const unstored_ids& changed) const {
  control_changes all;
  all.position = {state().next(), rules_version, parts_->control->appended(), encode_records(state())};
  for (const auto& id : changed.accounts)
    all.accounts[id] = encode_account(*state().account(id));
  for (const auto& name : changed.nodes)
    all.nodes[name] = encode_node(*state().node(name));
  for (const auto& id : changed.operations) {
    const auto* operation = state().operation(id);
    all.operations[id] = operation == nullptr ? std::nullopt : std::optional(encode_operation(*operation));
  }
  for (const auto& id : changed.sent) {
    const auto found = sent_.find(id);
    all.sent[id] = found == sent_.end() ? std::nullopt : std::optional(found->second);
  }
  return all;
}

void supervisor::store_control() {
  const auto began = std::chrono::steady_clock::now();
  if (storing_ || began < next_store_ || unstored_.empty())
    return;
  storing_ = true;
  auto ids = std::make_shared<unstored_ids>(std::exchange(unstored_, {}));
  auto changes = std::make_shared<control_changes>(as_folded(*ids));
  in_background(*parts_->sql, [this, began, ids, changes]() -> std::function<void()> {
    auto session = sql_session::open(parts_->local);
    result<void> stored = session ? control_store(*session).store(*changes)
                                  : tl::make_unexpected(static_cast<const error&>(session.error()));
    return [this, began, ids, changes, stored] {
      storing_ = false;
      const auto ended = std::chrono::steady_clock::now();
      next_store_ = ended + std::min<std::chrono::steady_clock::duration>((ended - began) * store_share,
                                                                          longest_unstored);
      if (stored) {
        if (std::exchange(storing_fails_, false))
          spdlog::info("the folded control state is stored again");
        return parts_->server->saw(changes->position.next);
      }
      if (!std::exchange(storing_fails_, true))
        spdlog::warn("the folded control state can't be stored; it is tried again: {}", stored.error().what);
      unstored_.accounts.merge(ids->accounts);
      unstored_.nodes.merge(ids->nodes);
      unstored_.operations.merge(ids->operations);
      unstored_.sent.merge(ids->sent);
    };
  });
}

/// Again where it isn't what was said: volumes are added, and made current, while nodes run.
void supervisor::announce() {
  const auto now = std::chrono::steady_clock::now();
  if (announcing_ || now < next_announcement_)
    return;
  announcing_ = true;
  next_announcement_ = now + announcement_pause;
  in_background(*parts_->sql, [this, parts = parts_]() -> std::function<void()> {
    node_announced said;
    said.advertise = parts->config.node.advertise.text();
    said.process = parts->process;
    said.started_ms = parts->started_ms;
    said.kind = parts->config.cluster.durability == durability_mode::synchronous ? durability::synchronous
                                                                                 : durability::asynchronous;
    auto session = sql_session::open(parts->local);
    const auto volumes = session ? mailstore_queries(*session, parts->rules).volumes()
                                 : result<std::vector<mailstore_volume>>(
                                       tl::make_unexpected(static_cast<const error&>(session.error())));
    const auto here = volumes.value_or(std::vector<mailstore_volume>{});
    for (const auto& v : here)
      said.volumes.push_back({static_cast<std::uint32_t>(v.id), static_cast<std::uint32_t>(v.type), v.name,
                              v.path, v.is_centralised});
    const auto fit = fit_for_replicas(*parts->rules, here);
    return [this, said, fit, are_known = volumes.has_value()]() mutable {
      announcing_ = false;
      const auto* before = state().node(self_name());
      if (!are_known && before != nullptr)
        said.volumes = before->announced.volumes;
      if (before != nullptr && before->announced == said)
        return;
      if (!fit)
        spdlog::warn("{}; {}", fit.error().what, fit.error().todo);
      append({said});
    };
  });
}

/// For command lines on this host, when this node is down.
void supervisor::leave_peers() {
  if (!std::exchange(peers_changed_, false))
    return;
  in_background(*parts_->sql, [this, parts = parts_]() -> std::function<void()> {
    std::vector<host_port> addresses;
    for (const auto& peer : known_peers(*parts))
      if (auto address = host_port::parse(peer.advertise))
        addresses.push_back(std::move(*address));
    const auto written = write_known_peers(parts->config.node.state_dir, addresses);
    return [this, written] {
      if (written) {
        if (std::exchange(leaving_peers_fails_, false))
          spdlog::info("the other nodes' addresses are left for the command line again");
        return;
      }
      if (!std::exchange(leaving_peers_fails_, true))
        spdlog::warn(
            "the other nodes' addresses can't be left for the command line; it is tried again: {}; {}",
            written.error().what, written.error().todo);
      peers_changed_ = true;
    };
  });
}

void supervisor::append(std::vector<control_event> events, const change_origin& origin,
                        const std::shared_ptr<const void>& held) {
  auto from = origin;
  if (from.by.empty())
    from.by = self_name().value;
  from.at_ms = wall_ms();
  for (auto& record : to_records({}, from, std::move(events), [this] { return next_record_id(); })) {
    if (held)
      held_.emplace(record.id, held);
    parts_->link->append(std::move(record));
  }
}

void supervisor::append_fact(const account_id& account, account_change_body body) {
  account_change change{account, {}, std::move(body)};
  if (const auto* known = state().account(account))
    change.expected = known->version;
  append({std::move(change)});
}

std::string supervisor::next_record_id() {
  return fmt::format("{}-{}", parts_->process, ++records_);
}

} // namespace understudy
