#include "actors/replica/partition_reading.hpp"
#include "tests/unit/control_world.hpp"

#include <boost/test/unit_test.hpp>

using namespace understudy;
using namespace understudy::test;
using namespace std::chrono_literals;

namespace {

kafka_offset off(std::int64_t n) {
  return kafka_offset(n);
}

struct reading_world : control_world, reading_sink, decision_source {
  // what control says
  kafka_offset folded_to{1'000'000};
  kafka_offset folded() const override { return folded_to; }
  kafka_offset requested{-1}; ///< of a snapshot
  answer about(const account_id& account) const override {
    const auto* known = state.account(account);
    return known ? answer{std::make_shared<const account_terms>(known->terms), known->is_withdrawn, requested}
                 : answer{};
  }
  // what the reading does
  std::map<account_id, std::vector<std::uint64_t>> delivered;
  std::vector<queued_fence> fences;
  std::vector<marker_met> markers;
  std::vector<std::pair<account_id, halt>> halts;
  std::set<account_id> busy;
  std::set<account_id> stuck;
  std::map<account_id, replay_point> taken; ///< what withdraw() and applied() answer
  std::map<account_id, std::size_t> backlogs;
  void deliver(const account_id& account, queued_item item) override {
    if (const auto* event = std::get_if<queued_event>(&item))
      delivered[account].push_back(event->event->number.value);
    else
      fences.push_back(std::get<queued_fence>(item));
  }
  void marker(marker_met met) override { markers.push_back(std::move(met)); }
  void halted(const account_id& account, halt kind, error, std::uint64_t) override {
    halts.emplace_back(account, kind);
  }
  std::optional<replay_point> withdraw(const account_id& account) override {
    busy.erase(account);
    return applied(account);
  }
  void close(const account_id& account) override { taken.erase(account); }
  bool idle(const account_id& account) const override { return !busy.contains(account); }
  bool is_stuck(const account_id& account) const override { return stuck.contains(account); }
  std::size_t backlog(const account_id& account) const override {
    return backlogs.contains(account) ? backlogs.at(account) : 0;
  }
  std::optional<replay_point> applied(const account_id& account) const override {
    return taken.contains(account) ? std::optional(taken.at(account)) : std::nullopt;
  }

  std::vector<std::pair<std::string, account_event>> log_; ///< the partition: key and record
  partition_reading reading{*this,
                            *this,
                            [](std::string_view) -> decoded {
                              return tl::make_unexpected(decode_error{{"no parts here", {}, false}});
                            },
                            {.waiting_records = 2, .catch_up_share = 1000}};
  partition_reading::time_point now{};

  reading_world() {
    announce_all();
    enrol_ready(anna);
    enrol_ready(bert);
  }
  kafka_offset write(const node_name& node, account_event_body body, std::uint64_t life = 1) {
    account_event event{{node, incarnation(life)}, std::move(body)};
    const auto* account = account_of(event);
    log_.emplace_back(account ? account->value : std::string{}, event);
    return off(static_cast<std::int64_t>(log_.size()) - 1);
  }
  kafka_offset transaction(const account_id& account, std::uint64_t number, std::uint64_t term = 1,
                           const node_name& node = one, std::uint64_t life = 1) {
    return write(node, transaction_event{account, epoch(term), sequence(number), {0, 1, number}, 0, {}},
                 life);
  }
  void place(const account_id& account, std::uint64_t number, std::int64_t next, std::uint64_t term = 1) {
    const replay_point point{epoch(term), sequence(number), off(next)};
    taken[account] = point;
    reading.place(account, point);
  }
  /// One record to a reader, as the shell gives it.
  void give(std::int64_t offset, bool catching_up) {
    const auto& [key, event] = log_.at(static_cast<std::size_t>(offset));
    if (reading.wants(key, off(offset), catching_up))
      reading.on_record(account_event(event), off(offset), 100, catching_up, now);
    reading.passed(off(offset), catching_up);
  }
  void read_all() {
    for (auto o = reading.position().value; o < static_cast<std::int64_t>(log_.size()); ++o)
      give(o, false);
  }
  /// A pass as far as there is one.
  bool catch_up() {
    auto from = reading.begin_pass(now);
    if (!from)
      return false;
    for (auto o = from->value; o < reading.position().value && reading.passing(); ++o) {
      give(o, true);
      reading.end_pass();
    }
    return true;
  }
};

using numbers = std::vector<std::uint64_t>;

} // namespace

