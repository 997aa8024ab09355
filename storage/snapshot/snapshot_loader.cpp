#include "storage/snapshot/snapshot_loader.hpp"

#include "storage/apply/apply_transaction.hpp"
#include "storage/apply/destination_schema.hpp"
#include "storage/profile/cascades.hpp"
#include "storage/snapshot/account_removal.hpp"
#include "storage/snapshot/first_copies.hpp"
#include "storage/snapshot/group_database.hpp"
#include "storage/state/logged_state.hpp"
#include "storage/state/mailstore_queries.hpp"
#include "storage/state/sql_fields.hpp"

#include <fmt/format.h>

namespace understudy {
namespace {

/// Mailbox ids in a row that are taken already, though the mail server hadn't given them out: rows made by
/// hand. Beyond that something else is wrong.
constexpr unsigned allocation_attempts = 1000;
/// A chunk that meets a deadlock or a lock wait is loaded again so often; then the load begins anew.
constexpr unsigned chunk_attempts = 20;

/// The account's mailbox here is a replica (which has its row before anything is written), or was its source
/// once. Else the mail server, or a person, put it here.
result<bool> is_ours(logged_state& state, const account_id& account) {
  const auto replica = state.replica_of(account);
  if (!replica)
    return tl::make_unexpected(replica.error());
  if (*replica)
    return true;
  const auto role = state.role_of(account);
  if (!role)
    return tl::make_unexpected(role.error());
  return role->has_value();
}

/// Whoever lost only our tables has one of these for each account: so the way out is a statement and a
/// command.
std::string place_taken(const load_request& request, mailbox_id mailbox) {
  return fmt::format(
      "mailbox {0} here is this account's, but no replica of it and never its source, as far as the "
      "database understudy knows: it isn't overwritten. Choose another destination; or, if nobody needs "
      "mailbox {0} here, run `INSERT INTO understudy.replica (account_id, mailbox_id, state) VALUES ({1}, "
      "{0}, 'loading')` in this MariaDB, and then `understudy ha restartReplicas accounts {2}`: it is "
      "replaced",
      mailbox, sql_text(request.account.value), request.name);
}

/// Of what an administrator has to set right: the reason that is shown says how.
load_error refusal(error why) {
  if (!why.todo.empty())
    why.what += ": " + why.todo;
  return load_error(std::move(why), true);
}

} // namespace

struct snapshot_loader::parts {
  struct chunk_order {
    std::uint64_t next = 0;
    bool complete = false;
    void passed(const snapshot_chunk& chunk) {
      ++next;
      complete = chunk.last;
    }
  };

  sql_session session;
  std::shared_ptr<const profile> rules;
  load_request request;
  load_limits limits;
  account_placement where;
  /// With `mailbox_id = "same"`: of a mailbox that was made again at its source, what is here under its old
  /// id.
  std::optional<account_placement> left_behind;
  replica_record record;
  std::shared_ptr<const schema_catalog> catalog;
  std::unique_ptr<destination_schema> schema;
  session_flags flags{.known = false};
  chunk_order checked;
  chunk_order loaded;
  bool has_copy = false;
  bool is_refused = false;
  std::atomic<std::uint64_t> rows{0};

  parts(sql_session opened, std::shared_ptr<const profile> by, load_request what, load_limits within)
      : session(std::move(opened))
      , rules(std::move(by))
      , request(std::move(what))
      , limits(within) {}

