#include "events/line/partition_line.hpp"
#include "events/line/state_terms.hpp"
#include "tests/unit/control_world.hpp"

#include <boost/test/unit_test.hpp>

using namespace understudy;
using namespace understudy::test;

namespace {

gtid id(std::uint64_t number) {
  return {0, 1, number};
}

struct world : control_world {
  partition_line line{kafka_offset{0}, kafka_offset{0},
                      [this](std::string_view body) { return decode(body); }};
  std::int64_t offset = 0;
  std::map<node_name, incarnation> lives{
      {one, incarnation{1}}, {two, incarnation{1}}, {three, incarnation{1}}};

  world() {
    announce_all();
    enrol_ready(anna);
  }
  /// The body of a part is "sequence" as text here.
  result<transaction_event> decode(std::string_view body) const {
    return transaction_event{anna, epoch{1}, sequence(std::stoull(std::string(body))), id(99), 0, {}};
  }
  line_verdict read(const node_name& node, account_event_body body) {
    return line.step({{node, lives[node]}, std::move(body)}, kafka_offset(offset++), state_terms(state));
  }
  line_verdict write(const node_name& node, std::uint64_t term, std::uint64_t number,
                     std::uint64_t gtid_number) {
    return read(node, transaction_event{anna, epoch(term), sequence(number), id(gtid_number), 0, {}});
  }
  line_verdict fence(const node_name& node, std::uint64_t term, kafka_offset decision) {
    return read(node, fence_event{anna, epoch(term), decision, true});
  }
  kafka_offset promote(const node_name& to, promotion_kind kind, std::vector<claim_reference> claims = {},
                       epoch fenced = {}) {
    const auto offset = state.next();
    decide(to, anna,
           promotion_decided{at(anna).terms.next_term(), at(anna).primary(), to, kind, std::move(claims),
                             fenced, true});
    return offset;
  }
  kafka_offset claimed_promotion(const node_name& to) {
    return promote(to, promotion_kind::unplanned, {{one, kafka_offset{7}}});
  }
};

template <class Verdict>
bool is(const line_verdict& verdict) {
  return std::holds_alternative<Verdict>(verdict);
}

} // namespace

BOOST_FIXTURE_TEST_CASE(r11_transactions_are_delivered_in_sequence, world) {
  BOOST_TEST(is<line_deliver>(write(one, 1, 1, 10)));
  BOOST_TEST(is<line_deliver>(write(one, 1, 2, 11)));
  BOOST_TEST(is<line_stop>(write(one, 1, 4, 13)));
  BOOST_TEST(is<line_stop>(write(one, 1, 3, 12))); // stays stopped
}

BOOST_FIXTURE_TEST_CASE(r12_a_repeat_is_ignored_another_transaction_with_its_number_stops, world) {
  write(one, 1, 1, 10);
  write(one, 1, 2, 11);
  BOOST_TEST(is<line_ignore>(write(one, 1, 2, 11)));
  BOOST_TEST(is<line_ignore>(write(one, 1, 1, 10)));
  BOOST_TEST(is<line_stop>(write(one, 1, 2, 12)));
}

BOOST_FIXTURE_TEST_CASE(r12_records_of_an_older_life_are_void_behind_the_new_ones_first, world) {
  write(one, 1, 1, 10);
  BOOST_TEST(is<line_incarnation>(
      line.step({{one, incarnation{2}}, incarnation_event{}}, kafka_offset(offset++), state_terms(state))));
  BOOST_TEST(is<line_ignore>(write(one, 1, 2, 11)));
  lives[one] = incarnation{2};
  BOOST_TEST(is<line_deliver>(write(one, 1, 2, 11)));
}

BOOST_FIXTURE_TEST_CASE(r12_the_epoch_alone_names_the_writer, world) {
  BOOST_TEST(is<line_ignore>(write(two, 1, 1, 10)));
  BOOST_TEST(is<line_deliver>(write(one, 1, 1, 10)));
}