BOOST_FIXTURE_TEST_CASE(each_account_gets_its_events_and_no_others, reading_world) {
  place(anna, 0, 0);
  reading.begin(off(0), {});
  transaction(anna, 1);
  transaction(bert, 1);
  transaction(anna, 2);
  BOOST_TEST(!reading.wants(bert.value, off(1), false)); // not even decoded
  read_all();
  BOOST_TEST(delivered[anna] == (numbers{1, 2}));
  BOOST_TEST(delivered[bert].empty());
  BOOST_TEST((reading.safe() == off(3)));
}

BOOST_FIXTURE_TEST_CASE(p3_a_restart_begins_below_what_is_not_applied, reading_world) {
  place(anna, 0, 0);
  place(bert, 0, 0);
  reading.begin(off(0), {});
  transaction(anna, 1);
  transaction(bert, 1);
  transaction(anna, 2);
  read_all();
  busy = {bert};
  taken[bert] = {epoch(1), sequence(0), off(0)};
  BOOST_TEST((reading.safe() == off(0)));
  taken[bert] = {epoch(1), sequence(1), off(2)};
  BOOST_TEST((reading.safe() == off(2)));
  busy = {};
  BOOST_TEST((reading.safe() == off(3)));
}

BOOST_FIXTURE_TEST_CASE(p6_a_parked_account_catches_up_and_comes_back_without_gap_or_repeat, reading_world) {
  place(anna, 0, 0);
  place(bert, 0, 0);
  reading.begin(off(0), {});
  for (std::uint64_t n = 1; n <= 4; ++n) {
    transaction(anna, n);
    transaction(bert, n);
  }
  for (std::int64_t o = 0; o < 4; ++o)
    give(o, false);
  // Anna's first is applied, her second was dropped.
  taken[anna] = {epoch(1), sequence(1), off(1)};
  reading.park(anna, now);
  delivered[anna] = {1};
  read_all();
  BOOST_TEST(delivered[anna] == (numbers{1}));
  BOOST_TEST(delivered[bert] == (numbers{1, 2, 3, 4}));
  BOOST_TEST((reading.safe() == off(1)));
  BOOST_TEST(!catch_up()); // rests first
  now += 1s;
  BOOST_TEST(catch_up());
  BOOST_TEST(delivered[anna] == (numbers{1, 2, 3, 4}));
  BOOST_TEST(!reading.passing());
  transaction(anna, 5);
  read_all();
  BOOST_TEST(delivered[anna] == (numbers{1, 2, 3, 4, 5}));
  BOOST_TEST(delivered[bert] == (numbers{1, 2, 3, 4}));
  BOOST_TEST((reading.safe() == reading.position()));
}

BOOST_FIXTURE_TEST_CASE(p7_a_locked_account_that_catches_up_steps_back_until_it_moves, reading_world) {
  place(anna, 0, 0);
  reading.begin(off(0), {});
  for (std::uint64_t n = 1; n <= 4; ++n)
    transaction(anna, n);
  reading.park(anna, now);
  read_all();
  now += 1s;
  BOOST_TEST((reading.begin_pass(now) == off(0)));
  give(0, true);
  give(1, true);
  backlogs[anna] = 1001;
  stuck = {anna};
  give(2, true);
  BOOST_TEST(reading.end_pass());
  BOOST_TEST(delivered[anna] == (numbers{1, 2}));
  now += 1s;
  BOOST_TEST(!catch_up());
  backlogs[anna] = 0;
  BOOST_TEST(catch_up());
  BOOST_TEST(delivered[anna] == (numbers{1, 2, 3, 4}));
}

