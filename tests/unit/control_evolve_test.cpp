#include "tests/unit/control_world.hpp"

#include <boost/test/unit_test.hpp>

using namespace understudy;
using namespace understudy::test;

namespace {

struct ready : control_world {
  ready() {
    announce_all();
    enrol_ready(anna);
  }
  promotion_decided to(const node_name& node, promotion_kind kind = promotion_kind::planned,
                       std::vector<claim_reference> claims = {}) const {
    return {at(anna).terms.next_term(), at(anna).primary(), node, kind, std::move(claims), epoch{}, true};
  }
};

} // namespace

BOOST_FIXTURE_TEST_CASE(enrolment_begins_unprotected_and_activation_protects, control_world) {
  announce_all();
  decide(one, anna, enrolled{"a@example.com", one, partition_id{3}});
  BOOST_TEST(!at(anna).is_protected());
  BOOST_TEST(say(one, anna, activated{epoch{1}, kafka_offset{-1}, sequence{}, ""}));
  BOOST_TEST(at(anna).is_protected());
  BOOST_TEST((at(anna).primary() == one));
}

BOOST_FIXTURE_TEST_CASE(o07_what_is_missing_from_the_log_only_replicas_made_anew_have, ready) {
  say(one, anna, unprotected{epoch{1}, "semi-sync is off", sequence{}});
  BOOST_TEST(at(anna).gap->missing.value == 0u);
  // In one record, as a source says that its position was lost: the replicas' new requests are no older.
  append(one, {account_change{anna, {}, unprotected{epoch{1}, "purged", sequence{6}}},
               account_change{anna, {}, replica_reset{two, "purged"}}});
  const auto gap = *at(anna).gap;
  BOOST_TEST(gap.since.value == 0u); // what wasn't promised before isn't promised now
  BOOST_TEST(gap.missing.value == 6u);
  BOOST_TEST(!gap.is_whole(*at(anna).destination(two)));   // not ready
  BOOST_TEST(!gap.is_whole(*at(anna).destination(three))); // ready, but older than the gap
  // Nothing was written since: the new snapshot ends at the same sequence as the old one, and is whole.
  say(two, anna, replica_ready{two, at(anna).destination(two)->requested, "anew", sequence{5}});
  BOOST_TEST(gap.is_whole(*at(anna).destination(two)));
  // A partition that can't be written for a while leaves nothing out of the log either (R4).
  say(one, anna, unprotected{epoch{1}, "no leader", sequence{7}, true});
  BOOST_TEST(at(anna).gap->missing.value == 6u);
  // A later trouble of the node doesn't make the missing changes come back.
  say(one, anna, unprotected{epoch{1}, "semi-sync is off", sequence{}});
  BOOST_TEST(at(anna).gap->missing.value == 6u);
}

BOOST_FIXTURE_TEST_CASE(p1_what_changed_unseen_only_replicas_made_anew_have, ready) {
  append(one, {account_change{anna, {}, unprotected{epoch{1}, "TRUNCATE", sequence{6}, false, true}},
               account_change{anna, {}, replica_reset{two, "TRUNCATE"}}});
  const auto gap = *at(anna).gap;
  BOOST_TEST(gap.since.value == 6u);
  BOOST_TEST(gap.missing.value == 0u); // of the log nothing
  BOOST_TEST(gap.lacks_changes());
  BOOST_TEST(!gap.is_whole(*at(anna).destination(two)));
  say(two, anna, replica_ready{two, at(anna).destination(two)->requested, "anew", sequence{5}});
  BOOST_TEST(gap.is_whole(*at(anna).destination(two)));
}

