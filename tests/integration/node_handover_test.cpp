// Accounts that change hands on whole nodes: there and back without a snapshot, on when their destination
// can't begin, and on when the node that took the command dies.
#include "tests/integration/node_world.hpp"

#include <boost/test/unit_test.hpp>

using namespace understudy;
using namespace understudy::testing;
using fixture::eventually;

namespace {

std::string listed(const std::vector<std::string>& names) {
  return fmt::format("{}", fmt::join(names, ","));
}

std::size_t snapshots_begun(node_world& world, std::size_t stores) {
  std::size_t count = 0;
  for (std::size_t i = 0; i < stores; ++i) {
    const auto text = world.at(i).node.log_text();
    for (auto at = text.find(" begins"); at != std::string::npos; at = text.find(" begins", at + 1))
      count += text.rfind(": snapshot ", at) > text.rfind('\n', at) ? 1 : 0;
  }
  return count;
}

bool live_on(mailstore& asked, const std::vector<std::string>& names, const std::string& host) {
  const auto answer = asked.cli({"ha", "getAccountStatus", "accounts", listed(names)});
  return std::all_of(names.begin(), names.end(), [&](const std::string& name) {
    const auto account = answer.about(name);
    return account.contains("accountMailHost") && account.at("accountMailHost") == boost::json::value(host);
  });
}

/// What the mail server's databases are made of.
std::vector<fixture::sql_rows> structure_of(const mailstore& host, const std::string& databases) {
  std::vector<fixture::sql_rows> all;
  for (const auto* const question :
       {"table_schema, table_name, ordinal_position, column_name, column_type, is_nullable, column_default, "
        "extra "
        "FROM information_schema.columns WHERE table_schema",
        "table_schema, table_name, index_name, seq_in_index, column_name, non_unique "
        "FROM information_schema.statistics WHERE table_schema",
        "constraint_schema, table_name, constraint_name, referenced_table_name, update_rule, delete_rule "
        "FROM information_schema.referential_constraints WHERE constraint_schema",
        "trigger_schema, trigger_name, action_statement, definer "
        "FROM information_schema.triggers WHERE trigger_schema"})
    all.push_back(
        host.db.query(fmt::format("SELECT {} REGEXP '{}' ORDER BY 1, 2, 3, 4", question, databases)));
  return all;
}

} // namespace

BOOST_AUTO_TEST_SUITE(node_handover)

BOOST_AUTO_TEST_CASE(r34_p9_there_and_back_again_without_a_snapshot_and_no_table_is_another_one) {
  node_world world({.own_users = true}); // group databases, snapshots, guards and both roles with its grants
  const auto names = world.create_accounts(0, "user", 2);
  const auto as_made = [&] { // the destination gets group databases
    return std::pair(structure_of(world.at(0), "^(zimbra|mboxgroup[0-9]+)$"),
                     structure_of(world.at(1), "^zimbra$"));
  };
  const auto made = as_made();
  BOOST_TEST(made.first.front().size() > made.second.front().size());
  world.enrol(names, 0, 1);
  const auto before = snapshots_begun(world, 2);
  BOOST_TEST(before >= names.size());
  for (const std::size_t to : {1U, 0U, 1U, 0U}) {
    for (const auto& name : names) {
      const auto done =
          world.at(1 - to).cli({"ha", "promoteAccounts", "accounts", name, "destination", world.at(to).name});
      BOOST_TEST_CONTEXT(done.text) BOOST_TEST_REQUIRE(done.status == 0);
      write_once(world.at(to), world.id_of(name));
    }
    BOOST_TEST(eventually(patience, [&] { return world.follows(names, 1 - to, to); }));
  }
  BOOST_TEST(world.become_same(names, 0, 1));
  BOOST_TEST(snapshots_begun(world, 2) == before);
  BOOST_TEST((as_made() == made));
}