BOOST_FIXTURE_TEST_CASE(r29_what_the_source_handed_over_is_compared_with_what_lies_before_the_fence, world) {
  write(one, 1, 1, 10);
  write(one, 1, 2, 11);
  const auto decision = promote(two, promotion_kind::planned);
  const auto mismatch = [&](std::optional<sequence> last, std::optional<gtid> last_id) {
    auto again = line; // each fence is the first
    const auto verdict =
        again.step({{one, lives[one]}, fence_event{anna, epoch{2}, decision, true, last, last_id}},
                   kafka_offset(offset), state_terms(state));
    const auto* stopped = std::get_if<line_stop>(&verdict);
    return stopped == nullptr ? std::string{} : stopped->why.what;
  };
  BOOST_TEST(mismatch(sequence{2}, id(11)) == "");
  BOOST_TEST(mismatch(sequence{2}, std::nullopt) == ""); // its process was restarted since
  BOOST_TEST(mismatch(std::nullopt, std::nullopt) == "");
  BOOST_TEST(mismatch(sequence{3}, id(12)).find("behind sequence 3, the log ends at 2") != std::string::npos);
  BOOST_TEST(mismatch(sequence{2}, id(12)).find("GTID 0-1-12 to the source, and GTID 0-1-11") !=
             std::string::npos);
}

BOOST_FIXTURE_TEST_CASE(r27_a_planned_fence_by_the_source_cuts_its_epoch, world) {
  write(one, 1, 1, 10);
  const auto decision = promote(two, promotion_kind::planned);
  BOOST_TEST(is<line_ignore>(fence(two, 2, decision))); // not its own epoch, and no claim
  const auto verdict = fence(one, 2, decision);
  BOOST_TEST_REQUIRE(is<line_fence>(verdict));
  BOOST_TEST((std::get<line_fence>(verdict).primary == two));
  BOOST_TEST((std::get<line_fence>(verdict).cut == sequence{1}));
  BOOST_TEST(is<line_ignore>(write(one, 1, 2, 11)));
  BOOST_TEST(is<line_deliver>(write(two, 2, 2, 20)));
}

BOOST_FIXTURE_TEST_CASE(r27_an_unplanned_fence_is_its_new_primarys_and_needs_the_claim, world) {
  write(one, 1, 1, 10);
  const auto decision = claimed_promotion(two);
  BOOST_TEST(is<line_ignore>(fence(three, 2, decision)));
  BOOST_TEST(is<line_fence>(fence(two, 2, decision)));
  BOOST_TEST(is<line_ignore>(fence(two, 2, decision))); // the first one cut
}

BOOST_FIXTURE_TEST_CASE(r27_a_fence_waits_until_control_is_folded_past_its_decision, world) {
  const kafka_offset ahead(state.next().value);
  const auto verdict = fence(two, 2, ahead);
  BOOST_TEST_REQUIRE(is<line_wait>(verdict));
  BOOST_TEST((std::get<line_wait>(verdict).control == ahead.next()));
  claimed_promotion(two);
  const account_event again{{two, incarnation{1}}, fence_event{anna, epoch{2}, ahead, true}};
  BOOST_TEST(is<line_fence>(line.retry(again, kafka_offset(offset - 1), state_terms(state))));
}

BOOST_FIXTURE_TEST_CASE(r27_a_fence_of_a_void_decision_is_void, world) {
  append(one, {returned{kafka_offset{7}}});
  const auto decision = claimed_promotion(two); // voided by the return
  BOOST_TEST(is<line_ignore>(fence(two, 2, decision)));
  BOOST_TEST(is<line_deliver>(write(one, 1, 1, 10)));
}

BOOST_FIXTURE_TEST_CASE(r27_a_fence_stands_whatever_control_says_after_its_decision, world) {
  const auto decision = claimed_promotion(two);
  append(one, {returned{kafka_offset{7}}});
  promote(three, promotion_kind::unplanned, {{one, kafka_offset{9}}, {two, kafka_offset{10}}});
  BOOST_TEST(is<line_fence>(fence(two, 2, decision)));
}

BOOST_FIXTURE_TEST_CASE(r27_a_late_fence_behind_a_further_epochs_is_void, world) {
  const auto first = claimed_promotion(two);
  const auto second =
      promote(three, promotion_kind::unplanned, {{one, kafka_offset{9}}, {two, kafka_offset{10}}});
  BOOST_TEST(is<line_fence>(fence(three, 3, second)));
  BOOST_TEST(is<line_ignore>(fence(two, 2, first)));
  BOOST_TEST(is<line_ignore>(write(two, 2, 1, 20)));
}

