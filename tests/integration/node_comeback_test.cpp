// An account whose destination dies behind its fence comes back to its source (R29), which is killed
// meanwhile.
#include "tests/integration/node_world.hpp"

#include <boost/test/unit_test.hpp>

#include <cstdlib>
#include <fstream>

using namespace understudy;
using namespace understudy::testing;
using fixture::eventually;

namespace {

/// The second mailstore can't begin what it is promoted to: its appliers wait for a lock.
struct stranding_world : enrolled_world {
  explicit stranding_world(world_options options)
      : enrolled_world("stranded", 1, with_short_lease(std::move(options))) {}

  /// Its source is to be its primary once more; whoever writes now waits until it is.
  bool comes_back() const { return role_of(source, account) == "source"; }
  void promote(mailstore& from, mailstore& to) {
    const auto answer = from.cli({"ha", "promoteAccounts", "accounts", names[0], "destination", to.name});
    BOOST_TEST_CONTEXT(answer.text) BOOST_REQUIRE(answer.status == 0);
  }
  /// The fence is out, and nobody begins behind it.
  void strand() {
    locker = holds_back(other);
    write_once(source, account);
    promoting = std::async(std::launch::async, [this] {
      return source.cli({"ha", "promoteAccounts", "accounts", names[0], "destination", other.name});
    });
    BOOST_REQUIRE(eventually(patience, [&] { return has_left(source, account); }));
  }
  std::optional<fixture::sql_client> locker;
  std::future<cli_answer> promoting;

private:
  static world_options with_short_lease(world_options options) {
    options.cluster = short_lease;
    return options;
  }
};

} // namespace

/// Its copy's row stayed from when it was a replica, and its numbers were taken from that: as a replica it
/// missed what it had written itself, and what it wrote further counted as known at others.
BOOST_AUTO_TEST_CASE(p1_r11_a_source_killed_behind_its_fence_goes_on_behind_what_it_wrote) {
  stranding_world w({});
  w.promote(w.source, w.other);
  BOOST_REQUIRE(eventually(patience, [&] { return w.world.follows(w.names, 0, 1); }));
  w.promote(w.other, w.source);
  BOOST_REQUIRE(eventually(patience, [&] { return w.world.follows(w.names, 1, 0); }));
  for (int i = 0; i < 5; ++i)
    write_once(w.source, w.account);
  w.strand();
  // Its checkpoint has passed its role row: nothing of it is met again.
  BOOST_REQUIRE(eventually(patience, [&] {
    return w.source.db.value("SELECT role FROM understudy.capture_account WHERE account_id='" + w.account +
                             "'") == "replica";
  }));
  w.source.node.kill9();
  w.source.start_and_wait();
  w.locker->query("UNLOCK TABLES");
  BOOST_TEST(eventually(patience, [&] { return role_of(w.other, w.account) == "source"; }));
  BOOST_TEST(eventually(patience, [&] { return w.world.follows(w.names, 0, 1); }));
  write_once(w.other, w.account);
  BOOST_TEST(w.world.become_same(w.names, 0, 1));
  BOOST_TEST(writes_there(w.source, w.account) == 7u);
  BOOST_TEST(!w.source.logged(" is loaded, sequence "));
}

/// It waited for the word of an actor that had written no fence, and kept the account's writers away for
/// good.
BOOST_AUTO_TEST_CASE(r29_a_source_killed_between_its_role_row_and_its_beginning_begins_all_the_same) {
  const fixture::temp_dir dir;
  const auto armed = (dir.path() / "armed").string();
  ::setenv("UNDERSTUDY_ENDS_AT_ROLE", armed.c_str(), 1);
  stranding_world w({.first = {.program = UNDERSTUDYD_ENDS_AT_ROLE}});
  w.strand();
  std::ofstream(armed) << "armed";
  w.other.die();
  BOOST_REQUIRE(eventually(patience, [&] { return !w.source.node.running(); }));
  BOOST_REQUIRE(!std::filesystem::exists(armed));
  w.source.start_and_wait();
  if (!eventually(patience, [&] { return w.comes_back(); }))
    BOOST_FAIL("it does not come back: " << w.world.story());
  write_once(w.source, w.account);
  BOOST_TEST(writes_there(w.source, w.account) == 2u);
}
