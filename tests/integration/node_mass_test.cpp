// Many accounts that are enrolled at once, while nodes die (R16): work that was done isn't done again.
#include "tests/integration/node_world.hpp"

#include <boost/test/unit_test.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>

using namespace understudy;
using namespace understudy::testing;
using fixture::eventually;

namespace {

/// Sixty mailboxes are thousands of tables and rows, each there and here.
constexpr std::chrono::seconds mass_patience{180};

struct mass_world {
  static constexpr unsigned count = 60;
  node_world world;
  mailstore& source = world.at(0);
  mailstore& destination = world.at(1);
  const std::vector<std::string> names = world.create_accounts(0, "mass", count);

  void set_destination() {
    const auto accounts = fmt::format("{}", fmt::join(names, ","));
    cli_answer done;
    BOOST_REQUIRE(eventually(patience, [&] { // nodes that have just begun may not know each other
      done = source.cli({"ha", "setAccountDestination", destination.name, "10", "accounts", accounts});
      return !done.says("no node named");
    }));
    BOOST_TEST_CONTEXT(done.text) BOOST_REQUIRE(done.status == 0);
  }
  /// Records of a topic that hold this text.
  std::size_t records(const std::string& topic, std::string_view text) const {
    const auto read = fixture::run_process({"kcat", "-b", world.kafka.bootstrap(), "-C", "-t", topic, "-e",
                                            "-q", "-o", "beginning", "-f", "%s\\n"});
    BOOST_REQUIRE(read.exit_code == 0);
    std::size_t found = 0;
    for (auto at = read.output.find(text); at != std::string::npos; at = read.output.find(text, at + 1))
      ++found;
    return found;
  }
  std::size_t markers() const { return records("understudy.accounts", R"("t":"snapshot")"); }
  std::size_t requests() const { return records("understudy.control", R"("replica_reset")"); }
  std::size_t answers() const { return records("understudy.control", R"("replica_ready")"); }
  static std::uint64_t rows(mailstore& host, const std::string& table) {
    return std::stoull(host.db.value("SELECT COUNT(*) FROM understudy." + table));
  }
  void wait_for_copies() {
    if (!eventually(mass_patience, [&] { return world.follows(names, 1, 0); }))
      BOOST_FAIL("no copies: " << world.story());
  }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(node_mass, mass_world)

/// Everything is in Kafka and nothing loaded when both die.
BOOST_AUTO_TEST_CASE(r16_what_was_sent_before_a_restart_is_neither_asked_for_nor_sent_again) {
  auto locking = destination.db.connect();
  locking.query("LOCK TABLES zimbra.current_volumes WRITE"); // no mailbox id can be taken
  set_destination();
  BOOST_REQUIRE(eventually(mass_patience, [&] { return rows(source, "sent_snapshot") == count; }));
  BOOST_REQUIRE(eventually(mass_patience, [&] { return rows(destination, "stopped") == count; }));
  BOOST_TEST(rows(destination, "replica") == 0u);
  source.node.kill9();
  destination.node.kill9();
  locking.query("UNLOCK TABLES");
  source.start_node();
  destination.start_and_wait();
  wait_for_copies();
  BOOST_TEST(requests() == count);
  BOOST_TEST(markers() == count);
  BOOST_TEST(answers() == count);
  BOOST_TEST(world.become_same(names, 0, 1));
  BOOST_TEST(eventually(patience, [&] { return rows(source, "sent_snapshot") == 0; }));
  BOOST_TEST(eventually(patience, [&] { return rows(destination, "stopped") == 0; }));
}

/// Of those that it was sending when it died the last chunk is missing: they are sent once more, nobody waits
/// for what doesn't come, and nothing is asked for anew.
BOOST_AUTO_TEST_CASE(r16_a_source_that_dies_while_it_sends_goes_on_with_what_it_has_not_sent) {
  set_destination();
  BOOST_REQUIRE(eventually(patience, [&] { return rows(source, "sent_snapshot") > 0; }));
  source.node.kill9();
  const auto before = markers();
  source.start_node();
  wait_for_copies();
  BOOST_TEST(requests() == count);
  BOOST_TEST(answers() == count);
  BOOST_TEST(markers() < count + before);
  BOOST_TEST(!destination.logged("its source is gone or too slow"));
  BOOST_TEST(world.become_same(names, 0, 1));
}

BOOST_AUTO_TEST_SUITE_END()
