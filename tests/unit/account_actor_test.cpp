// The account actor over librdkafka's mock cluster: numbers, the marker's and the fence's place, what settles
// when (R3, R11, R12, R16, R27, R28; case A12).
#include "actors/source/account.hpp"
#include "tests/tools/fixture/eventually.hpp"
#include "tests/unit/mock_log.hpp"

#include <caf/all.hpp>

using namespace understudy;
using namespace understudy::mock_log;
using fixture::eventually;

namespace {

const account_id anna{"anna"};

gtid id(std::uint64_t number) {
  return {0, 1, number};
}
binlog_place place(std::uint64_t transaction) {
  return {"binlog.000001", transaction * 100};
}

/// What the actor told the supervisor.
struct told {
  std::mutex mutex;
  std::vector<marker_written> markers;
  std::vector<fence_written> fences;
  std::vector<account_refused> refusals;
  unsigned holding = 0;
  template <class Pick>
  auto of(Pick pick) {
    const std::lock_guard lock(mutex);
    return pick(*this);
  }
};

caf::behavior listener(told& all) {
  return {
      [&all](const marker_written& m) {
        const std::lock_guard lock(all.mutex);
        all.markers.push_back(m);
      },
      [&all](const fence_written& f) {
        const std::lock_guard lock(all.mutex);
        all.fences.push_back(f);
      },
      [&all](const account_refused& r) {
        const std::lock_guard lock(all.mutex);
        all.refusals.push_back(r);
      },
      [&all](const holds_again&) {
        const std::lock_guard lock(all.mutex);
        ++all.holding;
      },
  };
}

struct world {
  explicit world(account_start start = {anna, epoch(1), sequence(0), {}, only, true},
                 std::size_t most_waiting_bytes = 1'000'000) {
    account_log::options options;
    options.kafka = cluster.settings();
    options.node = node_name("ms1");
    options.first_life = incarnation(100);
    options.most_waiting_bytes = most_waiting_bytes;
    options.report = [](const std::string&) {};
    log = std::make_shared<account_log>(std::move(options));
    BOOST_REQUIRE(log->start());
    settlement::options rules;
    rules.counts = [](broker_time) { return true; };
    rules.acknowledge = [](const binlog_place&) {};
    settle = std::make_shared<settlement>(std::move(rules));
    config.set("scheduler.max-threads", std::size_t{2});
    system = std::make_unique<caf::actor_system>(config);
    supervisor = system->spawn([this] { return listener(heard); });
    auto around = std::make_shared<account_surroundings>();
    around->log = log;
    around->settle = settle;
    around->supervisor = supervisor;
    around->confirmed = [this](const account_id&, epoch, sequence number) { confirmed = number.value; };
    around->messages = messages;
    account = system->spawn<account_actor>(around, std::move(start));
  }
  ~world() {
    caf::anon_send_exit(account, caf::exit_reason::user_shutdown);
    caf::anon_send_exit(supervisor, caf::exit_reason::user_shutdown);
    account = nullptr;
    supervisor = {};
    log->stop();
    system.reset();
  }

  void capture() {
    capture(
        std::make_shared<std::vector<row_change>>(std::vector<row_change>{insert(table, captured + 1, "x")}));
  }
  void capture_too_large() { capture(nullptr); }
  void capture(std::shared_ptr<std::vector<row_change>> rows) {
    ++captured;
    const auto check = std::make_shared<settlement::slice>(
        settlement::slice{settle->begin(id(captured), place(captured), 1, 100)});
    tell(slice_captured{check, id(captured), place(captured), 0, std::move(rows)});
  }
  /// What the view must follow, as the account says.
  binlog_place open(std::string snapshot) {
    const auto answer = std::make_shared<std::promise<binlog_place>>();
    tell(snapshot_opening{std::move(snapshot), answer});
    return answer->get_future().get();
  }
  void tell(account_message message) { understudy::tell(account, std::move(message)); }
  /// Everything captured has settled, and Kafka has confirmed what was produced.
  bool settled() {
    return eventually(deadline, [this] { return settle->unsettled() == 0 && log->in_flight() == 0; });
  }

