#include "events/control/decide.hpp"
#include "events/control/placement.hpp"
#include "events/control/promotion_patience.hpp"
#include "tests/unit/control_world.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <set>

using namespace understudy;
using namespace understudy::test;

namespace {

struct ready : control_world {
  live_facts facts;
  ready() {
    announce_all();
    enrol_ready(anna);
    for (const auto& node : {one, two, three})
      facts.nodes[node].lease_runs = true;
    facts.self = three;
  }
  decision run(command_body body) const {
    return understudy::decide(state, command{operation_id{"op"}, "ada", 1, "typed", std::move(body)}, facts);
  }
  void source_dies(claim_facts claim) {
    facts.nodes[one].lease_runs = false;
    facts.claims[one] = std::move(claim);
  }
  evolution take(const decision& decided) {
    return append(three, decided.events, incarnation{1}, {operation_id{"op"}, "ada", 1});
  }
};

const gate* find(const decision& decided, std::string_view name) {
  const auto& gates = decided.accounts.front().gates;
  const auto at = std::find_if(gates.begin(), gates.end(), [&](const gate& g) { return g.name == name; });
  return at == gates.end() ? nullptr : &*at;
}

bool blocked_by(const decision& decided, std::string_view name) {
  const auto& account = decided.accounts.front();
  return !account.decided && !account.text.empty() &&
         std::any_of(account.gates.begin(), account.gates.end(),
                     [&](const gate& g) { return g.name == name && !g.passed; });
}

promote planned(std::optional<node_name> to = std::nullopt, std::vector<account_id> loss = {}) {
  return {{anna}, std::move(to), promotion_kind::planned, std::move(loss), false};
}
promote unplanned(std::optional<node_name> to = std::nullopt, std::vector<account_id> loss = {}) {
  return {{anna}, std::move(to), promotion_kind::unplanned, std::move(loss), false};
}

} // namespace

BOOST_FIXTURE_TEST_CASE(enrolment_needs_known_nodes_and_another_host, control_world) {
  append(one, {node_announced{}});
  live_facts facts;
  const auto run = [&](const node_name& destination) {
    return understudy::decide(
        state, {operation_id{"op"}, "ada", 1, "", enrol{{{anna, "a@x", one}}, destination, 1}}, facts);
  };
  BOOST_TEST(blocked_by(run(two), "node known"));
  BOOST_TEST(blocked_by(run(one), "is not the source"));
  append(two, {node_announced{}});
  const auto decided = run(two);
  BOOST_TEST(decided.accounts.front().decided);
  append(one, decided.events);
  BOOST_TEST(at(anna).destinations.size() == 1u);
  BOOST_TEST(run(two).events.empty()); // nothing to change
}

BOOST_FIXTURE_TEST_CASE(an_account_named_twice_is_decided_once, ready) {
  const auto decided = run(pause_replicas{{anna, anna}});
  BOOST_TEST(decided.accounts[0].decided);
  BOOST_TEST(!decided.accounts[1].decided);
}

BOOST_FIXTURE_TEST_CASE(removing_the_last_destination_withdraws_the_account, ready) {
  take(run(unenrol{{anna}, two}));
  BOOST_TEST(!at(anna).is_withdrawn);
  take(run(unenrol{{anna}, three}));
  BOOST_TEST(at(anna).is_withdrawn);
  BOOST_TEST(blocked_by(run(unenrol{{anna}, three}), "enrolled"));
}

BOOST_FIXTURE_TEST_CASE(a_planned_promotion_takes_the_first_by_priority, ready) {
  const auto decided = run(planned());
  BOOST_TEST((decided.accounts.front().destination == two));
  take(decided);
  BOOST_TEST((at(anna).promotion()->primary == two));
  BOOST_TEST(blocked_by(run(planned(three)), "no promotion under way"));
}

