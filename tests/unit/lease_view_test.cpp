#include "events/control/lease_view.hpp"

#include <boost/test/unit_test.hpp>

using namespace understudy;
using std::chrono::milliseconds;

namespace {

const node_name me("mailstore1"), other("mailstore2"), third("mailstore3");

boot_time at(std::int64_t ms) {
  return boot_time(ms * 1'000'000);
}

/// T = 3 s, skew 0.5 s: a claim waits 3.8 s, a report counts for 2.5 s of broker time.
struct world {
  lease_view view{me, "uuid-me", 1000, {milliseconds(3000), milliseconds(500), milliseconds(3600000)}};
  std::int64_t offset = 0;

  /// Read at `now` ms; the broker's clock is 1,000,000 ms ahead of ours.
  kafka_offset read(lease_record record, std::int64_t now, bool stamped = true) {
    const kafka_offset place(offset++);
    view.fold(record, {place, stamped ? std::optional(broker_time(1'000'000 + now)) : std::nullopt, at(now)});
    return place;
  }
  void renew(std::int64_t sent, std::int64_t now, incarnation life = incarnation{1}) {
    read({{me, life}, renewal{"uuid-me", 1000, 1, at(sent), 1}}, now);
  }
  void other_renews(std::int64_t now, incarnation life = incarnation{1}) {
    read({{other, life}, renewal{"uuid-other", 900, 1, at(7), 1}}, now);
  }
  void other_renews_with(std::int64_t now, std::int64_t lease, std::int64_t skew) {
    read({{other, incarnation{1}},
          renewal{"uuid-other", 900, 1, at(7), 1, milliseconds(lease), milliseconds(skew)}},
         now);
  }
  kafka_offset claims(const node_name& by, const node_name& against, std::int64_t now,
                      std::int64_t control = 0) {
    return read(
        {{by, incarnation{1}}, claim{against, by == me ? "uuid-me" : "x", at(now), kafka_offset(control)}},
        now);
  }
  void hold(std::int64_t from, std::int64_t to) {
    for (auto now = from; now <= to; now += 500)
      renew(now, now);
  }
  bool counts(std::int64_t broker, std::int64_t now) const {
    return view.counts(broker_time(1'000'000 + broker), at(now));
  }
  claim_stage stage(std::int64_t now) const { return view.claim_against(other, at(now)).stage; }
};

} // namespace

BOOST_FIXTURE_TEST_CASE(r18_a_lease_runs_for_t_after_the_renewal_was_sent, world) {
  BOOST_TEST(!view.holds(at(0)));
  renew(100, 900);
  BOOST_TEST(view.holds(at(3099)));
  BOOST_TEST(!view.holds(at(3100)));
}

BOOST_FIXTURE_TEST_CASE(r18_a_renewal_behind_a_claim_does_not_count, world) {
  renew(100, 110);
  claims(other, me, 200);
  renew(300, 310);
  BOOST_TEST(view.holds(at(3099)));
  BOOST_TEST(!view.holds(at(3100)));
  BOOST_TEST(view.claims_against_self().size() == 1u);
}

BOOST_FIXTURE_TEST_CASE(r22_after_a_return_only_renewals_sent_after_reading_it_count, world) {
  const auto claim = claims(other, me, 200);
  view.fold_returned(me, {claim}, kafka_offset(40), at(1000));
  view.fold_control(kafka_offset(41));
  renew(1000, 1010);
  BOOST_TEST(!view.holds(at(1011)));
  renew(1001, 1020);
  BOOST_TEST(view.holds(at(1021)));
}

BOOST_FIXTURE_TEST_CASE(r12_renewals_of_an_older_life_are_void, world) {
  renew(100, 110, incarnation{2});
  renew(2000, 2010, incarnation{1});
  BOOST_TEST(!view.holds(at(3100)));
}

BOOST_FIXTURE_TEST_CASE(r20_a_report_counts_only_close_behind_the_last_renewal_on_the_brokers_clock, world) {
  renew(100, 110);
  BOOST_TEST(counts(110 + 2499, 200));
  BOOST_TEST(!counts(110 + 2500, 200)); // our clock stood still: the broker knows better
  BOOST_TEST(!counts(200, 3100));
  BOOST_TEST(!view.counts(std::nullopt, at(200)));
}

BOOST_FIXTURE_TEST_CASE(r20_a_renewal_without_log_append_time_does_not_count, world) {
  read({{me, incarnation{1}}, renewal{"uuid-me", 1000, 1, at(100), 1}}, 110, false);
  BOOST_TEST(!view.holds(at(111)));
}

