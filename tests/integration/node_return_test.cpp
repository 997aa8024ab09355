// A mailstore that was away: what its clients are told of commits that waited meanwhile (R8, R19, R20).
#include "tests/integration/node_world.hpp"

#include <boost/test/unit_test.hpp>

using namespace understudy;
using namespace understudy::testing;
using fixture::eventually;

namespace {

/// For epochs that it finds lost. (A claim that still stands is another matter: R22.)
bool ends_commits_at_start(mailstore& at) {
  const auto before = at.node.log_text().size();
  at.start_and_wait();
  return at.node.log_text().find("waiting commits are ended (R8, R19)", before) != std::string::npos;
}

} // namespace

BOOST_AUTO_TEST_CASE(r19_r8_a_client_that_waited_over_a_promotion_is_never_told_ok) {
  // The commits that it ends are another user's.
  enrolled_world enrolled("returns", 1, {.cluster = short_lease, .own_users = true});
  auto& [world, names, source, other, account] = enrolled;
  source.node.kill9();
  auto held = write_async(source, account); // in the binlog, in no Kafka
  BOOST_REQUIRE(eventually(
      patience, [&] { return other.cli({"ha", "promoteAccounts", "accounts", names[0]}).status == 0; }));
  write_once(other, account);
  BOOST_TEST(!ended(held));
  source.start_node();
  BOOST_REQUIRE(eventually(patience, [&] { return ended(held); }));
  BOOST_TEST(held.get() != "");
  // Where the claim is read before control, its commits are ended for that first.
  BOOST_TEST(eventually(patience, [&] { return source.logged("waiting commits are ended (R8, R19)"); }));
  BOOST_TEST(!source.logged("without Kafka's confirmation")); // nobody but the node ended it
  // It is committed on that mailstore all the same: found, kept, and never merged.
  BOOST_TEST(eventually(patience, [&] { return report_of(source).size() == 1; }));
  BOOST_TEST(eventually(patience, [&] { return world.follows(names, 0, 1); }));
  BOOST_TEST(world.become_same(names, 0, 1));
  BOOST_TEST(writes_there(source, account) == 1u);
  BOOST_TEST(role_of(source, account) == "replica");
  source.node.kill9();
  BOOST_TEST(!ends_commits_at_start(source));
}

/// What the mailstore doesn't get back is over there as well.
BOOST_AUTO_TEST_CASE(r19_r20_a_start_behind_an_epoch_that_was_lost_for_good_ends_no_commits_twice) {
  enrolled_world enrolled("gone", 1, {.mailstores = 3, .cluster = short_lease});
  auto& [world, names, source, other, account] = enrolled;
  world.enrol(names, 0, 2);
  source.node.kill9();
  BOOST_REQUIRE(eventually(patience, [&] {
    return other.cli({"ha", "promoteAccounts", "accounts", names[0], "destination", other.name}).status == 0;
  }));
  const auto removed = other.cli({"ha", "removeAccountDestination", source.name, "accounts", names[0]});
  BOOST_TEST(removed.status == 0, removed.text);
  BOOST_TEST(ends_commits_at_start(source));
  BOOST_TEST(eventually(patience, [&] { return role_of(source, account) == "replica"; }));
  source.node.kill9();
  BOOST_TEST(!ends_commits_at_start(source));
  write_once(source, account);
  BOOST_TEST(eventually(patience, [&] { return report_of(source).size() == 1; }));
}

/// A machine that stood still for longer than its lease: control's word that the account moved may be read
/// before the claim that it rests on, and the commit that waits is captured about then.
BOOST_AUTO_TEST_CASE(p5_r8_nor_is_one_whose_node_only_stood_still) {
  enrolled_world enrolled("still", 4, {.cluster = short_lease});
  auto& [world, names, source, other, account] = enrolled;
  for (const auto& name : names) {
    const auto account = world.id_of(name);
    // All waiting commits were ended for the one before, whosever they were.
    BOOST_REQUIRE(eventually(patience, [&] { return write_async(source, account).get() == ""; }));
    source.node.suspend();
    std::vector<std::future<std::string>> held;
    for (int i = 0; i < 3; ++i)
      held.push_back(write_async(source, account)); // in the binlog, in no Kafka
    BOOST_REQUIRE(eventually(patience, [&] {
      return other.cli({"ha", "promoteAccounts", "accounts", name, "destination", other.name}).status == 0;
    }));
    source.node.resume();
    for (auto& each : held) {
      BOOST_REQUIRE(eventually(patience, [&] { return ended(each); }));
      BOOST_TEST(each.get() != "");
    }
    write_once(other, account);
  }
  BOOST_TEST(eventually(patience, [&] { return world.follows(names, 0, 1); }));
  BOOST_TEST(world.become_same(names, 0, 1));
  // It holds commits as before, for whoever is written there from now on.
  const auto back = other.cli({"ha", "promoteAccounts", "accounts", names[0]});
  BOOST_TEST(back.status == 0, back.text);
  BOOST_TEST(eventually(patience, [&] { return write_async(source, world.id_of(names[0])).get() == ""; }));
}