BOOST_FIXTURE_TEST_CASE(f01_a_stopped_or_dead_replica_is_passed_over_and_named, ready) {
  facts.accounts[anna].replicas[two].stopped = "poison event at 17";
  const auto decided = run(planned());
  BOOST_TEST((decided.accounts.front().destination == three));
  BOOST_TEST(find(decided, "passed over")->figures.find("poison event at 17") != std::string::npos);
  facts.nodes[three].lease_runs = false;
  BOOST_TEST(blocked_by(run(planned()), "replica running"));
  BOOST_TEST(blocked_by(run(planned(three)), "node alive"));
}

BOOST_FIXTURE_TEST_CASE(r32_p10_a_mailbox_that_was_deleted_holds_its_promotion, ready) {
  const auto passes = [&](std::optional<node_name> to) {
    return run(planned(std::move(to))).accounts.front().decided;
  };
  BOOST_TEST(find(run(planned()), "mailbox there") == nullptr); // nobody said anything
  auto& known = facts.accounts[anna].has_mailbox;
  known = {{one, true}, {two, false}, {three, true}};
  BOOST_TEST(blocked_by(run(planned(two)), "mailbox there"));
  BOOST_TEST((run(planned()).accounts.front().destination == three));
  BOOST_TEST(passes(three));
  known = {{one, false}, {two, true}};
  const auto held = run(planned());
  BOOST_TEST(blocked_by(held, "mailbox there"));
  BOOST_TEST(held.accounts.front().text ==
             "mailstore1 has no mailbox of it any more: removeAccountDestination ends its replication");
}

BOOST_FIXTURE_TEST_CASE(p8_why_a_copy_is_not_whole_is_what_its_node_says_now, ready) {
  say(two, anna, replica_reset{two, "events are gone"});
  const auto why = [&] { return run(planned(two)).accounts.front().text; };
  BOOST_TEST(why() == "the snapshot for mailstore2 isn't complete yet (events are gone)");
  facts.accounts[anna].replicas[two].not_whole = "mailbox 7 here is another's";
  BOOST_TEST(why() == "the snapshot for mailstore2 isn't complete yet (mailbox 7 here is another's)");
}

BOOST_FIXTURE_TEST_CASE(p10_each_gate_is_a_true_sentence_whether_it_passes_or_not, ready) {
  const auto why = [&](command_body body) { return run(std::move(body)).accounts.front().text; };
  const auto says = [&](const decision& decided, std::string_view name) {
    return find(decided, name)->figures;
  };
  BOOST_TEST(why(planned(one)) == "mailstore1 is its source already");
  for (const auto* name : {"is a destination", "snapshot ready"})
    BOOST_TEST(find(run(planned(one)), name) == nullptr); // it needn't be one
  BOOST_TEST(why(enrol{{{anna, "a@x", one}}, one, 1}) ==
             "mailstore1 is its source: choose another destination");
  BOOST_TEST(why(planned(node_name{"mailstore9"})) == "mailstore9 is not a destination of this account");
  BOOST_TEST(why(unenrol{{anna}, node_name{"mailstore9"}}) ==
             "mailstore9 is not a destination of this account");
  BOOST_TEST(why(pause_replicas{{bert}}) == not_replicated_text);
  const auto passed = run(planned(two));
  BOOST_TEST(says(passed, "not paused") == "its replicas aren't paused");
  BOOST_TEST(says(passed, "is not the source") == "its source is mailstore1");
  BOOST_TEST(says(passed, "is a destination") == "mailstore2 is a destination with priority 10");
  BOOST_TEST(says(passed, "snapshot ready") == "the copy on mailstore2 is whole since sequence 5");
  say(two, anna, replica_reset{two, "gap"});
  BOOST_TEST(why(planned(two)) == "the snapshot for mailstore2 isn't complete yet (gap)");
  facts.nodes[two].lease_runs = false;
  BOOST_TEST(why(planned(two)) == "the snapshot for mailstore2 waits until that node is up (gap)");
  say(two, anna, replica_reset{two, "parked: foreign writes again"});
  BOOST_TEST(why(planned(two)) == "the copy on mailstore2 is parked: foreign writes again");
  facts.nodes[three].lease_runs = false;
  BOOST_TEST(why(planned(three)) == "mailstore3 isn't up: its lease doesn't run");
  take(run(pause_replicas{{anna}}));
  BOOST_TEST(why(planned(two)) == "its replicas are paused: restartReplicas first");
}