BOOST_AUTO_TEST_CASE(r29_what_a_destination_declines_behind_the_fence_goes_on_to_the_next) {
  node_world world({.mailstores = 3});
  const auto names = world.create_accounts(0, "user", 1);
  const auto id = world.id_of(names.front());
  world.enrol(names, 0, 1, 10);
  world.enrol(names, 0, 2, 20);
  // The destination can't apply what comes now, and learns it only behind the fence.
  auto locker = holds_back(world.at(1));
  write_once(world.at(0), id);
  auto promoted = std::async(std::launch::async, [&] {
    return world.at(0).cli(
        {"ha", "promoteAccounts", "accounts", names.front(), "destination", world.at(1).name});
  });
  BOOST_TEST_REQUIRE(eventually(patience, [&] { return has_left(world.at(0), id); }));
  locker.query("ALTER TABLE zimbra.mailbox_metadata CHANGE metadata other MEDIUMTEXT CHARACTER SET utf8mb3");
  locker.query("UNLOCK TABLES");
  const auto answer = promoted.get();
  BOOST_TEST_CONTEXT(answer.text) BOOST_TEST(answer.status == 1);
  BOOST_TEST(eventually(patience, [&] {
    return world.at(1).metric("understudy_promotions_total{kind=\"planned\",outcome=\"failed\"}") == 1;
  }));
  BOOST_TEST(eventually(patience, [&] { return live_on(world.at(2), names, world.at(2).name); }));
  write_once(world.at(2), id);
  BOOST_TEST(writes_there(world.at(2), id) == 2u);
  // restartReplicas tries again what stopped.
  locker.query("ALTER TABLE zimbra.mailbox_metadata CHANGE other metadata MEDIUMTEXT CHARACTER SET utf8mb3");
  BOOST_TEST(!world.follows(names, 1, 2));
  BOOST_TEST(world.at(0).cli({"ha", "restartReplicas", "accounts", names.front()}).status == 0);
  BOOST_TEST(eventually(patience, [&] { return world.follows(names, 1, 2); }));
}

/// Its guard ended with its process; the next may begin on a mailstore that can't yet.
BOOST_AUTO_TEST_CASE(
    r19_r30_a_source_that_was_killed_behind_its_fence_keeps_writers_away_until_somebody_begins) {
  node_world world({.mailstores = 3, .cluster = short_lease});
  auto& source = world.at(0);
  const auto names = world.create_accounts(0, "user", 1);
  const auto id = world.id_of(names.front());
  world.enrol(names, 0, 1, 10);
  world.enrol(names, 0, 2, 20);
  auto declines = holds_back(world.at(1));
  auto waits = holds_back(world.at(2));
  write_once(source, id);
  auto promoted = std::async(std::launch::async, [&] {
    return world.at(2).cli({"ha", "promoteAccounts", "accounts", names[0], "destination", world.at(1).name});
  });
  BOOST_REQUIRE(eventually(patience, [&] { return has_left(source, id); }));
  declines.query(
      "ALTER TABLE zimbra.mailbox_metadata CHANGE metadata other MEDIUMTEXT CHARACTER SET utf8mb3");
  declines.query("UNLOCK TABLES");
  BOOST_REQUIRE(eventually(patience, [&] {
    return world.at(1).metric("understudy_promotions_total{kind=\"planned\",outcome=\"failed\"}") == 1;
  }));
  source.node.kill9();
  source.start_and_wait();
  auto looks = source.db.connect();
  looks.query("SET SESSION TRANSACTION ISOLATION LEVEL READ UNCOMMITTED");
  BOOST_REQUIRE(eventually(patience, [&] {
    return looks.value("SELECT COUNT(*) FROM understudy.guard WHERE account_id='" + id + "'") == "1";
  }));
  auto held = write_async(source, id);
  waits.query("UNLOCK TABLES");
  BOOST_TEST(eventually(patience, [&] { return live_on(world.at(2), names, world.at(2).name); }));
  BOOST_REQUIRE(eventually(patience, [&] { return ended(held); }));
  BOOST_TEST(held.get() != ""); // an error before its COMMIT
  BOOST_TEST(report_of(source).empty());
  (void)promoted.get();
}

