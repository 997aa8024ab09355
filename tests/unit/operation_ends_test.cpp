// How an account ends in an operation (R25): its decided epoch doesn't begin, or somebody else has it.
#include "actors/supervisor/operations.hpp"
#include "tests/tools/fixture/eventually.hpp"
#include "tests/unit/control_world.hpp"

#include <boost/test/unit_test.hpp>

using namespace understudy;
using namespace understudy::test;

namespace {

const operation_id ours("ours"), theirs("theirs");

/// The supervisor of mailstore1, which goes on with an operation that it took before a restart.
struct world {
  explicit world(std::chrono::milliseconds lease = std::chrono::minutes(1),
                 std::chrono::milliseconds answer_patience = std::chrono::minutes(1),
                 std::chrono::milliseconds peer_patience = std::chrono::minutes(1)) {
    parts->config.node.name = one;
    parts->control = std::make_shared<control_view>(one);
    parts->lease = std::make_shared<lease_keeper>(one, "process", 1, lease_rules{lease});
    operation_surroundings around;
    around.parts = parts;
    around.append = [this](std::vector<control_event> events, const change_origin& origin) {
      appended.push_back({{one, incarnation{1}}, id(), rules_version, origin, std::move(events)});
      return std::vector{appended.back().id};
    };
    around.run_here = [this](const std::function<void()>& work) {
      if (work_is_held)
        held_work.push_back(work);
      else
        work();
    };
    around.in_line_to = [this](const node_name& node, std::function<void()> work) {
      in_line.emplace_back(node, std::move(work));
    };
    around.loads_patience = around.monitor_patience = peer_patience;
    around.fence_known_here = [this](const account_id&) { return fenced; };
    around.ask_for_figures = [this](const std::vector<account_id>&, const auto& then) {
      if (figures_take_time)
        asked.emplace_back([then] { then({}); });
      else
        then({});
    };
    around.answer_patience = answer_patience;
    around.claim = [this](const node_name& node, kafka_offset) { claimed.push_back(node); };
    parts->rules = std::make_shared<const profile>();
    running = std::make_unique<operations>(std::move(around));
    for (const auto& node : {one, two, three})
      say(node, {control_incarnation{}, node_announced{}});
    change(one, anna, enrolled{"anna@x", one, partition_id{3}});
    change(one, anna, destination_set{two, 10});
    change(one, anna, destination_set{three, 20});
    change(one, anna, activated{epoch{1}, kafka_offset{-1}, sequence{}, ""});
    for (const auto& node : {two, three})
      change(node, anna, replica_ready{node, account().destination(node)->requested, "s", sequence{5}});
  }

  std::string id() { return "record-" + std::to_string(++records); }
  const control_state& state() const { return parts->control->own(); }
  const account_state& account() const { return *state().account(anna); }

  void fold(control_record record) {
    const auto outcome = parts->control->fold(record, state().next(), std::nullopt);
    running->on_evolution(record, outcome);
  }
  void say(const node_name& node, std::vector<control_event> events, const operation_id& by = {}) {
    fold({{node, incarnation{1}},
          id(),
          rules_version,
          {by, by.value.empty() ? "" : "bob", 1},
          std::move(events)});
  }
  void change(const node_name& node, const account_id& account, account_change_body body,
              const operation_id& by = {}) {
    const auto* known = state().account(account);
    say(node,
        {account_change{account, known != nullptr ? known->version : account_version{}, std::move(body)}},
        by);
  }
  /// What was appended is read back.
  void read_back() {
    for (auto& record : std::exchange(appended, {}))
      fold(std::move(record));
  }

  void read_back_one() {
    auto record = std::move(appended.front());
    appended.erase(appended.begin());
    fold(std::move(record));
  }

