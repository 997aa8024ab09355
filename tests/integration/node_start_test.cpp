// A node that starts: what it waits for, whose place it takes, what it says once (R19, P8, O01).
#include "events/control/lease.hpp"
#include "events/log/partition_reader.hpp"
#include "events/log/producer.hpp"
#include "events/log/topic_names.hpp"
#include "tests/integration/log_cuts.hpp"
#include "tests/integration/node_world.hpp"

#include <boost/test/unit_test.hpp>
#include <fmt/format.h>

#include <csignal>
#include <fstream>

using namespace understudy;
using namespace understudy::testing;
using namespace std::chrono_literals;
using fixture::eventually;

namespace {

node_world& shared_world() {
  static node_world one;
  return one;
}

struct with_world {
  node_world& world = shared_world();
  mailstore& first = world.at(0);
};

void replace(std::string& text, const std::string& what, const std::string& by) {
  const auto at = text.find(what);
  BOOST_REQUIRE(at != std::string::npos);
  text.replace(at, what.size(), by);
}

/// The configuration of `host` with this state_dir, and ports of its own.
std::string config_beside(const mailstore& host, const std::filesystem::path& state) {
  auto config = host.config();
  replace(config, (host.db.dir() / "state").string(), state.string());
  for (const auto* port : {"listen = \"127.0.0.1:", "advertise = \"127.0.0.1:", "http = \"127.0.0.1:"}) {
    const auto at = config.find(port) + std::string_view(port).size();
    config.replace(at, config.find('"', at) - at, std::to_string(fixture::free_port()));
  }
  return config;
}

/// As if a node, or a retry of its producer, had done it.
void append(const node_world& world, const std::string& topic, const std::string& key,
            const std::string& payload) {
  std::promise<void> written;
  auto other = producer::start({world.kafka.bootstrap(), {}, "other", {}}, {},
                               {[&](delivery&&) { written.set_value(); }, [](const error&) {}, {}});
  BOOST_REQUIRE(other);
  BOOST_REQUIRE((*other)->produce(topic, partition_id{0}, key, payload, 0));
  BOOST_REQUIRE(written.get_future().wait_for(patience) == std::future_status::ready);
  (*other)->stop(0ms);
}

/// The first record of control with this in it.
record in_control(const node_world& world, std::string_view part) {
  auto reader = partition_reader::open({world.kafka.bootstrap(), {}, "other", {}}, topic::control);
  BOOST_REQUIRE(reader);
  BOOST_REQUIRE((*reader)->add(partition_id{0}, kafka_offset{0}));
  std::optional<record> found;
  BOOST_REQUIRE(eventually(patience, [&] {
    for (auto& each : (*reader)->poll(1000, 100ms).records)
      if (!found && each.payload.find(part) != std::string::npos)
        found = std::move(each);
    return found.has_value();
  }));
  return *found;
}

} // namespace

BOOST_FIXTURE_TEST_SUITE(node_start, with_world)

BOOST_AUTO_TEST_CASE(o01_what_cant_be_stored_while_mariadb_is_away_is_said_once) {
  const auto names = world.create_accounts(0, "away", 1);
  world.enrol(names, 0, 1);
  const std::string checkpoint = "the checkpoint can't be stored";
  const std::string control = "the folded control state can't be stored";
  auto held = write_async(first, world.id_of(names[0]));
  BOOST_TEST(held.get() == "");
  first.db.kill9();
  // P8: why its figures aren't known is in the status, whoever is asked.
  const auto is_silent = [&](const mailstore& asked) {
    const auto status = asked.cli({"ha", "getAccountStatus", "accounts", names[0]});
    return !status.pages.empty() &&
           boost::json::serialize(status.pages.back().at("unreachable")).find(first.name) !=
               std::string::npos;
  };
  BOOST_TEST(eventually(patience, [&] { return is_silent(world.at(1)) && is_silent(first); }));
  // Control goes on, and so this node has something to store.
  BOOST_TEST(world.at(1).cli({"ha", "pauseReplicas", "accounts", names[0]}).status == 0);
  BOOST_TEST(eventually(patience, [&] { return first.times_logged(control) > 0; }));
  BOOST_TEST(
      !eventually(2s, [&] { return first.times_logged(control) > 1 || first.times_logged(checkpoint) > 1; }));
  first.db.restart();
  BOOST_TEST(eventually(patience, [&] { return first.logged("the folded control state is stored again"); }));
  BOOST_TEST(world.at(1).cli({"ha", "restartReplicas", "accounts", names[0]}).status == 0);
  BOOST_TEST(
      eventually(patience, [&] { return first.get("/readyz").find("\"ok\":true") != std::string::npos; }));
  BOOST_TEST(first.times_logged(control) == 1U);
  BOOST_TEST(first.times_logged(checkpoint) <= 1U);
}