  accounts_cluster cluster;
  std::shared_ptr<const shape> table = items();
  told heard;
  std::uint64_t captured = 0;
  std::atomic<std::uint64_t> confirmed{0};
  std::shared_ptr<message_counts> messages = std::make_shared<message_counts>();
  std::shared_ptr<account_log> log;
  std::shared_ptr<settlement> settle;
  caf::actor_system_config config;
  std::unique_ptr<caf::actor_system> system;
  caf::actor supervisor;
  account_handle account;
};

using list = std::vector<std::uint64_t>;

} // namespace

BOOST_AUTO_TEST_CASE(r11_slices_are_numbered_without_a_gap_and_settle_with_kafka) {
  world w({anna, epoch(1), sequence(41), {}, only, true});
  for (int i = 0; i < 3; ++i)
    w.capture();
  BOOST_REQUIRE(w.settled());
  BOOST_TEST(numbers(w.cluster.read()) == (list{42, 43, 44}), boost::test_tools::per_element());
  BOOST_TEST(eventually(deadline, [&] { return w.confirmed == 44; }));
}

BOOST_AUTO_TEST_CASE(messages_count_from_the_mailbox_on_until_they_are_done_or_dropped) {
  world w;
  w.capture();
  w.tell(protect{});
  const auto all_taken = [&](std::uint64_t wanted) {
    return eventually(deadline, [&] { return w.messages->taken == wanted && w.messages->waiting == 0; });
  };
  BOOST_TEST(all_taken(2));
  caf::anon_send_exit(w.account, caf::exit_reason::user_shutdown);
  w.tell(protect{}); // nobody is there
  BOOST_TEST(all_taken(4));
}

BOOST_AUTO_TEST_CASE(r16_a_marker_lies_behind_exactly_what_its_view_contains) {
  world w;
  w.capture();
  w.open("view");
  for (int i = 0; i < 3; ++i)
    w.capture(); // 2 and 3 are in the view, 4 isn't
  w.tell(snapshot_opened{"view", place(3), only, kafka_offset(7), mailbox_id(7)});
  w.capture();
  BOOST_REQUIRE(w.settled());
  const auto lines = w.cluster.read();
  BOOST_TEST(kinds(lines) == "istttmstt"); // behind the marker shapes are said again (R14)
  BOOST_TEST(numbers(lines) == (list{1, 2, 3, 4, 5}), boost::test_tools::per_element());
  const auto& marker = std::get<snapshot_event>(lines.at(5).body);
  BOOST_TEST(marker.number.value == 3U);
  BOOST_TEST(marker.id == "view");
  BOOST_TEST(marker.first.value == 7);
  BOOST_TEST((marker.last_id == std::get<transaction_event>(lines.at(4).body).id));
  BOOST_TEST(eventually(deadline, [&] {
    return w.heard.of([](told& t) { return t.markers.size() == 1 && t.markers[0].number == sequence(3); });
  }));
}

/// Its COMMIT may wait still, and then no view contains it.
BOOST_AUTO_TEST_CASE(r16_a_view_must_follow_what_lies_before_its_marker) {
  world w;
  w.capture();
  BOOST_TEST((w.open("first") == place(1)));
  w.capture(); // held
  w.tell(snapshot_abandoned{"first"});
  BOOST_TEST((w.open("second") == place(2)));
  w.tell(role_met{anna, epoch(2), account_role::replica, kafka_offset(42), sequence(2), true});
  w.tell(role_met{anna, epoch(3), account_role::source, kafka_offset(44), sequence(2), false});
  BOOST_TEST((w.open("of an epoch that begins") == binlog_place{}));
}

BOOST_AUTO_TEST_CASE(r16_a_view_that_was_given_up_lets_go_of_what_was_held) {
  world w;
  w.open("first");
  w.capture();
  w.capture();
  w.tell(snapshot_abandoned{"another"}); // of an attempt before: none of this one's business
  w.tell(snapshot_abandoned{"first"});
  w.tell(snapshot_opened{"first", place(1), only, kafka_offset(0), mailbox_id(7)}); // too late
  BOOST_REQUIRE(w.settled());
  BOOST_TEST(kinds(w.cluster.read()) == "istt");
}