/// It reads its partition for others, so the offset that it stored lies behind what it hasn't applied yet.
BOOST_AUTO_TEST_CASE(p1_r34_a_source_that_became_a_replica_and_is_killed_at_once_misses_nothing) {
  enrolled_world enrolled("moved", 1);
  auto& [world, names, source, other, account] = enrolled;
  const auto neighbours = world.create_accounts(1, "neighbour", 4); // in its partition, too
  world.enrol(neighbours, 1, 0);
  const auto stored = [&] {
    return source.db.value("SELECT IFNULL(SUM(next_offset), 0) FROM understudy.reader");
  };
  BOOST_REQUIRE(eventually(patience, [&] { return stored() != "0"; }));
  auto no_row = source.db.connect(); // no replica is begun
  no_row.query("SET sql_log_bin=0");
  no_row.query("LOCK TABLES understudy.replica READ");
  BOOST_REQUIRE(
      other.cli({"ha", "promoteAccounts", "accounts", names[0], "destination", other.name}).status == 0);
  const auto before = stored();
  for (int i = 0; i < 3; ++i)
    write_once(other, account);
  BOOST_REQUIRE(eventually(patience, [&] { return stored() != before; }));
  auto no_offset = source.db.connect(); // none is stored any more
  no_offset.query("SET sql_log_bin=0");
  no_offset.query("LOCK TABLES understudy.reader READ");
  no_row.query("UNLOCK TABLES");
  BOOST_REQUIRE(eventually(patience, [&] { return world.follows(names, 0, 1); }));
  source.node.kill9();
  no_offset.query("UNLOCK TABLES");
  source.start_and_wait();
  BOOST_TEST(world.become_same(names, 0, 1));
  BOOST_TEST(writes_there(source, account) == 3u);
}

/// Its connection may be ended by hand, or with its MariaDB: whoever writes then would be told OK for what
/// the account's next epoch hasn't.
BOOST_AUTO_TEST_CASE(p1_r30_a_guard_that_is_gone_is_taken_again) {
  node_world world({.own_users = true}); // who waits at the guard is another user, and seen and ended
  auto& source = world.at(0);
  const auto names = world.create_accounts(0, "user", 1);
  const auto id = world.id_of(names.front());
  world.enrol(names, 0, 1);
  auto slow = holds_back(world.at(1));
  write_once(source, id);
  auto promoted = std::async(std::launch::async, [&] {
    return source.cli({"ha", "promoteAccounts", "accounts", names.front(), "destination", world.at(1).name});
  });
  const auto guarding = [&] {
    auto looks = source.db.connect();
    looks.query("SET SESSION TRANSACTION ISOLATION LEVEL READ UNCOMMITTED");
    return looks.value("SELECT IFNULL(MAX(holder), 0) FROM understudy.guard WHERE account_id='" + id + "'");
  };
  BOOST_TEST_REQUIRE(eventually(patience, [&] { return has_left(source, id); }));
  const auto before = guarding();
  BOOST_TEST_REQUIRE(before != "0");
  source.db.query("KILL " + before);
  BOOST_TEST_REQUIRE(eventually(patience, [&] {
    const auto now = guarding();
    return now != "0" && now != before;
  }));
  BOOST_TEST_REQUIRE(eventually(patience, [&] { return source.logged("its guard had ended before its"); }));
  auto write = write_async(source, id);
  BOOST_TEST_REQUIRE(eventually(patience, [&] {
    return source.db.connect().value("SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE INFO LIKE "
                                     "'INSERT INTO zimbra.mailbox_metadata%' AND TIME_MS > 100") == "1";
  }));
  slow.query("UNLOCK TABLES");
  BOOST_TEST(promoted.get().status == 0);
  BOOST_TEST(write.get() != ""); // ended with the guard, before its COMMIT
  BOOST_TEST(eventually(patience, [&] { return live_on(world.at(1), names, world.at(1).name); }));
  BOOST_TEST(writes_there(world.at(1), id) == 1u);
  BOOST_TEST(writes_there(source, id) == 1u);
  BOOST_TEST(eventually(patience, [&] { return guarding() == "0"; }));
}