/// It had read that its replicas have what was refused, and had said, but not read, that more is.
BOOST_FIXTURE_TEST_CASE(r3_what_a_source_says_before_it_has_read_what_the_log_lacks_protects_nothing, ready) {
  say(one, anna, unprotected{epoch{1}, "Kafka refused", sequence{6}});
  const auto read = at(anna).version;
  say(one, anna, unprotected{epoch{1}, "Kafka refused", sequence{9}});
  BOOST_TEST(!applied(append(one, {account_change{anna, read, protected_again{epoch{1}}}})));
  BOOST_TEST(!at(anna).is_protected());
  BOOST_TEST(applied(append(one, {account_change{anna, at(anna).version, protected_again{epoch{1}}}})));
  BOOST_TEST(at(anna).is_protected());
}

BOOST_FIXTURE_TEST_CASE(r25_two_administrators_one_wins_and_the_other_is_told_who, ready) {
  const auto version = at(anna).version;
  const change_origin first{operation_id{"op-1"}, "ada", 1}, second{operation_id{"op-2"}, "bob", 2};
  auto won = append(one, {account_change{anna, version, to(two)}}, incarnation{1}, first);
  auto lost = append(two, {account_change{anna, version, to(three)}}, incarnation{1}, second);
  BOOST_TEST(applied(won));
  BOOST_TEST(!applied(lost));
  BOOST_TEST(lost.events.front().winner.by == "ada");
  BOOST_TEST(lost.events.front().winner.operation.value == "op-1");
  BOOST_TEST((at(anna).promotion()->primary == two));
}

BOOST_FIXTURE_TEST_CASE(r25_each_account_of_a_record_stands_or_falls_alone, ready) {
  decide(one, bert, enrolled{"b@example.com", one, partition_id{3}});
  const auto result = append(one, {account_change{anna, account_version{1}, paused{}},
                                   account_change{bert, at(bert).version, paused{}}});
  BOOST_TEST(!result.events[0].applied);
  BOOST_TEST(result.events[1].applied);
  BOOST_TEST(result.accounts.size() == 1u);
}

BOOST_FIXTURE_TEST_CASE(p10_why_a_decision_is_void_is_said_without_the_accounts_uuid, ready) {
  const auto void_of = [&](account_id account, account_version expected, account_change_body body) {
    const auto outcome =
        append(two, {account_change{std::move(account), expected, std::move(body)}}).events.front();
    BOOST_TEST(!outcome.applied);
    return outcome.why;
  };
  const auto version = at(anna).version;
  BOOST_TEST(
      void_of(anna, account_version{1}, paused{}) ==
      fmt::format("it was changed meanwhile (version {} instead of 1): run the command again", version));
  BOOST_TEST(void_of(anna, version, destination_removed{one}) == "mailstore1 is not a destination of it");
  BOOST_TEST(void_of(anna, version, activated{epoch{9}, {}, {}, {}}) ==
             "it speaks of epoch 9, epoch 1 was decided");
  BOOST_TEST(void_of(bert, account_version{1}, paused{}) == "it is not replicated");
  decide(one, anna, withdrawn{});
  BOOST_TEST(void_of(anna, at(anna).version, paused{}) == "it is not replicated any more");
}

BOOST_FIXTURE_TEST_CASE(an_accounts_name_is_what_its_source_says, ready) {
  const auto origin = at(anna).origin;
  BOOST_TEST(!say(two, anna, renamed{"b@example.com"}));
  BOOST_TEST(say(one, anna, renamed{"b@example.com"})); // a fact: whatever version it was said on
  BOOST_TEST(at(anna).name == "b@example.com");
  BOOST_TEST((at(anna).origin == origin)); // no command lost to it
}

BOOST_FIXTURE_TEST_CASE(r25_a_repeated_record_is_known_by_its_id, ready) {
  control_record record{{one, incarnation{1}}, "same", rules_version, {}, {}};
  record.events = {account_change{anna, {}, unprotected{epoch{1}, "poison", sequence{9}}}};
  BOOST_TEST(applied(append(record)));
  const auto version = at(anna).version;
  BOOST_TEST(!append(record).applied);
  BOOST_TEST((at(anna).version == version));
}