  void start(const operation_id& operation, const node_name& node, const node_name& destination = {},
             const std::string& kind = "promoteAccounts") {
    operation_started begun;
    begun.id = operation;
    begun.kind = kind;
    begun.by = "bob";
    begun.accounts = 1;
    begun.destination = destination;
    say(node, {begun, operation_target{operation, anna, "anna@x", {}, false}}, operation);
  }
  void decide(const operation_id& operation, const node_name& to,
              promotion_kind kind = promotion_kind::planned) {
    change(one, anna,
           promotion_decided{account().terms.next_term(), account().primary(), to, kind, {}, {}, true},
           operation);
  }
  /// Behind another's decision, on claims.
  void take_over(const operation_id& operation, const node_name& to) {
    promotion_decided body{account().terms.next_term(),
                           account().primary(),
                           to,
                           promotion_kind::unplanned,
                           {{one, kafka_offset{1}}, {two, kafka_offset{2}}},
                           {},
                           true};
    change(one, anna, std::move(body), operation);
  }
  void adopt() {
    for (const auto& node : {one, two, three})
      if (renews.contains(node))
        renew(node);
    running->on_tick();
    read_back();
  }
  /// Goes on with the operation; with `decided` its promotion to mailstore2 is on its way.
  void take_up(bool decided = true, const node_name& destination = {}) {
    start(ours, one, destination);
    if (decided)
      decide(ours, two);
    adopt();
    BOOST_REQUIRE(running->concerns(anna));
  }
  void renew(const node_name& node) {
    parts->lease->change([&](lease_view& view) {
      const auto now = boot_now();
      view.fold(
          {{node, incarnation{1}}, renewal{node == one ? "process" : node.value, 1, rules_version, now, 1}},
          {kafka_offset(++renewals), broker_time(renewals), now});
    });
  }
  /// What control is told became of the account; empty if nothing was.
  std::string outcome() {
    running->on_tick();
    read_back();
    const auto* known = state().operation(ours);
    return known->outcomes.empty() ? "" : known->outcomes.back().text;
  }
  bool done() const { return state().operation(ours)->succeeded == 1; }

  std::shared_ptr<node_parts> parts = std::make_shared<node_parts>();
  std::unique_ptr<operations> running;
  std::vector<control_record> appended;
  std::set<node_name> renews{one, two, three};
  std::vector<node_name> claimed;
  epoch fenced; ///< whose fence was read
  bool figures_take_time = false;
  std::vector<std::function<void()>> asked; ///< for figures that aren't there yet
  std::vector<std::pair<node_name, std::function<void()>>> in_line;
  bool work_is_held = false;
  std::vector<std::function<void()>> held_work; ///< that the supervisor hasn't come to
  int records = 0;
  std::int64_t renewals = 0;
};

} // namespace

BOOST_FIXTURE_TEST_CASE(r25_a_promotion_ends_when_its_epoch_is_active, world) {
  take_up();
  change(two, anna, activated{epoch{2}, kafka_offset{9}, sequence{5}, ""});
  BOOST_TEST(outcome() == "it is active on mailstore2");
  BOOST_TEST(done());
}

BOOST_FIXTURE_TEST_CASE(r25_the_end_of_an_earlier_promotion_isnt_this_ones, world) {
  start(theirs, two);
  decide(theirs, two);
  start(ours, one);
  take_over(ours, three); // epoch 3, though nobody heard of mailstore2's end
  adopt();
  change(two, anna, declined{epoch{2}, "its disk is full"});
  BOOST_TEST(running->concerns(anna));
  BOOST_TEST(outcome() == "");
  change(three, anna, activated{epoch{3}, kafka_offset{9}, sequence{5}, ""});
  BOOST_TEST(outcome() == "it is active on mailstore3");
}

BOOST_FIXTURE_TEST_CASE(r29_what_declines_is_passed_over_where_the_choice_was_ours, world) {
  take_up();
  change(two, anna, declined{epoch{2}, "its disk is full"});
  BOOST_TEST(running->concerns(anna)); // another is looked for
  BOOST_TEST(appended.empty());
  BOOST_TEST(state().operation(ours)->outcomes.empty());
}