BOOST_AUTO_TEST_CASE(r28_the_fence_goes_out_at_the_role_row_and_nothing_of_the_epoch_behind_it) {
  world w;
  w.capture();
  w.capture();
  w.tell(role_met{anna, epoch(2), account_role::replica, kafka_offset(42), sequence(2), true});
  w.capture(); // a foreign write: settles, isn't produced (R35)
  BOOST_REQUIRE(w.settled());
  const auto lines = w.cluster.read();
  BOOST_TEST(kinds(lines) == "isttf");
  const auto& fence = std::get<fence_event>(lines.back().body);
  BOOST_TEST(fence.term.value == 2U);
  BOOST_TEST(fence.decision.value == 42);
  BOOST_TEST(fence.is_protected);
  BOOST_TEST(eventually(deadline, [&] {
    return w.heard.of([](told& t) { return t.fences.size() == 1 && t.fences[0].cut == sequence(2); });
  }));
}

/// Nothing speaks of the epoch behind its fence, so what waited for that must not wait for ever (R3).
BOOST_AUTO_TEST_CASE(r3_r28_what_kafka_refused_waits_no_longer_than_its_epoch) {
  world w;
  const auto check =
      std::make_shared<settlement::slice>(settlement::slice{w.settle->begin(id(1), place(1), 1, 100)});
  w.tell(slice_refused{check, sequence(1), "too large"});
  w.open("only to know that it was heard");
  BOOST_TEST(w.settle->unsettled() == 1U);
  w.tell(snapshot_abandoned{"only to know that it was heard"});
  w.tell(role_met{anna, epoch(2), account_role::replica, kafka_offset(42), sequence(1), true});
  BOOST_TEST(eventually(deadline, [&] { return w.settle->unsettled() == 0; }));
}

BOOST_AUTO_TEST_CASE(r16_a_role_row_gives_a_snapshot_up_that_is_just_opening) {
  world w;
  w.open("view");
  w.capture();
  w.tell(role_met{anna, epoch(2), account_role::replica, kafka_offset(42), sequence(1), true});
  w.tell(snapshot_opened{"view", place(1), only, kafka_offset(0), mailbox_id(7)});
  BOOST_REQUIRE(
      eventually(deadline, [&] { return w.heard.of([](told& t) { return t.fences.size() == 1; }); }));
  BOOST_REQUIRE(w.settled());
  BOOST_TEST(kinds(w.cluster.read()) == "istf"); // no marker: behind the fence it would be void
}

