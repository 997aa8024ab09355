// What /metrics counts while whole nodes work (DESIGN §10, docs/metrics.md).
#include "tests/integration/node_world.hpp"

#include <boost/test/unit_test.hpp>

using namespace understudy;
using namespace understudy::testing;
using fixture::eventually;

BOOST_AUTO_TEST_SUITE(node_metrics)

BOOST_AUTO_TEST_CASE(p8_metrics_count_what_nodes_do) {
  node_world world;
  auto& source = world.at(0);
  auto& destination = world.at(1);
  const auto moves_to = [](const mailstore& node, const std::string& name, double wanted) {
    return eventually(patience, [&] { return node.metric(name) == wanted; });
  };
  const std::string uncovered = "understudy_accounts_unprotected{cause=\"uncovered\"}";
  const auto names = world.create_accounts(0, "user", 2);
  BOOST_TEST(moves_to(source, uncovered, 2));
  world.enrol({names[0]}, 0, 1);
  BOOST_TEST(moves_to(source, uncovered, 1)); // the other one
  BOOST_TEST(destination.metric(uncovered) == 0);

  const auto id = world.id_of(names[0]);
  write_once(source, id);
  BOOST_TEST(world.become_same({names[0]}, 0, 1));
  BOOST_TEST(destination.metric("understudy_snapshot_rows_total") > 0);
  BOOST_TEST(source.metric("understudy_snapshot_rows_total") == 0);
  BOOST_TEST(destination.metric("understudy_event_bytes_total{direction=\"consumed\"}") > 0);
  BOOST_TEST(source.metric("understudy_messages_total{actor=\"supervisor\"}") > 0);
  BOOST_TEST(source.metric("understudy_messages_total{actor=\"account\"}") > 0);
  BOOST_TEST(destination.metric("understudy_messages_total{actor=\"replica\"}") > 0);
  BOOST_TEST(moves_to(source, "understudy_mailbox_depth{actor=\"account\"}", 0));

  BOOST_REQUIRE(source.cli({"ha", "promoteAccounts", "accounts", names[0]}).status == 0);
  BOOST_TEST(moves_to(destination, "understudy_promotions_total{kind=\"planned\",outcome=\"done\"}", 1));
  BOOST_TEST(moves_to(source, "understudy_promotion_seconds_count{kind=\"planned\"}", 1));
  BOOST_TEST(source.metric("understudy_promotion_seconds_sum{kind=\"planned\"}") > 0);
  BOOST_TEST(source.metric("understudy_promotions_total{kind=\"planned\",outcome=\"done\"}") == 0);
}

BOOST_AUTO_TEST_SUITE_END()