BOOST_FIXTURE_TEST_CASE(r27_a_fence_may_not_cut_an_epoch_that_its_decision_has_no_claim_on, world) {
  claimed_promotion(two);
  // It says that it read the fence of epoch 2, so it claims `two` only; but here that fence never came.
  const auto decision = promote(three, promotion_kind::unplanned, {{two, kafka_offset{10}}}, epoch{2});
  BOOST_TEST(is<line_ignore>(fence(three, 3, decision)));
}

BOOST_FIXTURE_TEST_CASE(r24_an_epoch_declined_before_the_decision_needs_no_claim, world) {
  claimed_promotion(two);
  say(two, anna, declined{epoch{2}, "asked"});
  const auto decision = promote(three, promotion_kind::unplanned, {{one, kafka_offset{9}}});
  BOOST_TEST(is<line_fence>(fence(three, 3, decision)));
}

BOOST_FIXTURE_TEST_CASE(r13_parts_are_joined_and_those_of_another_life_do_not_mix, world) {
  const auto part = [](std::uint32_t index, std::string body) {
    return part_event{anna, epoch{1}, sequence{12}, index, 2, std::move(body)};
  };
  write(one, 1, 11, 98);
  BOOST_TEST(is<line_part>(read(one, part(0, "1"))));
  const auto whole = read(one, part(1, "2"));
  BOOST_TEST_REQUIRE(is<line_deliver>(whole));
  BOOST_TEST((std::get<line_deliver>(whole).assembled->number == sequence{12}));
  BOOST_TEST(is<line_ignore>(read(one, part(1, "2"))));
  BOOST_TEST(is<line_part>(read(one, part(0, "1"))));
  lives[one] = incarnation{2};
  BOOST_TEST(is<line_ignore>(read(one, part(1, "2"))));
}

BOOST_FIXTURE_TEST_CASE(r13_a_set_that_is_not_complete_before_a_fence_is_void, world) {
  write(one, 1, 1, 10);
  const auto decision = promote(two, promotion_kind::planned);
  read(one, part_event{anna, epoch{1}, sequence{2}, 0, 2, "2"});
  fence(one, 2, decision);
  BOOST_TEST(is<line_ignore>(read(one, part_event{anna, epoch{1}, sequence{2}, 1, 2, ""})));
  BOOST_TEST(is<line_deliver>(write(two, 2, 2, 20)));
}

BOOST_FIXTURE_TEST_CASE(r16_a_marker_that_is_not_before_the_fence_is_void, world) {
  write(one, 1, 1, 10);
  const snapshot_event marker{anna, epoch{1}, sequence{1}, "snap", partition_id{0}, kafka_offset{0}};
  BOOST_TEST(is<line_snapshot>(read(one, marker)));
  write(one, 1, 2, 11);
  BOOST_TEST(std::get<line_snapshot>(read(one, marker)).behind == 1u);
  fence(one, 2, promote(two, promotion_kind::planned));
  BOOST_TEST(is<line_ignore>(read(one, marker)));
}

/// The view has transactions that the log lacks, so a replica that reads on would lack them too.
BOOST_FIXTURE_TEST_CASE(r16_a_marker_ahead_of_the_log_is_a_gap, world) {
  write(one, 1, 1, 10);
  const snapshot_event marker{anna, epoch{1}, sequence{3}, "snap", partition_id{0}, kafka_offset{0}};
  const auto verdict = read(one, marker);
  BOOST_TEST_REQUIRE(is<line_stop>(verdict));
  BOOST_TEST(std::get<line_stop>(verdict).why.what ==
             "gap: snapshot snap lies behind sequence 3, the log ends at 1");
}

BOOST_FIXTURE_TEST_CASE(r11_a_number_that_an_epoch_before_used_up_stops_the_account, world) {
  write(one, 1, 1, 10);
  for (std::uint64_t number = 2; number <= 9; ++number)
    write(one, 1, number, 10 + number);
  fence(one, 2, promote(two, promotion_kind::planned));
  const auto before = line;
  for (const std::uint64_t number : {1U, 4U, 9U}) {
    const auto verdict = write(two, 2, number, 100);
    BOOST_TEST_REQUIRE(is<line_stop>(verdict));
    const auto& why = std::get<line_stop>(verdict).why.what;
    BOOST_TEST((why.find(fmt::format("sequence {} of epoch 2, GTID 0-1-100", number)) == 0), why);
    BOOST_TEST((why.find("the cut of that epoch, sequence 9") != std::string::npos), why);
    line = before;
  }
  BOOST_TEST(is<line_ignore>(write(one, 1, 9, 19))); // of the epoch that was cut, read behind its fence
  BOOST_TEST(is<line_deliver>(write(two, 2, 10, 101)));
  BOOST_TEST(is<line_ignore>(write(two, 2, 10, 101))); // its process began anew, and wrote it again
}