BOOST_FIXTURE_TEST_CASE(p10_an_old_source_that_was_killed_is_not_said_to_wait_for_its_first_snapshot, ready) {
  source_dies({kafka_offset{7}, true, "4 s of 4 s waited"});
  take(run(unplanned()));
  const auto term = at(anna).promotion()->term;
  BOOST_TEST(say(two, anna, activated{term, kafka_offset{9}, sequence{8}, ""}));
  BOOST_TEST(run(planned(one)).accounts.front().text ==
             "mailstore1 was its source before, and has to come back first: what it holds isn't known to be "
             "whole");
  facts.nodes[one].lease_runs = true;
  BOOST_TEST(run(planned(one)).accounts.front().text ==
             "mailstore1 was its source before, and isn't known to have a whole copy yet");
}

BOOST_FIXTURE_TEST_CASE(not_promotable_says_why, ready) {
  BOOST_TEST(blocked_by(run(planned(one)), "is not the source"));
  BOOST_TEST(blocked_by(run(planned(node_name{"mailstore9"})), "is a destination"));
  say(one, anna, replica_reset{two, "gap"});
  BOOST_TEST(blocked_by(run(planned(two)), "snapshot ready"));
  take(run(pause_replicas{{anna}}));
  BOOST_TEST(blocked_by(run(planned(three)), "not paused"));
}

BOOST_FIXTURE_TEST_CASE(r32_volumes_and_a_loaded_mailbox_hold_what_is_unknown_does_not, ready) {
  auto& replica = facts.accounts[anna].replicas[two];
  const auto* volumes = "volumes reachable";
  auto decided = run(planned(two)); // nobody looked
  BOOST_TEST(decided.accounts.front().decided);
  BOOST_REQUIRE(find(decided, volumes));
  BOOST_TEST(!find(decided, volumes)->known);
  replica.volumes = volume_facts{{}, {"volume message1: /store: no answer"}};
  decided = run(planned(two));
  BOOST_TEST(decided.accounts.front().decided);
  BOOST_TEST(!find(decided, volumes)->known);
  BOOST_TEST(find(decided, volumes)->figures ==
             "whether mailstore2 reaches the account's volumes isn't known: "
             "volume message1: /store: no answer");
  replica.volumes->missing = {"volume archive: /archive: No such file or directory"};
  decided = run(planned(two));
  BOOST_TEST(blocked_by(decided, volumes));
  BOOST_TEST(!decided.accounts.front().waits); // refused at once
  BOOST_TEST(find(decided, volumes)->figures == "mailstore2 doesn't reach the account's volumes: volume "
                                                "archive: /archive: No such file or directory");
  BOOST_TEST((run(planned()).accounts.front().destination == three)); // the next priority does
  replica.volumes = volume_facts{};
  decided = run(planned(two));
  BOOST_TEST(decided.accounts.front().decided);
  BOOST_TEST(find(decided, volumes)->known);
  BOOST_TEST(find(decided, volumes)->figures == "mailstore2 reaches the account's volumes");
  replica.mailbox_loaded = true;
  BOOST_TEST(blocked_by(run(planned(two)), "mailbox not in memory"));
}

/// Kafka was away for longer than the lease: the source that is asked would else claim itself, and end its
/// own commits.
BOOST_FIXTURE_TEST_CASE(r22_nobody_is_claimed_by_a_node_whose_own_lease_does_not_run, ready) {
  facts.self = one;
  facts.nodes[one].lease_runs = false;
  auto decided = run(unplanned());
  BOOST_TEST(blocked_by(decided, "own lease runs"));
  BOOST_TEST(decided.accounts.front().waits);
  BOOST_TEST(decided.claims_needed.empty());
  facts.self = three;
  facts.nodes[three].lease_runs = false;
  decided = run(unplanned());
  BOOST_TEST(blocked_by(decided, "own lease runs"));
  BOOST_TEST(decided.claims_needed.empty());
  facts.nodes[three].lease_runs = true;
  BOOST_TEST(!run(unplanned()).claims_needed.empty());
}

