#include "actors/supervisor/stray_copy.hpp"
#include "tests/unit/control_world.hpp"

#include <boost/test/unit_test.hpp>

using namespace understudy;
using namespace understudy::test;

namespace {

/// Enrolled on `one`, with replicas on `two` and `three`.
struct with_replicas : control_world {
  with_replicas() {
    announce_all();
    enrol_ready(anna);
  }

  static replica_record copy(std::uint64_t term, replica_state state = replica_state::ready) {
    replica_record row;
    row.account = anna;
    row.term = epoch{term};
    row.state = state;
    return row;
  }
  bool is_stray(const node_name& node, const replica_record& row) const {
    return is_stray_copy(state.account(anna), node, row);
  }
  void promote(const node_name& from, const node_name& to, std::uint64_t term, bool active = true) {
    promotion_decided decided;
    decided.kind = promotion_kind::planned;
    decided.term = epoch{term};
    decided.from = from;
    decided.to = to;
    decided.return_source = false;
    BOOST_REQUIRE(applied(decide(from, anna, decided)));
    if (active)
      BOOST_REQUIRE(say(to, anna, activated{epoch{term}, kafka_offset{90}, sequence{9}, ""}));
  }
  void remove(const node_name& node) { BOOST_REQUIRE(applied(decide(one, anna, destination_removed{node}))); }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(stray_copy, with_replicas)

BOOST_AUTO_TEST_CASE(r34_the_copy_of_a_destination_that_was_taken_away_is_stray) {
  BOOST_TEST(!is_stray(two, copy(1)));
  remove(two);
  BOOST_TEST(is_stray(two, copy(1)));
  BOOST_TEST(is_stray(two, copy(0, replica_state::loading)));
  BOOST_TEST(!is_stray(three, copy(1)));
  remove(three);
  decide(one, anna, withdrawn{});
  BOOST_TEST(is_stray(three, copy(1)));
}

BOOST_AUTO_TEST_CASE(r34_what_control_does_not_know_or_has_its_source_here_is_kept) {
  BOOST_TEST(!is_stray_copy(nullptr, two, copy(1)));
  BOOST_TEST(!is_stray(one, copy(1)));
  remove(two);
  remove(three);
  decide(one, anna, withdrawn{});
  BOOST_TEST(!is_stray(one, copy(1))); // also when nobody replicates it any more
}

BOOST_AUTO_TEST_CASE(r34_a_mailbox_that_was_written_here_behind_its_copy_is_kept) {
  promote(one, two, 2); // its row of epoch 1 stays
  promote(two, three, 3);
  BOOST_REQUIRE(at(anna).destination(two) == nullptr);
  BOOST_TEST(!is_stray(two, copy(1)));
  BOOST_TEST(!is_stray(two, copy(2)));
  BOOST_TEST(is_stray(two, copy(3))); // made anew since, or proven
}

BOOST_AUTO_TEST_SUITE_END()
