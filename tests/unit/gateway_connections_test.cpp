#include "actors/gateway/connections.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>

using namespace understudy;
using namespace std::chrono_literals;

namespace {

const connection_watch::clock::time_point start{1h};

connection_watch::unknown_connections silent(std::size_t count, connection_watch::clock::time_point since) {
  connection_watch::unknown_connections all;
  for (std::size_t i = 0; i < count; ++i)
    all.emplace(static_cast<int>(i), since);
  return all;
}

} // namespace

BOOST_AUTO_TEST_CASE(a_connection_without_a_handshake_ends_after_its_patience) {
  auto all = silent(1, start);
  BOOST_TEST(connection_watch::overdue(all, start + connection_watch::handshake_patience).empty());
  BOOST_TEST(connection_watch::overdue(all, start + connection_watch::handshake_patience + 1ms).size() == 1);
}

BOOST_AUTO_TEST_CASE(p7_beyond_the_limit_the_oldest_end_and_the_administrator_stays) {
  auto all = silent(300, start);
  all.emplace(1000, start + 1s);
  auto ended = connection_watch::overdue(all, start + 2s);
  BOOST_TEST(ended.size() == 301 - connection_watch::unknown_limit);
  BOOST_TEST(std::count(ended.begin(), ended.end(), 1000) == 0);
}

BOOST_AUTO_TEST_CASE(p7_a_flood_within_one_look_is_cut_to_twice_the_limit) {
  BOOST_TEST(connection_watch::overdue(silent(500, start), start).empty());
  BOOST_TEST(connection_watch::overdue(silent(2000, start), start).size() == 2000 - 512);
}

BOOST_AUTO_TEST_CASE(p7_a_loop_whose_sockets_are_always_ready_rests_and_one_with_little_to_do_never) {
  loop_pace busy;
  unsigned looks = 0;
  for (auto now = start; now < start + 1s; ++looks)
    now += 5us + busy.looked(now + 5us);
  BOOST_TEST(looks <= 1s / loop_pace::window * loop_pace::looks + 1);
  BOOST_TEST(looks >= loop_pace::looks * 50); // no longer than it has to
  loop_pace calm;
  for (auto now = start; now < start + 1s; now += 250us)
    BOOST_REQUIRE((calm.looked(now) == 0s));
}
