// A planned promotion compares the replica's rows with its source's at the cut, on whole nodes (R29).
#include "tests/integration/node_world.hpp"

#include <boost/test/unit_test.hpp>
#include <fmt/format.h>

using namespace understudy;
using namespace understudy::testing;
using fixture::eventually;

BOOST_AUTO_TEST_SUITE(node_cut)

BOOST_AUTO_TEST_CASE(r29_a_replica_with_other_rows_than_its_source_is_not_promoted) {
  enrolled_world enrolled("user", 2);
  auto& world = enrolled.world;
  auto& source = world.at(0);
  auto& other = world.at(1);
  const auto& changed = enrolled.names[0];
  const auto& untouched = enrolled.names[1];
  const auto promote = [&](const std::string& name) {
    return source.cli({"ha", "promoteAccounts", "accounts", name, "destination", other.name});
  };
  write_once(source, world.id_of(changed));
  // By a person, past the binlog: nobody could know before.
  auto hand = other.db.connect();
  hand.query("SET sql_log_bin=0");
  hand.query(fmt::format("UPDATE zimbra.mailbox SET size_checkpoint=size_checkpoint+1 WHERE account_id='{}'",
                         world.id_of(changed)));
  const auto refused = promote(changed);
  BOOST_TEST_CONTEXT(refused.text) {
    BOOST_TEST(refused.status == 1);
    BOOST_TEST(refused.says("the 1 rows of zimbra/mailbox aren't the source's"));
  }
  BOOST_TEST(other.metric("understudy_verify_differences_total") == 1);
  // It stays where it was, and can be written there; its copy is made anew.
  BOOST_TEST(eventually(patience, [&] {
    const auto now = source.status(changed);
    return now.contains("accountMailHost") && now.at("accountMailHost") == boost::json::value(source.name);
  }));
  write_once(source, world.id_of(changed));
  BOOST_TEST(writes_there(source, world.id_of(changed)) == 2u);
  BOOST_TEST(eventually(patience, [&] { return world.follows({changed}, 1, 0); }));
  BOOST_TEST(world.become_same(enrolled.names, 0, 1));
  const auto rows = other.metric("understudy_verified_rows_total");
  for (const auto& name : {changed, untouched}) {
    const auto done = promote(name);
    BOOST_TEST_CONTEXT(done.text) BOOST_TEST(done.status == 0);
  }
  BOOST_TEST(other.metric("understudy_verify_differences_total") == 1);
  BOOST_TEST(other.metric("understudy_verified_rows_total") > rows);
  write_once(other, world.id_of(changed));
  BOOST_TEST(writes_there(other, world.id_of(changed)) == 3u);
}

BOOST_AUTO_TEST_SUITE_END()