/// What its source handed over somebody must take: the command has failed, and says where the account is.
BOOST_FIXTURE_TEST_CASE(r29_an_account_that_a_named_destination_declines_is_followed_to_where_it_ends,
                        world) {
  take_up(true, two);
  change(two, anna, declined{epoch{2}, "its disk is full"});
  BOOST_TEST(running->concerns(anna));
  take_over(ours, three);
  change(three, anna, activated{epoch{3}, kafka_offset{9}, sequence{5}, ""});
  BOOST_TEST(outcome() == "mailstore2 couldn't begin: its disk is full: it is active on mailstore3");
  BOOST_TEST(!done());
}

/// Whoever knew why mailstore2 couldn't is dead.
BOOST_FIXTURE_TEST_CASE(r29_an_account_that_went_elsewhere_isnt_done_for_whoever_named_a_destination, world) {
  start(ours, one, two);
  take_over(ours, three);
  adopt();
  change(three, anna, activated{epoch{2}, kafka_offset{9}, sequence{5}, ""});
  BOOST_TEST(outcome() == "mailstore2 didn't begin: it is active on mailstore3");
  BOOST_TEST(!done());
}

BOOST_FIXTURE_TEST_CASE(r29_nor_if_it_was_active_there_before_the_operation_was_taken_up, world) {
  start(ours, one, two);
  take_over(ours, three);
  change(three, anna, activated{epoch{2}, kafka_offset{9}, sequence{5}, ""});
  adopt();
  BOOST_TEST(outcome() == "mailstore2 didn't begin: it is active on mailstore3");
  BOOST_TEST(!done());
}

BOOST_FIXTURE_TEST_CASE(r29_or_it_stays_with_its_source_if_that_takes_it_back, world) {
  take_up(true, two);
  change(two, anna, declined{epoch{2}, "its disk is full"});
  change(one, anna, promotion_aborted{epoch{2}, "its new primary declined it"});
  BOOST_TEST(outcome() == "mailstore2 couldn't begin: its disk is full: it stays on mailstore1");
  BOOST_TEST(!done());
}

/// Behind a claim nobody goes on by himself: which mailstore comes next is asked of whoever named this one.
BOOST_FIXTURE_TEST_CASE(r25_what_declines_ends_an_unplanned_promotion_to_a_named_destination, world) {
  start(ours, one, two);
  take_over(ours, two);
  adopt();
  change(two, anna, declined{epoch{2}, "its disk is full"});
  BOOST_TEST(outcome() == "mailstore2 couldn't begin: its disk is full");
  BOOST_TEST(!done());
}

BOOST_FIXTURE_TEST_CASE(r28_what_a_living_source_takes_back_ends_the_promotion, world) {
  take_up();
  change(one, anna, promotion_aborted{epoch{2}, "a write didn't end"});
  BOOST_TEST(outcome() == "mailstore1 took it back: a write didn't end");
  BOOST_TEST(!done());
}

BOOST_FIXTURE_TEST_CASE(r24_a_promotion_that_was_superseded_says_by_whom, world) {
  take_up();
  start(theirs, two, three);
  change(two, anna, decline_asked{epoch{2}, three}, theirs);
  const auto why = why_superseded(*account().terms.find(epoch{2}));
  BOOST_REQUIRE(!why.empty());
  change(two, anna, declined{epoch{2}, why});
  BOOST_TEST(outcome() == why);
  BOOST_TEST(!done());
}

BOOST_FIXTURE_TEST_CASE(r24_a_promotion_that_was_superseded_while_it_failed_says_both, world) {
  take_up();
  start(theirs, two, three);
  change(two, anna, decline_asked{epoch{2}, three}, theirs);
  const auto why = why_superseded(*account().terms.find(epoch{2}));
  change(two, anna, declined{epoch{2}, "its disk is full"});
  BOOST_TEST(outcome() == "mailstore2 couldn't begin: its disk is full; and " + why);
}

