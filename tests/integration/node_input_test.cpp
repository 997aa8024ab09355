// What an administrator types wrong, against a live node: one sentence, the exit status of DESIGN §6, nothing
// changed.
#include "tests/integration/node_world.hpp"

#include <boost/test/unit_test.hpp>
#include <fmt/format.h>

#include <fstream>

using namespace understudy;
using namespace understudy::testing;

namespace {

using words = std::vector<std::string>;

enrolled_world& shared_world() {
  static enrolled_world one("typed", 2);
  return one;
}

struct with_world {
  enrolled_world& e = shared_world();
  node_world& world = e.world;
  mailstore& node = world.at(0);
  const std::string one = e.names[0], two = e.names[1], here = node.name, there = world.at(1).name;

  std::string file(const std::string& name, const std::string& text) {
    const auto path = world.dir() / name;
    std::ofstream(path) << text;
    return path;
  }
  std::string everything() {
    return boost::json::serialize(boost::json::value(node.status(one))) +
           boost::json::serialize(boost::json::value(node.status(two)));
  }
  void refused(const words& command, int status, const std::string& sentence) {
    const auto before = everything();
    const auto answer = node.cli(command);
    BOOST_TEST_CONTEXT(fmt::format("{}: {}", fmt::join(command, " "), answer.text)) {
      BOOST_TEST(answer.status == status);
      BOOST_TEST(answer.says(sentence));
      BOOST_TEST(everything() == before);
    }
  }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(node_input, with_world)

BOOST_AUTO_TEST_CASE(names_that_nobody_has) {
  const std::string nobody = "nobody@example.test";
  refused({"ha", "setAccountDestination", there, "10", "accounts", nobody}, 2,
          "no mailstore has this account");
  refused({"ha", "setAccountDestination", there, "10", "accounts", one + "," + nobody}, 2,
          "no mailstore has this account");
  refused({"ha", "promoteAccounts", "accounts", nobody}, 2, "isn't replicated: setAccountDestination first");
  refused({"ha", "removeAccountDestination", there, "accounts", nobody}, 2, "isn't replicated");
  refused({"ha", "pauseReplicas", "accounts", nobody}, 2, "isn't replicated");
  refused({"ha", "getAccountStatus", "accounts", nobody}, 1, "isn't known");
  refused({"ha", "getAccountStatus", "accounts", one + "," + nobody}, 3, "isn't known");
  refused({"ha", "setAccountDestination", "nowhere.example.test", "10", "accounts", one}, 1,
          "no node of this name ever announced itself");
  refused({"ha", "promoteAccounts", "accounts", one, "destination", "nowhere.example.test"}, 1,
          "it is not a destination of this account");
  refused({"ha", "promoteAccounts", "source_mail_host", "nowhere.example.test"}, 1,
          "has no replicated accounts");
  refused({"ha", "monitor", "0b0c7a4e-6f5e-4a8c-9d7c-1f2a3b4c5d6e"}, 1, "isn't known");
}

BOOST_AUTO_TEST_CASE(a_destination_that_is_the_source) {
  refused({"ha", "setAccountDestination", here, "10", "accounts", one}, 1, "is not the source");
  refused({"ha", "promoteAccounts", "accounts", one, "destination", here}, 1, "it is its source already");
  refused({"ha", "removeAccountDestination", here, "accounts", one}, 1, "it is not a destination");
}

BOOST_AUTO_TEST_CASE(lists_and_files_with_the_place_of_what_is_wrong) {
  refused({"ha", "setAccountDestination", there, "11", "accounts", one + "," + two + "," + one}, 2,
          "was already named at 1");
  refused({"ha", "setAccountDestination", there, "11", "accounts", "typed*@example.test"}, 2, "is a pattern");
  refused({"ha", "setAccountDestination", there, "11", "accounts", one + ",,"}, 2, "is empty");
  refused({"ha", "setAccountDestination", there, "eleven", "accounts", one}, 2, "eleven");
  refused({"ha", "setAccountDestination", there, "11"}, 2, "accounts");
  const auto in = [&](const std::string& path) {
    return words{"ha", "setAccountDestination", there, "11", "input_file", path};
  };
  refused(in("/nowhere/accounts"), 2, "/nowhere/accounts");
  refused(in(world.dir()), 2, "it's a directory");
  refused(in(file("empty", "")), 2, "names no account");
  refused(in(file("comments", "# nothing\n\n")), 2, "names no account");
  refused(in(file("binary", one + "\n" + std::string("\0\1\2", 3))), 2, "is binary");
  refused(in(file("bad_line", "# accounts\n" + one + "\n\nnot an address\n")), 2, "line 4");
  refused(in(file("twice", one + "\r\n" + two + "\r\n" + one + "\r\n")), 2, "line 3");
  refused(in(file("unknown_line", one + "\nnobody@example.test\n")), 2, "no mailstore has this account");
}

BOOST_AUTO_TEST_CASE(no_node_to_ask) {
  refused({"--node", "127.0.0.1:1", "ha", "getAccountStatus"}, 4, "127.0.0.1:1");
}

BOOST_AUTO_TEST_CASE(skip_invalid_does_the_good_ones_and_lists_the_rest) {
  const auto mixed = file("mixed", one + "\nnobody@example.test\n");
  const auto done =
      node.cli({"ha", "setAccountDestination", there, "12", "input_file", mixed, "--skip-invalid"});
  BOOST_TEST_CONTEXT(done.text) {
    BOOST_TEST(done.status == 3);
    BOOST_TEST(done.says("no mailstore has this account"));
  }
  BOOST_TEST(fixture::eventually(patience,
                                 [&] { return node.status(one).at("replicas").at(0).at("priority") == 12; }));
  BOOST_TEST((node.status(two).at("replicas").at(0).at("priority") == 10));
}

BOOST_AUTO_TEST_SUITE_END()
