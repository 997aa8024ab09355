// What a node reads of control and leases before it begins (R19), against a real broker.
#include "actors/control/control_link.hpp"
#include "events/log/topic_names.hpp"
#include "tests/integration/log_cuts.hpp"
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

/// A node that has claimed another, which is gone, and waited.
struct claimer {
  const node_name dead{"dead"};
  const incarnation life{next_life += 10}; ///< behind those of the cases before
  control_link::options options = begun("claimer", life);
  std::shared_ptr<lease_keeper> lease = options.lease;
  control_link link{options};

  static constexpr lease_rules rules{std::chrono::milliseconds(1000), std::chrono::milliseconds(100)};

  static inline std::uint64_t next_life = 0;

  static control_link::options begun(const std::string& name, incarnation life) {
    auto o = renewing(name, rules);
    o.first_life = life;
    return o;
  }

  claimer() {
    create(topic::control);
    create(topic::leases);
    BOOST_REQUIRE(link.start());
    control_link gone(begun(dead.value, life));
    BOOST_REQUIRE(gone.start());
    BOOST_REQUIRE(fixture::eventually(
        deadline, [&] { return lease->holds() && peer().last_renewal_read.has_value(); }));
    gone.stop();
    BOOST_REQUIRE(claims());
    BOOST_REQUIRE(peer().claimed);
  }
  ~claimer() { link.stop(); }

  /// Until it carries a decision. One that a busy machine's lease ran out behind is made again.
  bool claims() {
    std::chrono::steady_clock::time_point next{};
    return fixture::eventually(deadline, [&] {
      const auto now = std::chrono::steady_clock::now();
      const auto stage = status().stage;
      if (now >= next && stage != claim_stage::waiting && stage != claim_stage::ready) {
        link.claim(dead, kafka_offset{0});
        next = now + std::chrono::seconds(2); // it is to be read back first
      }
      return stage == claim_stage::ready;
    });
  }

  claim_status status() const {
    return lease->ask([&](const lease_view& view) { return view.claim_against(dead, boot_now()); });
  }
  /// So far at least, of what can be read.
  bool has_read(kafka_offset end) const {
    return lease->ask([&](const lease_view& view) { return view.next() > end; });
  }
  bool is(claim_stage stage) const { return status().stage == stage; }
  peer_lease peer() const {
    return lease->ask([&](const lease_view& view) { return view.peer(dead); });
  }
};

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

/// A copy of a node, started beside it: from its first record in an account's partition on, whatever the
/// first one writes there is void, though it acknowledged that.
BOOST_AUTO_TEST_CASE(p1_r19_a_process_knows_how_long_another_of_its_name_may_acknowledge) {
  create(topic::control);
  create(topic::leases);
  const lease_rules rules{std::chrono::milliseconds(1000), std::chrono::milliseconds(100)};
  const auto as = [&](const std::string& process, std::uint64_t life) {
    auto o = renewing("twin", rules);
    o.process = process;
    o.started_ms = static_cast<std::int64_t>(life);
    o.first_life = incarnation(life);
    o.lease = std::make_shared<lease_keeper>(o.node, o.process, o.started_ms, rules);
    return o;
  };
  const auto former = [](control_link& link, const control_link::options& of) {
    BOOST_REQUIRE(link.take_name([] { return false; }));
    return of.lease->ask([](const lease_view& view) { return view.former(); });
  };
  const auto of_original = as("original", 1);
  control_link original(of_original);
  BOOST_REQUIRE(original.start());
  BOOST_REQUIRE(fixture::eventually(deadline, [&] { return of_original.lease->holds(); }));
  original.stop(); // it reads nothing more, and its lease runs

  const auto of_copy = as("copy", 2);
  control_link copy(of_copy);
  const auto waits_for = former(copy, of_copy);
  BOOST_REQUIRE(waits_for.has_value());
  BOOST_TEST(waits_for->process == "original");
  const auto over = of_original.lease->ask([](const lease_view& view) { return view.runs_until(); });
  BOOST_TEST((waits_for->over > *over));
  BOOST_REQUIRE(copy.start());
  BOOST_REQUIRE(fixture::eventually(deadline, [&] { return of_copy.lease->holds(); }));
  copy.resign("shutdown");
  copy.stop();

  const auto of_next = as("next", 3);
  control_link next(of_next);
  BOOST_TEST(!former(next, of_next).has_value());
  next.stop();
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

/// The claimed node comes back and doesn't find the claim: it renews, and acknowledges.
BOOST_FIXTURE_TEST_CASE(p1_r22_a_claim_that_was_cut_off_the_leases_carries_nothing_once_its_node_is_back,
                        claimer) {
  purge(settings(), topic::leases, partition_id{0}, status().offset.next());
  control_link back(begun(dead.value, life.next()));
  BOOST_REQUIRE(back.start());
  BOOST_TEST(fixture::eventually(deadline, [&] { return is(claim_stage::spoilt); }));
  BOOST_TEST(!peer().claimed);
  back.stop();
}

/// Whoever claimed a node that passed over the claim takes it to have read that until a new life begins.
BOOST_FIXTURE_TEST_CASE(r12_r22_a_node_that_passed_over_leases_begins_a_new_life, claimer) {
  constexpr std::size_t enough = 1000; // for the new log to end below the place of reading
  collecting_producer others;
  for (std::size_t i = 0; i < enough; ++i)
    others.produce(topic::leases, 0, "unreadable", i);
  const auto end = others.wait_for(enough).back().offset;
  BOOST_REQUIRE(fixture::eventually(deadline, [&] { return has_read(end); }));
  remove_topic(settings(), topic::leases);
  BOOST_REQUIRE(fixture::eventually(deadline, [&] { return !lease->holds(); }));
  create(topic::leases);
  auto reader = partition_reader::open(settings(), topic::leases).value();
  BOOST_REQUIRE(reader->add(partition_id{0}, kafka_offset{0}));
  BOOST_TEST(fixture::eventually(deadline, [&] {
    const auto found = reader->poll(enough, std::chrono::milliseconds(10)).records;
    return std::ranges::any_of(found, [&](const record& raw) {
      const auto read = decode_lease_record(raw.payload);
      return read && read->from.node == options.node && read->from.life > life &&
             std::holds_alternative<lease_incarnation>(read->body);
    });
  }));
}

BOOST_FIXTURE_TEST_CASE(p1_r22_no_claim_outlives_leases_that_were_made_anew, claimer) {
  remove_topic(settings(), topic::leases);
  BOOST_TEST(fixture::eventually(deadline, [&] { return is(claim_stage::spoilt); }));
  create(topic::leases);
  BOOST_TEST(!peer().claimed);
  BOOST_TEST(fixture::eventually(deadline, [&] { return lease->holds(); }));
  BOOST_TEST(claims());
}
