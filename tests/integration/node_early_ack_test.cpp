// The check that finds nothing lost can find it: the same death of a mailstore, once with understudyd and
// once with a build that ACKs before Kafka's ack while Kafka is held back (P1, R2).
#include "tests/integration/node_world.hpp"

#include <boost/test/unit_test.hpp>

using namespace understudy;
using namespace understudy::testing;
using namespace std::chrono_literals;
using fixture::eventually;

namespace {

/// More than a producer has on its way to the broker: what the broker's socket holds already isn't lost.
constexpr std::uint64_t acknowledged_too_early = 60;

std::uint64_t visible_items(mailstore& host) {
  return std::stoull(host.db.value("SELECT COUNT(*) FROM mboxgroup1.mail_item"));
}

/// Kafka is held back under load, the source dies, Kafka goes on, its accounts are promoted: what the
/// clients' record says about the promoted mailstore. `acknowledges`: whether COMMITs return while Kafka is
/// held back.
verdict after_a_death(const std::string& program, bool acknowledges) {
  // A lease that lasts for as many deliveries as are to be lost: without one nothing is acknowledged.
  node_world world({.first = {.program = program}, .cluster = acknowledges ? "lease = \"6s\"\n" : ""});
  auto& source = world.at(0);
  world.enrol(world.create_accounts(0, "user", 4), 0, 1);
  auto load = world.deliver(0, "user", {"--mix", "deliver-only", "--threads", "4", "--duration", "600"});
  const auto at_first = visible_items(source);
  BOOST_REQUIRE(eventually(patience, [&] { return visible_items(source) > at_first + 100; }));
  world.kafka.suspend();
  const auto held_back = visible_items(source);
  const bool went_on = eventually(acknowledges ? 5s : 2s,
                                  [&] { return visible_items(source) > held_back + acknowledged_too_early; });
  BOOST_TEST(went_on == acknowledges);
  source.die();
  BOOST_TEST(load.wait(patience).value_or(-1) == 4); // its clients lost their server
  world.kafka.resume();
  cli_answer promoted;
  BOOST_TEST(eventually(patience,
                        [&] { // refused before Kafka is known to be back
                          promoted =
                              world.at(1).cli({"ha", "promoteAccounts", "source_mail_host", source.name});
                          return promoted.status == 0;
                        }),
             promoted.text);
  return world.compare(1, "user");
}

} // namespace

BOOST_AUTO_TEST_SUITE(node_early_ack)

BOOST_AUTO_TEST_CASE(p1_nothing_is_lost_when_a_mailstore_dies_while_kafka_is_held_back) {
  check_nothing_lost(after_a_death(UNDERSTUDYD, false), 100);
}

BOOST_AUTO_TEST_CASE(p1_a_build_that_acknowledges_before_kafka_is_found_out) {
  const auto found = after_a_death(UNDERSTUDYD_EARLY_ACK, true);
  BOOST_TEST_CONTEXT(found.text) BOOST_TEST(found.lost > 0u);
}

BOOST_AUTO_TEST_SUITE_END()