BOOST_FIXTURE_TEST_CASE(p6_a_pass_waits_for_the_appliers_but_not_for_a_locked_account, reading_world) {
  place(anna, 0, 0);
  place(bert, 0, 0);
  reading.begin(off(0), {});
  for (std::uint64_t n = 1; n <= 2; ++n) {
    transaction(anna, n);
    transaction(bert, n);
  }
  reading.park(anna, now);
  reading.park(bert, now);
  read_all();
  now += 1s;
  BOOST_TEST((reading.begin_pass(now) == off(0)));
  give(0, true);
  give(1, true);
  BOOST_TEST(!reading.pass_is_full(now));
  backlogs[anna] = 501;
  BOOST_TEST(reading.pass_is_full(now));
  stuck = {anna};
  BOOST_TEST(!reading.pass_is_full(now));
  give(2, true);
  give(3, true);
  BOOST_TEST(reading.end_pass());
  BOOST_TEST(delivered[anna] == (numbers{1}));
  BOOST_TEST(delivered[bert] == (numbers{1, 2}));
  stuck = {};
  backlogs = {};
  now += 1s;
  BOOST_TEST(catch_up());
  BOOST_TEST(delivered[anna] == (numbers{1, 2}));
}

BOOST_FIXTURE_TEST_CASE(r27_a_fence_whose_decision_is_not_folded_holds_its_account_alone, reading_world) {
  place(anna, 0, 0);
  place(bert, 0, 0);
  reading.begin(off(0), {});
  const auto decision = state.next();
  decide(two, anna,
         promotion_decided{at(anna).terms.next_term(), one, two, promotion_kind::planned, {}, {}, true});
  folded_to = decision;
  transaction(anna, 1);
  const auto fence = write(one, fence_event{anna, epoch(2), decision, true});
  transaction(anna, 2, 2, two);
  transaction(bert, 1);
  read_all();
  BOOST_TEST(delivered[anna] == (numbers{1}));
  BOOST_TEST(delivered[bert] == (numbers{1}));
  BOOST_TEST(fences.empty());
  BOOST_TEST((reading.safe() == fence));
  folded_to = decision.next();
  reading.control_folded();
  BOOST_REQUIRE(fences.size() == 1u);
  BOOST_TEST((fences[0].cut == sequence(1)));
  BOOST_TEST((fences[0].term == epoch(2)));
  BOOST_TEST(delivered[anna] == (numbers{1, 2}));
  BOOST_TEST(reading.waiting_bytes() == 0u);
}

BOOST_FIXTURE_TEST_CASE(r29_a_fence_that_lacks_what_was_handed_over_stops_here_and_over_a_restart,
                        reading_world) {
  place(anna, 0, 0);
  reading.begin(off(0), {});
  transaction(anna, 1);
  read_all();
  taken[anna] = {epoch(1), sequence(1), off(1)};
  const auto decision = state.next();
  decide(one, anna, promotion_decided{epoch(2), one, two, promotion_kind::planned, {}, {}, true});
  fence_event handed{anna, epoch(2), decision, true, sequence(2), {}}; // Kafka lost what lay behind 1
  const auto fence = write(one, std::move(handed));
  BOOST_TEST((reading.safe() == fence)); // a node that dies before it was read meets it again
  read_all();
  BOOST_TEST(fences.empty()); // so nobody begins on it
  BOOST_REQUIRE(halts.size() == 1u);
  BOOST_TEST((halts[0] == std::pair(anna, halt::needs_snapshot)));
  // One that dies behind it finds the reason, which is stored before the place.
  const auto reasons = reading.take_reasons();
  BOOST_REQUIRE(reasons.at(anna));
  BOOST_TEST(reasons.at(anna)->second.find("behind sequence 2, the log ends at 1") != std::string::npos);
}

