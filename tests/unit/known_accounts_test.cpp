// What capture knows of accounts: who gets a slice, what a former life's events settle (R12), roles in the
// binlog's order (R11), and actors that exist only while somebody needs them.
#include "actors/source/known_accounts.hpp"
#include "tests/tools/fixture/eventually.hpp"

#include <boost/test/unit_test.hpp>
#include <caf/all.hpp>

using namespace understudy;
using fixture::eventually;

namespace {

constexpr std::chrono::seconds deadline{20};
const account_id anna{"anna"};
const account_id bert{"bert"};

gtid id(std::uint64_t number) {
  return {0, 1, number};
}
binlog_place place(std::uint64_t number) {
  return {"binlog.000001", number * 100};
}

/// Keeps what it is given, until the test has Kafka confirm it.
class held_log final : public account_log {
public:
  held_log()
      : account_log(options{}) {}
  void produce(partition_id, account_event_body body, on_delivery done, captured_from) override {
    const std::lock_guard lock(mutex_);
    events_.push_back(std::move(body));
    waiting_.push_back(std::move(done));
  }
  std::vector<account_event_body> events() {
    const std::lock_guard lock(mutex_);
    return events_;
  }
  void confirm_all() {
    std::vector<on_delivery> waiting;
    {
      const std::lock_guard lock(mutex_);
      waiting.swap(waiting_);
    }
    for (const auto& done : waiting)
      done({{}, kafka_offset(7), broker_time{1}, {}});
  }

private:
  std::mutex mutex_;
  std::vector<account_event_body> events_;
  std::vector<on_delivery> waiting_;
};

struct world {
  world() {
    settlement::options rules;
    rules.counts = [](broker_time) { return true; };
    rules.acknowledge = [](const binlog_place&) {};
    around->log = log;
    around->settle = std::make_shared<settlement>(std::move(rules));
    around->confirmed = [this](const account_id& account, epoch term, sequence number) {
      accounts->confirmed(account, term, number);
    };
    config.set("scheduler.max-threads", std::size_t{2});
    system = std::make_unique<caf::actor_system>(config);
    supervisor = system->spawn([this]() -> caf::behavior {
      return {[this](const role_met& row) {
                if (row.role == account_role::replica)
                  ++(row.was_written ? left : left_unwritten);
              },
              [](const fence_written&) {}, [](const holds_again&) {},
              [this](const account_refused& lacks) { refused = lacks.since; },
              [this](const foreign_write& write) {
                if (write.logged)
                  logged = write.logged->offset;
                ++foreign;
              }};
    });
    around->supervisor = supervisor;
    accounts = std::make_shared<known_accounts>(*system, around);
  }
  ~world() {
    log->confirm_all();
    for (const auto& account : {anna, bert})
      if (const auto known = accounts->numbered_up_to(account))
        if (const auto actor = accounts->writer_of(account, known->term).actor)
          caf::anon_send_exit(actor, caf::exit_reason::user_shutdown);
    accounts->forget(anna);
    accounts->forget(bert);
    caf::anon_send_exit(supervisor, caf::exit_reason::user_shutdown);
    supervisor = {};
    around->supervisor = {};
  }

  void expect(const account_id& account, std::uint32_t mailbox, account_role role, std::uint64_t last,
              known_events known = {}) {
    accounts->expect({account, mailbox_id(mailbox), partition_id(0), epoch(1), role, sequence(last), true,
                      std::move(known)});
  }
  void capture(std::uint32_t mailbox, std::uint32_t timestamp = 0) {
    ++captured;
    sliced_transaction transaction;
    transaction.timestamp = timestamp;
    transaction.id = id(captured);
    transaction.end = place(captured);
    transaction.slices.push_back({mailbox_id(mailbox), std::vector<row_change>(1)});
    accounts->on_slices(transaction, nullptr);
  }
  /// `read_at`: the transaction behind which the account's rows were read for the fence; 0: under the guard.
  void role(const account_id& account, epoch term, const char* role, const account_checksum& at_cut = {},
            std::uint64_t read_at = 0) {
    ++captured;
    sliced_transaction transaction;
    transaction.id = id(captured);
    transaction.end = place(captured);
    transaction.roles.push_back({account, term, role, kafka_offset(9), text_of(at_cut),
                                 read_at == 0 ? binlog_place{} : place(read_at)});
    accounts->on_slices(transaction, nullptr);
    accounts->on_roles(transaction, nullptr);
  }
  template <class Event>
  std::vector<Event> produced() {
    std::vector<Event> all;
    for (const auto& each : log->events())
      if (const auto* event = std::get_if<Event>(&each))
        all.push_back(*event);
    return all;
  }
  bool produces(std::size_t count) {
    return eventually(deadline, [&] { return log->events().size() == count; });
  }
  /// Until the actor heard of it and holds nothing.
  bool settled(const account_id& account, std::uint64_t last) {
    return eventually(deadline, [&] {
      log->confirm_all();
      return around->settle->unsettled() == 0 && accounts->confirmed_of(account) == sequence(last);
    });
  }
  /// Rests until the account has no actor: then a new one is a stranger to the one before.
  bool rests() {
    return eventually(deadline, [&] {
      accounts->rest();
      return system->registry().running() == 1; // the supervisor
    });
  }