/// A node that dies before it kept a checkpoint of its accounts' role rows.
std::string enrolled_without_a_checkpoint(node_world& world, const std::vector<std::string>& names) {
  auto& source = world.at(0);
  auto in_the_way = source.db.connect();
  in_the_way.query("LOCK TABLES understudy.capture READ");
  world.enrol(names, 0, 1);
  auto account = world.id_of(names[0]);
  write_once(source, account);
  BOOST_TEST(eventually(patience, [&] { return writes_there(world.at(1), account) == 1u; }));
  source.node.kill9();
  in_the_way.query("UNLOCK TABLES");
  return account;
}

/// Such a node's account is promoted elsewhere, while a client waits.
struct lost_without_a_checkpoint {
  lost_without_a_checkpoint() {
    BOOST_REQUIRE(eventually(patience, [&] {
      return world.at(1).cli({"ha", "promoteAccounts", "accounts", names[0]}).status == 0;
    }));
  }
  void come_back() {
    source.start_node();
    BOOST_REQUIRE(eventually(patience, [&] { return ended(held); }));
    BOOST_TEST(held.get() != "");
  }
  node_world world{{.cluster = short_lease}};
  mailstore& source = world.at(0);
  const std::vector<std::string> names = world.create_accounts(0, "young", 1);
  const std::string account = enrolled_without_a_checkpoint(world, names);
  std::future<std::string> held = write_async(source, account);
};

BOOST_FIXTURE_TEST_CASE(r19_r8_nor_is_one_whose_node_died_before_it_kept_a_checkpoint,
                        lost_without_a_checkpoint) {
  come_back();
  if (!eventually(patience, [&] { return report_of(source).size() == 1; }))
    BOOST_FAIL("nothing is reported: " << world.story());
  BOOST_TEST(eventually(patience, [&] { return world.follows(names, 0, 1); }));
  BOOST_TEST(world.become_same(names, 0, 1));
}

/// Its checkpoint lies below both role rows, that of the epoch and that of its loss.
BOOST_FIXTURE_TEST_CASE(r20_r35_nor_is_what_was_lost_captured_again_when_the_next_life_kept_none_either,
                        lost_without_a_checkpoint) {
  auto in_the_way = source.db.connect();
  in_the_way.query("LOCK TABLES understudy.capture READ");
  come_back();
  BOOST_REQUIRE(eventually(patience, [&] { return role_of(source, account) == "replica"; }));
  source.node.kill9();
  in_the_way.query("UNLOCK TABLES");
  BOOST_TEST(!ends_commits_at_start(source));
  BOOST_TEST(eventually(patience, [&] { return world.follows(names, 0, 1); }));
  BOOST_TEST(world.become_same(names, 0, 1));
  BOOST_TEST(eventually(patience, [&] { return report_of(source).size() >= 1; }));
}

BOOST_AUTO_TEST_CASE(p1_an_account_whose_node_died_before_it_kept_a_checkpoint_is_captured_again) {
  node_world world;
  auto& source = world.at(0);
  const auto names = world.create_accounts(0, "young", 1);
  const auto account = enrolled_without_a_checkpoint(world, names);
  auto held = write_async(source, account); // while the node is away
  source.start_and_wait();
  BOOST_REQUIRE(eventually(patience, [&] { return ended(held); }));
  BOOST_TEST(held.get() == "");
  write_once(source, account);
  BOOST_TEST(eventually(patience, [&] { return writes_there(world.at(1), account) == 3u; }));
  BOOST_TEST(world.become_same(names, 0, 1));
  BOOST_TEST(report_of(source).empty());
}
