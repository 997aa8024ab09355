// What becomes of a copy whose destination is taken away: it goes, also if it was at rest, or its node away.
#include "tests/integration/node_world.hpp"

#include <boost/test/unit_test.hpp>
#include <fmt/format.h>

using namespace understudy;
using namespace understudy::testing;
using fixture::eventually;

namespace {

struct with_world {
  node_world world{{.mailstores = 3}};

  bool has_mailbox(std::size_t host, const std::string& account) {
    return world.at(host).db.value(fmt::format("SELECT COUNT(*) FROM zimbra.mailbox WHERE account_id='{}'",
                                               world.id_of(account))) != "0";
  }
  bool has_copy(std::size_t host, const std::string& account) {
    return world.at(host).db.value(fmt::format(
               "SELECT COUNT(*) FROM understudy.replica WHERE account_id='{}'", world.id_of(account))) != "0";
  }
  bool loses_copy(std::size_t host, const std::string& account) {
    return eventually(patience, [&] { return !has_mailbox(host, account) && !has_copy(host, account); });
  }
  void take_away(std::size_t host, const std::string& account, std::size_t asked) {
    const auto done =
        world.at(asked).cli({"ha", "removeAccountDestination", world.at(host).name, "accounts", account});
    BOOST_TEST_CONTEXT(done.text) BOOST_REQUIRE(done.status == 0);
  }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(node_removal, with_world)

BOOST_AUTO_TEST_CASE(r34_a_destination_that_is_taken_away_loses_its_copy_and_gets_it_again) {
  const auto names = world.create_accounts(0, "leaves", 1);
  const auto& account = names[0];
  world.enrol(names, 0, 1, 10);
  world.enrol(names, 0, 2, 20);
  write_once(world.at(0), world.id_of(account));
  BOOST_REQUIRE(world.become_same(names, 0, 2)); // and at rest
  take_away(2, account, 0);
  BOOST_TEST(loses_copy(2, account));
  write_once(world.at(0), world.id_of(account));
  BOOST_TEST(world.become_same(names, 0, 1));
  take_away(1, account, 0); // the last one
  BOOST_TEST(loses_copy(1, account));
  BOOST_TEST(has_mailbox(0, account));
  write_once(world.at(0), world.id_of(account));
  BOOST_TEST(!has_mailbox(2, account));
  world.enrol(names, 0, 2);
  BOOST_TEST(world.become_same(names, 0, 2));
  // Set again while it is still being removed.
  take_away(2, account, 0);
  world.enrol(names, 0, 2);
  BOOST_TEST(world.become_same(names, 0, 2));
}

BOOST_AUTO_TEST_CASE(r34_a_node_that_was_away_removes_its_copy_when_it_returns_and_keeps_what_is_its_own) {
  const auto names = world.create_accounts(0, "away", 2);
  world.enrol(names, 0, 1, 20);
  world.enrol(names, 0, 2, 10);
  const auto& copied = names[0];
  const auto& moved = names[1];
  const auto promoted = world.at(0).cli({"ha", "promoteAccounts", "accounts", moved});
  BOOST_TEST_CONTEXT(promoted.text) BOOST_REQUIRE(promoted.status == 0);
  write_once(world.at(2), world.id_of(moved));
  BOOST_REQUIRE(world.become_same({moved}, 2, 0));
  BOOST_REQUIRE(has_copy(2, moved)); // from before it was promoted
  world.at(2).node.kill9();
  take_away(2, copied, 0);
  for (const std::size_t host : {0U, 1U})
    take_away(host, moved, 0);
  BOOST_TEST(loses_copy(0, moved));
  BOOST_TEST(loses_copy(1, moved));
  world.at(2).start_and_wait();
  BOOST_TEST(loses_copy(2, copied));
  BOOST_TEST(world.become_same({copied}, 0, 1));
  BOOST_TEST(has_mailbox(2, moved));
  BOOST_TEST(writes_there(world.at(2), world.id_of(moved)) == 1u);
}

BOOST_AUTO_TEST_CASE(r3_an_account_withdrawn_before_its_first_epoch_began_holds_nobodys_commits) {
  const auto names = world.create_accounts(0, "withdrawn", 1);
  auto& source = world.at(0);
  auto in_the_way = source.db.connect(); // keeps the gap where its role row goes
  in_the_way.query("BEGIN");
  in_the_way.query("SELECT * FROM understudy.role FOR UPDATE");
  auto setting = std::async(std::launch::async, [&] { // it waits for the outcome
    return source.cli({"ha", "setAccountDestination", world.at(1).name, "10", "accounts", names[0]});
  });
  BOOST_REQUIRE(eventually(patience, [&] {
    return source.db.value("SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE INFO LIKE "
                           "'INSERT INTO understudy.role%'") != "0";
  }));
  take_away(1, names[0], 0);
  in_the_way.query("ROLLBACK");
  BOOST_REQUIRE(eventually(patience, [&] { return role_of(source, world.id_of(names[0])) == "source"; }));
  BOOST_TEST(eventually(patience, [&] {
    const auto produced = source.metric("understudy_events_produced_total");
    write_once(source, world.id_of(names[0]));
    return source.metric("understudy_events_produced_total") == produced;
  }));
}

BOOST_AUTO_TEST_CASE(p8_p10_a_mailbox_that_was_deleted_is_said_and_holds_its_promotion) {
  const auto names = world.create_accounts(0, "deleted", 1);
  const auto& account = names[0];
  world.enrol(names, 0, 1, 10);
  world.enrol(names, 0, 2, 20);
  const auto dry_run = [&](std::size_t to) {
    cli_answer answer;
    eventually(patience, [&] { // a busy node may not answer in time
      answer = world.at(0).cli(
          {"ha", "promoteAccounts", "accounts", account, "destination", world.at(to).name, "--dry-run"});
      return !answer.says("didn't answer");
    });
    return answer;
  };
  const auto delete_mailbox =
      fmt::format("DELETE FROM zimbra.mailbox WHERE account_id='{}'", world.id_of(account));
  const auto delete_it = [&](std::size_t host, const std::string& setting) {
    auto connection = world.at(host).db.connect();
    connection.query("SET foreign_key_checks=0" + setting);
    connection.query(delete_mailbox);
  };
  delete_it(2, ", sql_log_bin=0"); // seen by nobody
  const auto shown = world.at(0).whole_status(account);
  const auto& gone = shown.at("replicas").as_array().at(1).as_object();
  BOOST_TEST_CONTEXT(boost::json::serialize(shown)) {
    BOOST_TEST((gone.at("mailboxId") == "none"));
    BOOST_TEST((gone.at("available") == false));
    BOOST_TEST((gone.at("canConnectToKafka") == true));
    BOOST_TEST(
        (gone.at("reason") == boost::json::value(world.at(2).name + " has no mailbox of it any more")));
    BOOST_TEST(!shown.contains("reason"));
  }
  auto held = dry_run(2);
  BOOST_TEST_CONTEXT(held.text) {
    BOOST_TEST(held.status == 1);
    BOOST_TEST(held.says(world.at(2).name + " has no mailbox of it any more"));
  }
  BOOST_TEST(dry_run(1).status == 0);
  delete_it(0, "");
  BOOST_TEST((world.at(0).status(account).at("reason") ==
              boost::json::value(world.at(0).name + " has no mailbox of it any more")));
  held = dry_run(1);
  BOOST_TEST_CONTEXT(held.text) {
    BOOST_TEST(held.status == 1);
    BOOST_TEST(held.says(world.at(0).name + " has no mailbox of it any more"));
  }
}

BOOST_AUTO_TEST_CASE(an_account_that_was_renamed_is_meant_by_its_new_name_and_its_old_one_is_free) {
  const auto names = world.create_accounts(0, "called", 1);
  const auto& before = names[0];
  const auto id = world.id_of(before);
  const std::string after = "renamed@example.test";
  world.enrol(names, 0, 1);
  world.at(0).db.query(
      fmt::format("UPDATE zimbra.mailbox SET comment='{}' WHERE account_id='{}'", after, id));
  const auto id_of = [&](const std::string& name) {
    const auto shown = world.at(1).status(name);
    const auto* found = shown.if_contains("accountId");
    return found == nullptr ? std::string{} : std::string(found->as_string());
  };
  BOOST_REQUIRE(eventually(patience, [&] { return id_of(after) == id; }));
  BOOST_TEST(id_of(before) == "");
  const std::string newcomer = "99999999-0000-4000-8000-000000000001";
  world.at(0).db.query(fmt::format("INSERT INTO zimbra.mailbox (id, group_id, account_id, index_volume_id, "
                                   "comment) SELECT 4242, 42, '{}', MIN(id), '{}' FROM zimbra.volume",
                                   newcomer, before));
  const auto refused = world.at(1).cli({"ha", "promoteAccounts", "accounts", before});
  BOOST_TEST_CONTEXT(refused.text) {
    BOOST_TEST(refused.status == 1);
    BOOST_TEST(refused.says("it isn't replicated"));
  }
  const auto enrolled =
      world.at(1).cli({"ha", "setAccountDestination", world.at(1).name, "10", "accounts", before});
  BOOST_TEST_CONTEXT(enrolled.text) BOOST_TEST(enrolled.status == 0);
  BOOST_TEST(eventually(patience, [&] { return id_of(before) == newcomer; }));
  const auto promoted = world.at(1).cli({"ha", "promoteAccounts", "accounts", after});
  BOOST_TEST_CONTEXT(promoted.text) BOOST_TEST(promoted.status == 0);
  BOOST_TEST((world.at(1).status(after).at("accountMailHost") == boost::json::value(world.at(1).name)));
  BOOST_TEST(id_of(after) == id);
}

BOOST_AUTO_TEST_SUITE_END()
