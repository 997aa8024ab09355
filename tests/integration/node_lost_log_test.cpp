// A Kafka that comes back without what it held: wiped, restored from a backup, or another one under its
// address.
#include "events/log/producer.hpp"
#include "tests/integration/node_world.hpp"

#include <boost/test/unit_test.hpp>

using namespace understudy;
using namespace understudy::testing;
using fixture::eventually;

namespace {

constexpr std::chrono::seconds too_long_for_a_commit{2};
constexpr auto recursive = std::filesystem::copy_options::recursive;

struct lost_log_world : enrolled_world {
  lost_log_world()
      : enrolled_world("lost", 1) {}

  const std::filesystem::path data = world.kafka.dir() / "data-1", backup = world.kafka.dir() / "backup",
                              right = world.kafka.dir() / "right";

  void back_up() {
    world.kafka.stop();
    std::filesystem::copy(data, backup, recursive);
    world.kafka.restart();
    BOOST_REQUIRE(eventually(patience, [&] { return world.follows(names, 1, 0); }));
  }
  void restore(const std::filesystem::path& from, const std::filesystem::path& away) {
    world.kafka.kill9();
    std::filesystem::rename(data, away);
    std::filesystem::rename(from, data);
    world.kafka.restart();
  }
  void lose_topics(std::string_view prefix) {
    world.kafka.stop();
    for (const auto& there : std::filesystem::directory_iterator(data))
      if (there.path().filename().string().starts_with(prefix))
        std::filesystem::remove_all(there.path());
    world.kafka.restart();
  }
  /// What others wrote there meanwhile.
  void lengthen_control() {
    const auto writing = producer::start({world.kafka.bootstrap(), {}, "others", {}}, {},
                                         {[](delivery&&) {}, [](const error&) {}, {}})
                             .value();
    for (std::uint64_t record = 0; record < 200; ++record)
      BOOST_REQUIRE(writing->produce("understudy.control", partition_id{0}, "key", "{}", record));
    writing->stop(patience);
  }
};

} // namespace

/// Its lease ran, its events were written and acknowledged there, and status said `protected`: on a log that
/// no replica can go on with, and that has none of what was decided since (R21).
BOOST_FIXTURE_TEST_CASE(p1_r21_nothing_is_acknowledged_on_a_kafka_that_lost_what_was_decided,
                        lost_log_world) {
  back_up();
  // More is lost than what nodes append to the log that they find before they look where it ends.
  for (int i = 0; i < 8; ++i)
    for (const std::string command : {"pauseReplicas", "restartReplicas"})
      BOOST_REQUIRE(eventually(
          patience, [&] { return source.cli({"ha", command, "accounts", names[0]}).status == 0; }));
  write_once(source, account);
  const auto before = writes_there(source, account);
  restore(backup, right);
  BOOST_TEST(eventually(patience, [&] { return !source.node.running(); }));
  BOOST_TEST(source.logged("records were lost, or it is another log"));
  auto write = write_async(source, account);
  source.start_node();
  BOOST_TEST(eventually(patience, [&] { return source.logged("and this node has read it up to"); }));
  BOOST_TEST(source.get("/readyz").find("and this node has read it up to") != std::string::npos);
  lengthen_control();
  BOOST_TEST(eventually(patience, [&] { return source.logged("has another record at offset"); }));
  BOOST_TEST(!eventually(too_long_for_a_commit, [&] { return ended(write); }));
  BOOST_TEST(writes_there(source, account) == before);

  restore(right, backup);
  BOOST_REQUIRE(eventually(patience, [&] { return ended(write); }));
  BOOST_TEST(write.get() == "");
  BOOST_TEST(eventually(patience, [&] { return !other.node.running(); }));
  other.start_and_wait();
  BOOST_TEST(eventually(patience, [&] { return world.follows(names, 1, 0); }));
  BOOST_TEST(world.become_same(names, 0, 1));
}

/// What the message says to do when nobody has its records any more.
BOOST_FIXTURE_TEST_CASE(a_kafka_that_is_lost_for_good_is_left_by_enrolling_anew, lost_log_world) {
  write_once(source, account);
  BOOST_REQUIRE(source.cli({"ha", "promoteAccounts", "accounts", names[0]}).status == 0);
  write_once(other, account);
  BOOST_REQUIRE(eventually(patience, [&] { return world.follows(names, 0, 1); }));
  source.node.kill9();
  other.node.kill9();
  lose_topics("understudy.");
  source.start_node();
  BOOST_REQUIRE(eventually(patience, [&] { return source.logged("and this node has read it up to"); }));
  BOOST_REQUIRE(source.node.stop());
  for (auto* host : {&source, &other}) {
    host->db.set_up(
        "DELETE FROM understudy.replica WHERE account_id IN (SELECT account_id FROM understudy.role "
        "WHERE role='source')");
    for (const auto* table :
         {"control", "control_account", "control_node", "control_operation", "capture", "capture_account",
          "capture_partition", "reader", "stopped", "sent_snapshot", "role"})
      host->db.set_up(fmt::format("DELETE FROM understudy.{}", table));
  }
  for (auto* host : {&source, &other})
    host->start_and_wait();
  world.enrol(names, 1, 0); // its home is where it was promoted to
  write_once(other, account);
  BOOST_TEST(eventually(patience, [&] { return world.follows(names, 0, 1); }));
  BOOST_TEST(world.become_same(names, 1, 0));
  BOOST_TEST(writes_there(source, account) == 3u);
}

/// Control says who has copies; only what they lack is gone.
BOOST_FIXTURE_TEST_CASE(c01_copies_are_made_anew_where_the_accounts_events_alone_are_gone, lost_log_world) {
  for (int write = 0; write < 20; ++write)
    write_once(source, account);
  BOOST_REQUIRE(eventually(patience, [&] { return source.last_stored() >= source.last_written() - 1; }));
  source.node.kill9();
  lose_topics("understudy.accounts-");
  source.start_and_wait();
  write_once(source, account);
  BOOST_TEST(eventually(patience, [&] { return world.follows(names, 1, 0); }));
  BOOST_TEST(world.become_same(names, 0, 1));
}