BOOST_FIXTURE_TEST_CASE(r12_records_of_an_older_life_behind_a_newer_one_are_void, ready) {
  append(one, {control_incarnation{}}, incarnation{2});
  BOOST_TEST(!say(one, anna, unprotected{epoch{1}, "late", sequence{1}}, incarnation{1}));
  BOOST_TEST(at(anna).is_protected());
  BOOST_TEST(say(one, anna, unprotected{epoch{1}, "now", sequence{1}}, incarnation{2}));
}

BOOST_FIXTURE_TEST_CASE(r25_facts_are_checked_against_the_epoch_they_speak_of, ready) {
  decide(two, anna, to(two, promotion_kind::unplanned, {{one, kafka_offset{7}}}));
  BOOST_TEST(!say(one, anna, unprotected{epoch{1}, "too late", sequence{9}}));
  BOOST_TEST(!say(one, anna, activated{epoch{2}, kafka_offset{50}, sequence{9}, ""}));
  BOOST_TEST(say(two, anna, activated{epoch{2}, kafka_offset{50}, sequence{9}, ""}));
  BOOST_TEST((at(anna).primary() == two));
}

BOOST_FIXTURE_TEST_CASE(r22_a_decision_is_void_behind_a_return_of_one_of_its_claims, ready) {
  append(one, {returned{kafka_offset{7}}});
  BOOST_TEST(!applied(decide(two, anna, to(two, promotion_kind::unplanned, {{one, kafka_offset{7}}}))));
  BOOST_TEST(applied(decide(two, anna, to(two, promotion_kind::unplanned, {{one, kafka_offset{8}}}))));
}

/// The leases were made anew: their offsets begin again.
BOOST_FIXTURE_TEST_CASE(r22_a_return_ends_no_claim_that_was_appended_behind_it, ready) {
  append(one, {returned{kafka_offset{7}, broker_time{1000}}});
  const auto claimed = [&](std::optional<broker_time> appended) {
    return applied(decide(two, anna, to(two, promotion_kind::unplanned, {{one, kafka_offset{5}, appended}})));
  };
  BOOST_TEST(!claimed({}));
  BOOST_TEST(!claimed(broker_time{1000}));
  BOOST_TEST(claimed(broker_time{1001}));
  append(one, {returned{kafka_offset{5}, broker_time{1001}}}); // no repetition
  BOOST_TEST(state.node(one)->has_returned(kafka_offset{5}, broker_time{1001}));
  BOOST_TEST(!state.node(one)->has_returned(kafka_offset{6}, broker_time{1002}));
}

BOOST_FIXTURE_TEST_CASE(r24_an_unplanned_decision_names_a_claim_for_every_unclosed_epoch, ready) {
  BOOST_TEST(!applied(decide(two, anna, to(two, promotion_kind::unplanned))));
  decide(two, anna, to(two, promotion_kind::unplanned, {{one, kafka_offset{7}}}));
  // two died before its activation: both may still write
  const claim_reference on_one{one, kafka_offset{9}}, on_two{two, kafka_offset{10}};
  BOOST_TEST(!applied(decide(three, anna, to(three, promotion_kind::unplanned, {on_one}))));
  auto fenced = to(three, promotion_kind::unplanned, {on_two});
  fenced.fenced = epoch{2};
  BOOST_TEST(applied(decide(three, anna, fenced)));
}

BOOST_FIXTURE_TEST_CASE(r24_a_declined_epoch_needs_no_claim, ready) {
  decide(two, anna, to(two, promotion_kind::unplanned, {{one, kafka_offset{7}}}));
  BOOST_TEST(!say(three, anna, declined{epoch{2}, "not mine"}));
  BOOST_TEST(say(two, anna, declined{epoch{2}, "asked"}));
  BOOST_TEST(!say(two, anna, activated{epoch{2}, kafka_offset{50}, sequence{9}, ""}));
  BOOST_TEST(applied(decide(three, anna, to(three, promotion_kind::unplanned, {{one, kafka_offset{7}}}))));
}