BOOST_AUTO_TEST_CASE(r25_what_declines_too_late_ends_the_promotion) {
  world w(std::chrono::milliseconds(20)); // an operation is given up after ten leases
  w.take_up();
  const auto late = boot_time(boot_now().value + 200'000'000);
  BOOST_REQUIRE(fixture::eventually(std::chrono::seconds(20), [&] { return boot_now() > late; }));
  w.change(two, anna, declined{epoch{2}, "its disk is full"});
  BOOST_TEST(w.outcome() == "mailstore2 couldn't begin: its disk is full");
}

BOOST_FIXTURE_TEST_CASE(r28_what_is_taken_back_from_a_dead_destination_goes_on_to_the_next, world) {
  start(ours, one);
  decide(ours, two);
  renews = {one}; // mailstore2 doesn't
  adopt();
  change(one, anna, promotion_aborted{epoch{2}, "mailstore2 doesn't live any more"});
  BOOST_TEST(running->concerns(anna));
  BOOST_TEST(appended.empty());
}

BOOST_FIXTURE_TEST_CASE(r25_who_loses_a_decided_account_is_told_to_whom_and_where_it_goes, world) {
  take_up();
  start(theirs, two);
  take_over(theirs, three);
  BOOST_TEST(outcome() == "it is promoted to mailstore3 in epoch 3 (by bob on mailstore2, operation theirs)");
  BOOST_TEST(!done());
}

BOOST_FIXTURE_TEST_CASE(r25_who_loses_before_it_was_decided_is_told_where_the_account_is, world) {
  take_up(false);
  start(theirs, two);
  decide(theirs, two);
  BOOST_TEST(running->concerns(anna)); // that one may come to nothing
  change(two, anna, activated{epoch{2}, kafka_offset{9}, sequence{5}, ""});
  BOOST_TEST(outcome() ==
             "it was promoted to mailstore2 in epoch 2 (by bob on mailstore2, operation theirs)");
}

BOOST_FIXTURE_TEST_CASE(r25_whose_winner_control_doesnt_know_is_told_what_is, world) {
  take_up(false);
  decide(theirs, two); // forgotten: 64 operations are kept
  change(two, anna, activated{epoch{2}, kafka_offset{9}, sequence{5}, ""});
  BOOST_TEST(outcome() == "it is active on mailstore2 (by bob, operation theirs)");
}

BOOST_FIXTURE_TEST_CASE(r25_whose_decision_is_void_is_told_what_changed_the_account, world) {
  take_up();
  const auto stale = account().version;
  change(two, anna, paused{}, theirs);
  say(one, {account_change{anna, stale, destination_set{two, 30}}}, ours);
  BOOST_TEST(outcome().starts_with("it was changed meanwhile"));
  BOOST_TEST(outcome().ends_with("(by bob, operation theirs)"));
  BOOST_TEST(!done());
}

/// The node that went on with the operation before decided, too, and which of both came first is seen here.
BOOST_FIXTURE_TEST_CASE(r25_an_operation_doesnt_lose_to_itself, world) {
  const auto before = account().version;
  take_up();
  say(one,
      {account_change{anna, before,
                      promotion_decided{epoch{2}, one, three, promotion_kind::planned, {}, {}, true}}},
      ours);
  BOOST_TEST(running->concerns(anna));
  BOOST_TEST(outcome() == "");
  change(two, anna, activated{epoch{2}, kafka_offset{9}, sequence{5}, ""});
  BOOST_TEST(outcome() == "it is active on mailstore2");
  BOOST_TEST(done());
}

BOOST_FIXTURE_TEST_CASE(r25_what_was_decided_for_it_before_counts_when_it_comes_in_late, world) {
  take_up(false);
  decide(ours, two);
  BOOST_TEST(outcome() == ""); // it isn't decided again
  BOOST_TEST(appended.empty());
  change(two, anna, activated{epoch{2}, kafka_offset{9}, sequence{5}, ""});
  BOOST_TEST(outcome() == "it is active on mailstore2");
}