/// The epoch that it comes back in is another one, and its source the same: whoever was being sent a copy in
/// the one before gets it.
BOOST_AUTO_TEST_CASE(r16_r29_a_copy_is_made_although_its_account_came_back_to_its_source_meanwhile) {
  node_world world({.mailstores = 3});
  auto& source = world.at(0);
  const auto names = world.create_accounts(0, "user", 1);
  const auto id = world.id_of(names.front());
  const auto mailbox = source.db.value("SELECT id FROM zimbra.mailbox WHERE account_id='" + id + "'");
  source.db.connect().query("INSERT INTO zimbra.mailbox_metadata (mailbox_id, section, metadata) SELECT " +
                            mailbox + ", CONCAT('many ', seq), REPEAT('x', 300) FROM zimbra.seq_1_to_150000");
  source.db.connect().query(
      "INSERT INTO zimbra.volume_blobs (volume_id, mailbox_id, item_id, revision) SELECT "
      "1, " +
      mailbox + ", 300, 1");
  world.enrol(names, 0, 1, 10, 3 * patience); // many rows
  const auto sent = source.times_logged("rows of its snapshot are sent");
  BOOST_REQUIRE(
      source.cli({"ha", "setAccountDestination", world.at(2).name, "20", "accounts", names.front()}).status ==
      0);
  const auto state_of = [&](std::size_t i) {
    return source.status(names.front()).at("replicas").as_array().at(i - 1).as_object().at("state");
  };
  BOOST_REQUIRE(eventually(patience, [&] { return state_of(2) == "loading"; }));
  // The rest of it is slow to come: this table is read last, and no guard needs it.
  auto slow = source.db.connect();
  slow.query("SET sql_log_bin=0");
  slow.query("LOCK TABLES zimbra.volume_blobs WRITE");
  // The destination can't apply what comes now, and learns it only behind the fence.
  auto locker = holds_back(world.at(1));
  write_once(source, id);
  auto promoted = std::async(std::launch::async, [&] {
    return source.cli({"ha", "promoteAccounts", "accounts", names.front(), "destination", world.at(1).name});
  });
  BOOST_TEST_REQUIRE(eventually(patience, [&] { return has_left(source, id); }));
  locker.query("ALTER TABLE zimbra.mailbox_metadata CHANGE metadata other MEDIUMTEXT CHARACTER SET utf8mb3");
  locker.query("UNLOCK TABLES");
  promoted.wait();
  BOOST_TEST_REQUIRE(eventually(patience, [&] { return source.logged("active here in epoch 3"); }));
  BOOST_TEST_REQUIRE(source.times_logged("rows of its snapshot are sent") == sent);
  BOOST_TEST(eventually(patience, [&] { return state_of(2) == "waiting_for_snapshot"; }));
  slow.query("UNLOCK TABLES");
  BOOST_TEST(eventually(patience, [&] { return state_of(2) == "ready"; }));
  BOOST_TEST(world.become_same(names, 0, 2));
}

/// It hands over what isn't promised, for a reason of its whole node's that ends meanwhile.
BOOST_AUTO_TEST_CASE(p1_r4_an_account_that_came_back_holds_its_commits_again) {
  node_world world;
  auto& source = world.at(0);
  const auto names = world.create_accounts(0, "user", 1);
  const auto id = world.id_of(names.front());
  world.enrol(names, 0, 1);
  const auto is_protected = [&] { return source.status(names.front()).at("protected") == true; };
  source.db.query("SET GLOBAL sync_binlog=0");
  BOOST_TEST_REQUIRE(eventually(patience, [&] { return !is_protected(); }));
  auto locker = holds_back(world.at(1)); // it can't apply what comes, and learns that behind the fence
  write_once(source, id);
  auto promoted = std::async(std::launch::async, [&] {
    return source.cli({"ha", "promoteAccounts", "accounts", names.front(), "destination", world.at(1).name});
  });
  BOOST_TEST_REQUIRE(eventually(patience, [&] { return has_left(source, id); }));
  source.db.query("SET GLOBAL sync_binlog=1");
  BOOST_TEST_REQUIRE(
      eventually(patience, [&] { return source.logged("commits of this mailstore are protected again"); }));
  locker.query("ALTER TABLE zimbra.mailbox_metadata CHANGE metadata other MEDIUMTEXT CHARACTER SET utf8mb3");
  locker.query("UNLOCK TABLES");
  promoted.wait();
  BOOST_TEST_REQUIRE(eventually(patience, [&] { return source.logged("active here in epoch 3"); }));
  BOOST_TEST_REQUIRE(eventually(patience, is_protected));
  world.kafka.suspend();
  auto write = write_async(source, id);
  BOOST_TEST(eventually(patience, [&] {
    return ended(write) ||
           source.db.value("SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE STATE "
                           "LIKE 'Waiting for semi-sync ACK%' AND INFO LIKE '%metadata%'") != "0";
  }));
  BOOST_TEST(!ended(write));
  world.kafka.resume();
  BOOST_TEST(write.get() == "");
}

