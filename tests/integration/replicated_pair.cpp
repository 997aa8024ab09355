#include "tests/integration/replicated_pair.hpp"

#include "storage/profile/profile_routing.hpp"
#include "storage/state/own_schema.hpp"
#include "tests/tools/fixture/mailstore_schema.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>

namespace understudy::apply_test {
namespace {

constexpr unsigned source_mailbox = 7;

std::vector<std::string> with(std::vector<std::string> options) {
  options.emplace_back("--innodb-lock-wait-timeout=5");
  return options;
}

sql_options as_root(const fixture::private_mariadb& server) {
  sql_options out;
  out.socket = server.socket();
  out.user = "root";
  out.setup = standard_setup();
  return out;
}

void make_own_schema(const fixture::private_mariadb& server) {
  auto options = as_root(server);
  options.setup = local_setup();
  auto session = sql_session::open(options);
  if (!session)
    throw std::runtime_error(session.error().what);
  need(ensure_own_schema(*session, node_name("ms1")));
}

/// As text in which equal bytes, and only they, are equal.
std::string exact(const std::string& name, const std::string& type) {
  if (type == "float" || type == "double")
    return fmt::format("CONCAT(`{}` * 1e0)", name);
  if (type == "enum" || type == "set" || type == "bit")
    return fmt::format("CONCAT(`{}` + 0)", name);
  if (type == "timestamp" || type == "datetime" || type == "time" || type == "date" || type == "decimal")
    return fmt::format("CONCAT(`{}`)", name);
  return fmt::format("HEX(`{}`)", name);
}

std::string joined(const std::vector<std::string>& rows) {
  std::string out;
  for (const auto& row : rows)
    out += "\n    " + (row.size() > 400 ? row.substr(0, 400) + "…" : row);
  return out;
}

} // namespace

replicated_pair::replicated_pair(std::vector<std::string> destination_options)
    : source_({.semi_sync = false, .server_id = 1})
    , destination_({.semi_sync = false, .server_id = 2, .extra = with(std::move(destination_options))})
    , rules_(std::make_shared<const profile>(
          need(load_profile(UNDERSTUDY_SOURCE_DIR "/config/profiles/carbonio.toml")))) {
  source_.load_mailstore(1);
  destination_.load_mailstore(2);
  destination_.set_up("UPDATE zimbra.current_volumes SET next_mailbox_id = 3");
  make_own_schema(source_);
  make_own_schema(destination_);
  add_account(source_mailbox);
}

account_id replicated_pair::add_account(unsigned mailbox) {
  const account_id id(fmt::format("0aa47105-6b0c-4d0b-9d0a-{:012}", mailbox));
  const auto group = (mailbox - 1) % 100 + 1;
  source_.set_up(fixture::group_schema(group));
  source_.connect().script(fmt::format(
      "INSERT INTO zimbra.mailbox(id,group_id,account_id,index_volume_id,comment) SELECT {0},{1},'{2}',"
      "index_volume_id,'user{0}@example.com' FROM zimbra.current_volumes;"
      "INSERT INTO mboxgroup{1}.mail_item(mailbox_id,id,type,folder_id,parent_id,date,size,name,mod_metadata,"
      "mod_content) VALUES ({0},1,1,1,1,0,0,'USER_ROOT',1,1);"
      "INSERT INTO mboxgroup{1}.mail_item(mailbox_id,id,type,folder_id,parent_id,date,size,name,mod_metadata,"
      "mod_content) VALUES ({0},2,1,1,1,0,0,'Inbox',1,1),({0},3,1,1,1,0,0,'Trash',1,1);"
      "INSERT INTO mboxgroup{1}.tag(mailbox_id,id,name,sequence) VALUES ({0},-10,'\\\\Unread',1),"
      "({0},64,'Blue',1)",
      mailbox, group, id.value));
  return id;
}

sql_options replicated_pair::source_sql() const {
  return as_root(source_);
}
sql_options replicated_pair::destination_sql() const {
  return as_root(destination_);
}

account_placement replicated_pair::initialise(std::size_t rows) {
  return initialise(account(), mailbox_id(source_mailbox), rows);
}

account_placement replicated_pair::initialise(const account_id& account, mailbox_id mailbox,
                                              std::size_t rows) {
  const std::string id = fmt::format("snapshot-{}", offset_++);
  auto reader = need(snapshot_reader::open(source_sql(), rules_, {account, mailbox, id}));
  auto volumes = std::make_shared<volume_map>();
  for (std::uint64_t i = 1; i <= 3; ++i)
    volumes->emplace(i, i + 4);
  auto loader =
      need(snapshot_loader::begin(destination_sql(), rules_, {account, "", id, mailbox, std::move(volumes)}));
  for (;;) {
    const auto chunk = need(reader->next_chunk(rows, std::size_t{1} << 20));
    if (!chunk)
      break;
    need(loader->load(*chunk));
  }
  auto known = std::find_if(members_.begin(), members_.end(),
                            [&account](const member& m) { return m.account == account; });
  if (known == members_.end())
    known = members_.insert(members_.end(), {account, mailbox, {}, sequence(0), {}});
  need(loader->finish(epoch(1), known->last, kafka_offset(offset_)));
  known->where = loader->placement();
  known->begins = reader->start().place;
  if (!capture_)
    start_capture();
  return known->where;
}

void replicated_pair::start_capture() {
  stream_options options;
  options.socket = source_.socket();
  options.user = "root";
  options.server_id = 77;
  options.synchronous = false;
  capture_ = need(capture_source::open(options, std::make_shared<profile_routing>(rules_)));
}

std::vector<account_batch> replicated_pair::capture() {
  source_.query(fmt::format("UPDATE understudy.probe SET n = {}", ++probe_));
  std::vector<account_batch> batches;
  for (const auto& m : members_)
    batches.push_back({m.where, {}, {}});
  std::uint64_t probes = 0;
  while (probes < 1) {
    const auto transaction = need(capture_->next_transaction());
    if (!transaction)
      throw std::runtime_error("capture was interrupted");
    probes += static_cast<std::uint64_t>(
        std::count(transaction->own_tables.begin(), transaction->own_tables.end(), "probe"));
    for (const auto& slice : transaction->slices)
      for (std::size_t i = 0; i < members_.size(); ++i) {
        auto& m = members_[i];
        if (m.source_mailbox != slice.mailbox || transaction->end <= m.begins)
          continue;
        auto event = std::make_shared<transaction_event>();
        event->account = m.account;
        event->term = epoch(1);
        event->number = m.last = m.last.next();
        event->id = transaction->id;
        event->changes = slice.changes;
        batches[i].events.push_back({std::move(event), kafka_offset(++offset_)});
      }
  }
  return batches;
}

applier& replicated_pair::writer() {
  if (!applier_) {
    applier_options options;
    options.connection = destination_sql();
    options.lock_wait = std::chrono::seconds(1);
    applier_ = need(applier::open(options, rules_));
  }
  return *applier_;
}

std::vector<apply_outcome> replicated_pair::replicate(bool together) {
  const auto batches = capture();
  if (together)
    return need(writer().apply(batches));
  std::vector<apply_outcome> outcomes(batches.size());
  for (std::size_t i = 0; i < batches.size(); ++i) {
    outcomes[i].account = batches[i].where.account;
    for (const auto& event : batches[i].events) {
      outcomes[i] = need(writer().apply({{batches[i].where, {}, {event}}})).front();
      if (outcomes[i].stopped)
        break;
    }
  }
  return outcomes;
}

std::vector<std::string> replicated_pair::dump(fixture::private_mariadb& server, const std::string& database,
                                               const std::string& table, const std::string& mailbox_column,
                                               std::uint32_t mailbox) {
  std::set<std::string> host_local{"group_id", "index_volume_id", "index_id", "locator", mailbox_column};
  if (table == "volume_blobs")
    host_local.insert({"id", "volume_id"});
  auto client = server.connect();
  client.query("SET NAMES binary");
  client.query("SET time_zone='+00:00'");
  std::string columns = "'row'";
  for (const auto& c : client.query(fmt::format(
           "SELECT COLUMN_NAME, DATA_TYPE FROM information_schema.COLUMNS WHERE TABLE_SCHEMA='{}' AND "
           "TABLE_NAME='{}' ORDER BY ORDINAL_POSITION",
           database, table)))
    if (!host_local.contains(*c[0]))
      columns += fmt::format(",CONCAT('{}=',IFNULL({},'NULL'))", *c[0], exact(*c[0], *c[1]));
  std::vector<std::string> rows;
  for (const auto& row : client.query(fmt::format("SELECT CONCAT_WS(' ',{}) FROM `{}`.`{}` WHERE `{}`={}",
                                                  columns, database, table, mailbox_column, mailbox)))
    rows.push_back(*row[0]);
  std::sort(rows.begin(), rows.end());
  return rows;
}

std::string replicated_pair::difference(const std::string& logical) {
  return difference(logical, account());
}

std::string replicated_pair::difference(const std::string& logical, const account_id& account) {
  const auto& m = *std::find_if(members_.begin(), members_.end(),
                                [&account](const member& one) { return one.account == account; });
  const auto there = need(rules_->physical_name(logical, rules_->group_of(m.source_mailbox)));
  const auto here = need(rules_->physical_name(logical, group_number(m.where.group)));
  const auto column = rules_->mailbox_column_of(logical);
  const auto expected = dump(source_, there.database, there.table, column, m.source_mailbox.value);
  const auto found = dump(destination_, here.database, here.table, column, m.where.mailbox.value);
  if (expected == found)
    return {};
  return fmt::format("{} differs\n  source:{}\n  destination:{}\n", logical, joined(expected), joined(found));
}

std::string replicated_pair::differences() {
  return differences(account());
}

std::string replicated_pair::differences(const account_id& account) {
  std::string out;
  for (const auto& row : source_.query("SELECT TABLE_NAME FROM information_schema.COLUMNS WHERE "
                                       "TABLE_SCHEMA='mboxgroup7' AND COLUMN_NAME='mailbox_id'"))
    out += difference("mboxgroup/" + *row[0], account);
  for (const auto& [logical, column] : rules_->shared_tables)
    out += difference(logical, account);
  return out + difference(rules_->logical_name("zimbra", "mailbox"), account);
}

} // namespace understudy::apply_test
