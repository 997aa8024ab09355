// Moving accounts between real mailstores by hand (R25–R34): planned, contested, refused, and after a death.
#include "tests/integration/node_world.hpp"
#include "tests/tools/fixture/mailstore_schema.hpp"

#include <boost/test/unit_test.hpp>
#include <fmt/format.h>

#include <cstdlib>
#include <fstream>

using namespace understudy;
using namespace understudy::testing;
using namespace std::chrono_literals;
using fixture::eventually;

namespace {

node_world& shared_world() {
  static node_world one({.mailstores = 3});
  return one;
}

/// A directory that isn't where it was, until the end of its scope.
struct moved_away {
  const std::filesystem::path from, to;
  explicit moved_away(const std::filesystem::path& directory)
      : from(directory)
      , to(directory.string() + "-away") {
    std::filesystem::rename(from, to);
  }
  moved_away(const moved_away&) = delete;
  ~moved_away() { std::filesystem::rename(to, from); }
};

struct with_world {
  node_world& world = shared_world();

  std::string home(const std::string& account, std::size_t asked) {
    const auto status = world.at(asked).status(account);
    const auto* host = status.if_contains("accountMailHost");
    return host == nullptr ? "" : std::string(host->as_string());
  }
  /// A node that wasn't asked folds the decision a moment later.
  bool becomes_home(const std::string& account, std::size_t host, std::size_t asked) {
    return eventually(patience, [&] { return home(account, asked) == world.at(host).name; });
  }
  cli_answer promote(const std::string& account, std::size_t to, std::size_t asked,
                     std::vector<std::string> more = {}) {
    std::vector<std::string> words{"ha",    "promoteAccounts", "accounts",
                                   account, "destination",     world.at(to).name};
    words.insert(words.end(), more.begin(), more.end());
    return world.at(asked).cli(words);
  }
  /// An account on the first mailstore with replicas on both others.
  std::string replicated(const std::string& prefix) {
    const auto names = world.create_accounts(0, prefix, 1);
    world.enrol(names, 0, 1, 10);
    world.enrol(names, 0, 2, 20);
    return names[0];
  }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(node_promotion, with_world)

BOOST_AUTO_TEST_CASE(r29_r34_an_account_goes_round_and_its_old_source_becomes_a_replica) {
  const auto account = replicated("round");
  const auto id = world.id_of(account);
  std::uint64_t writes = 0;
  std::size_t source = 0;
  for (const std::size_t next : {1U, 2U, 0U}) {
    const auto done = promote(account, next, (next + 1) % 3);
    BOOST_TEST_CONTEXT(done.text) BOOST_REQUIRE(done.status == 0);
    BOOST_TEST(becomes_home(account, next, source));
    // P8: who did it, in the logs of both.
    const auto by = fmt::format("by admin, operation {})", done.operation());
    BOOST_TEST(world.at(next).logged(fmt::format("account {}: active here in epoch ", id)));
    BOOST_TEST(world.at(next).logged(by));
    BOOST_TEST(eventually(patience, [&] {
      return world.at(source).logged(
                 fmt::format("account {}: {} is its source now", id, world.at(next).name)) &&
             world.at(source).logged(by);
    }));
    write_once(world.at(next), id);
    ++writes;
    BOOST_TEST(eventually(patience, [&] { return world.follows({account}, source, next); }));
    for (std::size_t host = 0; host < 3; ++host) {
      BOOST_TEST(world.become_same({account}, next, host));
      BOOST_TEST(writes_there(world.at(host), id) == writes);
    }
    source = next;
  }
}

BOOST_AUTO_TEST_CASE(r25_of_two_administrators_one_wins_and_the_other_is_told_who) {
  const auto account = replicated("contested");
  int told = 0;
  for (int round = 0; round < 8 && told < 3; ++round) {
    const auto before = home(account, 0);
    std::vector<std::size_t> others;
    for (std::size_t host = 0; host < 3; ++host)
      if (world.at(host).name != before)
        others.push_back(host);
    auto one = std::async(std::launch::async, [&] { return promote(account, others[0], others[0]); });
    auto other = std::async(std::launch::async, [&] { return promote(account, others[1], others[1]); });
    const std::array answers{one.get(), other.get()};
    BOOST_TEST((answers[0].status == 0 || answers[1].status == 0));
    for (std::size_t loser = 0; loser < 2; ++loser) {
      if (answers[loser].status == 0)
        continue;
      BOOST_TEST(becomes_home(account, others[1 - loser], 0));
      BOOST_TEST_CONTEXT(answers[loser].text) {
        BOOST_TEST(answers[loser].status == 1);
        const auto entry = answers[loser].about(account);
        BOOST_REQUIRE(entry.contains("reason"));
        ++told;
        const auto& winner = answers[1 - loser];
        BOOST_TEST(!winner.operation().empty());
        BOOST_TEST(answers[loser].says(winner.operation()));
        BOOST_TEST(answers[loser].says(world.at(others[1 - loser]).name));
      }
      BOOST_TEST_MESSAGE(answers[loser].text);
    }
    BOOST_TEST(eventually(patience, [&] { // before the next round both others must be promotable again
      const auto now = home(account, 0);
      for (std::size_t host = 0; host < 3; ++host)
        if (world.at(host).name != now && !world.follows({account}, host, 0))
          return false;
      return true;
    }));
  }
  BOOST_TEST(told > 0);
}

BOOST_AUTO_TEST_CASE(p10_what_is_not_promotable_says_why) {
  const auto names = world.create_accounts(0, "early", 1);
  const auto& account = names[0];
  world.enrol(names, 0, 1);
  // Paused.
  BOOST_TEST(world.at(0).cli({"ha", "pauseReplicas", "accounts", account}).status == 0);
  auto refused = promote(account, 1, 0);
  BOOST_TEST_CONTEXT(refused.text) {
    BOOST_TEST(refused.status == 1);
    BOOST_TEST(refused.says("its replicas are paused: restartReplicas first"));
  }
  BOOST_TEST(world.at(0).cli({"ha", "restartReplicas", "accounts", account}).status == 0);
  // No destination, and its snapshot not complete: the new destination's MariaDB hangs.
  refused = promote(account, 2, 0);
  BOOST_TEST_CONTEXT(refused.text) {
    BOOST_TEST(refused.status == 1);
    BOOST_TEST(refused.says("ms3.example.test is not a destination of this account"));
  }
  world.at(2).db.suspend();
  const auto enrolled =
      world.at(0).cli({"ha", "setAccountDestination", world.at(2).name, "20", "accounts", account});
  BOOST_TEST(enrolled.status == 0);
  refused = promote(account, 2, 0);
  world.at(2).db.resume();
  BOOST_TEST_CONTEXT(refused.text) {
    BOOST_TEST(refused.status == 1);
    BOOST_TEST(refused.says("the snapshot for ms3.example.test"));
  }
  BOOST_TEST(home(account, 0) == world.at(0).name);
  BOOST_TEST(eventually(patience, [&] { return world.follows(names, 2, 0); }));
  BOOST_TEST(promote(account, 2, 0).status == 0);
}

BOOST_AUTO_TEST_CASE(r32_a_dry_run_shows_the_gates_and_changes_nothing) {
  const auto account = replicated("preview");
  const auto before = world.at(1).whole_status(account);
  cli_answer shown;
  BOOST_TEST(eventually(patience, [&] { // a busy node may not answer in time
    shown = promote(account, 2, 1, {"--dry-run"});
    return !shown.says("\"unknown\"");
  }));
  BOOST_TEST_CONTEXT(shown.text) {
    BOOST_TEST(shown.status == 0);
    const auto entry = shown.about(account);
    BOOST_REQUIRE(entry.contains("gates"));
    BOOST_TEST((entry.at("allowed") == true));
    BOOST_TEST((entry.at("kind") == "planned"));
    BOOST_TEST((entry.at("from") == boost::json::value(world.at(0).name)));
    BOOST_TEST((entry.at("to") == boost::json::value(world.at(2).name)));
    BOOST_TEST(entry.at("gates").as_array().size() > 3u);
    // Nobody writes: everything that was acknowledged is in the log, and is applied.
    for (const auto* figure : {"acknowledged", "inLog", "applied"})
      BOOST_TEST((entry.at(figure) == before.at("sequence")), figure);
    BOOST_TEST((entry.at("volumesReachable") == true));
  }
  BOOST_TEST((world.at(1).whole_status(account) == before));
  write_once(world.at(0), world.id_of(account));
}

BOOST_AUTO_TEST_CASE(r32_a_volume_whose_directory_is_gone_holds_promotions_until_it_is_back) {
  const auto account = replicated("volume");
  const auto store = fixture::volumes_dir() / "store";
  const auto named = fmt::format("volume message1: {}: No such file or directory", store.string());
  const auto becomes = [&](const boost::json::value& reachable) {
    cli_answer shown;
    const bool is_so = eventually(patience, [&] { // what was found serves for a moment
      shown = promote(account, 1, 0, {"--dry-run"});
      const auto entry = shown.about(account);
      return entry.contains("volumesReachable") && entry.at("volumesReachable") == reachable;
    });
    BOOST_TEST_CONTEXT(shown.text) BOOST_TEST(is_so);
    return shown;
  };
  {
    const moved_away gone(store);
    const auto shown = becomes(false);
    BOOST_TEST_CONTEXT(shown.text) {
      BOOST_TEST(shown.status == 1);
      BOOST_TEST(shown.says(named));
      BOOST_TEST((shown.about(account).at("allowed") == false));
    }
    // Whoever is asked: it's the destination that looks.
    const auto refused = promote(account, 1, 2);
    BOOST_TEST_CONTEXT(refused.text) {
      BOOST_TEST(refused.status == 1);
      BOOST_TEST(refused.says(named));
    }
    BOOST_TEST(home(account, 0) == world.at(0).name);
    write_once(world.at(0), world.id_of(account)); // nothing has changed for its clients
  }
  const auto shown = becomes(true);
  BOOST_TEST(shown.status == 0);
  const auto done = promote(account, 1, 2);
  BOOST_TEST_CONTEXT(done.text) BOOST_TEST(done.status == 0);
  BOOST_TEST(becomes_home(account, 1, 0));
}

/// Behind the fence it would have declined, with the account's writers held meanwhile.
BOOST_AUTO_TEST_CASE(r32_a_replica_that_waits_for_a_volume_is_held_before_the_fence) {
  const auto account = replicated("waits");
  const auto id = world.id_of(account);
  auto& source = world.at(0);
  const auto box =
      source.db.query(fmt::format("SELECT id, group_id FROM zimbra.mailbox WHERE account_id='{}'", id)).at(0);
  source.db.query(fmt::format("INSERT INTO mboxgroup{}.mail_item (mailbox_id, id, type, folder_id, date, "
                              "size, locator, mod_metadata, "
                              "mod_content) VALUES ({}, 999999, 5, 2, 0, 0, '99', 1, 1)",
                              box.at(1).value(), box.at(0).value()));
  const std::string words = "names volume 99 of the source, which has no counterpart here";
  BOOST_REQUIRE(eventually(patience, [&] {
    return boost::json::serialize(source.status(account)).find(words) != std::string::npos;
  }));
  const auto refused = promote(account, 1, 0);
  BOOST_TEST_CONTEXT(refused.text) {
    BOOST_TEST(refused.status == 1);
    BOOST_TEST(refused.says(fmt::format("the replica on {} can't take over", world.at(1).name)));
    BOOST_TEST(refused.says(words));
  }
  BOOST_TEST(home(account, 0) == source.name);
  write_once(source, id);
  for (const std::size_t host : {1U, 2U}) // the others of this world go on
    BOOST_TEST(
        source.cli({"ha", "removeAccountDestination", world.at(host).name, "accounts", account}).status == 0);
}

BOOST_AUTO_TEST_CASE(r11_what_landed_behind_a_fence_uses_up_no_number_over_a_restart) {
  const auto account = replicated("void");
  const auto id = world.id_of(account);
  auto& source = world.at(0);
  const auto sequence_at = [&](std::size_t asked) { return world.at(asked).status(account).at("sequence"); };
  const std::string produced = "understudy_events_produced_total";
  // Written while their node stands still, and produced before it learns that its epoch was ended: void.
  bool some_void = false;
  for (int round = 0; round < 20 && !some_void; ++round) {
    BOOST_REQUIRE(eventually(patience, [&] { return world.follows({account}, 1, 0); }));
    const auto before = source.metric(produced);
    source.node.suspend();
    std::deque<std::future<std::string>> held;
    for (int i = 0; i < 4; ++i)
      held.push_back(write_async(source, id));
    BOOST_REQUIRE(eventually(patience, [&] { return promote(account, 1, 1).status == 0; }));
    source.node.resume();
    for (auto& write : held)
      write.wait();
    BOOST_REQUIRE(eventually(patience, [&] { return world.follows({account}, 0, 1); }));
    some_void = source.metric(produced) > before;
    const auto back = promote(account, 0, 1);
    BOOST_TEST_CONTEXT(back.text) BOOST_REQUIRE(back.status == 0);
    BOOST_REQUIRE(becomes_home(account, 0, 0));
  }
  BOOST_REQUIRE(some_void);
  const auto at_the_cut = sequence_at(0);
  BOOST_REQUIRE(source.node.stop());
  source.start_and_wait();
  BOOST_TEST(sequence_at(0) == at_the_cut);
  write_once(source, id);
  for (const std::size_t host : {1U, 2U}) {
    BOOST_TEST(world.become_same({account}, 0, host));
    BOOST_TEST(eventually(patience, [&] { return world.follows({account}, host, 0); }));
  }
}

BOOST_AUTO_TEST_CASE(a_destination_that_was_down_for_long_catches_up) {
  const auto account = replicated("away");
  world.at(2).node.kill9();
  auto load = world.deliver(0, "away", {"--transactions", "400"});
  BOOST_TEST(load.wait(patience).value_or(-1) == 0);
  world.at(2).start_and_wait();
  BOOST_TEST(world.become_same({account}, 0, 2));
  BOOST_TEST(world.compare(2, "away").lost == 0u);
}

BOOST_AUTO_TEST_CASE(r31_a_dead_mailstores_accounts_go_on_elsewhere) {
  const auto account = replicated("orphan");
  auto load = world.deliver(0, "orphan", {"--threads", "1", "--duration", "600"});
  const auto produced = world.at(0).metric("understudy_events_produced_total");
  BOOST_REQUIRE(eventually(
      patience, [&] { return world.at(0).metric("understudy_events_produced_total") > produced + 50; }));
  world.at(0).die();
  BOOST_TEST(load.wait(patience).value_or(-1) == 4);
  // R32: what the dead source acknowledged nobody can say; what is in the log the replicas have read.
  BOOST_TEST(eventually(patience, [&] {
    const auto shown =
        world.at(1).cli({"ha", "promoteAccounts", "source_mail_host", world.at(0).name, "--dry-run"});
    const auto entry = shown.about(account);
    return entry.contains("inLog") && entry.at("kind") == "unplanned" && entry.at("inLog").is_number() &&
           entry.at("inLog") == entry.at("applied") && entry.at("acknowledged") == "unknown";
  }));
  const auto done = world.at(1).cli({"ha", "promoteAccounts", "source_mail_host", world.at(0).name});
  BOOST_TEST_CONTEXT(done.text) BOOST_TEST(done.status == 0);
  BOOST_TEST(becomes_home(account, 1, 2)); // the first priority
  BOOST_TEST(world.at(1).metric("understudy_promotion_seconds_count{kind=\"unplanned\"}") > 0);
  check_nothing_lost(world.compare(1, "orphan"), 50);
  write_once(world.at(1), world.id_of(account));
  BOOST_TEST(world.become_same({account}, 1, 2));
  // Nobody can promote it to the mailstore that is still dead, and what is said of that is true.
  const auto dead = promote(account, 0, 1, {"--dry-run"});
  BOOST_TEST_CONTEXT(dead.text) {
    BOOST_TEST(dead.status == 1);
    BOOST_TEST(dead.says("has to come back first"));
  }
  // What it committed and couldn't get into Kafka isn't the account's: its replica is made anew (R33).
  world.at(0).db.restart();
  world.at(0).start_and_wait();
  BOOST_TEST(eventually(patience, [&] { return world.follows({account}, 0, 1); }));
  BOOST_TEST(world.become_same({account}, 1, 0));
  check_nothing_lost(world.compare(0, "orphan"), 50);
  write_once(world.at(1), world.id_of(account));
  BOOST_TEST(world.become_same({account}, 1, 0));
  // And back: it goes on behind what was written elsewhere meanwhile (R11).
  const auto back =
      world.at(0).cli({"ha", "promoteAccounts", "accounts", account, "destination", world.at(0).name});
  BOOST_TEST_CONTEXT(back.text) BOOST_TEST(back.status == 0);
  BOOST_TEST(becomes_home(account, 0, 1));
  for (int i = 0; i < 3; ++i)
    write_once(world.at(0), world.id_of(account));
  BOOST_TEST(world.become_same({account}, 0, 1));
  BOOST_TEST(world.become_same({account}, 0, 2));
  world.at(0).die();
  const auto again = world.at(1).cli({"ha", "promoteAccounts", "source_mail_host", world.at(0).name});
  BOOST_TEST_CONTEXT(again.text) BOOST_TEST(again.status == 0);
  BOOST_TEST(becomes_home(account, 1, 2));
  check_nothing_lost(world.compare(1, "orphan"), 50);
  BOOST_TEST(world.become_same({account}, 1, 2));
  // Given up and replicated again, its home is where it was last: there, and nowhere else, it was written
  // since.
  world.at(0).db.restart();
  world.at(0).start_and_wait();
  BOOST_TEST(eventually(patience, [&] { return world.follows({account}, 0, 1); }));
  for (const std::size_t host : {0U, 2U})
    BOOST_TEST(world.at(1)
                   .cli({"ha", "removeAccountDestination", world.at(host).name, "accounts", account})
                   .status == 0);
  write_once(world.at(1), world.id_of(account));
  world.enrol({account}, 1, 0);
  BOOST_TEST(home(account, 1) == world.at(1).name);
  BOOST_TEST(world.become_same({account}, 1, 0));
  // A mailstore that has nothing to do with it isn't asked for its figures.
  world.at(2).die();
  const auto shown = world.at(1).cli({"ha", "getAccountStatus", "accounts", account});
  BOOST_TEST_CONTEXT(shown.text) {
    BOOST_TEST(shown.status == 0);
    BOOST_TEST(!shown.says(world.at(2).name));
  }
}

BOOST_AUTO_TEST_SUITE_END()

/// Killed between its role row and `activated`, the source dead: its next life met the row before it knew the
/// fence, said so without it, which is void, and never again. The account stayed nobody's.
BOOST_AUTO_TEST_CASE(r29_a_destination_that_dies_behind_its_role_row_begins_the_epoch_all_the_same) {
  node_world world({.first = {.program = UNDERSTUDYD_ENDS_AT_ROLE}, .cluster = short_lease});
  auto& destination = world.at(0);
  auto& source = world.at(1);
  const auto armed = (world.dir() / "armed").string();
  ::setenv("UNDERSTUDY_ENDS_AT_ROLE", armed.c_str(), 1);
  BOOST_REQUIRE(destination.node.stop());
  destination.start_and_wait(); // with that in its environment
  const auto names = world.create_accounts(1, "step", 1);
  world.enrol(names, 1, 0);
  const auto id = world.id_of(names[0]);
  write_once(source, id);
  BOOST_REQUIRE(eventually(patience, [&] { return writes_there(destination, id) == 1u; }));
  source.die();
  std::ofstream(armed) << "armed";
  (void)destination.cli({"ha", "promoteAccounts", "accounts", names[0]}); // it dies meanwhile
  BOOST_REQUIRE(eventually(patience, [&] { return !destination.node.running(); }));
  BOOST_REQUIRE(!std::filesystem::exists(armed));
  destination.start_and_wait();
  if (!eventually(patience, [&] {
        const auto shown = destination.status(names[0]);
        return shown.contains("accountMailHost") &&
               shown.at("accountMailHost") == boost::json::value(destination.name);
      }))
    BOOST_FAIL("it isn't active: " << world.story());
  write_once(destination, id);
  BOOST_TEST(writes_there(destination, id) == 2u);
}