BOOST_AUTO_TEST_CASE(r24_a_second_administrator_waits_for_the_end_of_a_promotion_and_is_told) {
  node_world world({.mailstores = 3});
  const auto names = world.create_accounts(0, "user", 1);
  const auto id = world.id_of(names.front());
  world.enrol(names, 0, 1, 10);
  world.enrol(names, 0, 2, 20);
  const auto before = snapshots_begun(world, 3);
  const auto promote_to = [&](std::size_t host, const std::vector<std::string>& more = {}) {
    std::vector<std::string> words{"ha",          "promoteAccounts", "accounts",
                                   names.front(), "destination",     world.at(host).name};
    words.insert(words.end(), more.begin(), more.end());
    return world.at(2).cli(words);
  };
  auto locker = holds_back(world.at(1)); // it begins only when it has applied this
  write_once(world.at(0), id);
  auto first = std::async(std::launch::async, [&] { return promote_to(1); });
  BOOST_TEST_REQUIRE(eventually(patience, [&] { return has_left(world.at(0), id); }));
  auto elsewhere = std::async(std::launch::async, [&] { return promote_to(2); });
  auto back = std::async(std::launch::async, [&] { return promote_to(0); });
  BOOST_TEST_REQUIRE(
      eventually(patience, [&] { return world.at(2).times_logged(": promoteAccounts of 1 accounts") == 3; }));
  const auto shown = promote_to(2, {"--dry-run"}); // behind what was decided about them
  BOOST_TEST_CONTEXT(shown.text) {
    BOOST_TEST(shown.status == 1);
    BOOST_TEST(shown.says("promoted only if this comes to nothing: its promotion to ms2.example.test"));
  }
  const auto paused = world.at(0).cli({"ha", "pauseReplicas", "accounts", names.front()});
  BOOST_TEST_CONTEXT(paused.text) { // paused, it would never come to its fence
    BOOST_TEST(paused.status == 1);
    BOOST_TEST(paused.says("its promotion to ms2.example.test in epoch 2 is under way"));
  }
  locker.query("UNLOCK TABLES");
  const auto won = first.get();
  BOOST_TEST_CONTEXT(won.text) BOOST_TEST(won.status == 0);
  for (auto* second : {&elsewhere, &back}) {
    const auto lost = second->get();
    BOOST_TEST_CONTEXT(lost.text) {
      BOOST_TEST(lost.status == 1);
      BOOST_TEST(lost.says("it was promoted to ms2.example.test in epoch 2 (by "));
      BOOST_TEST(lost.says(won.operation()));
    }
  }
  BOOST_TEST(live_on(world.at(1), names, world.at(1).name));
  write_once(world.at(1), id);
  BOOST_TEST(eventually(patience, [&] { return world.follows(names, 0, 1); }));
  BOOST_TEST(world.become_same(names, 1, 0));
  BOOST_TEST(world.become_same(names, 1, 2));
  BOOST_TEST(snapshots_begun(world, 3) == before);
}

BOOST_AUTO_TEST_CASE(r28_a_source_that_was_killed_behind_its_role_row_takes_nothing_back) {
  node_world world;
  const auto names = world.create_accounts(0, "user", 1);
  const auto id = world.id_of(names.front());
  world.enrol(names, 0, 1);
  auto locker = holds_back(world.at(1)); // it begins only when it has applied this
  write_once(world.at(0), id);
  auto promoted = std::async(std::launch::async, [&] {
    return world.at(1).cli(
        {"ha", "promoteAccounts", "accounts", names.front(), "destination", world.at(1).name});
  });
  BOOST_TEST_REQUIRE(eventually(patience, [&] { return has_left(world.at(0), id); }));
  world.at(0).node.kill9();
  auto client = world.at(0).db.connect(); // the guard went with its node, and can't be taken again
  client.query("BEGIN");
  client.query("SELECT * FROM zimbra.mailbox FOR UPDATE");
  world.at(0).start_and_wait();
  BOOST_TEST(eventually(patience, [&] { return world.at(0).logged("the promotion to epoch 2"); }));
  client.query("ROLLBACK");
  locker.query("UNLOCK TABLES");
  const auto answer = promoted.get();
  BOOST_TEST_CONTEXT(answer.text) BOOST_TEST(answer.status == 0);
  BOOST_TEST(eventually(patience, [&] { return live_on(world.at(0), names, world.at(1).name); }));
  write_once(world.at(1), id);
  BOOST_TEST(writes_there(world.at(1), id) == 2u);
  BOOST_TEST(eventually(patience, [&] { return world.follows(names, 0, 1); }));
  BOOST_TEST(world.become_same(names, 1, 0));
}