  /// Anna's transactions 5 and 6, the first two in the binlog, are in Kafka since a former life.
  void expect_with_two_known() {
    known_events known;
    known[id(1)] = {sequence(5), {partition_id(0), kafka_offset(9), broker_time{1}}};
    known[id(2)] = {sequence(6), {partition_id(0), kafka_offset(10), broker_time{1}}};
    expect(anna, 1, account_role::source, 6, known);
  }

  std::shared_ptr<held_log> log = std::make_shared<held_log>();
  std::shared_ptr<account_surroundings> around = std::make_shared<account_surroundings>();
  caf::actor_system_config config;
  std::unique_ptr<caf::actor_system> system;
  caf::actor supervisor;
  std::shared_ptr<known_accounts> accounts;
  std::atomic<int> foreign{0};
  std::atomic<int> left{0}, left_unwritten{0};        ///< role rows as replica
  std::atomic<sequence> refused{sequence{}};          ///< the last of these
  std::atomic<kafka_offset> logged{kafka_offset(-1)}; ///< of the last of them that Kafka has
  std::uint64_t captured = 0;
};

} // namespace

BOOST_AUTO_TEST_CASE(r12_what_kafka_holds_from_a_former_life_settles_without_being_produced_again) {
  world w;
  w.expect_with_two_known();
  w.capture(1);
  w.capture(1);
  BOOST_TEST(w.around->settle->unsettled() == 0U);
  BOOST_TEST((w.accounts->numbered_up_to(anna)->last == sequence(6))); // not counted twice
  w.capture(1);                                                        // that one Kafka lacks
  BOOST_REQUIRE(w.settled(anna, 7));
  BOOST_REQUIRE(w.produced<transaction_event>().size() == 1U);
  BOOST_TEST((w.produced<transaction_event>()[0].number == sequence(7)));
}

/// A former life's 5 was refused, 6 is in Kafka, and so is a snapshot behind both: numbered 7, the refused
/// one would reach that snapshot's replicas twice.
BOOST_AUTO_TEST_CASE(r3_r16_what_a_snapshot_has_and_kafka_lacks_isnt_numbered_anew) {
  world w;
  known_events known;
  known[id(2)] = {sequence(6), {partition_id(0), kafka_offset(10), broker_time{1}}};
  w.accounts->expect({anna, mailbox_id(1), partition_id(0), epoch(1), account_role::source, sequence(6), true,
                      known, known_marker{id(2), sequence(6)}});
  w.capture(1);
  BOOST_TEST(!w.accounts->writer_of(anna, epoch(1)).actor); // its COMMIT may wait: no view has it for sure
  BOOST_REQUIRE(eventually(deadline, [&] { return w.refused.load() == sequence(6); }));
  BOOST_TEST(w.around->settle->unsettled() == 1U); // until control says so
  w.capture(1);
  const auto writer = w.accounts->writer_of(anna, epoch(1)).actor;
  BOOST_REQUIRE(!!writer);
  w.capture(1); // behind the view
  w.accounts->set_protected(anna, false);
  BOOST_REQUIRE(w.settled(anna, 7));
  BOOST_REQUIRE(w.produced<transaction_event>().size() == 1U);
  BOOST_TEST((w.produced<transaction_event>()[0].number == sequence(7)));
}