BOOST_FIXTURE_TEST_CASE(r20_an_epoch_that_a_claim_ended_stays_ended_when_the_next_is_declined, ready) {
  decide(two, anna, to(two));
  BOOST_TEST(!at(anna).terms.ended_by_a_claim(epoch{1})); // its own to hand over
  say(one, anna, promotion_aborted{epoch{2}, "guard"});
  decide(two, anna, to(two, promotion_kind::unplanned, {{one, kafka_offset{7}}}));
  BOOST_TEST(at(anna).terms.ended_by_a_claim(epoch{1}));
  say(two, anna, declined{epoch{3}, "poison event"}); // behind its fence
  BOOST_TEST(at(anna).terms.ended_by_a_claim(epoch{1}));
  decide(three, anna, to(one, promotion_kind::unplanned)); // back: where it was cut isn't known there
  BOOST_TEST(at(anna).terms.ended_by_a_claim(epoch{1}));
  BOOST_TEST(!at(anna).terms.ended_by_a_claim(epoch{4}));
}

BOOST_FIXTURE_TEST_CASE(r20_only_the_primary_of_the_epoch_before_had_a_planned_one_to_hand_over, ready) {
  decide(two, anna, to(two));
  BOOST_TEST(at(anna).terms.handed_over_by(one, epoch{2}));
  BOOST_TEST(!at(anna).terms.handed_over_by(two, epoch{2}));
  say(one, anna, promotion_aborted{epoch{2}, "guard"});
  decide(two, anna, to(two, promotion_kind::unplanned, {{one, kafka_offset{7}}}));
  BOOST_TEST(!at(anna).terms.handed_over_by(one, epoch{3})); // it was taken
  say(two, anna, activated{epoch{3}, kafka_offset{50}, sequence{9}, ""});
  decide(three, anna, to(three));
  BOOST_TEST(!at(anna).terms.handed_over_by(one, epoch{4})); // it was another's by then
  BOOST_TEST(at(anna).terms.handed_over_by(two, epoch{4}));
  BOOST_TEST(!at(anna).terms.handed_over_by(two, epoch{9}));
}

BOOST_FIXTURE_TEST_CASE(r24_a_question_to_decline_is_kept_until_the_epoch_has_its_end, ready) {
  BOOST_TEST(!say(three, anna, decline_asked{epoch{1}})); // active
  decide(two, anna, to(two));
  BOOST_TEST(!say(three, anna, decline_asked{epoch{3}}));
  BOOST_TEST(say(three, anna, decline_asked{epoch{2}}));
  BOOST_TEST(at(anna).terms.pending()->decline_asked);
  BOOST_TEST(!say(one, anna, decline_asked{epoch{2}})); // once is enough
  BOOST_TEST(say(two, anna, declined{epoch{2}, "asked"}));
  BOOST_TEST(say(one, anna, promotion_aborted{epoch{2}, "its new primary declined it"}));
  BOOST_TEST((at(anna).terms.current() == at(anna).terms.active()));
}

BOOST_FIXTURE_TEST_CASE(r25_control_knows_whose_an_epoch_is_and_who_supersedes_it, ready) {
  const change_origin first{operation_id{"op-1"}, "ada", 1}, second{operation_id{"op-2"}, "bob", 2};
  append(one, {account_change{anna, at(anna).version, to(two)}}, incarnation{1}, first);
  BOOST_TEST(whose(*at(anna).terms.find(epoch{2})) == " (by ada on mailstore1, operation op-1)");
  BOOST_TEST(why_superseded(*at(anna).terms.find(epoch{2})).empty());
  decide(three, anna, paused{}); // neither what others decide nor who asks comes between
  append(three, {account_change{anna, {}, decline_asked{epoch{2}, three}}}, incarnation{1}, second);
  const std::string told = "mailstore3 was asked for instead (by bob on mailstore3, operation op-2)";
  BOOST_TEST(why_superseded(*at(anna).terms.find(epoch{2})) == told);
  BOOST_TEST(say(two, anna, declined{epoch{2}, told}));
  BOOST_TEST(why_superseded(*at(anna).terms.find(epoch{2})) == told); // for whoever asks later
  BOOST_TEST(whose(*at(anna).terms.find(epoch{2})) == " (by ada on mailstore1, operation op-1)");
  // At rest nothing of it is kept: the account's origin tells who moved it last.
  say(one, anna, promotion_aborted{epoch{2}, told});
  append(three, {account_change{anna, at(anna).version, to(three)}}, incarnation{1}, second);
  say(three, anna, activated{epoch{3}, kafka_offset{50}, sequence{9}, ""});
  BOOST_TEST(at(anna).terms.active()->rivals == nullptr);
  BOOST_TEST(at(anna).origin->by == "bob");
}