BOOST_FIXTURE_TEST_CASE(r20_a_report_that_came_without_a_lease_is_judged_again, world) {
  renew(100, 110);
  BOOST_TEST(!counts(3200, 3300));
  renew(4000, 4010);
  BOOST_TEST(counts(3200, 4020));
}

BOOST_FIXTURE_TEST_CASE(r19_a_later_process_of_the_same_name_replaces_this_one, world) {
  read({{me, incarnation{1}}, renewal{"uuid-older", 999, 1, at(1), 1}}, 50);
  BOOST_TEST(!view.replaced());
  renew(100, 110);
  read({{me, incarnation{1}}, renewal{"uuid-later", 1001, 1, at(1), 1}}, 120);
  BOOST_TEST(view.replaced());
  BOOST_TEST(view.replaced_by() == "uuid-later");
  BOOST_TEST(!view.holds(at(130)));
}

BOOST_FIXTURE_TEST_CASE(r19_a_later_life_of_the_same_name_replaces_this_one_though_it_never_renews, world) {
  view.begins(incarnation{2});
  read({{me, incarnation{1}}, lease_incarnation{}}, 50);
  read({{me, incarnation{2}}, lease_incarnation{}}, 60);
  read({{other, incarnation{9}}, lease_incarnation{}}, 70);
  renew(100, 110, incarnation{2});
  BOOST_TEST(!view.replaced());
  view.begins(incarnation{3}); // a new producer of this process
  read({{me, incarnation{3}}, lease_incarnation{}}, 120);
  BOOST_TEST(!view.replaced());
  read({{me, incarnation{4}}, lease_incarnation{}}, 130);
  BOOST_TEST(view.replaced());
  BOOST_TEST(view.replaced_by() == "life 4");
  BOOST_TEST(!view.holds(at(140)));
}

BOOST_FIXTURE_TEST_CASE(p8_why_the_lease_does_not_run_always_has_a_reason, world) {
  view.begins(incarnation{1});
  BOOST_TEST(view.why_not_held(at(50)) == "no renewal of this process was read back yet");
  renew(100, 110);
  BOOST_TEST(view.why_not_held(at(3000)) == "");
  BOOST_TEST(view.why_not_held(at(5100)) == "it ran out 2.0 s ago, and no renewal was read back since");
  claims(other, me, 5200);
  BOOST_TEST(view.why_not_held(at(5300)).find("claims this node's accounts") != std::string::npos);
  read({{me, incarnation{2}}, lease_incarnation{}}, 5400);
  BOOST_TEST(view.why_not_held(at(5500)).find("began later (life 2)") != std::string::npos);
}

BOOST_FIXTURE_TEST_CASE(r22_a_claim_waits_from_reading_the_last_renewal_before_it, world) {
  other_renews(1000);
  hold(1000, 2000);
  claims(me, other, 2000);
  other_renews(2100); // behind the claim: doesn't count, so it delays nothing
  hold(2500, 6000);
  BOOST_TEST((stage(4799) == claim_stage::waiting));
  BOOST_TEST((stage(4800) == claim_stage::ready));
}

/// Lease and skew are each node's configuration, and change one node after the other.
BOOST_FIXTURE_TEST_CASE(r22_a_claim_waits_by_the_longer_of_two_leases, world) {
  other_renews_with(1000, 6000, 900);
  hold(1000, 2000);
  claims(me, other, 2000);
  hold(2500, 8500);
  BOOST_TEST((stage(1000 + 6600 + 899) == claim_stage::waiting)); // `other` may acknowledge until 7000
  BOOST_TEST((stage(1000 + 6600 + 900) == claim_stage::ready));
  BOOST_TEST(view.claim_against(other, at(2500)).why == "1.5 s of 7.5 s waited");
}

BOOST_FIXTURE_TEST_CASE(r22_a_claim_never_waits_by_less_than_the_own_lease, world) {
  other_renews_with(1000, 1000, 0);
  hold(1000, 2000);
  claims(me, other, 2000);
  other_renews_with(2100, 60000, 0); // behind the claim: a lease that doesn't count
  hold(2500, 6000);
  BOOST_TEST((stage(4799) == claim_stage::waiting));
  BOOST_TEST((stage(4800) == claim_stage::ready));
}

BOOST_FIXTURE_TEST_CASE(r22_without_a_known_renewal_the_wait_runs_from_reading_the_claim, world) {
  hold(1000, 2000);
  claims(me, other, 2000);
  hold(2500, 6000);
  BOOST_TEST((stage(5799) == claim_stage::waiting));
  BOOST_TEST((stage(5800) == claim_stage::ready));
}