/// Nobody is told OK before control says that replicas lack it.
BOOST_AUTO_TEST_CASE(p1_what_changed_unseen_waits_for_whoever_is_told) {
  world w;
  w.expect(anna, 1, account_role::source, 0);
  sliced_transaction statement;
  statement.id = id(1);
  statement.end = place(1);
  statement.unseen.push_back({sliced_transaction::warning::kind::statement_dml, "UPDATE …", {}, {}, true});
  auto held = w.accounts->on_slices(statement, nullptr);
  BOOST_TEST(w.around->settle->unsettled() == 1U);
  held.reset();
  BOOST_TEST(w.around->settle->unsettled() == 0U);
  statement.unseen[0].rows_may_have_changed = false; // a table was made
  statement.end = place(2);
  held = w.accounts->on_slices(statement, nullptr);
  BOOST_TEST(!held);
  BOOST_TEST(w.around->settle->unsettled() == 0U);
}

/// Otherwise a restart would find two events of one GTID in Kafka, and give one of them a further number.
BOOST_AUTO_TEST_CASE(r11_a_mailbox_deleted_and_created_again_in_one_transaction_is_one_event) {
  world w;
  w.expect(anna, 1, account_role::source, 0);
  w.expect(bert, 7, account_role::source, 0);
  sliced_transaction again;
  again.id = id(1);
  again.end = place(1);
  again.registry.push_back({change_kind::remove, anna, mailbox_id(1), {}, false});
  again.registry.push_back({change_kind::insert, anna, mailbox_id(2), {}, false});
  again.slices.push_back({mailbox_id(1), std::vector<row_change>(2)});
  again.slices.push_back({mailbox_id(2), std::vector<row_change>(3)});
  again.slices.push_back({mailbox_id(7), std::vector<row_change>(1)});
  w.accounts->on_registered(again);
  w.accounts->on_slices(again, nullptr);
  w.accounts->on_unregistered(again);
  w.captured = 1;
  BOOST_REQUIRE(w.settled(anna, 1));
  const auto events = w.produced<transaction_event>();
  BOOST_REQUIRE(events.size() == 2U);
  for (const auto& event : events)
    BOOST_TEST(event.changes.size() == (event.account == anna ? 5U : 1U));
  w.capture(2);
  BOOST_TEST(w.settled(anna, 2));
}

/// REPLACE is a delete and an insert where other tables refer to the row.
BOOST_AUTO_TEST_CASE(p1_a_mailbox_that_is_replaced_under_its_number_stays_its_accounts) {
  world w;
  w.expect(anna, 1, account_role::source, 0);
  w.expect(bert, 7, account_role::source, 0);
  sliced_transaction replaced;
  replaced.id = id(1);
  replaced.end = place(1);
  replaced.registry.push_back({change_kind::remove, anna, mailbox_id(1), {}, false});
  replaced.registry.push_back({change_kind::insert, anna, mailbox_id(1), {}, false});
  replaced.registry.push_back({change_kind::remove, bert, mailbox_id(7), {}, false});
  replaced.registry.push_back({change_kind::insert, account_id("nobody"), mailbox_id(7), {}, false});
  replaced.slices.push_back({mailbox_id(1), std::vector<row_change>(2)});
  w.accounts->on_registered(replaced);
  w.accounts->on_slices(replaced, nullptr);
  w.accounts->on_unregistered(replaced);
  w.captured = 1;
  BOOST_REQUIRE(w.settled(anna, 1));
  w.capture(1);
  BOOST_TEST(w.settled(anna, 2));
  w.capture(7);
  for (const auto& event : w.produced<transaction_event>())
    BOOST_TEST((event.account == anna));
}

BOOST_AUTO_TEST_CASE(r12_a_later_epochs_events_stay_known_while_the_account_is_a_replica_in_between) {
  world w;
  known_events known;
  known[id(3)] = {sequence(9), {partition_id(0), kafka_offset(20), broker_time{1}}};
  w.expect(anna, 1, account_role::source, 9, known);
  w.role(anna, epoch(2), "replica"); // the fence
  w.role(anna, epoch(3), "source");
  w.capture(1);
  BOOST_REQUIRE(w.settled(anna, 9));
  BOOST_TEST(w.produced<transaction_event>().empty());
}

