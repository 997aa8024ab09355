// What a node reads of control and leases before it begins (R19), against a real broker.
#include "actors/control/control_link.hpp"
#include "events/log/topic_names.hpp"
#include "tests/integration/log_fixture.hpp"
#include "tests/tools/fixture/eventually.hpp"

#include <boost/test/unit_test.hpp>

using namespace understudy;
using namespace understudy::testing;

namespace {

/// A node that may always renew.
control_link::options renewing(const std::string& name, lease_rules rules) {
  control_link::options o;
  o.kafka = settings();
  o.node = node_name(name);
  o.first_life = incarnation(1);
  o.process = name;
  o.heartbeat = std::chrono::milliseconds(50);
  o.lease = std::make_shared<lease_keeper>(o.node, o.process, 0, rules);
  o.control_from = kafka_offset{0};
  o.on_control = [](const std::vector<control_link::read_record>&) {};
  o.on_leases = [] {};
  o.facts = [] { return renewal_facts{boot_now(), boot_now(), true}; };
  o.report = [](const std::string&) {};
  return o;
}

} // namespace

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

/// Commits wait for the lease at each start of a node: it isn't left to the next heartbeat.
BOOST_AUTO_TEST_CASE(p8_a_lease_is_renewed_as_soon_as_it_may_be) {
  create(topic::control);
  create(topic::leases);
  const auto rules = lease_rules{std::chrono::minutes(30)};
  auto options = renewing("prompt", rules);
  options.heartbeat = std::chrono::minutes(10); // nothing is renewed at a second one here
  const auto lease = options.lease;
  std::atomic<int> asked{0};
  options.facts = [&asked] {
    return renewal_facts{boot_now(), boot_now(), ++asked > 3}; // capture is attached a little later
  };
  control_link link(std::move(options));
  BOOST_REQUIRE(link.start());
  BOOST_TEST(fixture::eventually(deadline, [&] { return lease->holds(); }));
  link.stop();
}

BOOST_AUTO_TEST_CASE(r22_nodes_with_other_leases_say_so_once) {
  create(topic::control);
  create(topic::leases);
  std::mutex mutex;
  std::vector<std::string> said;
  auto options = renewing("three-seconds", lease_rules{});
  options.warn = [&](const std::string& text) {
    const std::lock_guard lock(mutex);
    said.push_back(text);
  };
  const auto lease = options.lease;
  control_link first(std::move(options));
  control_link alike(renewing("alike", lease_rules{}));
  control_link other(
      renewing("ten-seconds", {std::chrono::milliseconds(10000), std::chrono::milliseconds(700)}));
  const auto renewals = [&](const std::string& node) {
    return lease->ask([&](const lease_view& view) { return view.peer(node_name(node)).last_renewal_read; });
  };
  for (auto* link : {&first, &alike, &other})
    BOOST_REQUIRE(link->start());
  BOOST_REQUIRE(fixture::eventually(deadline, [&] {
    const std::lock_guard lock(mutex);
    return !said.empty();
  }));
  for (const auto* node : {"alike", "ten-seconds"}) // and then further ones
    for (int i = 0; i < 3; ++i) {
      const auto before = renewals(node);
      BOOST_REQUIRE(fixture::eventually(deadline, [&] { return renewals(node) > before; }));
    }
  for (auto* link : {&first, &alike, &other})
    link->stop();
  BOOST_REQUIRE(said.size() == 1u);
  BOOST_TEST(said.front().starts_with("ten-seconds has another `[cluster] lease` or `skew` than this node: "
                                      "10000 and 700 ms there, 3000 and 500 ms here"),
             said.front());
}