BOOST_AUTO_TEST_CASE(r3_what_kafka_refuses_holds_its_commit_until_control_says_unprotected) {
  world w;
  w.capture();
  BOOST_REQUIRE(w.settled());
  w.cluster.answer_next_produce(RD_KAFKA_RESP_ERR_INVALID_RECORD);
  w.capture();
  BOOST_REQUIRE(eventually(deadline, [&] {
    return w.heard.of([](told& t) { return t.refusals.size() == 1 && t.refusals[0].since == sequence(2); });
  }));
  BOOST_TEST(w.settle->unsettled() == 1U);
  w.tell(settle_unprotected{"refused"});
  BOOST_REQUIRE(w.settled());
  w.capture(); // settles without Kafka, and is produced all the same
  BOOST_REQUIRE(w.settled());
  BOOST_TEST(numbers(w.cluster.read()) == (list{1, 3}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(p06_r3_a_slice_too_large_to_keep_uses_up_its_number_and_waits_for_controls_word) {
  world w;
  w.capture();
  w.capture_too_large();
  BOOST_REQUIRE(eventually(deadline, [&] {
    return w.heard.of([](told& t) { return t.refusals.size() == 1 && t.refusals[0].since == sequence(2); });
  }));
  w.capture();
  BOOST_REQUIRE(eventually(deadline, [&] { return w.log->in_flight() == 0; }));
  BOOST_TEST(w.settle->unsettled() == 2U); // it, and the one behind it
  w.tell(settle_unprotected{"refused"});
  BOOST_REQUIRE(w.settled());
  BOOST_TEST(numbers(w.cluster.read()) == (list{1, 3}), boost::test_tools::per_element());
}

/// The log is all that knows of it before control does.
BOOST_AUTO_TEST_CASE(r3_r4_what_is_refused_unheld_is_read_again_until_control_knows_of_it) {
  world w({anna, epoch(1), sequence(0), {}, only, false});
  w.capture();
  w.capture_too_large();
  w.capture_too_large();
  BOOST_REQUIRE(w.settled()); // nobody waits
  BOOST_TEST(w.log->oldest_missing().value_or(0) == 2U);
  w.log->refusal_is_said(anna, sequence(2));
  BOOST_TEST(w.log->oldest_missing().value_or(0) == 2U); // the third isn't said
  w.log->refusal_is_said(anna, sequence(3));
  BOOST_TEST(!w.log->oldest_missing());
  w.capture_too_large();
  BOOST_REQUIRE(w.settled());
  BOOST_TEST(w.log->oldest_missing().has_value());
  w.tell(role_met{anna, epoch(2), account_role::replica, kafka_offset(42), sequence(4), true});
  BOOST_TEST(eventually(deadline, [&] { return !w.log->oldest_missing(); }));
}

BOOST_AUTO_TEST_CASE(r3_a_refusal_that_comes_behind_controls_word_holds_nothing) {
  world w;
  const auto check =
      std::make_shared<settlement::slice>(settlement::slice{w.settle->begin(id(1), place(1), 1, 100)});
  w.tell(settle_unprotected{"another one was refused"});
  w.tell(slice_refused{check, sequence(1), "too large"});
  BOOST_REQUIRE(w.settled());
}

/// If the transaction's ACK still waits for another's.
BOOST_AUTO_TEST_CASE(r4_r12_what_settled_without_kafka_is_read_by_a_restart_all_the_same) {
  world w({anna, epoch(1), sequence(0), {}, only, false});
  const auto others = [&](std::int64_t offset) { // in Kafka, in the same partition
    const settlement::slice part{w.settle->begin(id(100), place(0), 1, 100)};
    w.settle->delivered(std::make_shared<settlement::slice>(part), {only, kafka_offset(offset), {}});
  };
  others(0);
  const auto ahead = w.settle->begin(id(101), place(0), 1, 100); // not in Kafka yet
  w.capture();
  BOOST_TEST(eventually(deadline, [&] { return w.confirmed == 1; }));
  others(5);
  const auto kept = w.settle->take_checkpoint();
  BOOST_TEST(kept.next == ahead);
  BOOST_REQUIRE(kept.read_from.contains(only));
  BOOST_TEST(kept.read_from.at(only).value == 1); // behind the incarnation and the shape lies the event, at 2
}

BOOST_AUTO_TEST_CASE(r20_a_closed_epoch_settles_what_waits_and_produces_no_more) {
  world w;
  w.open("view");
  w.tell(epoch_closed{epoch(1)});
  w.tell(snapshot_abandoned{"view"});
  w.capture();
  w.tell(role_met{anna, epoch(2), account_role::replica, kafka_offset(42), sequence(0), true});
  w.capture();
  BOOST_REQUIRE(w.settled());
  BOOST_TEST(w.cluster.read().empty()); // not even a fence: control's new primary writes it (R31)
}

/// Its next COMMIT would wait for all that the binlog is read again for.
BOOST_AUTO_TEST_CASE(r3_r4_an_account_of_which_events_were_left_out_holds_nobody_though_it_is_asked_to) {
  world w({anna, epoch(1), sequence(0), {}, only, false}, 1);
  w.cluster.go_away();
  w.capture();
  w.capture();
  BOOST_REQUIRE(eventually(deadline, [&] { return w.log->leaves_out(anna); }));
  w.tell(protect{});
  w.capture();
  BOOST_TEST(eventually(deadline, [&] { return w.settle->settled().covers(id(3)); }));
  BOOST_TEST(w.log->left_out_now().at(0).last.value == 3U);
  w.log->resume(anna);
  w.tell(protect{});
  BOOST_TEST(eventually(deadline, [&] { return w.heard.of([](told& t) { return t.holding == 1; }); }));
}
