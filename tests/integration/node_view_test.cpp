// What a snapshot's view has to contain although it isn't committed yet when the snapshot is asked for (R16),
// and what changes unseen (DESIGN §4.1): Kafka's answers come as late as the test says.
#include "tests/integration/node_world.hpp"

#include <boost/test/unit_test.hpp>
#include <fmt/format.h>

#include <fstream>

using namespace understudy;
using namespace understudy::testing;
using namespace std::chrono_literals;
using fixture::eventually;

namespace {

/// Where Kafka's answers about transactions are held back at the first mailstore.
struct held_answers {
  held_answers() { setenv("UNDERSTUDY_HOLD_ANSWERS", file.c_str(), 1); }
  ~held_answers() { unsetenv("UNDERSTUDY_HOLD_ANSWERS"); }
  void hold() const { std::ofstream(file) << "held"; }
  void let_go() const { std::filesystem::remove(file); }

  fixture::temp_dir dir;
  std::filesystem::path file = dir.path() / "held";
};

struct view_world {
  held_answers answers;
  node_world world{{.first = {.program = UNDERSTUDYD_HELD_ANSWERS}}};
  mailstore& source = world.at(0);
  mailstore& other = world.at(1);

  /// In a session that logs statements: capture can't tell the rows that they change. To be committed.
  std::shared_ptr<fixture::sql_client> write_unseen(const std::string& account) {
    auto client = std::make_shared<fixture::sql_client>(source.db.connect());
    client->query("SET SESSION binlog_format=STATEMENT");
    client->query("START TRANSACTION");
    client->query(fmt::format("INSERT INTO zimbra.mailbox_metadata (mailbox_id, section, metadata) SELECT "
                              "id, 'unseen {}', 'x' FROM zimbra.mailbox WHERE account_id='{}'",
                              ++unseen, account));
    return client;
  }
  static std::future<std::string> commit(const std::shared_ptr<fixture::sql_client>& client) {
    return std::async(std::launch::async, [client] {
      try {
        client->query("COMMIT");
      } catch (const std::exception& failed) {
        return std::string(failed.what());
      }
      return std::string();
    });
  }
  /// How often its log says so.
  static unsigned said(const mailstore& host, std::string_view text) {
    const auto log = host.node.log_text();
    unsigned times = 0;
    for (auto at = log.find(text); at != std::string::npos; at = log.find(text, at + 1))
      ++times;
    return times;
  }
  void check_ok(std::future<std::string>& write) {
    BOOST_TEST(eventually(patience, [&] { return ended(write); }));
    BOOST_TEST(write.get() == "");
  }
  bool commit_waits() {
    return source.db.value("SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE "
                           "STATE LIKE 'Waiting for semi-sync ACK%'") != "0";
  }
  unsigned unseen = 0;
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(node_view, view_world)

/// Its COMMIT still waits when its node lives again and is asked for a snapshot.
BOOST_AUTO_TEST_CASE(p1_r16_a_view_contains_what_a_former_life_left_in_kafka) {
  const auto names = world.create_accounts(0, "former", 1);
  const auto account = world.id_of(names[0]);
  BOOST_REQUIRE(other.node.stop());
  BOOST_REQUIRE(source.cli({"ha", "setAccountDestination", other.name, "10", "accounts", names[0]}).status ==
                0);
  BOOST_REQUIRE(eventually(patience, [&] { return source.status(names[0]).at("protected") == true; }));
  write_once(source, account);
  const std::string produced = "understudy_events_produced_total";
  const auto before = source.metric(produced);
  answers.hold();
  auto held = write_async(source, account);
  BOOST_REQUIRE(eventually(patience, [&] { return source.metric(produced) == before + 1; }));
  source.node.kill9();
  answers.let_go();
  other.start_node(); // its source is away: the request waits in control
  BOOST_REQUIRE(eventually(patience, [&] {
    return other.db.value("SELECT COUNT(*) FROM understudy.control_account WHERE doc LIKE '%new replica%'") !=
           "0";
  }));
  BOOST_TEST(!ended(held));
  source.start_and_wait();
  BOOST_TEST(eventually(patience, [&] { return ended(held); }));
  BOOST_TEST(held.get() == "");
  BOOST_TEST(eventually(patience, [&] { return world.follows(names, 1, 0); }));
  BOOST_TEST(world.become_same(names, 0, 1));
}

/// It has no event, so the account's marker follows none: the view must, all the same.
BOOST_AUTO_TEST_CASE(p1_r16_a_view_contains_what_changed_unseen_and_made_somebody_ask_for_it) {
  const auto names = world.create_accounts(0, "unseen", 2);
  world.enrol(names, 0, 1);
  const auto loaded = fmt::format("account {}: snapshot ", world.id_of(names[0]));
  bool looked = false;
  for (int attempt = 0; attempt < 10 && !looked; ++attempt) {
    const auto before = said(source, "rows may have changed unseen");
    const auto client = write_unseen(world.id_of(names[0]));
    const auto loads = said(other, loaded);
    answers.hold();
    auto first = write_async(source, world.id_of(names[1]));
    BOOST_REQUIRE(eventually(patience, [&] { return commit_waits(); }));
    auto second = commit(client); // waits behind it; in the binlog, if the node's probe isn't there before
    if (eventually(1s, [&] { return said(source, "rows may have changed unseen") > before; })) {
      looked = true;
      BOOST_TEST(!eventually(3s, [&] { return said(other, loaded) > loads; }));
      BOOST_TEST(!ended(second));
    }
    answers.let_go();
    check_ok(first);
    check_ok(second);
    BOOST_TEST(eventually(patience, [&] { return world.follows(names, 1, 0); }));
  }
  BOOST_TEST(looked);
  BOOST_TEST(world.become_same(names, 0, 1));
}

/// No replica has it before one is made anew.
BOOST_AUTO_TEST_CASE(p1_an_account_is_unprotected_until_a_replica_has_what_changed_unseen) {
  const auto names = world.create_accounts(0, "shown", 1);
  world.enrol(names, 0, 1);
  BOOST_REQUIRE(other.node.stop());
  auto write = commit(write_unseen(world.id_of(names[0])));
  check_ok(write);
  const auto shown = source.status(names[0]);
  BOOST_TEST_CONTEXT(boost::json::serialize(shown)) {
    BOOST_TEST(shown.at("protected") == false);
    BOOST_REQUIRE(shown.contains("unprotectedReason"));
    BOOST_TEST((shown.at("unprotectedReason").as_string().find("mailbox_metadata") != std::string::npos));
  }
  other.start_and_wait();
  BOOST_TEST(eventually(patience, [&] { return source.status(names[0]).at("protected") == true; }));
  BOOST_TEST(eventually(patience, [&] { return world.follows(names, 1, 0); }));
  BOOST_TEST(world.become_same(names, 0, 1));
}

/// Nobody is told OK before control says that replicas lack it; and a restart in between says it again.
BOOST_AUTO_TEST_CASE(p1_what_changed_unseen_is_acknowledged_when_control_says_so_and_not_before) {
  const auto names = world.create_accounts(0, "told", 1);
  world.enrol(names, 0, 1);
  world.kafka.kill9();
  const auto at_least = source.last_written() + 1;
  auto write = commit(write_unseen(world.id_of(names[0])));
  BOOST_REQUIRE(eventually(patience, [&] { return source.logged("rows may have changed unseen"); }));
  BOOST_TEST(!eventually(too_long_for_a_checkpoint,
                         [&] { return ended(write) && source.last_stored() >= at_least; }));
  BOOST_TEST(!ended(write));
  source.node.kill9();
  world.kafka.restart();
  source.start_and_wait();
  check_ok(write);
  BOOST_TEST(eventually(patience, [&] { return world.follows(names, 1, 0); }));
  BOOST_TEST(world.become_same(names, 0, 1));
}

BOOST_AUTO_TEST_SUITE_END()