BOOST_FIXTURE_TEST_CASE(r32_what_nobody_knows_of_the_destination_is_said_as_unknown, ready) {
  facts.accounts[anna].replicas[two].applied = sequence{5};
  facts.accounts[anna].acknowledged = sequence{5};
  auto decided = run(planned(two));
  BOOST_TEST(decided.accounts.front().decided);
  BOOST_REQUIRE(find(decided, "mailbox not in memory"));
  BOOST_TEST(!find(decided, "mailbox not in memory")->known);
  BOOST_TEST(!find(decided, "figures")->known); // in the log: nobody says
  facts.accounts[anna].in_log = sequence{5};
  facts.accounts[anna].replicas[two].mailbox_loaded = false;
  decided = run(planned(two));
  BOOST_TEST(find(decided, "mailbox not in memory")->known);
  BOOST_TEST(find(decided, "figures")->known);
}

BOOST_FIXTURE_TEST_CASE(r32_a_living_destination_that_is_silent_is_waited_for, ready) {
  facts.nodes[two].silent = true;
  facts.accounts[anna].acknowledged = sequence{5};
  for (const bool may_come : {true, false}) {
    facts.answers_may_come = may_come;
    for (const auto& promotion : {planned(), planned(two)}) {
      const auto decided = run(promotion);
      BOOST_TEST(blocked_by(decided, "node answers"));
      BOOST_TEST(decided.accounts.front().waits);
      BOOST_TEST((decided.accounts.front().destination == two));
      BOOST_TEST(!find(decided, "node answers")->known);
    }
    BOOST_TEST(run(planned(three)).accounts.front().decided);
  }
  facts.nodes[one].silent = true; // a sick source is left all the sooner
  BOOST_TEST(run(planned(three)).accounts.front().decided);
}

/// At night, with the source dead: what nobody can say holds nobody for ever.
BOOST_FIXTURE_TEST_CASE(r32_what_the_dead_and_the_silent_dont_say_holds_no_unplanned_promotion, ready) {
  source_dies({kafka_offset{7}, true, "4 s of 4 s waited"});
  facts.nodes[one].silent = true;
  BOOST_TEST(run(unplanned()).accounts.front().decided);
  facts.nodes[two].silent = true;
  BOOST_TEST(blocked_by(run(unplanned()), "node answers"));
  BOOST_TEST(run(unplanned()).accounts.front().waits);
  facts.answers_may_come = false;
  const auto decided = run(unplanned());
  BOOST_TEST(decided.accounts.front().decided);
  BOOST_TEST((decided.accounts.front().destination == two));
  BOOST_TEST(!find(decided, "node answers")->known);
}

BOOST_FIXTURE_TEST_CASE(r31_unplanned_needs_the_source_gone_and_a_ready_claim, ready) {
  BOOST_TEST(blocked_by(run(unplanned()), "source gone"));
  BOOST_TEST(run(unplanned()).claims_needed.empty());
  source_dies({});
  auto decided = run(unplanned());
  BOOST_TEST(blocked_by(decided, "claim ready"));
  BOOST_TEST_REQUIRE(decided.claims_needed.size() == 1u);
  BOOST_TEST((decided.claims_needed.front() == one));
  source_dies({kafka_offset{7}, false, "1 s of 4 s waited"});
  BOOST_TEST(blocked_by(run(unplanned()), "claim ready"));
  source_dies({kafka_offset{7}, true, "4 s of 4 s waited"});
  decided = run(unplanned());
  BOOST_TEST(decided.accounts.front().decided);
  take(decided);
  BOOST_TEST((at(anna).promotion()->primary == two));
  BOOST_TEST(at(anna).promotion()->names_claim_on(one));
}