BOOST_FIXTURE_TEST_CASE(r3_r24_promotions_that_never_began_dont_push_out_the_epoch_in_force, ready) {
  for (std::size_t i = 0; i < 2 * max_terms_kept; ++i) {
    BOOST_REQUIRE(applied(decide(two, anna, to(two))));
    const auto given_up = at(anna).terms.current()->term;
    BOOST_TEST(!at(anna).terms.forgot(given_up));
    BOOST_REQUIRE(say(one, anna, promotion_aborted{given_up, "busy"}));
    BOOST_REQUIRE(at(anna).terms.active() != nullptr);
    BOOST_TEST((at(anna).terms.active()->term == epoch{1}));
    BOOST_TEST((at(anna).primary() == one));
  }
  BOOST_TEST(at(anna).terms.all().size() <= max_terms_kept);
  BOOST_TEST(at(anna).terms.forgot(epoch{2}));
  BOOST_TEST(!at(anna).terms.forgot(epoch{1}));
  BOOST_TEST(!at(anna).terms.forgot(at(anna).terms.next_term()));
  BOOST_TEST(!applied(decide(two, anna, to(two, promotion_kind::unplanned)))); // no claim on `one`
  BOOST_TEST(applied(decide(two, anna, to(two))));
}

BOOST_FIXTURE_TEST_CASE(r24_epochs_in_which_somebody_may_write_are_all_kept, ready) {
  for (std::size_t i = 0; i < max_terms_kept + 6; ++i)
    BOOST_REQUIRE(
        applied(decide(two, anna,
                       to(i % 2 == 0 ? two : three, promotion_kind::unplanned,
                          {{one, kafka_offset{7}}, {two, kafka_offset{8}}, {three, kafka_offset{9}}}))));
  BOOST_TEST(at(anna).terms.unclosed().size() == max_terms_kept + 7);
}

BOOST_FIXTURE_TEST_CASE(r32_control_knows_until_when_a_node_was_the_primary, ready) {
  BOOST_TEST(!at(anna).terms.primary_until_ms(two).has_value());
  decide(three, anna, to(two));
  append(two, {account_change{anna, {}, activated{epoch{2}, kafka_offset{50}, sequence{9}, ""}}},
         incarnation{1}, {{}, "mailstore2", 1234});
  BOOST_TEST(*at(anna).terms.primary_until_ms(one) == 1234);
  BOOST_TEST(*at(anna).terms.primary_until_ms(two) == std::numeric_limits<std::int64_t>::max()); // it is
  BOOST_TEST(!at(anna).terms.primary_until_ms(three).has_value());
}

BOOST_FIXTURE_TEST_CASE(restarting_an_account_that_is_not_paused_is_told_to_its_replicas, ready) {
  BOOST_TEST(applied(decide(one, anna, resumed{})));
  BOOST_TEST(!at(anna).is_paused);
}