BOOST_AUTO_TEST_CASE(o01_a_state_dir_that_cant_be_written_is_said_once) {
  const auto in_the_way = first.db.dir() / "state/peers.new";
  std::filesystem::create_directory(in_the_way);
  world.at(1).node.stop();
  world.at(1).start_and_wait(); // it announces itself anew, so the others have something to leave
  const std::string words = "can't be left for the command line";
  BOOST_TEST(eventually(patience, [&] { return first.logged(words); }));
  BOOST_TEST(first.logged("peers.new: Is a directory"));
  BOOST_TEST(!eventually(2s, [&] { return first.times_logged(words) > 1; }));
  std::filesystem::remove(in_the_way);
  BOOST_TEST(eventually(patience, [&] { return first.logged("are left for the command line again"); }));
}

BOOST_AUTO_TEST_CASE(r12_r19_a_later_life_of_its_name_that_is_over_already_stops_a_node_which_says_so) {
  const auto begun =
      incarnation(static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(
                                                 std::chrono::system_clock::now().time_since_epoch())
                                                 .count()));
  append(world, topic::leases, first.name, encode({{node_name(first.name), begun}, lease_incarnation{}}));
  const auto status = first.node.wait(patience);
  BOOST_REQUIRE(status);
  const auto said = fmt::format("began later as {}", first.name);
  BOOST_TEST(first.logged(said));
  BOOST_TEST(*status == 3); // not to be started again
  first.start_and_wait();
}

/// Both may have clients. What the first one acknowledged while the second began was void once the second had
/// written to its accounts' partitions.
BOOST_AUTO_TEST_CASE(p1_r19_nothing_is_lost_when_a_copy_of_a_mailstore_starts_beside_it) {
  node_world twice({.cluster = short_lease});
  auto& original = twice.at(0);
  twice.enrol(twice.create_accounts(0, "twice", 4), 0, 1);
  mailstore copy(1, {.cluster = short_lease}, twice.kafka.bootstrap(), twice.dir());
  BOOST_REQUIRE(original.node.stop());
  BOOST_REQUIRE(original.db.stop());
  BOOST_REQUIRE(copy.db.stop());
  using std::filesystem::copy_options;
  for (const auto* part : {"data", "state"}) {
    std::filesystem::remove_all(copy.db.dir() / part);
    std::filesystem::copy(original.db.dir() / part, copy.db.dir() / part, copy_options::recursive);
  }
  original.db.restart();
  original.start_and_wait();
  // As it is now: that the file of a copy names a process says nothing of that one.
  std::filesystem::copy_file(original.db.dir() / "state/process", copy.db.dir() / "state/process",
                             copy_options::overwrite_existing);
  copy.db.restart();
  auto load = twice.deliver(0, "twice", {"--threads", "4", "--duration", "600"});
  BOOST_REQUIRE(
      eventually(patience, [&] { return original.metric("understudy_events_produced_total") > 100; }));
  copy.start_node();
  BOOST_TEST(eventually(patience, [&] { return copy.logged("isn't known to have ended"); }));
  const auto status = original.node.wait(patience);
  BOOST_REQUIRE(status);
  BOOST_TEST(*status == 3);
  original.db.kill9();
  BOOST_TEST(load.wait(patience).value_or(-1) == 4); // its clients lost their server
  BOOST_REQUIRE(eventually(patience, [&] { return copy.logged("count as dead here"); }));
  cli_answer promoted;
  BOOST_TEST(eventually(patience,
                        [&] {
                          promoted =
                              twice.at(1).cli({"ha", "promoteAccounts", "source_mail_host", original.name});
                          return promoted.status == 0;
                        }),
             promoted.text);
  check_nothing_lost(twice.compare(1, "twice"), 100);
}

