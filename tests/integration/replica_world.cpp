#include "tests/integration/replica_world.hpp"

#include "events/codec/encode.hpp"
#include "events/log/topic_names.hpp"
#include "events/log/topics.hpp"
#include "storage/profile/profile_routing.hpp"
#include "tests/tools/fixture/eventually.hpp"

#include <caf/event_based_actor.hpp>
#include <caf/send.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <cstdio>
#include <future>

namespace understudy::replica_test {

using apply_test::need;
using fixture::eventually;

namespace {

std::int64_t now_us() {
  return std::chrono::duration_cast<std::chrono::microseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

void require(bool holds, const std::string& what) {
  if (!holds)
    throw std::runtime_error(what);
}

} // namespace

source_log::source_log(apply_test::replicated_pair& pair, const kafka_settings& kafka)
    : pair_(pair) {
  producer_ = need(producer::start(kafka, {},
                                   {[this](delivery&& report) {
                                      const std::lock_guard lock(mutex_);
                                      reports_[report.token] = std::move(report);
                                      reported_.notify_all();
                                    },
                                    [](const error&) {},
                                    {}}));
  stream_options options;
  options.socket = pair.source().socket();
  options.user = "root";
  options.server_id = 77;
  options.synchronous = false;
  options.start = need(gtid_position::parse(pair.source().value("SELECT @@GLOBAL.gtid_binlog_pos")));
  capture_ = need(capture_source::open(options, std::make_shared<profile_routing>(pair.rules())));
}

account_id source_log::add(unsigned mailbox, partition_id partition) {
  const auto id = mailbox == 7 ? apply_test::replicated_pair::account() : pair_.add_account(mailbox);
  members_[id] = {mailbox_id(mailbox), partition, sequence(0)};
  write(partition, incarnation_event{});
  pump();
  return id;
}

kafka_offset source_log::write(partition_id partition, account_event_body body, std::uint64_t life) {
  const account_event event{{source_node, incarnation(life)}, std::move(body)};
  const auto* account = account_of(event);
  const auto encoded = need(encode(event));
  const auto token = ++token_;
  const auto taken = producer_->produce(topic::accounts, partition, account ? account->value : std::string{},
                                        encoded, token);
  require(taken.has_value(), "the producer took nothing");
  std::unique_lock lock(mutex_);
  require(reported_.wait_for(lock, replica_world::patience, [&] { return reports_.contains(token); }),
          "no report");
  const auto report = reports_.at(token);
  require(report.outcome == produce_outcome::held, report.text);
  return report.offset;
}

void source_log::begin_log_anew() {
  shapes_.clear();
  for (const auto& [account, m] : members_)
    write(m.partition, incarnation_event{});
}

void source_log::pump() {
  pair_.source().query(fmt::format("UPDATE understudy.probe SET n = {}", ++probe_));
  while (true) {
    const auto transaction = need(capture_->next_transaction());
    for (const auto& slice : transaction->slices)
      for (auto& [account, m] : members_) {
        if (m.mailbox != slice.mailbox)
          continue;
        for (const auto& change : slice.changes)
          if (shapes_.emplace(m.partition, change.table->fingerprint()).second)
            write(m.partition, shape_event{*change.table});
        m.last = m.last.next();
        write(m.partition,
              transaction_event{account, epoch(1), m.last, transaction->id, now_us(), slice.changes});
      }
    if (std::ranges::count(transaction->own_tables, "probe") > 0)
      return;
  }
}

kafka_offset source_log::fence(const account_id& account, epoch term, kafka_offset decision) {
  return write(partition(account), fence_event{account, term, decision, true});
}

kafka_offset source_log::mark(const account_id& account, epoch term, const snapshot_opened& opened) {
  return write(partition(account),
               snapshot_event{account, term, last(account), opened.snapshot, opened.partition, opened.first});
}

replica_world::replica_world()
    : kafka{broker->bootstrap(), {}, "test", {}} {
  auto admin = need(topic_admin::open(kafka));
  need(admin->ensure(understudy_topics(2, 1, 1, std::chrono::hours(1)), patience));
  log = std::make_unique<source_log>(pair, kafka);
  system = std::make_unique<caf::actor_system>(config);
  supervisor = system->spawn([this](caf::event_based_actor*) -> caf::behavior {
    return {
        [this](const fence_applied& m) {
          const std::lock_guard lock(mutex);
          fences.push_back(m);
        },
        [this](const replica_loaded& m) {
          const std::lock_guard lock(mutex);
          loaded.push_back(m);
        },
        [this](const replica_stopped& m) {
          const std::lock_guard lock(mutex);
          stopped.push_back(m);
        },
    };
  });
  source_account = system->spawn([this](account_handle::pointer) -> account_handle::behavior_type {
    return {[this](const account_message& message) {
      if (const auto* opening = std::get_if<snapshot_opening>(&message))
        opening->follows->set_value({});
      if (const auto* view = std::get_if<snapshot_opened>(&message)) {
        const std::lock_guard lock(mutex);
        opened.push_back(*view);
      }
    }};
  });
  snapshot_sender::options sending;
  sending.kafka = kafka;
  sending.node = source_node;
  sending.life = incarnation(1);
  sending.sql = pair.source_sql();
  sending.rules = pair.rules();
  sending.max_message_bytes = 20'000; // so that chunks are small and some come in parts
  sending.report = [](log_level, const std::string& text) { fmt::print(stderr, "sender: {}\n", text); };
  sender = std::make_unique<snapshot_sender>(std::move(sending));
  need(sender->start());
}

replica_world::~replica_world() {
  side.reset();
  sender.reset();
  caf::anon_send_exit(source_account, caf::exit_reason::user_shutdown);
  caf::anon_send_exit(supervisor, caf::exit_reason::user_shutdown);
  source_account = nullptr;
  supervisor = nullptr;
}

account_id replica_world::account(unsigned mailbox, int partition) {
  const auto id = log->add(mailbox, partition_id(partition));
  account_terms terms;
  term_entry first;
  first.term = epoch(1);
  first.primary = shared_name(std::make_shared<const node_name>(source_node));
  first.decision = kafka_offset(1);
  first.state = term_state::activated;
  terms.enrol(first);
  board->publish(id, std::move(terms), false);
  board->folded_to(kafka_offset(10));
  return id;
}

void replica_world::promote(const account_id& account, kafka_offset decision, const node_name& to,
                            term_state state) {
  auto terms = *board->about(account).terms;
  term_entry next;
  next.term = terms.next_term();
  next.primary = shared_name(std::make_shared<const node_name>(to));
  next.state = state;
  next.decision = decision;
  next.origin = term_origin::planned;
  terms.add(next);
  board->publish(account, std::move(terms), false);
  board->folded_to(decision.next());
  side->control_folded(decision.next());
}

void replica_world::know_volumes(volume_map ids) {
  const std::lock_guard lock(mutex);
  volumes = std::make_shared<const volume_map>(std::move(ids));
}

replica_side::options replica_world::options(std::size_t memory_limit) {
  replica_side::options options;
  options.system = system.get();
  options.supervisor = supervisor;
  options.sql = pair.destination_sql();
  options.rules = pair.rules();
  options.kafka = kafka;
  options.node = destination_node;
  options.memory_limit = memory_limit;
  options.decisions = board;
  options.load_patience = std::chrono::seconds(20);
  options.volumes = [this](const node_name&) {
    const std::lock_guard lock(mutex);
    return volumes;
  };
  options.observe.report = [](log_level, const std::string& text) {
    fmt::print(stderr, "replica: {}\n", text);
  };
  return options;
}

void replica_world::restart(const std::vector<account_id>& accounts, std::size_t memory_limit) {
  side.reset();
  side = std::make_unique<replica_side>(options(memory_limit));
  need(side->start());
  for (const auto& id : accounts)
    side->follow({id, id.value, log->partition(id), epoch(1), false});
  side->control_folded(board->folded());
}

bool replica_world::send_snapshot(const account_id& account, const std::string& id, epoch term) {
  std::promise<bool> sent;
  sender->send({account,
                log->mailbox(account),
                source_account,
                id,
                log->partition(account),
                {},
                [&](const snapshot_sender::outcome& outcome) { sent.set_value(outcome.has_value()); }});
  const auto is_open = [&] {
    const std::lock_guard lock(mutex);
    return std::ranges::find(opened, id, &snapshot_opened::snapshot) != opened.end();
  };
  auto done = sent.get_future();
  if (!eventually(patience, is_open))
    return done.get();
  snapshot_opened view;
  {
    const std::lock_guard lock(mutex);
    view = *std::ranges::find(opened, id, &snapshot_opened::snapshot);
  }
  log->mark(account, term, view);
  return done.get();
}

bool replica_world::watch(const account_id& account) {
  return eventually(patience, [&] {
    std::promise<bool> asked;
    auto watched = asked.get_future();
    side->follow({account, account.value, log->partition(account), epoch(1), true,
                  [&asked](const result<void>& outcome) { asked.set_value(outcome.has_value()); }});
    return watched.get();
  });
}

void replica_world::initialise(const account_id& account, epoch term) {
  static int count = 0;
  const auto id = fmt::format("snapshot-{}", ++count);
  require(watch(account), "the account's partition can't be read");
  log->pump();
  require(send_snapshot(account, id, term), "the snapshot failed");
  require(eventually(patience,
                     [&] {
                       const std::lock_guard lock(mutex);
                       return std::ranges::find(loaded, id, &replica_loaded::snapshot) != loaded.end();
                     }),
          "it wasn't loaded");
}

void replica_world::deliver_mail(unsigned mailbox, unsigned from, unsigned to, std::size_t bytes) {
  auto client = pair.source().connect(fmt::format("mboxgroup{}", (mailbox - 1) % 100 + 1));
  for (auto id = from; id <= to; ++id)
    client.query(
        fmt::format("INSERT INTO mail_item(mailbox_id,id,type,folder_id,parent_id,date,size,name,subject,"
                    "mod_metadata,mod_content) VALUES ({},{},5,2,NULL,0,{},NULL,'{}',1,1)",
                    mailbox, id, id, std::string(bytes, 'x')));
  log->pump();
}

replica_side::figures replica_world::figures(const account_id& account) const {
  return side->figures_of(account).value_or(replica_side::figures{});
}

bool replica_world::applied(const account_id& account) {
  return eventually(patience, [&] { return figures(account).applied == log->last(account); });
}

std::size_t replica_world::stopped_of(const account_id& account, bool needs_snapshot) {
  const std::lock_guard lock(mutex);
  return static_cast<std::size_t>(std::ranges::count_if(stopped, [&](const replica_stopped& s) {
    return s.account == account && s.needs_snapshot == needs_snapshot;
  }));
}

std::string replica_world::difference(const account_id& account) {
  const auto rows = [&](fixture::private_mariadb& server) {
    const auto mailbox = std::stoul(
        server.value(fmt::format("SELECT id FROM zimbra.mailbox WHERE account_id='{}'", account.value)));
    std::string out;
    for (const auto& row : server.query(
             fmt::format("SELECT id,type,folder_id,size,IFNULL(name,'-'),IFNULL(MD5(subject),'-') FROM "
                         "mboxgroup{}.mail_item WHERE mailbox_id={} ORDER BY id",
                         (mailbox - 1) % 100 + 1, mailbox))) {
      for (const auto& field : row)
        out += field.value_or("NULL") + " ";
      out += "\n";
    }
    return out;
  };
  const auto here = rows(pair.source());
  const auto there = rows(pair.destination());
  return here == there ? std::string{} : fmt::format("source:\n{}destination:\n{}", here, there);
}

} // namespace understudy::replica_test