BOOST_FIXTURE_TEST_CASE(r31_an_unprotected_account_needs_accept_loss_by_name, ready) {
  source_dies({kafka_offset{7}, true, ""});
  say(one, anna, unprotected{epoch{1}, "Kafka refused", sequence{6}});
  BOOST_TEST(blocked_by(run(unplanned()), "protected"));
  BOOST_TEST(blocked_by(run(unplanned(two, {bert})), "protected"));
  BOOST_TEST(run(unplanned(two, {anna})).accounts.front().decided);
}

BOOST_FIXTURE_TEST_CASE(r29_an_unprotected_account_needs_accept_loss_by_name_while_its_source_lives_too,
                        ready) {
  say(one, anna, unprotected{epoch{1}, "Kafka refused", sequence{6}});
  BOOST_TEST(blocked_by(run(planned()), "protected"));
  BOOST_TEST(run(planned()).accounts.front().text ==
             "it is unprotected since sequence 6 (Kafka refused): wait until it is protected again, or give "
             "--accept-loss for it");
  BOOST_TEST(!run(planned()).accounts.front().waits);
  BOOST_TEST(blocked_by(run(planned(two, {bert})), "protected"));
  BOOST_TEST(run(planned(two, {anna})).accounts.front().decided);
  say(one, anna, protected_again{epoch{1}});
  BOOST_TEST(run(planned()).accounts.front().decided);
}

BOOST_FIXTURE_TEST_CASE(r29_a_living_source_hands_over_what_is_only_not_promised, ready) {
  say(one, anna, unprotected{epoch{1}, "durability is asynchronous", sequence{}});
  const auto decided = run(planned());
  BOOST_TEST(decided.accounts.front().decided);
  BOOST_TEST(!blocked_by(decided, "protected"));
  source_dies({kafka_offset{7}, true, ""});
  BOOST_TEST(blocked_by(run(unplanned()), "protected"));
}

BOOST_FIXTURE_TEST_CASE(r29_an_unprotected_account_goes_back_to_its_source_which_has_everything, ready) {
  say(one, anna, unprotected{epoch{1}, "Kafka refused", sequence{6}});
  take(run(planned(two, {anna})));
  const auto meanwhile = run(unplanned()); // somebody else asks while mailstore2 begins
  BOOST_TEST(blocked_by(meanwhile, "protected"));
  BOOST_TEST(meanwhile.declines.empty());
  say(two, anna, declined{epoch{2}, "it was handed over behind sequence 7, the log ends at 6"});
  facts.accounts[anna].fenced = epoch{2};
  const auto back = run(unplanned());
  BOOST_TEST(back.accounts.front().decided);
  BOOST_TEST((back.accounts.front().destination == one));
  BOOST_TEST(run(unplanned(one)).accounts.front().decided);
  BOOST_TEST(blocked_by(run(unplanned(three)), "protected"));
  BOOST_TEST((run(unplanned({}, {anna})).accounts.front().destination == two));
}

BOOST_FIXTURE_TEST_CASE(nobody_is_claimed_for_a_promotion_that_holds_anyway, ready) {
  source_dies({});
  BOOST_TEST(run(unplanned(node_name{"mailstore9"})).claims_needed.empty());
}

BOOST_FIXTURE_TEST_CASE(r24_a_living_primary_of_an_open_epoch_is_asked_a_dead_one_claimed, ready) {
  source_dies({kafka_offset{7}, true, ""});
  take(run(unplanned(two)));
  BOOST_TEST(blocked_by(run(unplanned(two)), "not under way already"));
  facts.accounts[anna].overdue = epoch{2};
  auto decided = run(unplanned(three));
  BOOST_TEST_REQUIRE(decided.declines.size() == 1u);
  BOOST_TEST((decided.declines.front() == decline_wanted{anna, two, epoch{2}, three}));
  facts.nodes[two].lease_runs = false;
  decided = run(unplanned(three));
  BOOST_TEST_REQUIRE(decided.claims_needed.size() == 1u);
  BOOST_TEST((decided.claims_needed.front() == two));
  facts.claims[two] = {kafka_offset{9}, true, ""};
  facts.accounts[anna].fenced = epoch{2};
  decided = run(unplanned(three));
  const auto result = take(decided);
  BOOST_TEST(applied(result));
  BOOST_TEST(at(anna).promotion()->names_claim_on(two));
  BOOST_TEST(!at(anna).promotion()->names_claim_on(one)); // its epoch was cut by the fence
}

