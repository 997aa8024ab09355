// Snapshots that come to nothing: one whose marker never comes into the account's line (R16), and those of a
// mailbox that isn't whole.
#include "tests/integration/node_world.hpp"

#include <boost/test/unit_test.hpp>
#include <fmt/format.h>

using namespace understudy;
using namespace understudy::testing;
using fixture::eventually;

BOOST_AUTO_TEST_CASE(r16_a_snapshot_whose_marker_is_lost_is_begun_again) {
  node_world world({.first = {.program = UNDERSTUDYD_LOST_MARKER}});
  const auto names = world.create_accounts(0, "marked", 1);
  world.enrol(names, 0, 1); // waits until its replica is whole
  BOOST_TEST(world.at(0).logged("has no marker in the log, so nobody loads it: it is begun again"));
  write_once(world.at(0), world.id_of(names[0]));
  BOOST_TEST(world.become_same(names, 0, 1));
}

/// A mailbox of a group that has no database here: left of a move by hand, say.
BOOST_AUTO_TEST_CASE(r16_p8_a_snapshot_that_cant_be_made_says_why_until_it_can) {
  node_world world;
  auto& source = world.at(0);
  const auto whole = world.create_accounts(0, "whole", 1);
  const std::string torn = "torn@example.test";
  source.db.query(
      fmt::format("INSERT INTO zimbra.mailbox (id, group_id, account_id, index_volume_id, comment) SELECT "
                  "77, 77, '0aa47105-6b0c-4d0b-9d0a-0000000000ff', MIN(id), '{}' FROM zimbra.volume",
                  torn));
  const auto enrolled = source.cli({"ha", "setAccountDestination", world.at(1).name, "10", "accounts", torn});
  BOOST_TEST_CONTEXT(enrolled.text) BOOST_REQUIRE(enrolled.status == 0);
  const auto reason = [&] {
    const auto shown = source.status(torn);
    const auto* replicas = shown.if_contains("replicas");
    const auto* why = replicas == nullptr || replicas->as_array().empty()
                          ? nullptr
                          : replicas->as_array()[0].as_object().if_contains("reason");
    return why == nullptr ? std::string() : std::string(why->as_string());
  };
  if (!eventually(patience, [&] { return reason().find("mboxgroup77") != std::string::npos; }))
    BOOST_FAIL("no reason: " << world.story());
  BOOST_TEST(reason().starts_with(source.name + " can't make its snapshot: "));
  BOOST_TEST(source.metric("understudy_errors_total{kind=\"snapshot\"}") == 1);
  const auto group = source.db.value(
      fmt::format("SELECT group_id FROM zimbra.mailbox WHERE account_id = '{}'", world.id_of(whole[0])));
  source.db.query("CREATE DATABASE mboxgroup77");
  const auto tables = source.db.query(fmt::format(
      "SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = 'mboxgroup{}'", group));
  for (const auto& row : tables)
    source.db.query(fmt::format("CREATE TABLE mboxgroup77.{0} LIKE mboxgroup{1}.{0}", row[0].value(), group));
  if (!eventually(patience, [&] { return world.follows({torn}, 1, 0); }))
    BOOST_FAIL("no copy: " << world.story());
  BOOST_TEST(reason().empty());
}