BOOST_FIXTURE_TEST_CASE(r22_a_break_of_the_own_lease_spoils_the_claim, world) {
  hold(1000, 2000);
  claims(me, other, 2000);
  hold(6000, 6500); // it had run out at 5000
  BOOST_TEST((stage(6500) == claim_stage::spoilt));
}

BOOST_FIXTURE_TEST_CASE(r22_a_returned_claim_is_spoilt, world) {
  hold(1000, 2000);
  const auto claim = claims(me, other, 2000);
  hold(2500, 6000);
  view.fold_returned(other, {claim}, kafka_offset(9), at(6000));
  view.fold_control(kafka_offset(10));
  BOOST_TEST((stage(6000) == claim_stage::spoilt));
}

BOOST_FIXTURE_TEST_CASE(r22_a_resignation_replaces_the_wait_only_as_the_last_record_before_the_claim, world) {
  other_renews(1000);
  hold(1000, 2000);
  read({{other, incarnation{1}}, resignation{"uuid-other", "stop"}}, 2000);
  BOOST_TEST(view.suspected(other, at(2001)));
  claims(me, other, 2000);
  BOOST_TEST((stage(2001) == claim_stage::ready));
  other_renews(2100);
  claims(me, other, 2200);
  BOOST_TEST((stage(2300) == claim_stage::waiting));
}

BOOST_FIXTURE_TEST_CASE(r22_own_resignation_ends_older_renewals, world) {
  view.resigned(at(500));
  renew(400, 510);
  BOOST_TEST(!view.holds(at(511)));
  renew(501, 520);
  BOOST_TEST(view.holds(at(521)));
}

BOOST_FIXTURE_TEST_CASE(r22_own_resignation_ends_the_lease_that_runs, world) {
  renew(400, 410);
  BOOST_TEST_REQUIRE(counts(499, 500));
  view.resigned(at(500));
  BOOST_TEST(!view.holds(at(501)));
  BOOST_TEST(!counts(499, 501)); // whoever read the resignation takes over at once
  renew(501, 520);
  BOOST_TEST(view.holds(at(521)));
}

BOOST_FIXTURE_TEST_CASE(r22_a_claim_older_than_half_the_retention_carries_no_decision, world) {
  hold(1000, 2000);
  claims(me, other, 2000);
  hold(2500, 2000 + 1800000);
  BOOST_TEST((stage(1801999) == claim_stage::ready));
  BOOST_TEST((stage(1802000) == claim_stage::spoilt));
}

BOOST_FIXTURE_TEST_CASE(r22_a_claim_by_a_node_against_which_one_stands_is_void, world) {
  renew(100, 110);
  other_renews(150);
  claims(me, other, 200);
  claims(other, me, 300, 5);                           // it has not read ours
  BOOST_TEST(view.claims_against_self().size() == 1u); // not judged before control is read as far
  view.fold_control(kafka_offset(5));
  BOOST_TEST(view.claims_against_self().empty());
  renew(400, 410);
  BOOST_TEST(view.holds(at(3399)));
}

BOOST_FIXTURE_TEST_CASE(r22_a_claim_by_a_node_that_returned_before_it_claimed_stands, world) {
  renew(100, 110);
  const auto ours = claims(me, other, 200);
  claims(other, me, 300, 5);
  view.fold_returned(other, {ours}, kafka_offset(4), at(350)); // below what the claimer had read
  view.fold_control(kafka_offset(5));
  BOOST_TEST(view.claims_against_self().size() == 1u);
}

/// The log was cut behind the claim while `other` was down: it began anew without having read it.
BOOST_FIXTURE_TEST_CASE(p1_r22_a_claim_that_the_claimed_nodes_next_life_did_not_read_is_spoilt, world) {
  hold(1000, 2000);
  const auto claim = claims(me, other, 2000);
  hold(2500, 6000);
  BOOST_TEST((stage(6000) == claim_stage::ready));
  BOOST_TEST(!view.asks_for_range());
  read({{other, incarnation{2}}, lease_incarnation{}}, 6100);
  BOOST_TEST(view.asks_for_range());
  BOOST_TEST((stage(6100) == claim_stage::waiting));
  view.fold_range(claim.next(), kafka_offset(offset - 1)); // a deposed leader's
  BOOST_TEST((stage(6100) == claim_stage::waiting));
  view.fold_range(claim.next(), kafka_offset(offset));
  BOOST_TEST((stage(6100) == claim_stage::spoilt));
  BOOST_TEST(!view.peer(other).claimed);
}