BOOST_AUTO_TEST_CASE(p7_an_account_at_rest_has_no_actor_and_goes_on_where_it_was) {
  world w;
  w.expect(anna, 1, account_role::source, 4);
  w.expect(bert, 2, account_role::source, 0);
  BOOST_TEST(w.system->registry().running() == 1U); // nobody wrote yet
  w.capture(1);
  w.capture(1);
  BOOST_REQUIRE(w.produces(2));
  w.accounts->rest(); // was written since the last time
  w.accounts->rest(); // waits for Kafka
  w.capture(1);
  BOOST_REQUIRE(w.settled(anna, 7));
  BOOST_REQUIRE(w.rests());
  w.capture(1);
  BOOST_REQUIRE(w.settled(anna, 8));
  const auto events = w.produced<transaction_event>();
  BOOST_REQUIRE(events.size() == 4U);
  for (std::size_t i = 0; i < events.size(); ++i)
    BOOST_TEST((events[i].number == sequence(5 + i)));
}

BOOST_AUTO_TEST_CASE(p7_an_actor_that_somebody_holds_doesnt_rest) {
  world w;
  w.expect(anna, 1, account_role::source, 0);
  const auto held = w.accounts->writer_of(anna, epoch(1)).actor; // as a snapshot's sender does
  for (int i = 0; i < 3; ++i)
    w.accounts->rest();
  BOOST_TEST((w.accounts->writer_of(anna, epoch(1)).actor == held));
}

/// A snapshot's marker in an epoch before would be void.
BOOST_AUTO_TEST_CASE(r16_nobody_gets_the_actor_of_an_epoch_that_capture_has_yet_to_meet) {
  world w;
  w.expect(anna, 1, account_role::source, 0);
  BOOST_TEST(!w.accounts->writer_of(anna, epoch(3)).actor);
  w.role(anna, epoch(3), "source");
  BOOST_TEST(!!w.accounts->writer_of(anna, epoch(3)).actor);
}

/// The view of a snapshot might not contain what its marker lies behind.
BOOST_AUTO_TEST_CASE(r16_nobody_gets_the_actor_of_an_account_whose_tail_capture_has_yet_to_meet) {
  world w;
  w.expect_with_two_known();
  w.capture(1);
  BOOST_TEST(!w.accounts->writer_of(anna, epoch(1)).actor);
  w.capture(1);
  const auto writer = w.accounts->writer_of(anna, epoch(1));
  BOOST_TEST(!!writer.actor);
  BOOST_TEST((writer.met == place(2)));
}

/// One that was refused before the restart may wait in its COMMIT, and Kafka knows nothing of it: a view that
/// is opened now lacks it.
BOOST_AUTO_TEST_CASE(p1_r16_nobody_gets_an_actor_before_capture_met_all_that_the_binlog_had) {
  world w;
  w.expect(anna, 1, account_role::source, 4);
  gtid_position end, settled;
  settled.advance({5, 1, 70}); // nothing of that domain is to come
  end.advance({5, 1, 70});
  end.advance(id(2));
  w.accounts->meet_first(end, settled);
  BOOST_TEST(!w.accounts->writer_of(anna, epoch(1)).actor);
  w.capture(1);
  BOOST_TEST(!w.accounts->writer_of(anna, epoch(1)).actor);
  w.capture(2); // whoever's it is
  BOOST_TEST(!!w.accounts->writer_of(anna, epoch(1)).actor);
}

/// MariaDB let commits go that capture hadn't read, and holds them again: from there on only.
BOOST_AUTO_TEST_CASE(p1_r5_what_was_let_go_unread_is_to_be_met_before_anything_is_protected) {
  world w;
  w.expect(anna, 1, account_role::source, 4);
  gtid_position end, settled;
  settled.advance({5, 1, 70}); // nothing of that domain is to come
  end.advance({5, 1, 70});
  w.accounts->meet_first(end, settled);
  BOOST_TEST(w.accounts->met_what_was_there());
  w.capture(1);
  end.advance(id(2));
  w.accounts->must_meet(end);
  BOOST_TEST(!w.accounts->met_what_was_there());
  w.capture(2);
  BOOST_TEST(w.accounts->met_what_was_there());
}