BOOST_FIXTURE_TEST_CASE(r25_whoever_takes_it_up_finds_it_lost, world) {
  start(ours, one);
  decide(ours, two);
  start(theirs, two);
  take_over(theirs, three);
  adopt();
  BOOST_TEST(outcome() == "it is promoted to mailstore3 in epoch 3 (by bob on mailstore2, operation theirs)");
}

BOOST_FIXTURE_TEST_CASE(r25_whoever_takes_it_up_finds_it_declined, world) {
  start(ours, one, two);
  take_over(ours, two);
  change(two, anna, declined{epoch{2}, "its disk is full"});
  adopt();
  BOOST_TEST(outcome() == "mailstore2 couldn't begin");
}

/// Taken from whom looked dead, it is still the operation's own when that goes on with it.
BOOST_FIXTURE_TEST_CASE(r25_a_promotion_whose_destination_only_looked_dead_ends_as_decided, world) {
  start(ours, one);
  take_over(ours, two);
  renews = {one};
  adopt();
  running->on_tick(); // mailstore2 isn't known to live
  BOOST_TEST(running->concerns(anna));
  renew(two);
  BOOST_TEST(outcome() == "");
  change(two, anna, activated{epoch{2}, kafka_offset{9}, sequence{5}, ""});
  BOOST_TEST(outcome() == "it is active on mailstore2");
  BOOST_TEST(done());
}

/// Kafka was away for longer than a lease: nobody's renewals are seen, and nothing was decided otherwise.
BOOST_AUTO_TEST_CASE(r25_a_promotion_in_mid_flight_does_not_fail_for_a_lease_that_is_over) {
  for (const auto kind : {promotion_kind::planned, promotion_kind::unplanned}) {
    world w(std::chrono::milliseconds(200));
    w.start(ours, one, two);
    if (kind == promotion_kind::planned)
      w.decide(ours, two);
    else
      w.take_over(ours, two);
    w.adopt();
    const auto over = boot_time(boot_now().value + 300'000'000);
    BOOST_REQUIRE(fixture::eventually(std::chrono::seconds(20), [&] { return boot_now() > over; }));
    BOOST_TEST(w.outcome() == "");
    w.renew(one); // this one is back first
    BOOST_TEST(w.outcome() == "");
    for (const auto& node : {two, three})
      w.renew(node);
    BOOST_TEST(w.outcome() == "");
    w.change(two, anna, activated{epoch{2}, kafka_offset{9}, sequence{5}, ""});
    BOOST_TEST(w.outcome() == "it is active on mailstore2");
    BOOST_TEST(w.done());
    BOOST_TEST(w.claimed.empty());
  }
}

BOOST_AUTO_TEST_CASE(r25_a_promotion_whose_destination_dies_late_is_decided_again) {
  world w(std::chrono::milliseconds(20)); // an operation is given up after ten leases
  w.take_up();
  const auto late = boot_time(boot_now().value + 200'000'000);
  BOOST_REQUIRE(fixture::eventually(std::chrono::seconds(20), [&] { return boot_now() > late; }));
  const auto told = [&] {
    w.renew(one); // mailstore2 doesn't any more
    return w.outcome();
  };
  BOOST_TEST(told() == "");
  BOOST_REQUIRE(fixture::eventually(std::chrono::seconds(20), [&] { return !told().empty(); }));
  BOOST_TEST(w.outcome().starts_with("given up: "));
  BOOST_TEST(w.outcome().ends_with("; it is still promoted to mailstore2 if that goes on"));
}

