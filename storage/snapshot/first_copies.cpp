#include "storage/snapshot/first_copies.hpp"

#include "storage/apply/apply_transaction.hpp"
#include "storage/apply/destination_schema.hpp"
#include "storage/profile/cascades.hpp"
#include "storage/snapshot/group_database.hpp"
#include "storage/state/logged_state.hpp"
#include "storage/state/mailstore_queries.hpp"
#include "storage/state/sql_fields.hpp"

#include <fmt/format.h>

#include <map>
#include <set>

namespace understudy {
namespace {

struct candidate {
  std::size_t index; ///< in what was given
  account_placement where;
  transaction_event rows;
};

class copy_loader {
public:
  copy_loader(sql_session& session, std::shared_ptr<const profile> rules,
              const std::vector<first_copy>& copies, load_limits limits)
      : session_(session)
      , rules_(std::move(rules))
      , copies_(copies)
      , limits_(limits) {}

  result<std::vector<std::optional<account_placement>>> run() {
    placed_.resize(copies_.size());
    auto done = choose().and_then([&] { return place(); }).and_then([&] { return load(); });
    if (!done)
      return tl::make_unexpected(done.error());
    return std::move(placed_);
  }

private:
  result<void> choose();
  result<void> place();
  result<bool> know_tables(const account_placement& where, const first_copy& copy);
  result<void> load();
  result<void> write(const apply_plan& plan, const std::vector<account_work>& batch);
  replica_record record_of(const candidate& one) const;