/// As with too few brokers left: Kafka answers, and takes nothing. Only HTTP and the log can say so by then.
BOOST_AUTO_TEST_CASE(p8_r19_a_node_whose_first_record_is_not_taken_says_what_it_waits_for) {
  node_world refusing({.mailstores = 1});
  auto& alone = refusing.at(0);
  BOOST_REQUIRE(alone.node.stop());
  alter_topic({refusing.kafka.bootstrap(), {}, "test", {}}, topic::leases,
              {{"max.message.bytes", "1"}, {"message.timestamp.type", "LogAppendTime"}});
  alone.start_node();
  BOOST_TEST(alone.waits_for(fmt::format("Kafka at {} doesn't give back what this node wrote to {}",
                                         refusing.kafka.bootstrap(), topic::leases)));
  BOOST_TEST(alone.node.stop());
}

BOOST_AUTO_TEST_CASE(s06_a_second_process_with_the_same_state_dir_is_refused_and_harms_nobody) {
  const auto refused =
      fixture::run_process({UNDERSTUDYD, "--config", (first.db.dir() / "understudyd.toml").string()});
  BOOST_TEST_CONTEXT(refused.output) {
    BOOST_TEST(refused.exit_code == 1);
    BOOST_TEST(refused.output.find("another understudyd uses node.state_dir") != std::string::npos);
  }
  BOOST_TEST(first.node.running());
}

BOOST_AUTO_TEST_CASE(r25_a_record_that_comes_again_is_known_by_a_node_that_was_restarted_meanwhile) {
  const auto names = world.create_accounts(0, "again", 1);
  world.enrol(names, 0, 1);
  const auto ready = in_control(world, "replica_ready");
  BOOST_REQUIRE(eventually(patience, [&] {
    return std::stoll(first.db.value("SELECT MAX(next_offset) FROM understudy.control")) > ready.offset.value;
  }));
  first.node.kill9();
  append(world, topic::control, ready.key, ready.payload);
  first.start_and_wait();
  BOOST_TEST(!first.logged("isn't known to have ended")); // R19: a killed node goes on at once
  // Who folds it twice takes the other's decision for one of an earlier version.
  const auto moved = world.at(1).cli({"ha", "promoteAccounts", "accounts", names[0]});
  BOOST_TEST(moved.status == 0, moved.text);
  BOOST_TEST(role_of(world.at(1), world.id_of(names[0])) == "source");
}

BOOST_AUTO_TEST_CASE(a_node_refuses_a_mariadb_that_belongs_to_a_node_of_another_name) {
  const auto& second = world.at(1);
  const auto state = world.dir() / "other_state";
  std::filesystem::create_directory(state);
  std::filesystem::permissions(state, std::filesystem::perms::owner_all);
  auto config = config_beside(second, state);
  replace(config, "name = \"" + second.name, "name = \"" + first.name);
  const auto file = world.dir() / "other.toml";
  std::ofstream(file) << config;
  const auto refused = fixture::run_process({UNDERSTUDYD, "--config", file.string()});
  BOOST_TEST_CONTEXT(refused.output) {
    BOOST_TEST(refused.exit_code == 1);
    BOOST_TEST(refused.output.find(fmt::format("belongs to the node {}, and this node is {}", second.name,
                                               first.name)) != std::string::npos);
  }
  BOOST_TEST(second.db.value("SELECT name FROM understudy.node") == second.name);
  BOOST_TEST(first.node.running());
}

BOOST_AUTO_TEST_CASE(a_node_waits_for_kafka_and_for_mariadb_and_says_so) {
  first.node.kill9();
  world.kafka.kill9();
  first.start_node();
  BOOST_TEST(first.waits_for(fmt::format("Kafka at {} doesn't answer", world.kafka.bootstrap())));
  BOOST_TEST(first.node.running());
  world.kafka.restart();
  BOOST_TEST(
      eventually(patience, [&] { return first.get("/readyz").find("\"ok\":true") != std::string::npos; }));

  auto& second = world.at(1);
  second.die();
  second.start_node();
  BOOST_TEST(second.waits_for(fmt::format("MariaDB at {} doesn't answer", second.db.socket().string())));
  second.db.restart();
  BOOST_TEST(
      eventually(patience, [&] { return second.get("/readyz").find("\"ok\":true") != std::string::npos; }));
}