BOOST_FIXTURE_TEST_CASE(a_stored_position_is_continued, world) {
  line.follow(anna, {epoch{1}, sequence{41}, id(7)});
  BOOST_TEST(is<line_ignore>(write(one, 1, 40, 6)));
  BOOST_TEST(is<line_ignore>(write(one, 1, 41, 7)));
  BOOST_TEST(is<line_deliver>(write(one, 1, 42, 8)));
}

BOOST_FIXTURE_TEST_CASE(a_reader_that_begins_behind_an_active_fence_knows_the_epoch_from_control, world) {
  claimed_promotion(two);
  partition_line late(kafka_offset{100}, state.next(), nullptr);
  const auto read_late = [&](const node_name& node, std::uint64_t term, std::uint64_t number) {
    return late.step(
        {{node, incarnation{1}}, transaction_event{anna, epoch(term), sequence(number), id(number), 0, {}}},
        kafka_offset{101}, state_terms(state));
  };
  BOOST_TEST(is<line_wait>(read_late(two, 2, 5))); // its fence may lie before: control will tell
  say(two, anna, activated{epoch{2}, kafka_offset{50}, sequence{4}, ""});
  BOOST_TEST(is<line_ignore>(read_late(one, 1, 5)));
  BOOST_TEST(is<line_deliver>(read_late(two, 2, 5)));
}

/// The log that had it was replaced; who goes on from a number needs what lay before the fence.
BOOST_FIXTURE_TEST_CASE(c01_who_begins_in_a_log_without_the_active_epochs_fence_goes_by_control, world) {
  claimed_promotion(two);
  say(two, anna, activated{epoch{2}, kafka_offset{50}, sequence{4}, ""});
  const snapshot_event marker{anna, epoch{2}, sequence{5}, "snap", partition_id{0}, kafka_offset{0}};
  partition_line late(kafka_offset{0}, state.next(), nullptr);
  const account_event found{{two, incarnation{1}}, marker};
  BOOST_TEST(is<line_snapshot>(late.step(account_event(found), kafka_offset{1}, state_terms(state))));
  late.follow(anna, {epoch{1}, sequence{4}, id(7)});
  BOOST_TEST(is<line_stop>(late.step(account_event(found), kafka_offset{2}, state_terms(state))));
}

BOOST_FIXTURE_TEST_CASE(records_of_an_earlier_enrolment_concern_nobody, world) {
  write(one, 1, 1, 10);
  decide(one, anna, withdrawn{});
  BOOST_TEST(is<line_ignore>(write(one, 1, 2, 11)));
  decide(one, anna, enrolled{"a@example.com", two, partition_id{3}});
  BOOST_TEST(is<line_ignore>(write(one, 1, 3, 12)));
  BOOST_TEST(is<line_deliver>(write(two, 2, 1, 30)));
}

BOOST_FIXTURE_TEST_CASE(an_account_that_control_does_not_know_yet_waits, world) {
  const transaction_event early{bert, epoch{1}, sequence{1}, id(1), 0, {}};
  BOOST_TEST(is<line_wait>(read(one, early)));
  enrol_ready(bert);
  BOOST_TEST(
      is<line_deliver>(line.retry({{one, incarnation{1}}, early}, kafka_offset{0}, state_terms(state))));
}

BOOST_FIXTURE_TEST_CASE(p8_what_an_epoch_wrote_that_control_has_forgotten_stops_the_replica, world) {
  write(one, 1, 1, 10);
  for (std::size_t i = 0; i <= max_terms_kept; ++i) {
    const auto& home = at(anna).primary() == one ? two : one;
    promote(home, promotion_kind::planned);
    say(home, anna,
        activated{at(anna).terms.current()->term, kafka_offset(std::int64_t(100 + i)), sequence{1}, ""});
  }
  const auto verdict = write(one, 1, 2, 11);
  BOOST_TEST_REQUIRE(is<line_stop>(verdict));
  BOOST_TEST(std::get<line_stop>(verdict).why.what.find("too long ago") != std::string::npos);
}
