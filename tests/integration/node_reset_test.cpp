// A destination whose MariaDB isn't what it was any more: restored from a backup, or made anew, under its
// node or while that was down too. What is acknowledged is in Kafka: the copy gets there, or isn't promoted.
#include "tests/integration/node_world.hpp"

#include <boost/test/unit_test.hpp>
#include <fmt/format.h>

using namespace understudy;
using namespace understudy::testing;
using fixture::eventually;

namespace {

struct reset_world {
  node_world world;
  mailstore& source = world.at(0);
  mailstore& other = world.at(1);
  std::filesystem::path data = other.db.dir() / "data", backup = other.db.dir() / "backup";

  /// Under the running node, which has committed something there since.
  void back_up() {
    other.db.kill9();
    std::filesystem::copy(data, backup, std::filesystem::copy_options::recursive);
    other.db.restart();
    const std::string probe = "SELECT n FROM understudy.probe";
    const auto there = other.db.value(probe);
    BOOST_REQUIRE(eventually(patience, [&] { return other.db.value(probe) != there; }));
  }
  void restore() {
    other.db.kill9();
    std::filesystem::remove_all(data);
    std::filesystem::rename(backup, data);
    other.db.restart();
  }
  void make_anew() {
    other.db.make_anew();
    other.db.load_mailstore(2);
  }
  /// The node notices by itself, and ends; whoever keeps it running starts it again.
  void ends_and_is_started_again() {
    BOOST_REQUIRE(eventually(patience, [&] { return !other.node.running(); }));
    BOOST_TEST(other.logged("isn't the server any more that this process worked with"));
    other.start_and_wait();
  }
  cli_answer promote(const std::string& name) {
    return other.cli({"ha", "promoteAccounts", "accounts", name});
  }
  std::uint64_t writes_of(const std::string& name) { return writes_there(other, world.id_of(name)); }
};

/// What an account's history was since the backup.
struct histories {
  std::string still;   ///< nothing was written since
  std::string idle;    ///< written before the server was lost, not after
  std::string busy;    ///< written after that, too
  std::string late;    ///< enrolled since
  std::string removed; ///< its replica there was removed since

  std::vector<std::string> replicated() const { return {still, idle, busy, late}; }
};

histories back_up_amid_histories(reset_world& r) {
  const auto names = r.world.create_accounts(0, "history", 5);
  histories h{names[0], names[1], names[2], names[3], names[4]};
  const std::vector<std::string> enrolled{h.still, h.idle, h.busy, h.removed};
  r.world.enrol(enrolled, 0, 1);
  for (const auto& name : enrolled)
    write_once(r.source, r.world.id_of(name));
  BOOST_REQUIRE(r.world.become_same(enrolled, 0, 1));
  r.back_up();
  BOOST_REQUIRE(eventually(patience, [&] { return r.world.follows(enrolled, 1, 0); }));
  r.world.enrol({h.late}, 0, 1);
  for (const auto& name : {h.idle, h.busy, h.late, h.removed})
    write_once(r.source, r.world.id_of(name));
  BOOST_REQUIRE(r.world.become_same(names, 0, 1));
  BOOST_REQUIRE(
      r.source.cli({"ha", "removeAccountDestination", r.other.name, "accounts", h.removed}).status == 0);
  return h;
}

void check_complete_when_promoted(reset_world& r, const histories& h) {
  r.source.die();
  for (const auto& name : h.replicated()) {
    cli_answer answer;
    const bool promoted = eventually(patience, [&] {
      answer = r.promote(name);
      return answer.status == 0;
    });
    BOOST_TEST(promoted, answer.text);
  }
  BOOST_TEST(r.writes_of(h.still) == 1u);
  BOOST_TEST(r.writes_of(h.idle) == 2u);
  BOOST_TEST(r.writes_of(h.busy) == 3u);
  BOOST_TEST(r.writes_of(h.late) == 1u);
}

} // namespace

BOOST_FIXTURE_TEST_SUITE(node_reset, reset_world)