BOOST_FIXTURE_TEST_CASE(p7_what_waits_for_control_is_bounded_and_read_again, reading_world) {
  place(anna, 0, 0);
  reading.begin(off(0), {});
  const auto decision = state.next();
  decide(two, anna,
         promotion_decided{at(anna).terms.next_term(), one, two, promotion_kind::planned, {}, {}, true});
  folded_to = decision;
  write(one, fence_event{anna, epoch(2), decision, true});
  for (std::uint64_t n = 1; n <= 5; ++n)
    transaction(anna, n, 2, two);
  read_all();
  BOOST_TEST(reading.waiting_bytes() == 0u);
  BOOST_TEST(reading.parked() == 1u);
  BOOST_TEST(!catch_up());
  folded_to = decision.next();
  BOOST_TEST(catch_up());
  BOOST_TEST(fences.size() == 1u);
  BOOST_TEST(delivered[anna] == (numbers{1, 2, 3, 4, 5}));
}

BOOST_FIXTURE_TEST_CASE(r12_an_account_read_again_judges_lives_by_the_place_of_each_record, reading_world) {
  place(anna, 0, 0);
  place(bert, 0, 0);
  reading.begin(off(0), {});
  transaction(anna, 1);
  write(one, incarnation_event{}, 2);
  write(one, transaction_event{anna, epoch(1), sequence(2), {0, 1, 99}, 0, {}}, 1); // a zombie's
  transaction(anna, 2, 1, one, 2);
  reading.park(anna, now);
  read_all();
  now += 1s;
  BOOST_TEST(catch_up());
  BOOST_TEST(delivered[anna] == (numbers{1, 2}));
  BOOST_TEST(halts.empty());
}

BOOST_FIXTURE_TEST_CASE(r16_a_replica_without_rows_waits_for_a_marker_and_goes_on_behind_it, reading_world) {
  reading.watch(anna);
  reading.begin(off(0), {});
  transaction(anna, 6);
  const auto marker = write(one, snapshot_event{anna, epoch(1), sequence(6), "s", partition_id(0), off(0)});
  transaction(anna, 7);
  read_all();
  BOOST_TEST(delivered[anna].empty());
  BOOST_REQUIRE(markers.size() == 1u);
  BOOST_TEST((markers[0].source == one));
  BOOST_TEST((markers[0].then == replay_point{epoch(1), sequence(6), marker.next()}));
  BOOST_TEST((reading.safe() == marker)); // a restart meets it again
  place(anna, 6, marker.value + 1);
  BOOST_TEST(catch_up());
  BOOST_TEST(delivered[anna] == (numbers{7}));
}

BOOST_FIXTURE_TEST_CASE(r16_a_snapshot_from_before_the_last_request_is_passed_over, reading_world) {
  requested = off(40);
  reading.watch(anna);
  reading.begin(off(0), {});
  transaction(anna, 6);
  const auto answers = [](const char* id, std::int64_t request) {
    return snapshot_event{anna, epoch(1), sequence(6), id, partition_id(0), off(0), {}, off(request)};
  };
  write(one, answers("older", 39));
  write(one, answers("newer", 40));
  read_all();
  BOOST_REQUIRE(markers.size() == 1u);
  BOOST_TEST(markers[0].marker.id == "newer");
}

snapshot_event answering(const account_id& account, const char* id, std::int64_t request) {
  return {account, epoch(1), sequence(0), id, partition_id(0), off(0), {}, off(request)};
}

BOOST_FIXTURE_TEST_CASE(r16_where_a_marker_is_waited_for_is_kept_until_there_is_a_copy, reading_world) {
  transaction(bert, 1);
  reading.watch(anna);
  reading.begin(off(1), {});
  requested = off(40);
  reading.await(anna, requested);
  transaction(bert, 2);
  read_all();
  BOOST_TEST((reading.safe() == off(2))); // nobody else is held up
  const auto kept = reading.take_reasons().at(anna);
  BOOST_REQUIRE(kept);
  BOOST_TEST((kept->first == off(1)));
  BOOST_TEST(kept->second == fmt::format("{}40", awaits_snapshot_mark));
  const auto marker = write(one, answering(anna, "awaited", 40));
  read_all();
  BOOST_REQUIRE(markers.size() == 1u);
  BOOST_TEST(reading.take_reasons().empty()); // a restart loads it once more
  place(anna, 0, marker.value + 1);
  BOOST_TEST(!reading.take_reasons().at(anna));
}