  sql_session& session_;
  std::shared_ptr<const profile> rules_;
  const std::vector<first_copy>& copies_;
  load_limits limits_;
  std::vector<candidate> chosen_;
  std::map<std::uint32_t, std::unique_ptr<destination_schema>> schemas_; ///< by group
  std::vector<std::optional<account_placement>> placed_;
};

/// Of whom there is nothing here.
result<void> copy_loader::choose() {
  if (rules_->mailbox_ids == mailbox_mode::same)
    return {};
  std::vector<account_id> ids;
  for (const auto& copy : copies_)
    ids.push_back(copy.request.account);
  const auto replicas = logged_state(session_).replicas_of(ids);
  if (!replicas)
    return tl::make_unexpected(replicas.error());
  mailstore_queries queries(session_, rules_);
  const auto mailboxes = queries.find_by_id(ids);
  if (!mailboxes)
    return tl::make_unexpected(mailboxes.error());
  const auto volumes = queries.volumes();
  if (!volumes)
    return tl::make_unexpected(volumes.error());
  std::set<account_id> here;
  for (const auto& replica : *replicas)
    here.insert(replica.account);
  for (const auto& mailbox : *mailboxes)
    here.insert(mailbox.account);
  for (std::size_t i = 0; i < copies_.size(); ++i) {
    const auto& copy = copies_[i];
    if (!copy.chunk.last || copy.chunk.index != 0 || !here.insert(copy.request.account).second)
      continue;
    if (copy.request.volumes && !allow_own_ids(*volumes, *copy.request.volumes))
      continue;
    candidate one{i, {}, rows_of(copy.chunk)};
    one.where.account = copy.request.account;
    one.where.volumes = copy.request.volumes;
    chosen_.push_back(std::move(one));
  }
  return {};
}

/// Mailbox ids are taken as the mail server takes them, each by itself: held to the end of the load, its own
/// allocations would wait for that.
result<void> copy_loader::place() {
  if (chosen_.empty())
    return {};
  mailstore_queries queries(session_, rules_);
  const auto volume = queries.current_index_volume();
  if (!volume)
    return tl::make_unexpected(volume.error());
  const auto first = queries.allocate_mailboxes(session_, static_cast<std::uint32_t>(chosen_.size()));
  if (!first)
    return tl::make_unexpected(first.error());
  const auto taken = queries.held_ids(*first, static_cast<std::uint32_t>(chosen_.size()));
  if (!taken)
    return tl::make_unexpected(taken.error());
  std::vector<candidate> fit;
  auto next = *first;
  for (auto& one : chosen_) {
    one.where.mailbox = next;
    next = mailbox_id(next.value + 1);
    one.where.group = rules_->group_of(one.where.mailbox).value;
    one.where.index_volume = static_cast<std::uint64_t>(*volume);
    if (taken->contains(one.where.mailbox))
      continue;
    const auto alike = know_tables(one.where, copies_[one.index]);
    if (!alike)
      return tl::make_unexpected(alike.error());
    if (*alike)
      fit.push_back(std::move(one));
  }
  chosen_ = std::move(fit);
  return {};
}

/// Makes what is missing of the group's database. Whether its foreign keys do what the source's do.
result<bool> copy_loader::know_tables(const account_placement& where, const first_copy& copy) {
  const auto group = group_number(where.group);
  const auto database = rules_->group_database(group);
  const auto databases = account_databases(*rules_, group);
  auto catalog = copy.request.catalogs->of(session_, databases);
  if (catalog && !has_all_tables(**catalog, database, copy.chunk.definitions)) {
    if (auto made = ensure_group_database(session_, database, copy.chunk.definitions); !made)
      return tl::make_unexpected(made.error());
    copy.request.catalogs->forget(database);
    schemas_.erase(where.group);
    catalog = copy.request.catalogs->of(session_, databases);
  }
  if (!catalog)
    return tl::make_unexpected(catalog.error());
  if (!schemas_.contains(where.group))
    schemas_.emplace(where.group, std::make_unique<destination_schema>(rules_, *catalog));
  return compare_cascades(copy.chunk.cascades, *rules_, **catalog, group).has_value();
}

result<void> copy_loader::load() {
  std::vector<account_work> batch;
  for (const auto& one : chosen_)
    batch.push_back({&one.where, {&one.rows}});
  if (batch.empty())
    return {};
  const auto plan = make_plan(batch,
                              [this](const std::shared_ptr<const shape>& table, std::uint32_t group) {
                                return schemas_.at(group)->resolve(table, group);
                              },
                              {limits_.rows_per_statement, limits_.bytes_per_statement,
                               static_cast<std::size_t>(session_.max_packet()), false});
  if (!plan.refused.empty())
    return {}; // one by one it's found out whose it is
  if (auto written = write(plan, batch); !written)
    return written;
  for (const auto& one : chosen_)
    placed_[one.index] = one.where;
  return {};
}

replica_record copy_loader::record_of(const candidate& one) const {
  const auto& copy = copies_[one.index];
  replica_record record;
  record.account = copy.request.account;
  record.mailbox = one.where.mailbox;
  record.term = copy.term;
  record.applied = copy.number;
  record.next = copy.next;
  record.state = replica_state::ready;
  record.snapshot = copy.request.snapshot;
  record.request = copy.request.answers;
  return record;
}

/// The positions make the local capture skip all of it (R36). Where another load of one of the accounts has
/// begun since choose(), its position is there, and all of this is refused.
result<void> copy_loader::write(const apply_plan& plan, const std::vector<account_work>& batch) {
  std::vector<replica_record> records;
  for (const auto& one : chosen_)
    records.push_back(record_of(one));
  session_flags flags{.known = false};
  apply_transaction transaction(session_, flags, batch);
  auto done = session_.transaction([&]() -> sql_result<void> {
    if (auto positions = logged_state(session_).insert_replicas(records); !positions)
      return positions;
    session_.doing(fmt::format("load the snapshots of {} accounts", batch.size()));
    if (auto failed = transaction.run_statements(plan))
      return tl::make_unexpected(std::move(failed->why));
    return {};
  });
  if (!done)
    return passed_on(done);
  return {};
}

} // namespace

transaction_event rows_of(const snapshot_chunk& chunk) {
  transaction_event rows{chunk.account, epoch(0), sequence(0), {}, 0, chunk.rows};
  for (auto& row : rows.changes)
    row.foreign_keys_off = true;
  return rows;
}

sql_options loading_session(sql_options connection) {
  connection.setup = standard_setup();
  for (auto& statement : applier_setup())
    connection.setup.push_back(std::move(statement));
  connection.setup.emplace_back("SET SESSION foreign_key_checks=0"); // as its rows ask for
  return connection;
}

result<std::vector<std::optional<account_placement>>> load_first_copies(sql_session& session,
                                                                        std::shared_ptr<const profile> rules,
                                                                        const std::vector<first_copy>& copies,
                                                                        load_limits limits) {
  return copy_loader(session, std::move(rules), copies, limits).run();
}

} // namespace understudy