BOOST_FIXTURE_TEST_CASE(r22_a_claim_that_the_log_still_has_was_read_by_the_claimed_nodes_next_life, world) {
  hold(1000, 2000);
  const auto claim = claims(me, other, 2000);
  hold(2500, 6000);
  read({{other, incarnation{2}}, lease_incarnation{}}, 6100);
  view.fold_range(claim, kafka_offset(offset));
  BOOST_TEST((stage(6100) == claim_stage::ready));
  BOOST_TEST(view.peer(other).claimed);
  view.fold_range(claim.next(), kafka_offset(offset)); // cut later: it was read
  BOOST_TEST((stage(6100) == claim_stage::ready));
}

BOOST_FIXTURE_TEST_CASE(p1_r22_a_claim_in_a_log_that_was_made_anew_is_spoilt, world) {
  other_renews(1000);
  hold(1000, 2000);
  claims(me, other, 2000);
  hold(2500, 6000);
  claims(third, me, 6000);
  view.fold_break(at(6100));
  BOOST_TEST(!view.holds(at(6100)));
  offset = 0;
  hold(6200, 6200);
  BOOST_TEST(!view.holds(at(6200))); // whoever claimed us may have decided before it saw the new log
  view.fold_returned(me, return_from(view.claims_against_self()), kafka_offset(9), at(6300));
  view.fold_control(kafka_offset(10));
  hold(6400, 6400);
  BOOST_TEST(view.holds(at(6400)));
  BOOST_TEST((stage(6400) == claim_stage::spoilt));
  BOOST_TEST(!view.peer(other).claimed);
}

/// Else it would be void in our eyes alone, and we would acknowledge on.
BOOST_FIXTURE_TEST_CASE(r22_a_claim_that_is_gone_makes_none_behind_it_void, world) {
  const auto gone = claims(third, other, 100);
  read({{other, incarnation{2}}, lease_incarnation{}}, 200);
  read({{other, incarnation{2}}, claim{me, "x", at(300), kafka_offset(0)}}, 300);
  view.fold_range(gone.next(), kafka_offset(offset));
  BOOST_TEST(view.claims_against_self().size() == 1u);
  renew(400, 410);
  BOOST_TEST(!view.holds(at(420)));
}

BOOST_FIXTURE_TEST_CASE(r22_a_return_ends_no_claim_of_a_log_made_anew, world) {
  offset = 50;
  hold(1000, 2000);
  claims(me, other, 2000);
  view.fold_returned(other, {kafka_offset(60), broker_time(1'002'500)}, kafka_offset(9), at(2500));
  view.fold_control(kafka_offset(10));
  BOOST_TEST((stage(2500) == claim_stage::spoilt));
  view.fold_break(at(3000));
  offset = 0;
  hold(3500, 4000);
  claims(me, other, 4000);
  hold(4500, 8000);
  BOOST_TEST((stage(8000) == claim_stage::ready));
}

/// A node answers for all that stand, in whatever log they lie.
BOOST_FIXTURE_TEST_CASE(r22_one_return_ends_all_claims_that_stand, world) {
  offset = 50;
  claims(other, me, 100);
  view.fold_break(at(200));
  offset = 0;
  claims(third, me, 300);
  view.fold_returned(me, return_from(view.claims_against_self()), kafka_offset(9), at(400));
  view.fold_control(kafka_offset(10));
  BOOST_TEST(view.claims_against_self().empty());
  claims(other, me, 500);
  BOOST_TEST(view.claims_against_self().size() == 1u);
}

BOOST_FIXTURE_TEST_CASE(r19_a_process_starts_behind_its_own_former_one_though_the_clock_was_set_back, world) {
  view.started(2001);
  read({{me, incarnation{1}}, renewal{"uuid-former", 2000, 1, at(1), 1}}, 50);
  BOOST_TEST(!view.replaced());
}

namespace {

/// This process's start: what lies before its first record is read long after it was written.
struct starting : world {
  starting() { view.begins(incarnation{2}); }