BOOST_AUTO_TEST_CASE(s06_a_command_line_without_tls_says_that_a_first_start_waits) {
  const auto place = fmt::format("127.0.0.1:{}", fixture::free_port());
  const auto file = world.dir() / "first.toml";
  std::ofstream(file) << fmt::format(
      "[node]\nname = \"new.example.test\"\nlisten = \"{}\"\nhttp = \"127.0.0.1:0\"\nstate_dir = \"{}\"\n"
      "[mariadb]\nsocket = \"{}\"\n[kafka]\nbrokers = \"{}\"\n"
      "[profile]\nfile = \"{}/config/profiles/carbonio.toml\"\n",
      place, (world.dir() / "first").string(), (world.dir() / "no.sock").string(), world.kafka.bootstrap(),
      UNDERSTUDY_SOURCE_DIR);
  fixture::node_process node(
      {.command = {UNDERSTUDYD, "--config", file.string()}, .log = world.dir() / "first.log"});
  BOOST_REQUIRE(
      eventually(patience, [&] { return node.log_text().find("waiting: MariaDB at") != std::string::npos; }));
  const auto asked =
      fixture::run_process({UNDERSTUDY_PROGRAM, "--config", file.string(), "ha", "getAccountStatus"}, 20s);
  BOOST_TEST_CONTEXT(asked.output) {
    BOOST_TEST(asked.exit_code == 4);
    BOOST_TEST(asked.output.find("isn't waiting for Kafka or MariaDB") != std::string::npos);
  }
  BOOST_TEST(node.stop());
}

BOOST_AUTO_TEST_CASE(a_node_that_waits_for_kafka_or_mariadb_ends_at_once_when_it_is_asked) {
  BOOST_REQUIRE(first.node.stop());
  world.kafka.suspend(); // connections are taken, and nobody answers
  const auto starts_and_ends = [&](const std::string& what) {
    first.start_node();
    const auto waits = [&] { return first.get("/readyz").find(what) != std::string::npos; };
    BOOST_TEST(eventually(patience, waits), first.get("/readyz"));
    BOOST_TEST(first.node.stop(3s)); // a question to Kafka takes five when nobody answers
  };
  starts_and_ends("starting"); // within its first question
  starts_and_ends("doesn't answer");
  world.kafka.kill9();
  starts_and_ends("doesn't answer");
  first.db.kill9();
  starts_and_ends("MariaDB at");
  first.db.restart();
  world.kafka.restart();
  first.start_and_wait();
}

BOOST_AUTO_TEST_CASE(a_wrong_broker_address_is_named_and_the_node_can_be_stopped) {
  mailstore lost(7, {.brokers = "127.0.0.1:1"}, {}, world.dir());
  lost.start_node();
  BOOST_TEST(lost.waits_for("Kafka at 127.0.0.1:1 doesn't answer"));
  const auto asked = lost.cli({"ha", "getAccountStatus"});
  BOOST_TEST_CONTEXT(asked.text) BOOST_TEST(asked.status == 4);
  lost.node.signal(SIGTERM);
  BOOST_TEST(lost.node.wait(60s).value_or(-1) == 0);
}

/// Its former process wrote an hour from now. (The last of this program: whoever starts behind it does so
/// too.)
BOOST_AUTO_TEST_CASE(r12_r19_a_node_whose_clock_was_set_back_comes_after_its_own_former_process) {
  auto stored = first.db.connect();
  stored.query("SET sql_log_bin=0");
  const auto known = fmt::format("SELECT COUNT(*) FROM understudy.control_node WHERE name='{}'", first.name);
  BOOST_REQUIRE(eventually(patience, [&] { return stored.value(known) == "1"; }));
  BOOST_REQUIRE(first.node.stop());
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(
                      (std::chrono::system_clock::now() + 1h).time_since_epoch())
                      .count();
  const writer former{node_name(first.name), incarnation(static_cast<std::uint64_t>(ms) * 1000)};
  append(world, topic::leases, first.name, encode({former, renewal{"former", ms, 1, boot_time(1)}}));
  stored.query(
      fmt::format("UPDATE understudy.control_node SET doc=JSON_SET(doc, '$.life', {}) WHERE name='{}'",
                  former.life, first.name));
  BOOST_TEST(stored.affected() == 1u);
  first.start_and_wait();
  BOOST_TEST(!first.node.wait(2s)); // it has read the renewal, which is no later process's
}

BOOST_AUTO_TEST_SUITE_END()