BOOST_AUTO_TEST_CASE(r28_an_account_without_an_actor_is_fenced_all_the_same) {
  world w;
  w.expect(anna, 1, account_role::source, 4);
  w.capture(1);
  BOOST_REQUIRE(w.settled(anna, 5));
  BOOST_REQUIRE(w.rests());
  w.role(anna, epoch(2), "replica");
  BOOST_REQUIRE(eventually(deadline, [&] { return w.produced<fence_event>().size() == 1; }));
  const auto fence = w.produced<fence_event>()[0];
  BOOST_TEST((fence.last == sequence(5)));
  BOOST_TEST((fence.last_id == id(1)));
  w.capture(1);
  BOOST_REQUIRE(eventually(deadline, [&] { return w.foreign == 1; }));
}

/// What the actor knew was the first of two transactions, and the number of the second.
BOOST_AUTO_TEST_CASE(r29_a_fence_names_the_transaction_of_its_last_number_or_none) {
  world w;
  w.expect_with_two_known();
  w.capture(1);
  w.capture(1);
  w.role(anna, epoch(2), "replica");
  BOOST_REQUIRE(eventually(deadline, [&] { return w.produced<fence_event>().size() == 1; }));
  const auto fence = w.produced<fence_event>()[0];
  BOOST_TEST((fence.last == sequence(6)));
  BOOST_TEST((!fence.last_id || fence.last_id == id(2)));
}

/// Rows that were read before something was written are no more what the account is at the cut.
BOOST_AUTO_TEST_CASE(r29_a_fence_says_what_the_rows_are_at_the_cut_or_nothing) {
  const account_checksum rows{{"mboxgroup/tag", 3, 99}};
  // One transaction of its own, then one of somebody else.
  for (const std::uint64_t read_at : {0U, 1U, 2U}) {
    world w;
    w.expect(anna, 1, account_role::source, 4);
    w.expect(bert, 2, account_role::source, 4);
    w.capture(1);
    BOOST_TEST(!w.accounts->written_behind(anna, place(1)));
    w.capture(2);
    w.role(anna, epoch(2), "replica", rows, read_at);
    BOOST_REQUIRE(eventually(deadline, [&] { return w.produced<fence_event>().size() == 1; }));
    BOOST_TEST((w.produced<fence_event>()[0].at_cut == rows));
  }
  world w;
  w.expect(anna, 1, account_role::source, 4);
  w.capture(1);
  w.capture(1);
  BOOST_TEST(w.accounts->written_behind(anna, place(1)));
  BOOST_TEST(!w.accounts->written_behind(anna, place(2)));
  w.role(anna, epoch(2), "replica", rows, 1);
  BOOST_REQUIRE(eventually(deadline, [&] { return w.produced<fence_event>().size() == 1; }));
  BOOST_TEST(w.produced<fence_event>()[0].at_cut.empty());
}

BOOST_AUTO_TEST_CASE(r20_an_epoch_that_was_closed_writes_no_fence) {
  world w;
  w.expect(anna, 1, account_role::source, 4);
  w.accounts->close_epoch(anna, epoch(1));
  BOOST_TEST(!w.accounts->writer_of(anna, epoch(1)).actor);
  w.role(anna, epoch(2), "replica");
  w.capture(1);
  BOOST_REQUIRE(eventually(deadline, [&] { return w.foreign == 1; }));
  BOOST_TEST(w.log->events().empty());
}

/// Each start would take its epoch for lost otherwise, and end everybody's waiting commits.
BOOST_AUTO_TEST_CASE(r19_r20_an_epoch_that_was_closed_is_lost_until_a_role_row_says_so) {
  world w;
  w.expect(anna, 1, account_role::source, 4);
  BOOST_TEST(!w.accounts->is_lost(anna));
  w.accounts->close_epoch(anna, epoch(1));
  BOOST_TEST(w.accounts->is_lost(anna));
  w.role(anna, epoch(2), "replica");
  BOOST_TEST(!w.accounts->is_lost(anna));
  BOOST_TEST(w.accounts->knows_replica(anna, mailbox_id(1)));
  const auto kept = w.accounts->changed_accounts(place(9));
  BOOST_REQUIRE(kept.size() == 1U);
  BOOST_TEST((kept[0].role == account_role::replica));
  BOOST_TEST((kept[0].term == epoch(2)));
  BOOST_TEST(w.log->events().empty());
  w.capture(1);
  BOOST_REQUIRE(eventually(deadline, [&] { return w.foreign == 1; }));
}

