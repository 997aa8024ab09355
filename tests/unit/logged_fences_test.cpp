// R35: what is in the account's log before its fence is no foreign write, though capture meets it again;
// whether control knows that fence already doesn't matter.
#include "actors/source/logged_fences.hpp"

#include <boost/test/unit_test.hpp>

using namespace understudy;

namespace {

const account_id anna{"anna"};

term_entry term(std::uint64_t number, std::int64_t decision, std::int64_t fence = -1) {
  term_entry entry;
  entry.term = epoch(number);
  entry.decision = kafka_offset(decision);
  entry.fence = kafka_offset(fence);
  entry.origin = number == 1 ? term_origin::enrolment : term_origin::unplanned;
  entry.state = fence < 0 ? term_state::decided : term_state::activated;
  return entry;
}

struct world {
  world() { terms.enrol(term(1, 0)); }
  bool cut(std::uint64_t number, std::int64_t offset) const {
    return fences.cut(anna, terms, {epoch(number), kafka_offset(offset)});
  }
  account_terms terms;
  logged_fences fences;
};

} // namespace

BOOST_FIXTURE_TEST_CASE(r35_without_a_fence_everything_in_the_log_is_the_accounts_history, world) {
  terms.add(term(2, 30)); // decided, its fence is still to be written: behind all of ours
  BOOST_TEST(!cut(1, 40));
}

BOOST_FIXTURE_TEST_CASE(r35_a_fence_that_was_read_cuts_before_control_knows_it, world) {
  terms.add(term(2, 30));
  fences.add(anna, {epoch(2), kafka_offset(30), kafka_offset(41)});
  BOOST_TEST(!cut(1, 40));
  BOOST_TEST(cut(1, 42)); // landed behind the fence: void
  BOOST_TEST(!fences.cut(account_id("bert"), terms, {epoch(1), kafka_offset(42)}));
}

BOOST_FIXTURE_TEST_CASE(r35_a_fence_that_control_knows_cuts_though_its_record_is_gone, world) {
  terms.add(term(2, 30, 41));
  BOOST_TEST(!cut(1, 40));
  BOOST_TEST(cut(1, 42));
}

BOOST_FIXTURE_TEST_CASE(r35_the_fence_that_began_an_epoch_doesnt_cut_it, world) {
  terms.add(term(2, 30, 41));
  terms.add(term(3, 31));
  fences.add(anna, {epoch(2), kafka_offset(30), kafka_offset(41)});
  fences.add(anna, {epoch(3), kafka_offset(31), kafka_offset(50)});
  BOOST_TEST(!cut(2, 42));
  BOOST_TEST(cut(2, 51));
}

BOOST_FIXTURE_TEST_CASE(r27_a_fence_whose_decision_was_never_applied_cuts_nothing, world) {
  terms.add(term(2, 30));
  fences.add(anna, {epoch(2), kafka_offset(29), kafka_offset(41)});
  fences.add(anna, {epoch(3), kafka_offset(35), kafka_offset(41)});
  BOOST_TEST(!cut(1, 42));
}
