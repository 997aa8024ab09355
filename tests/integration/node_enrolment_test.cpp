// Accounts that get their first copy while clients write them (case A12, R16).
#include "tests/integration/node_world.hpp"

#include <boost/test/unit_test.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>

using namespace understudy;
using namespace understudy::testing;
using fixture::eventually;

namespace {

struct writers {
  node_world world;
  const std::vector<std::string> names = world.create_accounts(0, "busy", 4);
  const std::string accounts = fmt::format("{}", fmt::join(names, ","));

  fixture::node_process write() {
    return world.deliver(0, "busy", {"--threads", "8", "--rate", "500", "--duration", "300"});
  }
  /// Somebody was told OK since.
  void write_some() {
    const auto told = [&] { return std::filesystem::file_size(world.record_of("busy")); };
    if (!eventually(patience, [&, before = told()] { return told() > before; }))
      BOOST_FAIL("nobody was told anything: " << world.story());
  }
  void set_destination() {
    cli_answer done;
    BOOST_REQUIRE(eventually(patience, [&] { // nodes that have just begun may not know each other
      done = world.at(0).cli({"ha", "setAccountDestination", world.at(1).name, "10", "accounts", accounts});
      return !done.says("no node named");
    }));
    BOOST_TEST_CONTEXT(done.text) BOOST_REQUIRE(done.status == 0);
  }
  void take_away() {
    const auto done =
        world.at(0).cli({"ha", "removeAccountDestination", world.at(1).name, "accounts", accounts});
    BOOST_TEST_CONTEXT(done.text) BOOST_REQUIRE(done.status == 0);
  }
  void wait_for_copies() {
    if (!eventually(patience, [&] { return world.follows(names, 1, 0); }))
      BOOST_FAIL("no copies: " << world.story());
  }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(node_enrolment, writers)

/// What is in the log may not be committed yet, and what is committed is in the view or behind its marker.
BOOST_AUTO_TEST_CASE(a12_r16_a_copy_made_under_writers_misses_nothing_and_has_nothing_twice) {
  for (int round = 0; round < 8; ++round) {
    auto writing = write();
    write_some();
    set_destination();
    wait_for_copies();
    BOOST_TEST(writing.stop());
    BOOST_REQUIRE(world.become_same(names, 0, 1));
    take_away();
  }
}

BOOST_AUTO_TEST_CASE(a12_nor_does_one_whose_nodes_are_killed_while_it_is_made) {
  for (const std::size_t killed : {0U, 1U, 0U, 1U}) {
    auto writing = write();
    write_some();
    set_destination();
    world.at(killed).node.kill9();
    world.at(killed).start_node();
    wait_for_copies();
    write_some();
    BOOST_TEST(writing.stop());
    BOOST_REQUIRE(world.become_same(names, 0, 1));
    take_away();
  }
}

BOOST_AUTO_TEST_SUITE_END()

/// Rows are counted where they are loaded, and told wherever somebody asks (DESIGN §4.5).
BOOST_AUTO_TEST_CASE(p8_how_far_a_first_copy_is_is_told_by_whichever_node_is_asked) {
  node_world world;
  auto& source = world.at(0);
  auto& destination = world.at(1);
  const auto names = world.create_accounts(0, "shown", 2);
  const auto enrol = [&](const std::string& name) {
    const auto done = source.cli({"ha", "setAccountDestination", destination.name, "10", "accounts", name});
    BOOST_TEST_CONTEXT(done.text) BOOST_REQUIRE(done.status == 0);
    return done.operation();
  };
  const auto step = [&](const std::string& operation, const std::string& name) {
    return boost::json::serialize(source.cli({"ha", "monitor", operation}).about(name));
  };
  const auto has = [](const std::string& text, std::string_view part) {
    return text.find(part) != std::string::npos;
  };
  write_once(source, world.id_of(names[0])); // a row that can't be loaded there
  auto locker = holds_back(destination);
  const auto loads = enrol(names[0]);
  const auto shows_rows = [&](const std::string& text) {
    return has(text, R"("state":"loading")") && has(text, R"("reason":"0 of )") && has(text, " rows");
  };
  std::string told;
  BOOST_TEST(eventually(patience, [&] { return shows_rows(told = step(loads, names[0])); }), told);
  const auto from_there = [&] {
    const auto answer = source.cli({"ha", "monitor", loads, destination.name});
    told = answer.text;
    return answer.status == 0 && shows_rows(told);
  };
  BOOST_TEST(eventually(patience, from_there), told);
  const auto replica = [&] {
    return boost::json::serialize(source.status(names[0]).at("replicas").as_array().at(0));
  };
  BOOST_TEST(eventually(patience,
                        [&] {
                          told = replica();
                          return has(told, R"("rowsLoaded":0,"rowsTotal":)");
                        }),
             told);
  locker.query("UNLOCK TABLES");
  BOOST_REQUIRE(eventually(patience, [&] { return world.follows({names[0]}, 1, 0); }));
  BOOST_TEST(!has(replica(), "rowsTotal"));

  BOOST_REQUIRE(destination.node.stop());
  const auto waits = enrol(names[1]);
  const auto silent = destination.name + " didn't answer";
  BOOST_TEST(eventually(patience, [&] { return has(told = step(waits, names[1]), silent); }), told);
  const auto nobody = source.cli({"ha", "monitor", waits, destination.name});
  BOOST_TEST(nobody.status == 1, nobody.text);
  BOOST_TEST(nobody.says(silent + ": "), nobody.text);
}

/// The destination stands still: it takes connections and says nothing. Whoever was asked about the operation
/// lives, and says so in time.
BOOST_AUTO_TEST_CASE(p8_monitor_says_whose_silence_it_is) {
  node_world world({.mailstores = 3});
  auto& source = world.at(0);
  auto& destination = world.at(1);
  auto& asked = world.at(2);
  const auto names = world.create_accounts(0, "silent", 1);
  write_once(source, world.id_of(names[0])); // a row that can't be loaded there
  const auto locker = holds_back(destination);
  const auto enrolled =
      source.cli({"ha", "setAccountDestination", destination.name, "10", "accounts", names[0]});
  BOOST_TEST_CONTEXT(enrolled.text) BOOST_REQUIRE(enrolled.status == 0);
  const auto from_source = [&] { return asked.cli({"ha", "monitor", enrolled.operation(), source.name}); };
  cli_answer told;
  BOOST_TEST(eventually(patience, [&] { return (told = from_source()).says(R"("state":"loading")"); }),
             told.text);

  destination.node.suspend();
  told = from_source();
  BOOST_TEST(told.status == 0, told.text);
  BOOST_TEST(told.says(destination.name + " didn't answer how far it is"), told.text);
  destination.node.resume();
}

/// Whoever made the topics had another number of partitions: the account was placed in one that isn't there,
/// all of its mailstore's commits were held for partition_patience, and its copy never came.
BOOST_AUTO_TEST_CASE(r3_no_account_is_placed_in_a_partition_that_is_not_there) {
  node_world world({.first = {.starts = false, .partitions = 1}});
  world.at(0).start_and_wait();
  world.at(1).start_and_wait();
  const auto names = world.create_accounts(0, "placed", 2);
  const std::vector<std::string> command{"ha",
                                         "setAccountDestination",
                                         world.at(1).name,
                                         "10",
                                         "accounts",
                                         fmt::format("{}", fmt::join(names, ","))};
  BOOST_TEST(eventually(patience, [&] { return world.at(1).cli(command).status == 0; }));
  BOOST_TEST(eventually(patience, [&] { return world.follows(names, 1, 1); }));
}