/// A copy that is ready is expected before capture, which begins below role rows of its past, has met them.
BOOST_AUTO_TEST_CASE(r11_a_role_row_of_an_earlier_epoch_than_is_known_changes_nothing) {
  world w;
  w.accounts->expect(
      {anna, mailbox_id(1), partition_id(0), epoch(4), account_role::replica, sequence(9), true});
  w.role(anna, epoch(3), "source");
  BOOST_TEST(w.accounts->knows_replica(anna, mailbox_id(1)));
  BOOST_TEST(!w.accounts->is_written(anna));
}

/// Whoever was a replica meanwhile knows no last number: others gave it.
BOOST_AUTO_TEST_CASE(r11_numbers_are_own_only_while_nobody_else_goes_on_with_them) {
  world w;
  w.expect(anna, 1, account_role::none, 4);
  BOOST_TEST(!w.accounts->numbered_up_to(anna)->is_own);
  w.role(anna, epoch(2), "source");
  BOOST_TEST(w.accounts->numbered_up_to(anna)->is_own);
  w.accounts->forget(anna);
  BOOST_TEST(w.accounts->numbered_up_to(anna)->is_own);
  w.expect(anna, 1, account_role::none, 4);
  w.role(anna, epoch(3), "source");
  w.role(anna, epoch(4), "replica");
  BOOST_TEST(!w.accounts->numbered_up_to(anna)->is_own);
  w.accounts->forget(anna);
  BOOST_TEST(!w.accounts->numbered_up_to(anna)->is_own);
}

BOOST_AUTO_TEST_CASE(r35_what_kafka_has_of_an_epoch_that_was_closed_is_told_with_its_place) {
  world w;
  known_events known;
  known[id(1)] = {sequence(5), {partition_id(0), kafka_offset(9), broker_time{1}}};
  w.expect(anna, 1, account_role::source, 5, known);
  w.accounts->close_epoch(anna, epoch(1));
  w.capture(1);
  BOOST_REQUIRE(eventually(deadline, [&] { return w.foreign == 1; }));
  BOOST_TEST((w.logged.exchange(kafka_offset(-1)) == kafka_offset(9)));
  w.capture(1); // that one Kafka lacks
  BOOST_REQUIRE(eventually(deadline, [&] { return w.foreign == 2; }));
  BOOST_TEST((w.logged.load() == kafka_offset(-1)));
}

BOOST_AUTO_TEST_CASE(r35_a_checkpoint_reads_from_where_an_epoch_was_closed_that_it_may_read_again) {
  world w;
  auto& settle = *w.around->settle;
  w.expect(anna, 1, account_role::source, 5);
  settle.begin(id(1), place(1), 1, 10); // isn't released
  w.accounts->close_epoch(anna, epoch(1));
  const settlement::slice another{settle.begin(id(2), place(2), 1, 10)};
  settle.delivered(std::make_shared<settlement::slice>(another),
                   {partition_id(0), kafka_offset(30), broker_time{1}});
  BOOST_TEST(!settle.take_checkpoint().read_from.contains(partition_id(0)));
}

BOOST_AUTO_TEST_CASE(r11_behind_an_epoch_that_was_cut_off_elsewhere_numbers_go_on_where_others_stopped) {
  world w;
  w.expect(anna, 1, account_role::source, 61);
  w.capture(1);
  BOOST_REQUIRE(w.settled(anna, 62));
  w.accounts->close_epoch(anna, epoch(1)); // a claim ended it; no role row of this mailstore says so
  w.expect(anna, 1, account_role::replica, 116);
  w.role(anna, epoch(3), "source");
  w.capture(1);
  BOOST_REQUIRE(w.settled(anna, 117));
  BOOST_TEST((w.produced<transaction_event>().back().number == sequence(117)));
}