BOOST_FIXTURE_TEST_CASE(r24_the_promotion_waits_while_a_living_primary_is_asked, ready) {
  source_dies({kafka_offset{7}, true, ""});
  take(run(unplanned(two)));
  facts.accounts[anna].overdue = epoch{2};
  auto decided = run(unplanned(three));
  BOOST_TEST(blocked_by(decided, "epoch declined"));
  BOOST_TEST(decided.accounts.front().waits);
  say(three, anna, decline_asked{epoch{2}});
  BOOST_TEST(run(unplanned(three)).accounts.front().waits);
  say(two, anna, declined{epoch{2}, "another destination was asked for"});
  decided = run(unplanned(three));
  BOOST_TEST(decided.accounts.front().decided);
  BOOST_TEST(applied(take(decided)));
  BOOST_TEST(!at(anna).promotion()->names_claim_on(two));
}

BOOST_FIXTURE_TEST_CASE(r24_behind_a_declined_epoch_another_is_promoted_while_the_old_source_lives, ready) {
  source_dies({kafka_offset{7}, true, ""});
  take(run(unplanned(two)));
  facts.nodes[one].lease_runs = true; // it was only silent, and has given the claim back
  facts.claims.clear();
  append(one, {returned{kafka_offset{7}}});
  say(two, anna, declined{epoch{2}, "poison event"});
  // The living source isn't claimed, and isn't in the way: its epoch was cut before the decline was said.
  auto decided = run(unplanned(three));
  BOOST_TEST(blocked_by(decided, "fence read"));
  BOOST_TEST(decided.accounts.front().waits);
  BOOST_TEST(decided.claims_needed.empty());
  facts.accounts[anna].fenced = epoch{2};
  decided = run(unplanned(three));
  BOOST_TEST(decided.accounts.front().decided);
  BOOST_TEST(applied(take(decided)));
  BOOST_TEST((at(anna).promotion()->primary == three));
  BOOST_TEST(at(anna).promotion()->claims == nullptr);
}

BOOST_FIXTURE_TEST_CASE(r24_nobody_is_asked_to_decline_for_a_command_that_names_no_destination, ready) {
  source_dies({kafka_offset{7}, true, ""});
  take(run(unplanned()));
  const auto decided = run(unplanned());
  BOOST_TEST(blocked_by(decided, "not under way already"));
  BOOST_TEST(!decided.accounts.front().waits);
  BOOST_TEST(decided.declines.empty());
  facts.accounts[anna].replicas[three].stopped = "poison event"; // what else holds it changes nothing
  BOOST_TEST(run(unplanned()).declines.empty());
}

BOOST_FIXTURE_TEST_CASE(r24_what_living_nodes_carry_out_is_not_taken_from_them, ready) {
  const auto waits_for_its_end = [&](promote wanted) {
    const auto decided = run(std::move(wanted));
    return blocked_by(decided, "earlier promotion over") && decided.accounts.front().waits &&
           decided.accounts.front().is_second && decided.declines.empty() && decided.claims_needed.empty();
  };
  take(run(planned(two)));
  // Before its source hands it over, and behind that: neither elsewhere, nor back, nor by an epoch that its
  // source has no part in.
  for (const auto fenced : {epoch{}, epoch{2}}) {
    facts.accounts[anna].fenced = fenced;
    for (const auto& wanted : {unplanned(three), unplanned(two), unplanned(one), unplanned()})
      BOOST_TEST(waits_for_its_end(wanted));
  }
  // Its destination had its turn for long: by name somebody else may.
  facts.accounts[anna].overdue = epoch{2};
  BOOST_TEST(run(unplanned(three)).declines.size() == 1u);
  BOOST_TEST(!run(unplanned(three)).accounts.front().is_second);
  BOOST_TEST(waits_for_its_end(unplanned(two)));
  BOOST_TEST(waits_for_its_end(unplanned()));
  // That it only stands in line at its source is no reason.
  facts.accounts[anna].fenced = epoch{};
  BOOST_TEST(waits_for_its_end(unplanned(three)));
  // Dead, it can't go on.
  facts.nodes[two].lease_runs = false;
  BOOST_TEST(blocked_by(run(unplanned(three)), "source answers"));
  BOOST_TEST(!run(unplanned(three)).accounts.front().is_second);
}