BOOST_AUTO_TEST_CASE(r24_who_takes_too_long_is_asked_to_decline_and_for_whom) {
  world w(std::chrono::milliseconds(20));
  w.start(theirs, two);
  w.decide(theirs, two);
  w.fenced = epoch{2}; // its source has handed it over
  w.start(ours, one, three);
  w.adopt();
  const auto asked = [&] {
    for (const auto& node : {one, two, three})
      w.renew(node);
    w.outcome();
    return w.account().terms.find(epoch{2})->decline_asked;
  };
  BOOST_TEST(!asked());
  BOOST_TEST(fixture::eventually(std::chrono::seconds(20), asked));
  BOOST_TEST(why_superseded(*w.account().terms.find(epoch{2})).starts_with("mailstore3 was asked for"));
}

/// A fact of the account came before the command's own decision, which is void behind it.
BOOST_FIXTURE_TEST_CASE(r25_what_comes_before_its_decision_doesnt_end_a_command, world) {
  renew(one);
  running->on_command({{},
                       R"({"namespace": "ha", "command": "pauseReplicas", "operation": "ours",)"
                       R"( "parameters": {"accounts": ["anna@x"]}})",
                       [](const reply&) {}});
  for (int record = 0; record < 2; ++record) { // its start, then what was decided
    BOOST_REQUIRE(appended.size() == 1u);
    if (record == 1)
      change(two, anna, replica_reset{two, "foreign write"});
    read_back_one();
  }
  BOOST_TEST(!account().is_paused);
  BOOST_TEST(state().operation(ours)->outcomes.empty());
  BOOST_TEST(outcome() == ""); // decided again
  BOOST_TEST(account().is_paused);
  BOOST_TEST(outcome() == "its replicas are paused");
}

/// Somebody else's command came first, and nobody has to type this one again.
BOOST_FIXTURE_TEST_CASE(r25_what_isnt_a_promotion_is_decided_again_behind_another_command, world) {
  renew(one);
  running->on_command({{},
                       R"({"namespace": "ha", "command": "pauseReplicas", "operation": "ours",)"
                       R"( "parameters": {"accounts": ["anna@x"]}})",
                       [](const reply&) {}});
  read_back_one(); // its start; decided by now
  BOOST_REQUIRE(appended.size() == 1u);
  change(two, anna, destination_set{two, 30}, theirs);
  read_back_one();
  BOOST_TEST(!account().is_paused);
  BOOST_TEST(outcome() == "");
  BOOST_TEST(account().is_paused);
  BOOST_TEST(outcome() == "its replicas are paused");
  BOOST_TEST(done());
}

BOOST_FIXTURE_TEST_CASE(r25_what_always_comes_too_late_is_to_be_typed_again, world) {
  renew(one);
  running->on_command({{},
                       R"({"namespace": "ha", "command": "pauseReplicas", "operation": "ours",)"
                       R"( "parameters": {"accounts": ["anna@x"]}})",
                       [](const reply&) {}});
  read_back_one();
  for (std::uint32_t priority = 30; priority < 36; ++priority) {
    BOOST_REQUIRE(appended.size() == 1u);
    change(two, anna, destination_set{two, priority}, operation_id("theirs-" + std::to_string(priority)));
    read_back_one();
    running->on_tick();
  }
  BOOST_TEST(outcome().find("run the command again") != std::string::npos, outcome());
  BOOST_TEST(!account().is_paused);
}

BOOST_FIXTURE_TEST_CASE(an_enrolment_doesnt_end_with_the_removal_of_another_destination, world) {
  change(two, anna, replica_reset{two, "foreign write"});
  start(ours, one, two, "setAccountDestination");
  adopt();
  BOOST_TEST(outcome() == ""); // decided, and read back
  change(one, anna, destination_removed{three}, theirs);
  BOOST_TEST(outcome() == "");
  change(two, anna, replica_ready{two, account().destination(two)->requested, "s", sequence{5}});
  BOOST_TEST(outcome() == "the replica on mailstore2 is whole");
  BOOST_TEST(done());
}