  result<void> find_place();
  result<void> check_volumes();
  result<void> make_room();
  result<void> settle_mailbox();
  result<std::optional<account_id>> holder_of(mailbox_id mailbox);
  result<mailbox_id> allocate();
  load_result<void> load_schema(const snapshot_chunk& first);
  result<void> know_tables();
  result<void> look_again();
  result<void> compare_keys(const snapshot_chunk& first);
  load_result<bool> has_turn(const snapshot_chunk& chunk, const chunk_order& order) const;
  apply_plan plan_rows(const transaction_event& rows);
  load_result<apply_plan> plan_or_refuse(const transaction_event& rows);
  load_result<void> load_rows(const snapshot_chunk& chunk);
};

result<std::optional<account_id>> snapshot_loader::parts::holder_of(mailbox_id mailbox) {
  const auto& registry = rules->registry;
  const auto found = session.query_value(fmt::format(
      "SELECT {} FROM {} WHERE {} = {}", sql_name(registry.account_column),
      sql_table(registry.table.database, registry.table.table), sql_name(registry.mailbox_column), mailbox));
  if (!found)
    return passed_on(found);
  return found->has_value() ? std::optional(account_id(**found)) : std::nullopt;
}

result<mailbox_id> snapshot_loader::parts::allocate() {
  mailstore_queries queries(session, rules);
  if (rules->mailbox_ids == mailbox_mode::same) {
    if (request.source_mailbox.value == 0)
      return failure("the source's mailbox id isn't known", "enrol the account again while its source runs");
    if (auto reserved = queries.reserve_mailbox(session, request.source_mailbox, request.account); !reserved)
      return tl::make_unexpected(reserved.error());
    return request.source_mailbox;
  }
  for (unsigned i = 0; i < allocation_attempts; ++i) {
    auto id = queries.allocate_mailbox(session);
    if (!id)
      return id;
    auto holder = holder_of(*id);
    if (!holder)
      return tl::make_unexpected(holder.error());
    if (!*holder)
      return *id;
  }
  return failure("the next mailbox ids of this mailstore are all taken",
                 "raise the mail server's next mailbox id above those in use");
}

/// The mailbox here, if there is one of ours: of the account's own row, or of a load that was cut short.
result<void> snapshot_loader::parts::settle_mailbox() {
  logged_state state(session);
  auto before = state.replica_of(request.account);
  if (!before)
    return tl::make_unexpected(before.error());
  if (*before)
    record = **before;
  mailstore_queries queries(session, rules);
  auto found = queries.find_by_id({request.account});
  if (!found)
    return tl::make_unexpected(found.error());
  const auto wanted = rules->mailbox_ids == mailbox_mode::same ? request.source_mailbox : mailbox_id(0);
  if (!found->empty()) {
    auto ours = is_ours(state, request.account);
    if (!ours)
      return tl::make_unexpected(ours.error());
    is_refused = !*ours;
    if (is_refused)
      return failure(place_taken(request, found->front().mailbox));
    where.mailbox = found->front().mailbox;
    where.group = found->front().group.value;
    has_copy = !*before || record.state == replica_state::ready;
    if (wanted.value == 0 || wanted == where.mailbox)
      return {};
    left_behind = std::exchange(where, {where.account, {}, 0, 0, where.volumes});
  }
  if (record.mailbox.value != 0 && (wanted.value == 0 || wanted == record.mailbox)) {
    auto holder = holder_of(record.mailbox);
    if (!holder)
      return tl::make_unexpected(holder.error());
    if (!*holder)
      where.mailbox = record.mailbox;
  }
  if (where.mailbox.value == 0) {
    auto id = allocate();
    if (!id)
      return tl::make_unexpected(id.error());
    where.mailbox = *id;
  }
  where.group = rules->group_of(where.mailbox).value;
  return {};
}

/// Before an id is taken and anything copied.
result<void> snapshot_loader::parts::check_volumes() {
  if (rules->mailbox_ids != mailbox_mode::own || !request.volumes)
    return {};
  const auto here = mailstore_queries(session, rules).volumes();
  if (!here)
    return tl::make_unexpected(here.error());
  auto allowed = allow_own_ids(*here, *request.volumes);
  is_refused = !allowed;
  return allowed;
}

result<void> snapshot_loader::parts::find_place() {
  if (auto allowed = check_volumes(); !allowed)
    return allowed;
  where.account = request.account;
  where.volumes = request.volumes;
  if (auto settled = settle_mailbox(); !settled)
    return settled;
  auto volume = mailstore_queries(session, rules).current_index_volume();
  if (!volume)
    return tl::make_unexpected(volume.error());
  where.index_volume = static_cast<std::uint64_t>(*volume);
  return has_copy ? result<void>() : make_room();
}

result<void> snapshot_loader::parts::make_room() {
  has_copy = false;
  // Recorded before anything is touched: from here on this replica isn't promotable (DESIGN §4.5).
  record.account = request.account;
  record.mailbox = where.mailbox;
  record.term = epoch(0);
  record.applied = sequence(0);
  record.state = replica_state::loading;
  record.snapshot = request.snapshot;
  record.request = request.answers;
  if (auto written = logged_state(session).write_replica(record); !written)
    return written;
  for (const auto* place : {left_behind ? &*left_behind : nullptr, &where})
    if (place != nullptr)
      if (auto removed = remove_rows(session, *rules, request.account, place->mailbox,
                                     group_number(place->group), limits.rows_per_delete, *request.catalogs);
          !removed)
        return removed;
  return {};
}

/// Makes the group database, if it isn't there, and knows its tables.
load_result<void> snapshot_loader::parts::load_schema(const snapshot_chunk& first) {
  const auto database = rules->group_database(group_number(where.group));
  const auto created = ensure_group_database(session, database, first.definitions);
  if (!created)
    return tl::make_unexpected(created.error());
  if (*created)
    request.catalogs->forget(database);
  if (auto known = know_tables(); !known)
    return tl::make_unexpected(known.error());
  if (compare_keys(first))
    return {};
  if (auto known = look_again(); !known)
    return tl::make_unexpected(known.error());
  if (auto alike = compare_keys(first); !alike)
    return tl::make_unexpected(refusal(alike.error()));
  return {};
}

result<void> snapshot_loader::parts::know_tables() {
  auto known = request.catalogs->of(session, account_databases(*rules, group_number(where.group)));
  if (!known)
    return tl::make_unexpected(known.error());
  catalog = *known;
  schema = std::make_unique<destination_schema>(rules, catalog);
  return {};
}

/// Nothing is refused by a catalog that was read before an administrator altered the table.
result<void> snapshot_loader::parts::look_again() {
  request.catalogs->forget(rules->group_database(group_number(where.group)));
  return know_tables();
}

/// What cascades on one side only would make both sides differ without a word.
result<void> snapshot_loader::parts::compare_keys(const snapshot_chunk& first) {
  return compare_cascades(first.cascades, *rules, *catalog, group_number(where.group));
}

/// False: it came before.
load_result<bool> snapshot_loader::parts::has_turn(const snapshot_chunk& chunk,
                                                   const chunk_order& order) const {
  if (chunk.account != request.account || chunk.id != request.snapshot)
    return failure(fmt::format("a chunk of snapshot {} of account {} came, but {} of {} is being loaded",
                               chunk.id, chunk.account, request.snapshot, request.account));
  if (chunk.index < order.next)
    return false;
  if (chunk.index > order.next || order.complete)
    return failure(fmt::format("chunk {1} of snapshot {0} should follow, but {2} came", chunk.id, order.next,
                               chunk.index),
                   "nothing: the load begins again with a new snapshot");
  return true;
}

apply_plan snapshot_loader::parts::plan_rows(const transaction_event& rows_of_chunk) {
  return make_plan({{&where, {&rows_of_chunk}}},
                   [this](const std::shared_ptr<const shape>& table, std::uint32_t group) {
                     return schema->resolve(table, group);
                   },
                   {limits.rows_per_statement, limits.bytes_per_statement,
                    static_cast<std::size_t>(session.max_packet()), false});
}

load_result<apply_plan> snapshot_loader::parts::plan_or_refuse(const transaction_event& rows_of_chunk) {
  auto plan = plan_rows(rows_of_chunk);
  if (plan.refused.empty())
    return plan;
  if (auto known = look_again(); !known)
    return tl::make_unexpected(known.error());
  plan = plan_rows(rows_of_chunk);
  if (plan.refused.empty())
    return plan;
  return tl::make_unexpected(refusal(std::move(plan.refused.front().why)));
}

load_result<void> snapshot_loader::parts::load_rows(const snapshot_chunk& chunk) {
  const auto rows_of_chunk = rows_of(chunk);
  const std::vector<account_work> batch{{&where, {&rows_of_chunk}}};
  const auto plan = plan_or_refuse(rows_of_chunk);
  if (!plan)
    return tl::make_unexpected(plan.error());
  const auto doing =
      fmt::format("load chunk {} of snapshot {} of account {}", chunk.index, chunk.id, request.account);
  apply_transaction transaction(session, flags, batch);
  for (unsigned attempt = 1;; ++attempt) {
    auto done = session.transaction([&]() -> sql_result<void> {
      logged_state state(session);
      if (auto held = state.hold_load(request.account, request.snapshot); !held)
        return held;
      if (auto marked = state.mark_origin(origin_slot(request.account)); !marked)
        return marked;
      session.doing(doing);
      if (auto failed = transaction.run_statements(*plan))
        return tl::make_unexpected(std::move(failed->why));
      return {};
    });
    if (done)
      return {};
    const auto kind = done.error().kind;
    if ((kind != sql_failure::deadlock && kind != sql_failure::lock_wait) || attempt >= chunk_attempts)
      return passed_on(done);
  }
}

snapshot_loader::snapshot_loader(std::unique_ptr<parts> p)
    : parts_(std::move(p)) {}
snapshot_loader::~snapshot_loader() = default;

load_result<std::unique_ptr<snapshot_loader>> snapshot_loader::begin(sql_options connection,
                                                                     std::shared_ptr<const profile> rules,
                                                                     load_request request,
                                                                     load_limits limits) {
  auto session = sql_session::open(loading_session(std::move(connection)));
  if (!session)
    return tl::make_unexpected(static_cast<const error&>(session.error()));
  auto made = std::make_unique<parts>(std::move(*session), std::move(rules), std::move(request), limits);
  if (auto found = made->find_place(); !found)
    return tl::make_unexpected(made->is_refused ? refusal(found.error()) : load_error(found.error()));
  return std::unique_ptr<snapshot_loader>(new snapshot_loader(std::move(made)));
}

const account_placement& snapshot_loader::placement() const {
  return parts_->where;
}

std::uint64_t snapshot_loader::rows_loaded() const {
  return parts_->rows;
}

bool snapshot_loader::has_copy() const {
  return parts_->has_copy;
}

load_result<void> snapshot_loader::check(const snapshot_chunk& chunk) {
  auto& p = *parts_;
  const auto turn = p.has_turn(chunk, p.checked);
  if (!turn)
    return tl::make_unexpected(turn.error());
  if (!*turn)
    return {};
  if (chunk.index == 0)
    if (auto known = p.load_schema(chunk); !known)
      return tl::make_unexpected(known.error());
  if (auto planned = p.plan_or_refuse(rows_of(chunk)); !planned)
    return tl::make_unexpected(planned.error());
  p.checked.passed(chunk);
  return {};
}

load_result<void> snapshot_loader::load(const snapshot_chunk& chunk) {
  auto& p = *parts_;
  const auto turn = p.has_turn(chunk, p.loaded);
  if (!turn)
    return tl::make_unexpected(turn.error());
  if (!*turn)
    return {};
  if (chunk.index == 0) {
    if (auto known = p.load_schema(chunk); !known)
      return tl::make_unexpected(known.error());
    if (p.has_copy)
      if (auto made = p.make_room(); !made)
        return tl::make_unexpected(made.error());
  }
  if (auto done = p.load_rows(chunk); !done)
    return done;
  p.loaded.passed(chunk);
  p.rows += chunk.rows.size();
  return {};
}

result<void> snapshot_loader::finish(epoch term, sequence number, kafka_offset next) {
  auto& p = *parts_;
  if (!p.loaded.complete)
    return failure(fmt::format("its snapshot {} isn't whole: {} chunks came, not the last",
                               p.request.snapshot, p.loaded.next));
  p.record.term = term;
  p.record.applied = number;
  p.record.next = next;
  return logged_state(p.session).end_load(p.record);
}

result<void> remove_replica(sql_options connection, const profile& rules, const account_id& account,
                            load_limits limits, std::shared_ptr<recent_catalogs> catalogs) {
  auto session = sql_session::open(loading_session(std::move(connection)));
  if (!session)
    return tl::make_unexpected(static_cast<const error&>(session.error()));
  logged_state state(*session);
  const auto record = state.replica_of(account);
  if (!record)
    return tl::make_unexpected(record.error());
  const auto& registry = rules.registry;
  const auto row = session->query(
      fmt::format("SELECT {}, {} FROM {} WHERE {} = {}", sql_name(registry.mailbox_column),
                  sql_name(registry.group_column), sql_table(registry.table.database, registry.table.table),
                  sql_name(registry.account_column), sql_text(account.value)));
  if (!row)
    return passed_on(row);
  const auto ours = is_ours(state, account);
  if (!ours)
    return tl::make_unexpected(ours.error());
  if (*ours && !row->rows.empty())
    if (auto removed =
            remove_rows(*session, rules, account, to_id<mailbox_id>(row->rows.front()[0]),
                        to_id<group_number>(row->rows.front()[1]), limits.rows_per_delete, *catalogs);
        !removed)
      return removed;
  return *record ? state.remove_replica(account) : result<void>();
}

} // namespace understudy