/// Else a destination of a node that was down for an hour shows a lag of milliseconds.
BOOST_AUTO_TEST_CASE(p8_what_is_read_late_was_committed_when_the_binlog_says) {
  world w;
  w.expect(anna, 1, account_role::source, 0);
  w.capture(1, 1'766'000'000);
  w.capture(1, std::numeric_limits<std::uint32_t>::max()); // by a clock that's ahead
  BOOST_REQUIRE(w.produces(2));
  const auto events = w.produced<transaction_event>();
  BOOST_TEST(events.at(0).committed_us == 1'766'000'001'000'000);
  BOOST_TEST(events.at(1).committed_us > 1'766'000'001'000'000);
  BOOST_TEST(events.at(1).committed_us < std::int64_t{std::numeric_limits<std::uint32_t>::max()} * 1'000'000);
}

BOOST_AUTO_TEST_CASE(r11_what_landed_behind_the_cut_of_an_epoch_uses_up_no_number) {
  world w;
  w.expect(anna, 1, account_role::source, 61);
  w.capture(1); // 62, still on its way when the epoch ends
  BOOST_REQUIRE(eventually(deadline, [&] { return w.log->events().size() == 1; }));
  w.accounts->close_epoch(anna, epoch(1));
  w.expect(anna, 1, account_role::replica, 61); // and the account comes back
  w.log->confirm_all();
  BOOST_TEST((w.accounts->confirmed_of(anna) == sequence(61)));
  w.role(anna, epoch(3), "source");
  w.capture(1);
  BOOST_REQUIRE(w.settled(anna, 62));
  BOOST_TEST((w.produced<transaction_event>().back().number == sequence(62)));
  const auto kept = w.accounts->changed_accounts(place(3));
  BOOST_REQUIRE(kept.size() == 1U);
  BOOST_TEST((kept[0].number == sequence(62)));
}

BOOST_AUTO_TEST_CASE(r11_a_checkpoint_has_the_role_as_of_its_place) {
  world w;
  w.expect(anna, 1, account_role::source, 4);
  w.capture(1);
  BOOST_REQUIRE(w.settled(anna, 5));
  w.role(anna, epoch(2), "replica"); // transaction 2
  auto kept = w.accounts->changed_accounts(place(1));
  BOOST_REQUIRE(kept.size() == 1U);
  BOOST_TEST((kept[0].role == account_role::source));
  BOOST_TEST((kept[0].number == sequence(5)));
  kept = w.accounts->changed_accounts(place(2));
  BOOST_REQUIRE(kept.size() == 1U);
  BOOST_TEST((kept[0].role == account_role::replica));
  BOOST_TEST(w.accounts->changed_accounts(place(3)).empty());
}

/// Its mailbox was deleted and made again while the checkpoint stood still: what lies between is read again,
/// and was of the mailbox before.
BOOST_AUTO_TEST_CASE(r12_a_checkpoint_has_the_mailbox_as_of_its_place) {
  world w;
  w.expect(anna, 7, account_role::source, 4);
  w.capture(7);
  BOOST_REQUIRE(w.settled(anna, 5));
  sliced_transaction again;
  again.id = id(2);
  again.end = place(2);
  again.registry.push_back({change_kind::insert, anna, mailbox_id(9), {}, false});
  w.accounts->on_registered(again);
  auto kept = w.accounts->changed_accounts(place(1));
  BOOST_REQUIRE(kept.size() == 1U);
  BOOST_TEST((kept[0].mailbox == mailbox_id(7)));
  kept = w.accounts->changed_accounts(place(2));
  BOOST_REQUIRE(kept.size() == 1U);
  BOOST_TEST((kept[0].mailbox == mailbox_id(9)));
}

/// A node that came back to it was killed before it was active: the next one leaves it once more, to learn
/// where its fence lies. It waited for the word of an actor that had written none.
BOOST_AUTO_TEST_CASE(r29_an_epoch_that_is_left_once_more_before_it_is_active_wasnt_written) {
  world w;
  w.expect(anna, 1, account_role::source, 4);
  w.role(anna, epoch(2), "replica");
  BOOST_TEST(eventually(deadline, [&] { return w.left == 1; }));
  w.role(anna, epoch(2), "source");
  w.role(anna, epoch(2), "replica");
  BOOST_TEST(eventually(deadline, [&] { return w.left_unwritten == 1; }));
}
