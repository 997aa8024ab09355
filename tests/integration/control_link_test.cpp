// What a node reads of control and leases before it begins (R19), against a real broker.
#include "actors/control/control_link.hpp"
#include "events/log/topic_names.hpp"
#include "tests/integration/log_fixture.hpp"
#include "tests/tools/fixture/eventually.hpp"

#include <boost/test/unit_test.hpp>

using namespace understudy;
using namespace understudy::testing;

/// A supervisor that began on what it had folded so far would take an epoch for its own that others ended,
/// and acknowledge what was written in it (P5).
BOOST_AUTO_TEST_CASE(r19_p5_a_node_has_caught_up_only_once_what_was_read_is_folded) {
  create(topic::control);
  create(topic::leases);
  std::atomic<std::int64_t> own{-1};
  control_link::options o;
  o.kafka = settings();
  o.node = node_name("one");
  o.first_life = incarnation(1);
  o.process = "p";
  o.lease = std::make_shared<lease_keeper>(o.node, o.process, 0, lease_rules{});
  o.control_from = kafka_offset{0};
  o.on_control = [&](const std::vector<control_link::read_record>& records) {
    for (const auto& read : records)
      own = read.offset.value;
  };
  o.on_leases = [] {};
  o.facts = [] { return renewal_facts{}; };
  o.report = [](const std::string&) {};
  control_link link(std::move(o));
  const auto started = link.start();
  BOOST_REQUIRE_MESSAGE(started, (started ? "" : started.error().what));
  BOOST_TEST(fixture::eventually(deadline, [&] { return link.caught_up(kafka_offset{1000}); }));
  const kafka_offset begin{own.load()}; // nobody else writes here
  BOOST_TEST(begin.value >= 0);
  BOOST_TEST(!link.caught_up(begin));
  BOOST_TEST(link.caught_up(begin.next()));
  link.stop();
}