/// The main reader goes on where it was, behind the marker maybe; a pass reads what lies before that.
BOOST_FIXTURE_TEST_CASE(r16_a_marker_that_a_process_before_this_one_waited_for_is_met, reading_world) {
  requested = off(40);
  transaction(bert, 1);
  write(one, answering(anna, "awaited", 40));
  transaction(bert, 2);
  place(bert, 1, 1);
  reading.watch_from(anna, off(1));
  reading.begin(off(2), {});
  read_all();
  BOOST_TEST(markers.empty());
  BOOST_TEST(catch_up());
  BOOST_REQUIRE(markers.size() == 1u);
  BOOST_TEST(markers[0].marker.id == "awaited");
}

BOOST_FIXTURE_TEST_CASE(r16_a_load_that_was_given_up_for_a_newer_snapshot_goes_on_behind_its_marker,
                        reading_world) {
  requested = off(40);
  reading.watch(anna);
  reading.begin(off(0), {});
  write(one, answering(anna, "older", 40));
  read_all();
  BOOST_REQUIRE(markers.size() == 1u); // and is being loaded
  requested = off(41);
  write(one, answering(anna, "newer", 41));
  transaction(bert, 1);
  read_all();
  BOOST_TEST(markers.size() == 1u);
  reading.watch_on(anna);
  BOOST_TEST(catch_up());
  BOOST_REQUIRE(markers.size() == 2u);
  BOOST_TEST(markers[1].marker.id == "newer");
}

BOOST_FIXTURE_TEST_CASE(c01_what_is_purged_needs_a_snapshot_and_the_others_go_on, reading_world) {
  place(anna, 0, 0);
  place(bert, 0, 3);
  reading.begin(off(0), {});
  for (std::uint64_t n = 1; n <= 3; ++n)
    transaction(anna, n);
  transaction(bert, 1);
  reading.purged(off(2));
  BOOST_REQUIRE(halts.size() == 1u);
  BOOST_TEST((halts[0] == std::pair(anna, halt::needs_snapshot)));
  BOOST_TEST((reading.position() == off(2)));
  read_all();
  catch_up();
  BOOST_TEST(delivered[anna].empty());
  BOOST_TEST(delivered[bert] == (numbers{1}));
  const auto reasons = reading.take_reasons();
  BOOST_REQUIRE(reasons.at(anna));
  BOOST_TEST(reasons.at(anna)->second.starts_with(needs_snapshot_mark));
}

BOOST_FIXTURE_TEST_CASE(c01_a_log_that_lost_its_tail_stops_who_applied_of_it, reading_world) {
  place(anna, 0, 0);
  place(bert, 0, 0);
  reading.begin(off(0), {});
  transaction(bert, 1);
  transaction(anna, 1);
  transaction(anna, 2);
  read_all();
  taken[anna] = {epoch(1), sequence(2), off(3)};
  taken[bert] = {epoch(1), sequence(1), off(1)};
  reading.truncated(off(2));
  BOOST_REQUIRE(halts.size() == 1u);
  BOOST_TEST((halts[0] == std::pair(anna, halt::needs_snapshot)));
  BOOST_TEST((reading.position() == off(2)));
  log_.resize(2);
  transaction(bert, 2);
  read_all();
  BOOST_TEST(delivered[bert] == (numbers{1, 2}));
}