BOOST_AUTO_TEST_CASE(p1_r36_a_destination_restored_under_its_node_goes_on_from_what_the_server_has) {
  const auto h = back_up_amid_histories(*this);
  restore();
  write_once(source, world.id_of(h.busy));
  ends_and_is_started_again();
  BOOST_TEST(world.become_same(h.replicated(), 0, 1));
  // Nobody replicates it here any more: the backup's copy of it goes, too.
  BOOST_TEST(eventually(patience, [&] {
    return other.db.value(fmt::format("SELECT COUNT(*) FROM zimbra.mailbox WHERE account_id='{}'",
                                      world.id_of(h.removed))) == "0";
  }));
  check_complete_when_promoted(*this, h);
}

BOOST_AUTO_TEST_CASE(p1_r36_and_one_whose_source_died_meanwhile_reads_what_it_lacks_from_kafka) {
  const auto h = back_up_amid_histories(*this);
  write_once(source, world.id_of(h.busy));
  other.node.kill9();
  restore();
  other.start_and_wait();
  BOOST_TEST(
      eventually(patience, [&] { return world.follows({h.late}, 1, 0); })); // from its source's snapshot
  check_complete_when_promoted(*this, h);
}

BOOST_AUTO_TEST_CASE(r16_a_destination_made_anew_under_its_node_is_initialised_anew_by_itself) {
  const auto names = world.create_accounts(0, "anew", 2);
  world.enrol(names, 0, 1);
  for (const auto& name : names)
    write_once(source, world.id_of(name));
  BOOST_REQUIRE(world.become_same(names, 0, 1));
  make_anew();
  write_once(source, world.id_of(names[0]));
  ends_and_is_started_again();
  BOOST_TEST(eventually(patience, [&] { return world.follows(names, 1, 0); }));
  BOOST_TEST(other.logged("there is no copy of the account here"));
  BOOST_TEST(world.become_same(names, 0, 1));

  // Once more, and nobody is left to read the account from.
  other.node.kill9();
  make_anew();
  source.die();
  other.start_and_wait();
  cli_answer answer;
  BOOST_TEST(eventually(patience,
                        [&] {
                          answer = promote(names[0]);
                          return answer.status == 1 && answer.says("there is no copy of the account here");
                        }),
             answer.text);
}

BOOST_AUTO_TEST_CASE(r35_a_destination_that_lost_its_own_tables_says_how_each_copy_is_given_over) {
  const auto names = world.create_accounts(0, "tables", 1);
  world.enrol(names, 0, 1);
  other.db.set_up("DROP DATABASE understudy"); // its connections stay
  ends_and_is_started_again();
  std::string reason;
  BOOST_REQUIRE(eventually(patience, [&] {
    const auto shown = source.status(names[0]).at("replicas").as_array().at(0).as_object();
    if (const auto* said = shown.if_contains("reason"))
      reason = said->as_string();
    return reason.find("isn't overwritten") != std::string::npos;
  }));
  const auto from = reason.find('`') + 1;
  other.db.query(reason.substr(from, reason.find('`', from) - from));
  BOOST_TEST(source.cli({"ha", "restartReplicas", "accounts", names[0]}).status == 0);
  BOOST_TEST(eventually(patience, [&] { return world.follows(names, 1, 0); }));
  BOOST_TEST(world.become_same(names, 0, 1));
}

/// What made the last snapshot necessary isn't in the log, nor did it take a number.
BOOST_AUTO_TEST_CASE(r16_a_copy_from_before_the_last_snapshot_is_made_anew) {
  const auto names = world.create_accounts(0, "before", 1);
  const auto account = world.id_of(names[0]);
  world.enrol(names, 0, 1);
  write_once(source, account);
  BOOST_REQUIRE(world.become_same(names, 0, 1));
  back_up();
  BOOST_REQUIRE(eventually(patience, [&] { return world.follows(names, 1, 0); }));
  {
    auto client = source.db.connect();
    client.query("SET SESSION binlog_format=STATEMENT");
    client.query("UPDATE zimbra.mailbox_metadata SET metadata='unseen' WHERE section LIKE 'write %'");
  }
  BOOST_REQUIRE(world.become_same(names, 0, 1));
  BOOST_REQUIRE(eventually(patience, [&] { return world.follows(names, 1, 0); }));
  restore();
  ends_and_is_started_again();
  BOOST_TEST(world.become_same(names, 0, 1));
  BOOST_TEST(eventually(patience, [&] { return world.follows(names, 1, 0); }));
  BOOST_TEST(other.logged("older than the one made last"));
}

BOOST_AUTO_TEST_SUITE_END()