/// Their guards went with the node, and can't be taken again before they are active elsewhere: as many as
/// move at once would keep every later promotion from that node waiting for ever.
BOOST_AUTO_TEST_CASE(f06_accounts_that_moved_without_their_guard_hold_nobody_up) {
  node_world world;
  auto& source = world.at(0);
  auto& other = world.at(1);
  auto names = world.create_accounts(0, "user", 5);
  world.enrol(names, 0, 1);
  const auto last = names.back();
  names.pop_back();
  auto locker = holds_back(other); // nothing begins there before it has applied these
  for (const auto& name : names)
    write_once(source, world.id_of(name));
  const auto promote = [&](const std::string& which) {
    return std::async(std::launch::async, [&other, which] {
      return other.cli({"ha", "promoteAccounts", "accounts", which, "destination", other.name});
    });
  };
  auto promoted = promote(listed(names));
  BOOST_TEST_REQUIRE(eventually(patience, [&] {
    return source.db.value("SELECT COUNT(*) FROM understudy.role WHERE role='replica'") == "4";
  }));
  source.node.kill9();
  auto client = source.db.connect();
  client.query("BEGIN");
  client.query("SELECT * FROM zimbra.mailbox FOR UPDATE");
  source.start_and_wait();
  for (const auto& name : names)
    BOOST_TEST_REQUIRE(eventually(patience, [&] {
      return source.logged("account " + world.id_of(name) + ": the promotion to epoch 2 goes on");
    }));
  locker.query("UNLOCK TABLES");
  BOOST_TEST(promoted.get().status == 0);
  BOOST_TEST_REQUIRE(eventually(patience, [&] { return live_on(source, names, other.name); }));
  BOOST_TEST_REQUIRE(eventually(patience, [&] { // nobody tries to any more
    return source.db.value("SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE INFO LIKE "
                           "'%FOR UPDATE%' AND ID <> CONNECTION_ID()") == "0";
  }));
  client.query("ROLLBACK");
  auto next = promote(last);
  BOOST_TEST(eventually(patience, [&] { return ended(next); }));
  source.node.kill9(); // else it would wait for ever
  other.node.kill9();
  BOOST_TEST(next.get().status == 0);
}

BOOST_AUTO_TEST_CASE(r24_behind_a_declined_epoch_another_is_promoted_while_the_old_source_lives) {
  node_world world({.mailstores = 3, .cluster = short_lease});
  const auto names = world.create_accounts(0, "user", 1);
  const auto id = world.id_of(names.front());
  world.enrol(names, 0, 1, 10);
  world.enrol(names, 0, 2, 20);
  const auto promote_to = [&](std::size_t host) {
    return world.at(host).cli(
        {"ha", "promoteAccounts", "accounts", names.front(), "destination", world.at(host).name});
  };
  auto locker = holds_back(world.at(1));
  write_once(world.at(0), id);
  world.at(0).node.suspend(); // silent for so long that it is claimed, not dead
  auto promoted = std::async(std::launch::async, [&] { return promote_to(1); });
  BOOST_TEST_REQUIRE(eventually(patience, [&] {
    return world.at(2).db.value("SELECT COUNT(*) FROM understudy.control_account WHERE doc LIKE "
                                "'%unplanned%'") == "1";
  }));
  world.at(0).node.resume();
  locker.query("ALTER TABLE zimbra.mailbox_metadata CHANGE metadata other MEDIUMTEXT CHARACTER SET utf8mb3");
  locker.query("UNLOCK TABLES");
  const auto failed = promoted.get();
  BOOST_TEST_CONTEXT(failed.text) BOOST_TEST(failed.status == 1);
  BOOST_TEST(world.at(0).answers());
  const auto done = promote_to(2);
  BOOST_TEST_CONTEXT(done.text) BOOST_TEST(done.status == 0);
  BOOST_TEST(live_on(world.at(2), names, world.at(2).name));
  write_once(world.at(2), id);
  BOOST_TEST(writes_there(world.at(2), id) == 2u);
  BOOST_TEST(eventually(patience, [&] { return world.follows(names, 0, 2); }));
}