BOOST_FIXTURE_TEST_CASE(c01_who_waits_for_a_snapshot_asks_again_when_its_marker_may_be_lost, reading_world) {
  reading.watch(anna);
  reading.begin(off(0), {});
  reading.await(anna, off(40));
  transaction(bert, 1);
  transaction(bert, 2);
  read_all();
  reading.truncated(off(1));
  BOOST_REQUIRE(halts.size() == 1u);
  BOOST_TEST((halts[0] == std::pair(anna, halt::needs_snapshot)));
  BOOST_TEST(
      reading.take_reasons().at(anna)->second.starts_with(needs_snapshot_mark)); // after a restart, too
}

BOOST_FIXTURE_TEST_CASE(c01_no_offset_counts_in_a_log_that_was_replaced, reading_world) {
  transaction(anna, 1, 1, one, 2);
  place(anna, 0, 0);
  reading.begin(off(0), {});
  for (std::uint64_t n = 2; n <= 4; ++n)
    transaction(anna, n, 1, one, 2);
  write(one, answering(bert, "loading", 40), 2);
  reading.watch(bert);
  read_all();
  BOOST_REQUIRE(markers.size() == 1u);
  taken[anna] = {epoch(1), sequence(1), off(1)};
  reading.park(anna, now);
  now += 1s;
  BOOST_REQUIRE(reading.begin_pass(now));
  taken[anna] = {epoch(1), sequence(4), off(4)};
  reading.take_reasons();
  reading.replaced(off(0));
  BOOST_TEST(halts.size() == 2u);
  for (const auto& [account, kind] : halts)
    BOOST_TEST((kind == halt::needs_snapshot));
  BOOST_TEST(reading.end_pass());
  BOOST_TEST((reading.safe() == off(0)));
  BOOST_TEST(reading.take_reasons().size() == 2u); // who waits must wait from here on, also after a restart
  // Everything in it is read, also what has the numbers that would come next, and lives that had ended.
  log_.clear();
  delivered.clear();
  transaction(anna, 5);
  const auto marker = write(one, answering(bert, "again", 40));
  read_all();
  BOOST_TEST(delivered.empty());
  BOOST_REQUIRE(markers.size() == 2u);
  BOOST_TEST((markers[1].then.next == marker.next()));
}

BOOST_FIXTURE_TEST_CASE(p6_a_gap_or_an_unreadable_event_stops_its_account_alone, reading_world) {
  place(anna, 0, 0);
  place(bert, 0, 0);
  reading.begin(off(0), {});
  transaction(anna, 1);
  const auto bad = transaction(bert, 1);
  transaction(anna, 3);
  transaction(bert, 2);
  give(0, false);
  reading.on_undecodable(bert.value, bad, decode_error{{"not JSON", {}, false}}, false);
  reading.passed(bad, false);
  read_all();
  BOOST_TEST((halts ==
              std::vector<std::pair<account_id, halt>>{{bert, halt::stopped}, {anna, halt::needs_snapshot}}));
  BOOST_TEST((reading.take_reasons().at(bert)->first == bad));
  BOOST_TEST((reading.safe() == reading.position()));
  reading.release(bert); // restartReplicas, the event can be read now
  BOOST_TEST(!reading.take_reasons().at(bert));
  BOOST_TEST(catch_up());
  BOOST_TEST(delivered[bert] == (numbers{1, 2}));
}

BOOST_FIXTURE_TEST_CASE(c03_a_paused_account_resumes_at_its_own_offset, reading_world) {
  place(anna, 0, 0);
  place(bert, 0, 0);
  reading.begin(off(0), {});
  transaction(anna, 1);
  transaction(bert, 1);
  read_all();
  taken[anna] = {epoch(1), sequence(1), off(1)};
  reading.hold(anna, "paused");
  transaction(anna, 2);
  transaction(bert, 2);
  read_all();
  BOOST_TEST(delivered[anna] == (numbers{1}));
  BOOST_TEST(delivered[bert] == (numbers{1, 2}));
  BOOST_TEST((reading.take_reasons().at(anna)->first == off(2)));
  BOOST_TEST((reading.safe() == off(4))); // others' positions go on
  reading.release(anna);
  BOOST_TEST(catch_up());
  BOOST_TEST(delivered[anna] == (numbers{1, 2}));
}