BOOST_FIXTURE_TEST_CASE(r28_only_the_source_aborts_a_planned_decision, ready) {
  decide(three, anna, to(two));
  BOOST_TEST(!say(two, anna, promotion_aborted{epoch{2}, "no"}));
  BOOST_TEST(say(one, anna, promotion_aborted{epoch{2}, "guard took too long"}));
  BOOST_TEST(!at(anna).promotion());
  BOOST_TEST(say(one, anna, unprotected{epoch{1}, "still its own", sequence{9}}));
  BOOST_TEST((at(anna).terms.next_term() == epoch{3}));
}

BOOST_FIXTURE_TEST_CASE(r34_the_old_source_becomes_a_replica_with_the_promoted_ones_priority, ready) {
  decide(three, anna, to(two));
  say(two, anna, activated{epoch{2}, kafka_offset{50}, sequence{9}, ""});
  BOOST_TEST(!at(anna).destination(two));
  const auto* old = at(anna).destination(one);
  BOOST_TEST_REQUIRE(old);
  BOOST_TEST(old->priority == 10u);
  BOOST_TEST(!old->ready);
  BOOST_TEST(say(one, anna, replica_ready{one, old->requested, "", sequence{9}}));
  BOOST_TEST(at(anna).destination(one)->ready);
}

BOOST_FIXTURE_TEST_CASE(a_primary_that_never_became_active_needs_a_new_snapshot, ready) {
  decide(two, anna, to(two, promotion_kind::unplanned, {{one, kafka_offset{7}}}));
  decide(three, anna,
         to(three, promotion_kind::unplanned, {{one, kafka_offset{9}}, {two, kafka_offset{10}}}));
  say(three, anna, activated{epoch{3}, kafka_offset{60}, sequence{9}, ""});
  BOOST_TEST(!at(anna).destination(two)->ready);
}

BOOST_FIXTURE_TEST_CASE(a_replica_answers_the_last_request_only, ready) {
  const auto before = at(anna).destination(two)->requested;
  say(one, anna, replica_reset{two, "poison event"});
  BOOST_TEST(!at(anna).destination(two)->ready);
  BOOST_TEST(!say(two, anna, replica_ready{two, before, "old", sequence{5}}));
  BOOST_TEST(!say(one, anna, replica_ready{two, at(anna).destination(two)->requested, "x", sequence{5}}));
  BOOST_TEST(say(two, anna, replica_ready{two, at(anna).destination(two)->requested, "new", sequence{8}}));
}

BOOST_FIXTURE_TEST_CASE(epochs_and_version_go_on_over_a_new_enrolment, ready) {
  decide(one, anna, withdrawn{});
  BOOST_TEST(!say(one, anna, protected_again{epoch{1}}));
  const auto version = at(anna).version;
  BOOST_TEST(!applied(decide(one, anna, enrolled{"a@example.com", two, partition_id{4}})));
  BOOST_TEST(applied(decide(one, anna, enrolled{"a@example.com", two, partition_id{3}})));
  BOOST_TEST((at(anna).version == version.next()));
  BOOST_TEST((at(anna).terms.first() == epoch{2}));
  BOOST_TEST((at(anna).primary() == two));
}

BOOST_FIXTURE_TEST_CASE(operations_are_kept_within_bounds, control_world) {
  for (std::size_t i = 0; i < max_operations_kept + 5; ++i) {
    const operation_id id{"op-" + std::to_string(i)};
    append(one, {operation_started{id, "promote", "ada", 0, 1, ""}, operation_finished{id, 5}});
  }
  const operation_id last{"last"};
  append(one, {operation_started{last, "promote", "ada", 0, 1, ""}});
  BOOST_TEST(state.operations().size() == max_operations_kept + 1);
  BOOST_TEST(!state.operation(operation_id{"op-4"}));
  BOOST_TEST(state.operation(operation_id{"op-5"}));
  append(one, {operation_outcome{last, anna, false, "no"}, operation_finished{last, 5}});
  BOOST_TEST(state.operation(last)->failed == 1u);
  BOOST_TEST(state.operation(last)->finished_ms == 5);
}