  /// Stamped at `stamp` ms of the broker's, read at `now`.
  void reads(lease_record record, std::int64_t stamp, std::int64_t now) {
    view.fold(record, {kafka_offset(offset++), broker_time(stamp), at(now)});
  }
  void former_renews(std::int64_t stamp, std::int64_t now, std::int64_t lease = 3000) {
    reads({{me, incarnation{1}},
           renewal{"uuid-former", 900, 1, at(7), 1, milliseconds(lease), milliseconds(500)}},
          stamp, now);
  }
  void begins(std::int64_t stamp, std::int64_t now) {
    reads({{me, incarnation{2}}, lease_incarnation{}}, stamp, now);
  }
  boot_time over() const {
    const auto former = view.former();
    BOOST_REQUIRE(former);
    BOOST_TEST(former->process == "uuid-former");
    return former->over;
  }
};

} // namespace

/// A copied state_dir under a living node's name: both acknowledged, and what the first one wrote was void.
BOOST_FIXTURE_TEST_CASE(p1_r19_another_process_of_this_name_may_acknowledge_until_its_lease_is_over,
                        starting) {
  BOOST_TEST(!view.former());
  former_renews(5000, 9000);
  former_renews(5500, 9400);
  begins(6500, 9900);
  BOOST_TEST((over() == at(9400 + 3800)));
  former_renews(7000, 9950); // it counts for nobody: its life is over
  BOOST_TEST((over() == at(9400 + 3800)));
}

/// Another broker leads the leases by then, or the clock of the one that leads them was set.
BOOST_FIXTURE_TEST_CASE(p1_r19_no_brokers_clock_shortens_the_wait, starting) {
  former_renews(5000, 9000);
  begins(88'000, 9010);
  BOOST_TEST((over() == at(9000 + 3800)));
}

BOOST_FIXTURE_TEST_CASE(r19_r22_a_former_process_with_a_longer_lease_is_waited_for_by_that, starting) {
  former_renews(5000, 9000, 10'000);
  begins(5000, 9000);
  BOOST_TEST((over() == at(9000 + 11'500)));
}

BOOST_FIXTURE_TEST_CASE(r19_r22_a_process_that_resigned_is_not_waited_for, starting) {
  former_renews(5000, 9000);
  reads({{me, incarnation{1}}, resignation{"uuid-former", "shutdown"}}, 5100, 9000);
  begins(5200, 9001);
  BOOST_TEST(!view.former());
}

BOOST_FIXTURE_TEST_CASE(r19_what_of_the_leases_could_not_be_read_may_have_had_a_renewal, starting) {
  former_renews(5000, 9000);
  reads({{me, incarnation{1}}, resignation{"uuid-former", "shutdown"}}, 5100, 9000);
  view.fold_break(at(9100));
  begins(5200, 9200);
  const auto former = view.former();
  BOOST_REQUIRE(former);
  BOOST_TEST(former->process.empty());
  BOOST_TEST((former->over == at(9100 + 3800)));
}

/// The first renewed again, or a third process did.
BOOST_FIXTURE_TEST_CASE(r19_another_process_s_resignation_is_not_its_own, starting) {
  former_renews(5000, 9000);
  reads({{me, incarnation{1}}, resignation{"uuid-before", "shutdown"}}, 5100, 9000);
  begins(5200, 9001);
  BOOST_TEST((over() == at(9000 + 3800)));
}

BOOST_FIXTURE_TEST_CASE(suspicion_counts_from_the_start_of_the_own_lease, world) {
  other_renews(1000);
  BOOST_TEST(!view.suspected(other, at(9000))); // we hold none: the trouble may be ours
  hold(9000, 9000);
  BOOST_TEST(!view.suspected(other, at(9001)));
  hold(9500, 12500);
  BOOST_TEST(view.suspected(other, at(12500)));
  other_renews(12600);
  BOOST_TEST(!view.suspected(other, at(12600)));
}

BOOST_FIXTURE_TEST_CASE(suspicion_waits_by_the_longer_of_two_leases, world) {
  other_renews_with(1000, 6000, 900);
  hold(1000, 8000);
  BOOST_TEST(!view.suspected(other, at(7899)));
  BOOST_TEST(view.suspected(other, at(7900)));
}

BOOST_AUTO_TEST_CASE(r21_only_a_node_that_reads_captures_and_commits_renews) {
  const lease_rules rules;
  renewal_facts facts{at(1000), at(1000), true};
  BOOST_TEST(why_not_renew(facts, at(2000), rules).empty());
  facts.capture_attached = false;
  BOOST_TEST(why_not_renew(facts, at(2000), rules).find("capture") != std::string::npos);
  facts = {at(1000), at(5000), true};
  BOOST_TEST(why_not_renew(facts, at(5000), rules).find("control") != std::string::npos);
  facts = {at(5000), at(1000), true};
  BOOST_TEST(why_not_renew(facts, at(5000), rules).find("committed") != std::string::npos);
}