/// Many accounts take longer than a command line waits: it's told that they were accepted.
BOOST_AUTO_TEST_CASE(a_command_that_isnt_decided_whole_in_time_is_answered_as_far_as_it_is) {
  world w(std::chrono::minutes(1), std::chrono::milliseconds(0));
  w.renew(one);
  std::vector<std::string> told;
  const auto ask = [&] {
    w.running->on_command({{},
                           R"({"namespace": "ha", "command": "pauseReplicas", "operation": "ours",)"
                           R"( "parameters": {"accounts": ["anna@x"]}})",
                           [&](const reply& answer) { told.push_back(answer.body); }});
  };
  ask();
  w.running->on_tick();
  BOOST_TEST(told.empty()); // nobody else would know of it yet
  w.read_back_one();
  BOOST_TEST(told.empty());
  w.running->on_tick();
  const std::string accepted =
      R"({"operation":"ours","accounts":[{"account":"anna@x","outcome":"accepted"}]})";
  BOOST_REQUIRE(told.size() == 1u);
  BOOST_TEST(told.back() == accepted);
  ask();
  w.running->on_tick();
  BOOST_REQUIRE(told.size() == 2u);
  BOOST_TEST(told.back() == accepted);
  w.read_back();
  BOOST_TEST(w.outcome() == "its replicas are paused");
  BOOST_TEST(told.size() == 2u);
}

/// The command line repeats what it got no answer to (R25).
BOOST_FIXTURE_TEST_CASE(r25_a_command_that_is_repeated_before_it_began_begins_once, world) {
  renew(one);
  figures_take_time = true;
  for (int i = 0; i < 2; ++i)
    running->on_command({{},
                         R"({"namespace": "ha", "command": "promoteAccounts", "operation": "ours",)"
                         R"( "parameters": {"accounts": ["anna@x"]}})",
                         [](const reply&) {}});
  BOOST_REQUIRE(asked.size() == 1u);
  asked.front()();
  BOOST_TEST(appended.size() == 1u);
}

BOOST_FIXTURE_TEST_CASE(a_command_beyond_the_operations_that_are_looked_after_is_refused, world) {
  renew(one);
  for (std::size_t i = 0; i < max_operations_unfinished; ++i)
    start(operation_id("waits-" + std::to_string(i)), three, three, "setAccountDestination");
  std::string told;
  running->on_command({{},
                       R"({"namespace": "ha", "command": "pauseReplicas", "operation": "ours",)"
                       R"( "parameters": {"accounts": ["anna@x"]}})",
                       [&](const reply& answer) { told = answer.body; }});
  BOOST_TEST(told.find("1000 operations aren't finished yet") != std::string::npos, told);
  BOOST_TEST(appended.empty());
}

/// Nobody is enrolled of a list that names an account of the destination's own; left out, it stops nobody.
BOOST_FIXTURE_TEST_CASE(a_list_with_an_account_of_the_destinations_own_is_refused_as_a_whole, world) {
  change(one, bert, enrolled{"bert@x", two, partition_id{4}});
  reply told;
  const auto set_destination = [&](const std::string& further) {
    running->on_command(
        {{},
         fmt::format(R"({{"namespace":"ha","command":"setAccountDestination","operation":"op{}",)"
                     R"("parameters":{{"destination":"mailstore2","priority":10,)"
                     R"("accounts":["{}","{}"]{}}}}})",
                     further.size(), anna, bert, further),
         [&](const reply& answered) { told = answered; }});
  };
  const std::string why = "mailstore2 is its source: choose another destination";
  set_destination("");
  BOOST_TEST(told.status == 1);
  BOOST_TEST((told.body.find(why) != std::string::npos), told.body);
  BOOST_TEST((told.body.find("nothing was done for the other account") != std::string::npos), told.body);
  BOOST_TEST(appended.empty());
  set_destination(R"(,"dry_run":true)");
  BOOST_TEST(told.status == 1);
  BOOST_TEST((told.body.find(R"("name":"is not the source","passed":false)") != std::string::npos),
             told.body);
  set_destination(R"(,"skip_invalid":true)");
  BOOST_TEST(!appended.empty());
}