BOOST_AUTO_TEST_CASE(f06_threads_bounds_how_many_accounts_move_at_once) {
  node_world world;
  const auto names = world.create_accounts(0, "user", 4);
  world.enrol(names, 0, 1);
  const auto moving = [&] {
    return world.at(0).db.value("SELECT COUNT(*) FROM understudy.control_account WHERE doc LIKE "
                                "'%planned%'");
  };
  auto locker = world.at(1).db.connect();
  locker.query("LOCK TABLES understudy.role READ"); // no epoch begins there
  auto promoted = std::async(std::launch::async, [&] {
    return world.at(0).cli({"ha", "promoteAccounts", "accounts", listed(names), "threads", "1"});
  });
  BOOST_TEST(eventually(patience, [&] { // handed over, and on its way
    return world.at(0).db.value("SELECT COUNT(*) FROM understudy.role WHERE role='replica'") == "1" &&
           moving() != "0";
  }));
  BOOST_TEST(moving() == "1");
  locker.query("UNLOCK TABLES");
  const auto answer = promoted.get();
  BOOST_TEST_CONTEXT(answer.text) BOOST_TEST(answer.status == 0);
  BOOST_TEST(live_on(world.at(1), names, world.at(1).name));
}

/// What was said of its epoch behind the decision was void: control called it protected while its commits
/// went on without Kafka, or kept them all waiting for a word that never came.
BOOST_AUTO_TEST_CASE(p1_r3_r5_an_account_in_line_stays_where_it_is_when_its_commits_arent_protected) {
  node_world world;
  auto& source = world.at(0);
  const auto names = world.create_accounts(0, "line", 6);
  world.enrol(names, 0, 1);
  auto locker = world.at(1).db.connect();
  locker.query("LOCK TABLES understudy.role READ"); // no epoch begins there
  auto promoted = std::async(
      std::launch::async, [&] { return source.cli({"ha", "promoteAccounts", "accounts", listed(names)}); });
  const auto handed_over = [&] {
    return std::ranges::count_if(names,
                                 [&](const auto& name) { return has_left(source, world.id_of(name)); });
  };
  BOOST_REQUIRE(eventually(patience, [&] { return handed_over() == 4; }));
  source.db.query("SET GLOBAL rpl_semi_sync_master_enabled=OFF");
  const auto unprotected = [&] {
    return std::ranges::count_if(names, [&](const auto& name) {
      return !has_left(source, world.id_of(name)) && source.status(name).at("protected") == false;
    });
  };
  BOOST_TEST(eventually(patience, [&] { return unprotected() == 2; }));
  source.db.query("SET GLOBAL rpl_semi_sync_master_enabled=ON");
  locker.query("UNLOCK TABLES");
  BOOST_TEST(promoted.get().status == 3); // four of six
  BOOST_TEST(handed_over() == 4);
  for (const auto& name : names) {
    const bool moved = has_left(source, world.id_of(name));
    BOOST_TEST(eventually(patience, [&] { return live_on(source, {name}, world.at(moved ? 1 : 0).name); }));
    BOOST_TEST(eventually(patience, [&] { return world.follows({name}, moved ? 0 : 1, 0); }));
  }
}

BOOST_AUTO_TEST_CASE(r25_an_operation_goes_on_when_the_node_that_took_it_dies) {
  node_world world({.mailstores = 3, .cluster = short_lease});
  const auto names = world.create_accounts(0, "user", 4);
  world.enrol(names, 0, 1, 10);
  world.enrol(names, 0, 2, 20);
  world.at(0).die();
  auto promoted = std::async(std::launch::async, [&] {
    return world.at(2).cli({"ha", "promoteAccounts", "source_mail_host", world.at(0).name});
  });
  BOOST_TEST_REQUIRE(
      eventually(patience, [&] { return world.at(2).logged(": promoteAccounts of 4 accounts"); }));
  world.at(2).node.kill9(); // it waits for its claim
  BOOST_TEST(eventually(patience, [&] { return live_on(world.at(1), names, world.at(1).name); }));
  BOOST_TEST(world.at(1).logged("goes on here"));
  const auto answer = promoted.get(); // its command line went on to another node
  BOOST_TEST_CONTEXT(answer.text) BOOST_TEST(answer.status == 0);
}

BOOST_AUTO_TEST_SUITE_END()