BOOST_FIXTURE_TEST_CASE(r24_neither_is_what_goes_on_without_a_source, ready) {
  source_dies({kafka_offset{7}, true, ""});
  take(run(unplanned(two)));
  auto decided = run(unplanned(three));
  BOOST_TEST(blocked_by(decided, "earlier promotion over"));
  BOOST_TEST(decided.accounts.front().waits);
  BOOST_TEST(decided.declines.empty());
  say(three, anna, decline_asked{epoch{2}, three}); // by somebody who waited for long
  BOOST_TEST(blocked_by(run(unplanned(three)), "epoch declined"));
}

BOOST_FIXTURE_TEST_CASE(r24_what_is_overdue_is_counted_from_its_destinations_turn, ready) {
  const std::chrono::milliseconds lease(1000);
  const auto at_second = [](std::int64_t second) { return boot_time(second * 1'000'000'000); };
  promotion_patience others;
  BOOST_TEST((others.overdue(at(anna), {}, at_second(100), lease) == epoch{}));
  take(run(planned(two)));
  // In line at its source for however long.
  BOOST_TEST((others.overdue(at(anna), {}, at_second(100), lease) == epoch{}));
  BOOST_TEST((others.overdue(at(anna), {}, at_second(200), lease) == epoch{}));
  BOOST_TEST((others.overdue(at(anna), epoch{2}, at_second(201), lease) == epoch{}));
  BOOST_TEST((others.overdue(at(anna), epoch{2}, at_second(204), lease) == epoch{}));
  BOOST_TEST((others.overdue(at(anna), epoch{2}, at_second(205), lease) == epoch{2}));
  // The next one has its own time.
  say(two, anna, declined{epoch{2}, "poison event"});
  BOOST_TEST((others.overdue(at(anna), epoch{2}, at_second(206), lease) == epoch{}));
  facts.accounts[anna].fenced = epoch{2};
  take(run(unplanned(three)));
  BOOST_TEST((others.overdue(at(anna), epoch{2}, at_second(207), lease) == epoch{}));
  BOOST_TEST((others.overdue(at(anna), epoch{2}, at_second(211), lease) == epoch{3}));
}

BOOST_FIXTURE_TEST_CASE(r25_whoever_comes_too_late_is_told_whose_promotion_is_under_way, ready) {
  const std::string ada = "by ada on mailstore3, operation op";
  const auto names_her = [&](const decision& decided) {
    return !decided.accounts.front().decided &&
           decided.accounts.front().text.find(ada) != std::string::npos &&
           decided.accounts.front().text.find("mailstore2") != std::string::npos;
  };
  take(run(planned(two)));
  BOOST_TEST(names_her(run(planned(three)))); // decided on the same state
  BOOST_TEST(names_her(run(unenrol{{anna}, three})));
  BOOST_TEST(run(unplanned(three)).accounts.front().waits);
  say(one, anna, promotion_aborted{epoch{2}, "guard"});
  source_dies({kafka_offset{7}, true, ""});
  take(run(unplanned(two)));
  BOOST_TEST(names_her(run(unplanned(two))));
  BOOST_TEST(names_her(run(unplanned())));
  BOOST_TEST(names_her(run(unplanned(three)))); // while its primary is asked
}

BOOST_FIXTURE_TEST_CASE(an_account_is_not_paused_in_the_middle_of_its_promotion, ready) {
  take(run(planned(two)));
  const auto paused = run(pause_replicas{{anna}});
  BOOST_TEST(blocked_by(paused, "no promotion under way"));
  BOOST_TEST(paused.events.empty());
  BOOST_TEST(run(resume_replicas{{anna}}).accounts.front().decided);
  say(one, anna, promotion_aborted{epoch{2}, "guard"});
  BOOST_TEST(applied(take(run(pause_replicas{{anna}}))));
}

BOOST_FIXTURE_TEST_CASE(r28_the_word_of_a_living_source_is_waited_for, ready) {
  take(run(planned(two)));
  facts.nodes[two].lease_runs = false;
  auto decided = run(unplanned());
  BOOST_TEST(blocked_by(decided, "source answers"));
  BOOST_TEST(decided.accounts.front().waits);
  BOOST_TEST(decided.claims_needed.empty()); // it may have nothing to claim for
  // It handed the account over: nobody but the dead destination may write it now.
  facts.accounts[anna].fenced = epoch{2};
  decided = run(unplanned());
  BOOST_TEST((decided.claims_needed == std::vector{two}));
  BOOST_TEST(decided.accounts.front().waits);
  facts.claims[two] = {kafka_offset{9}, true, ""};
  decided = run(unplanned());
  BOOST_TEST((decided.accounts.front().destination == three));
  BOOST_TEST(applied(take(decided)));
}

BOOST_FIXTURE_TEST_CASE(r29_what_was_handed_over_and_declined_goes_to_the_next_or_back, ready) {
  take(run(planned(two)));
  say(two, anna, declined{epoch{2}, "poison event"});
  facts.accounts[anna].fenced = epoch{2};
  facts.accounts[anna].replicas[two].stopped = "poison event";
  BOOST_TEST((run(unplanned()).accounts.front().destination == three));
  facts.nodes[three].lease_runs = false;
  const auto decided = run(unplanned());
  BOOST_TEST((decided.accounts.front().destination == one));
  const auto result = take(decided);
  BOOST_TEST(applied(result));
  BOOST_TEST((at(anna).promotion()->primary == one));
  BOOST_TEST(at(anna).promotion()->claims == nullptr);
}

BOOST_FIXTURE_TEST_CASE(a_promotion_that_never_became_active_may_go_back_to_its_source, ready) {
  take(run(planned(two)));
  facts.nodes[two].lease_runs = false;
  facts.claims[two] = {kafka_offset{9}, true, ""};
  const auto decided = run(unplanned(one));
  BOOST_TEST(decided.accounts.front().decided);
  BOOST_TEST(applied(take(decided)));
  BOOST_TEST((at(anna).promotion()->primary == one));
}

BOOST_AUTO_TEST_CASE(placement_shares_partitions_among_accounts_of_the_same_nodes) {
  control_state state;
  placement place(state, 4);
  std::map<partition_id, std::set<std::string>> users;
  for (int i = 0; i < 400; ++i) {
    users[place.place(one, two)].insert("a");
    users[place.place(one, three)].insert("b");
    users[place.place(two, one)].insert("a"); // the same two nodes
  }
  std::size_t shared = 0;
  for (const auto& [partition, groups] : users)
    shared += groups.size() > 1 ? 1 : 0;
  BOOST_TEST(users.size() == 4u);
  BOOST_TEST(shared == 0u);
}

BOOST_AUTO_TEST_CASE(placement_gives_the_accounts_of_two_nodes_a_few_of_many_partitions) {
  control_state state;
  placement place(state, 64);
  std::map<partition_id, int> accounts;
  for (int i = 0; i < 400; ++i)
    ++accounts[place.place(one, two)];
  BOOST_TEST(accounts.size() == 2u);
  for (const auto& [partition, count] : accounts)
    BOOST_TEST(count == 200);
}
