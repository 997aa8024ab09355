// What /metrics counts while whole nodes work (DESIGN §10, docs/metrics.md).
#include "tests/integration/node_world.hpp"

#include <boost/test/unit_test.hpp>
#include <fmt/format.h>

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

/// DESIGN §10: figures of accounts are in no label.
BOOST_AUTO_TEST_CASE(p8_accounts_shows_the_replicas_that_lag_most) {
  node_world world;
  auto& destination = world.at(1);
  const auto names = world.create_accounts(0, "lag", 3);
  world.enrol(names, 0, 1);
  const auto shown = [&](const std::string& query) {
    boost::system::error_code wrong;
    const auto page = boost::json::parse(destination.get("/accounts?" + query), wrong);
    return wrong ? boost::json::array{} : page.at("accounts").as_array();
  };
  const auto replica = [](const boost::json::value& entry) { return entry.at("replicas").at(0).as_object(); };
  for (const auto& entry : shown("limit=3")) {
    BOOST_TEST(replica(entry).at("state") == "ready");
    BOOST_TEST(replica(entry).at("lag") == 0);
  }
  // One's position is locked, and so nothing of it can be applied.
  const auto late = world.id_of(names[1]);
  auto lock = destination.db.connect();
  lock.query("BEGIN");
  lock.query(fmt::format("SELECT * FROM understudy.replica WHERE account_id='{}' FOR UPDATE", late));
  for (const auto& name : names)
    write_once(world.at(0), world.id_of(name));
  const auto lags = [&] {
    const auto top = shown("top=1");
    return top.size() == 1 && top[0].at("accountId") == boost::json::value(late) &&
           replica(top[0]).at("lag") == 1;
  };
  BOOST_TEST(eventually(patience, lags), boost::json::serialize(shown("top=3")));
  // Of what isn't applied it grows, whatever the last one's was.
  const auto seconds = [&] { return replica(shown("top=1").at(0)).at("lagSeconds").to_number<double>(); };
  BOOST_TEST(eventually(patience, [&, first = seconds()] { return seconds() > first + 0.5; }));
  BOOST_TEST(shown("top=3").size() == 3U);
  lock.query("ROLLBACK");
  BOOST_TEST(eventually(patience, [&] { return replica(shown("top=1").at(0)).at("lag") == 0; }));
}

BOOST_AUTO_TEST_SUITE_END()