BOOST_FIXTURE_TEST_CASE(r25_an_operation_that_is_under_way_is_not_forgotten_for_those_that_are_over,
                        control_world) {
  const operation_id long_one{"long"};
  append(one, {operation_started{long_one, "promoteAccounts", "ada", 0, 1, ""},
               operation_target{long_one, anna, "a@example.com", {}, false}});
  for (std::size_t i = 0; i < 2 * max_operations_kept; ++i) {
    const operation_id id{"op-" + std::to_string(i)};
    append(one, {operation_started{id, "pauseReplicas", "ada", 0, 1, ""}, operation_finished{id, 5}});
  }
  BOOST_TEST_REQUIRE(state.operation(long_one));
  BOOST_TEST(state.operation(long_one)->open.contains(anna));
}

/// A script that enrols accounts one by one while their destination is down.
BOOST_FIXTURE_TEST_CASE(r25_however_many_operations_are_under_way_none_of_them_is_forgotten, control_world) {
  const auto name = [](std::size_t i) { return operation_id{"op-" + std::to_string(i)}; };
  for (std::size_t i = 0; i < 3 * max_operations_kept; ++i)
    append(one, {operation_started{name(i), "setAccountDestination", "ada", 0, 1, ""}});
  BOOST_TEST(state.unfinished_operations() == 3 * max_operations_kept);
  BOOST_TEST(state.operation(name(0)));
  append(one, {operation_finished{name(0), 5}});
  append(one, {operation_started{operation_id{"next"}, "promoteAccounts", "ada", 0, 1, ""}});
  BOOST_TEST(state.operation(name(0))); // what has just ended can be asked for
}

BOOST_FIXTURE_TEST_CASE(r25_control_says_whom_an_operation_still_owes_an_outcome, ready) {
  const operation_id op{"op"};
  append(one, {operation_started{op, "promoteAccounts", "ada", 0, 2, "", two, 0, false},
               operation_target{op, anna, "a@example.com", {}, false},
               operation_target{op, bert, "b@example.com", {}, false}});
  BOOST_TEST(!applied(append(one, {operation_target{op, anna, "again", {}, false}})));
  BOOST_TEST(state.operation(op)->open.size() == 2u);
  const auto decided =
      append(one, {account_change{anna, at(anna).version, to(two)}}, incarnation{1}, {op, "ada", 1});
  BOOST_TEST((state.operation(op)->open.at(anna).decided == decided.offset));
  BOOST_TEST((state.operation(op)->open.at(bert).decided == kafka_offset{-1}));
  BOOST_TEST((decided.operations == std::vector{op})); // to be stored
  // Another supervisor goes on; both may tell the end of an account, which counts once.
  BOOST_TEST(applied(append(two, {operation_adopted{op}})));
  BOOST_TEST((state.operation(op)->node == two));
  BOOST_TEST(applied(append(two, {operation_outcome{op, anna, true, "active"}})));
  BOOST_TEST(!applied(append(one, {operation_outcome{op, anna, false, "timed out"}})));
  BOOST_TEST(applied(append(two, {operation_outcome{op, bert, false, "no"}})));
  BOOST_TEST(applied(append(two, {operation_finished{op, 5}})));
  BOOST_TEST(!applied(append(one, {operation_finished{op, 6}})));
  BOOST_TEST(!applied(append(one, {operation_adopted{op}})));
  BOOST_TEST(state.operation(op)->succeeded == 1u);
  BOOST_TEST(state.operation(op)->failed == 1u);
  BOOST_TEST(state.operation(op)->finished_ms == 5);
}

BOOST_FIXTURE_TEST_CASE(r26_a_record_of_another_rules_version_is_void, ready) {
  control_record record{{one, incarnation{1}}, "future", rules_version + 1, {}, {}};
  record.events = {account_change{anna, {}, unprotected{epoch{1}, "x", sequence{9}}}};
  BOOST_TEST(!append(record).applied);
  BOOST_TEST(at(anna).is_protected());
}