namespace {

/// mailstore3 enrols the account on mailstore2, and an administrator asks how far that is.
struct monitored : world {
  explicit monitored(std::chrono::milliseconds peer_patience = std::chrono::minutes(1))
      : world(std::chrono::minutes(1), std::chrono::minutes(1), peer_patience) {
    parts->others = std::make_shared<peers>(tls_files{}, std::chrono::milliseconds(1));
    start(theirs, three, two, "setAccountDestination");
    change(three, anna, destination_set{two, 30}, theirs);
  }
  void monitor(const std::string& host = {}) {
    const auto asked_host = host.empty() ? host : fmt::format(R"(,"operation_host":"{}")", host);
    running->on_command(
        {{},
         fmt::format(R"({{"namespace":"ha","command":"monitor","parameters":{{"operation":"theirs"{}}}}})",
                     asked_host),
         [this](const reply& answer) { told.push_back(answer); }});
  }
  bool was_told(std::int32_t status, std::string_view part) const {
    return told.size() == 1 && told.front().status == status &&
           told.front().body.find(part) != std::string::npos;
  }
  std::string story() const { return told.empty() ? "nothing was told" : told.front().body; }

  std::vector<reply> told;
};

} // namespace

/// Nobody has an address here: whoever is asked doesn't answer.
BOOST_FIXTURE_TEST_CASE(p8_monitor_names_the_destination_that_does_not_answer, monitored) {
  monitor();
  BOOST_REQUIRE(in_line.size() == 1u);
  BOOST_TEST((in_line.front().first == two));
  BOOST_TEST(told.empty());
  in_line.front().second();
  BOOST_TEST(was_told(0, "mailstore2 didn't answer how far it is"), story());
  running->on_tick();
  BOOST_TEST(told.size() == 1u);
}

BOOST_FIXTURE_TEST_CASE(p8_monitor_names_the_host_that_was_to_be_asked, monitored) {
  monitor("mailstore3");
  BOOST_REQUIRE(in_line.size() == 1u);
  BOOST_TEST((in_line.front().first == three)); // so behind no question to mailstore2
  in_line.front().second();
  BOOST_TEST(was_told(1, "mailstore3 didn't answer: "), story());
}

/// Else whoever waits for this node would call it silent.
BOOST_AUTO_TEST_CASE(p8_monitor_is_answered_before_a_destination_that_takes_its_time) {
  monitored w(std::chrono::seconds(1));
  w.work_is_held = true;
  w.monitor();
  BOOST_REQUIRE(w.in_line.size() == 1u);
  w.in_line.front().second();
  BOOST_REQUIRE(w.held_work.size() == 1u); // it was asked
  const auto told = [&] {
    w.running->on_tick();
    return !w.told.empty();
  };
  BOOST_TEST(fixture::eventually(std::chrono::seconds(20), told));
  BOOST_TEST(w.was_told(0, "mailstore2 didn't answer how far it is"), w.story());
  w.held_work.front()();
  BOOST_TEST(w.told.size() == 1u); // nobody is answered twice
}

BOOST_AUTO_TEST_CASE(p8_nobody_is_called_silent_who_was_not_asked) {
  for (const std::string host : {"", "mailstore3"}) {
    monitored w(std::chrono::milliseconds(0));
    w.monitor(host);
    w.running->on_tick();
    const auto whom = host.empty() ? "mailstore2" : host;
    BOOST_TEST(w.was_told(host.empty() ? 0 : 1, "too many other questions to " + whom), w.story());
    BOOST_TEST((w.story().find("didn't answer") == std::string::npos), w.story());
    BOOST_REQUIRE(w.in_line.size() == 1u);
    w.in_line.front().second(); // its turn comes late
    BOOST_TEST(w.told.size() == 1u);
  }
}
