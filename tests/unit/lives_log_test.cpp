#include "actors/replica/lives_log.hpp"

#include <boost/test/unit_test.hpp>

using namespace understudy;

namespace {

const node_name one("mailstore1"), two("mailstore2");

writer life(const node_name& node, std::uint64_t n) {
  return {node, incarnation(n)};
}
kafka_offset at(std::int64_t n) {
  return kafka_offset(n);
}

} // namespace

BOOST_AUTO_TEST_CASE(r12_a_record_behind_a_newer_life_is_void_one_before_it_is_not) {
  lives_log log;
  log.met(life(one, 1), at(10));
  log.met(life(one, 2), at(20));
  BOOST_TEST(!log.is_void(life(one, 1), at(19)));
  BOOST_TEST(log.is_void(life(one, 1), at(21)));
  BOOST_TEST(!log.is_void(life(one, 2), at(21)));
  BOOST_TEST(!log.is_void(life(two, 1), at(21)));
  BOOST_TEST(log.newest(one).value == 2u);
  BOOST_TEST(log.newest(two).value == 0u);
}

BOOST_AUTO_TEST_CASE(r12_a_zombies_record_does_not_bring_its_life_back) {
  lives_log log;
  log.met(life(one, 2), at(20));
  log.met(life(one, 1), at(30));
  BOOST_TEST(log.is_void(life(one, 1), at(30)));
  BOOST_TEST(log.newest(one).value == 2u);
}

BOOST_AUTO_TEST_CASE(records_may_be_met_in_any_order_of_offsets) {
  lives_log log;
  log.met(life(one, 3), at(50));
  log.met(life(one, 1), at(5));
  log.met(life(one, 2), at(20));
  log.met(life(one, 3), at(40));
  BOOST_TEST(!log.is_void(life(one, 1), at(20)));
  BOOST_TEST(log.is_void(life(one, 1), at(21)));
  BOOST_TEST(log.is_void(life(one, 2), at(41)));
  BOOST_TEST(!log.is_void(life(one, 2), at(40)));
}

BOOST_AUTO_TEST_CASE(what_is_read_again_later_keeps_its_lives) {
  lives_log log;
  log.met(life(one, 1), at(10));
  log.met(life(one, 2), at(20));
  log.met(life(one, 3), at(30));
  log.forget_below(at(25));
  BOOST_TEST(log.is_void(life(one, 1), at(26)));
  BOOST_TEST(!log.is_void(life(one, 2), at(29)));
  BOOST_TEST(log.is_void(life(one, 2), at(31)));
  log.forget_from(at(30));
  BOOST_TEST(!log.is_void(life(one, 2), at(31)));
}

BOOST_AUTO_TEST_CASE(it_survives_a_restart_as_text) {
  lives_log log;
  log.met(life(one, 1), at(10));
  log.met(life(one, 2), at(20));
  log.met(life(two, 1'700'000'000'000'000), at(20));
  const auto back = lives_log::parse(log.text());
  BOOST_REQUIRE(back);
  BOOST_TEST((*back == log));
  BOOST_TEST(lives_log::parse("")->text().empty());
  BOOST_TEST(!lives_log::parse("mailstore1\tx\t3\n"));
  BOOST_TEST(!lives_log::parse("mailstore1"));
}
