// Whatever happens to three mailstores one after the other, at random and under load: in the end every
// account has one primary with all that its clients were told, and whole replicas elsewhere (P1 to P5).
//
// UNDERSTUDY_STORM=SEED:ROUNDS makes another one, or a longer one.
#include "tests/integration/node_world.hpp"

#include <boost/test/unit_test.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <cstdlib>
#include <random>
#include <thread>

using namespace understudy;
using namespace understudy::testing;
using namespace std::chrono_literals;
using fixture::eventually;

namespace {

constexpr unsigned clients = 4;
constexpr std::size_t hosts = 3;
/// Several leases: what a death in mid-promotion may take.
constexpr std::chrono::seconds long_patience{90};

/// Of each third seed: what changes many rows goes in parts (R13).
const std::vector<std::string> small_records{"message.max.bytes=2800"};

struct plan {
  std::uint32_t seed = 20'261'129;
  unsigned rounds = 6;
};

plan wanted() {
  plan found;
  if (const char* text = std::getenv("UNDERSTUDY_STORM"))
    if (std::sscanf(text, "%u:%u", &found.seed, &found.rounds) != 2)
      throw std::runtime_error("UNDERSTUDY_STORM is SEED:ROUNDS");
  return found;
}

class storm {
public:
  explicit storm(std::uint32_t seed)
      : world({.mailstores = hosts, .kafka = seed % 3 == 0 ? small_records : std::vector<std::string>{}})
      , random_(seed) {
    for (std::size_t host = 1; host < hosts; ++host)
      world.enrol(names, 0, host, static_cast<unsigned>(10 * host));
  }

  void round() {
    write();
    writes_some();
    switch (random_() % 21) {
    case 0:
      return planned();
    case 1:
      return its_mailstore_dies();
    case 2:
      return another_takes_over(true);
    case 3:
      return a_node_dies_and_returns(home);
    case 4:
      return a_node_dies_and_returns(other());
    case 5:
      return somebody_dies_in_a_planned_promotion();
    case 6:
      return a_copy_is_taken_away_and_made_again();
    case 7:
      return kafka_dies_and_returns();
    case 8:
      return its_mariadb_dies_and_returns();
    case 9:
      return the_power_fails();
    case 10:
      return a_replicas_mariadb_dies_and_returns();
    case 11:
      return a_node_stands_still_for_a_while();
    case 12:
      return kafka_dies_in_a_planned_promotion();
    case 13:
      return a_mariadb_dies_in_a_planned_promotion();
    case 14:
      return the_next_one_dies_in_a_promotion();
    case 15:
      return its_mailstore_dies_while_a_copy_is_made();
    case 16:
      return two_administrators_want_it();
    case 17:
      return nobody_follows_for_a_while();
    case 18:
      return replicas_pause_and_go_on();
    case 19:
      return all_nodes_are_restarted();
    default:
      return another_takes_over(false);
    }
  }

  void calm() {
    said("it is calm again");
    settle_home();
    load.reset();
    nothing_is_lost();
    write();
    writes_some();
    for (std::size_t host = 0; host < hosts; ++host)
      if (host != home)
        wait_for([&] { return world.follows(names, host, home); }, fmt::format("replicas on {}", name(host)));
    BOOST_REQUIRE(load->stop());
    load.reset();
    for (std::size_t host = 0; host < hosts; ++host)
      if (host != home)
        BOOST_REQUIRE(world.become_same(names, host, home));
    nothing_is_lost();
  }

  node_world world;

private:
  std::string name(std::size_t host) { return world.at(host).name; }
  std::size_t other() { return (home + 1 + random_() % (hosts - 1)) % hosts; }
  void said(const std::string& what) {
    story_ += fmt::format("at {}: {}\n", name(home), what);
    BOOST_TEST_MESSAGE("at " << name(home) << ": " << what);
  }
  template <class Condition>
  void wait_for(Condition condition, const std::string& what) {
    if (!eventually(long_patience, condition))
      BOOST_FAIL(what << ": not in time\n" << story_ << world.story());
  }

  void nothing_is_lost() {
    const auto found = world.compare(home, "storm");
    if (found.lost + found.torn + found.phantom == 0)
      return;
    const auto kept = std::filesystem::temp_directory_path() / fmt::format("storm.{}.record", getpid());
    std::filesystem::copy_file(world.record_of("storm"), kept,
                               std::filesystem::copy_options::overwrite_existing);
    BOOST_FAIL(found.text << "its record is " << kept << "\n" << story_ << world.story());
  }

  void write() {
    load.emplace(world.deliver(home, "storm", {"--threads", std::to_string(clients), "--duration", "900"}));
  }
  void writes_some() {
    const auto told = [&] { return std::filesystem::file_size(world.record_of("storm")); };
    wait_for([&, enough = told() + 1 + random_() % 40'000] { return told() >= enough; }, "writes");
  }
  void stop_writing() {
    BOOST_REQUIRE(load->stop());
    load.reset();
  }
  void writers_are_told() {
    wait_for([&] { return !load->running(); }, "the writers' end");
  }
  void all_writers_wait() {
    wait_for(
        [&] {
          return std::stoul(world.at(home).db.value("SELECT COUNT(*) FROM information_schema.PROCESSLIST "
                                                    "WHERE STATE = 'Commit' OR STATE LIKE "
                                                    "'Waiting for semi-sync ACK%'")) >= clients;
        },
        "commits that wait");
  }
  /// A command about all accounts that nothing can be in the way of.
  void ordered(std::vector<std::string> command) {
    command.insert(command.end(), {"accounts", all_});
    const auto done = world.at(home).cli(command);
    BOOST_TEST_CONTEXT(done.text) BOOST_REQUIRE(done.status == 0);
  }
  void pause() { std::this_thread::sleep_for(std::chrono::milliseconds(random_() % 600)); } // a moment to die

  void promote(std::size_t to, std::size_t asked) {
    cli_answer done;
    wait_for(
        [&] {
          done = world.at(asked).cli({"ha", "promoteAccounts", "accounts", all_, "destination", name(to)});
          return done.status == 0 || done.says("is its source already");
        },
        "a promotion");
    home = to;
  }
  /// Where the accounts are written now; gathered again if they were parted.
  void settle_home() {
    std::set<std::string> primaries;
    std::size_t there = home;
    const auto agreed = [&] {
      primaries.clear();
      const auto answer = world.at(there).cli({"ha", "getAccountStatus"});
      for (const auto& each : names) {
        const auto account = answer.about(each);
        if (const auto* primary = account.if_contains("accountMailHost"))
          primaries.emplace(primary->as_string());
      }
      return !primaries.empty();
    };
    wait_for(agreed, "an answer about the accounts");
    if (primaries.size() > 1) {
      said("the accounts were parted");
      promote(there, there);
      return;
    }
    for (std::size_t host = 0; host < hosts; ++host)
      if (name(host) == *primaries.begin())
        home = host;
  }

  void planned() {
    const auto to = other();
    said("planned promotion to " + name(to));
    stop_writing();
    promote(to, random_() % hosts);
  }
  void its_mailstore_dies() {
    const auto from = home;
    const auto to = other();
    said("the mailstore dies, promotion to " + name(to));
    world.at(from).die();
    writers_are_told();
    promote(to, to);
    world.at(from).db.restart();
    world.at(from).start_node();
  }
  void another_takes_over(bool dies) {
    const auto from = home;
    const auto to = other();
    auto& node = world.at(from).node;
    said(fmt::format("the node {}, promotion to {}", dies ? "dies" : "stands still", name(to)));
    if (dies)
      node.kill9();
    else
      node.suspend();
    all_writers_wait();
    promote(to, to);
    load->kill9(); // whoever wrote on where the account isn't any more would be told OK (R35)
    if (dies)
      world.at(from).start_node();
    else
      node.resume();
  }
  void a_node_dies_and_returns(std::size_t victim) {
    said("node " + name(victim) + " dies and returns");
    world.at(victim).node.kill9();
    if (victim != home && random_() % 2 == 0) {
      world.at(victim).db.kill9();
      world.at(victim).db.restart();
    }
    world.at(victim).start_node();
    pause();
    stop_writing();
  }
  void somebody_dies_in_a_planned_promotion() {
    const auto from = home;
    const auto to = other();
    const auto victim = random_() % 2 == 0 ? from : to;
    said("planned promotion to " + name(to) + ", and " + name(victim) + " dies meanwhile");
    stop_writing();
    auto asked = std::async(std::launch::async, [&] {
      return world.at(3 - from - to)
          .cli({"ha", "promoteAccounts", "accounts", all_, "destination", name(to)});
    });
    pause();
    world.at(victim).node.kill9();
    pause();
    world.at(victim).start_and_wait();
    said("the command said: " + asked.get().text);
    promote(random_() % 2 == 0 ? from : to, 3 - from - to);
  }
  void a_copy_is_taken_away_and_made_again() {
    const auto gone = other();
    said("the copies on " + name(gone) + " are taken away and made again");
    ordered({"ha", "removeAccountDestination", name(gone)});
    pause();
    world.enrol(names, home, gone, 10, long_patience);
    stop_writing();
  }
  void kafka_dies_and_returns() {
    said("Kafka dies and returns");
    world.kafka.kill9();
    pause();
    world.kafka.restart();
    stop_writing();
  }

  void its_mariadb_dies_and_returns() {
    said("its MariaDB dies and returns");
    world.at(home).db.kill9();
    writers_are_told();
    world.at(home).db.restart();
  }
  void a_replicas_mariadb_dies_and_returns() {
    auto& victim = world.at(other());
    said("the MariaDB of " + victim.name + " dies and returns");
    victim.db.kill9();
    pause();
    victim.db.restart();
    stop_writing();
  }
  void a_node_stands_still_for_a_while() {
    auto& victim = world.at(random_() % hosts);
    said("node " + victim.name + " stands still for a while");
    victim.node.suspend();
    for (int moments = 0; moments < 8; ++moments) // most often longer than a lease
      pause();
    victim.node.resume();
    stop_writing();
  }
  std::future<cli_answer> asked_to_promote(std::size_t to, std::size_t asked) {
    return std::async(std::launch::async, [this, to, asked] {
      return world.at(asked).cli({"ha", "promoteAccounts", "accounts", all_, "destination", name(to)});
    });
  }
  void kafka_dies_in_a_planned_promotion() {
    const auto from = home;
    const auto to = other();
    said("planned promotion to " + name(to) + ", and Kafka dies meanwhile");
    stop_writing();
    auto asked = asked_to_promote(to, random_() % hosts);
    pause();
    world.kafka.kill9();
    pause();
    world.kafka.restart();
    said("the command said: " + asked.get().text);
    promote(random_() % 2 == 0 ? from : to, 3 - from - to);
  }
  void a_mariadb_dies_in_a_planned_promotion() {
    const auto from = home;
    const auto to = other();
    const auto victim = random_() % 2 == 0 ? from : to;
    said("planned promotion to " + name(to) + ", and the MariaDB of " + name(victim) + " dies meanwhile");
    stop_writing();
    auto asked = asked_to_promote(to, 3 - from - to);
    pause();
    world.at(victim).db.kill9();
    pause();
    world.at(victim).db.restart();
    said("the command said: " + asked.get().text);
    promote(random_() % 2 == 0 ? from : to, 3 - from - to);
  }
  void the_next_one_dies_in_a_promotion() {
    const auto from = home;
    const auto to = other();
    const bool all = random_() % 2 == 0;
    said(fmt::format("the mailstore dies, promotion to {}, whose {} dies meanwhile", name(to),
                     all ? "mailstore" : "node"));
    world.at(from).die();
    writers_are_told();
    auto asked = asked_to_promote(to, 3 - from - to);
    for (int moments = 0; moments < 6; ++moments) // the claim alone takes seconds
      pause();
    if (all)
      world.at(to).die();
    else
      world.at(to).node.kill9();
    pause();
    if (all)
      world.at(to).db.restart();
    world.at(to).start_and_wait();
    said("the command said: " + asked.get().text);
    promote(to, to);
    world.at(from).db.restart();
    world.at(from).start_node();
  }
  void its_mailstore_dies_while_a_copy_is_made() {
    const auto from = home;
    const auto gone = other();
    const auto to = 3 - from - gone;
    said(fmt::format("the copies on {} are made anew, meanwhile the mailstore dies, promotion to {}",
                     name(gone), name(to)));
    ordered({"ha", "removeAccountDestination", name(gone)});
    ordered({"ha", "setAccountDestination", name(gone), "10"});
    pause();
    world.at(from).die();
    writers_are_told();
    promote(to, to);
    world.at(from).db.restart();
    world.at(from).start_node();
  }
  void two_administrators_want_it() {
    const auto from = home;
    const auto to = other();
    said(fmt::format("one administrator promotes to {}, one to {}", name(to), name(3 - from - to)));
    stop_writing();
    auto one = asked_to_promote(to, random_() % hosts);
    pause();
    auto two = asked_to_promote(3 - from - to, random_() % hosts);
    said("one was told: " + one.get().text);
    said("the other was told: " + two.get().text);
  }
  void nobody_follows_for_a_while() {
    said("all copies are taken away and made again");
    for (std::size_t host = 0; host < hosts; ++host)
      if (host != home)
        ordered({"ha", "removeAccountDestination", name(host)});
    pause();
    for (std::size_t host = 0; host < hosts; ++host)
      if (host != home)
        world.enrol(names, home, host, 10, long_patience);
    stop_writing();
  }
  void replicas_pause_and_go_on() {
    const auto victim = other();
    const bool dies = random_() % 2 == 0;
    said(fmt::format("replicas pause and go on{}", dies ? ", node " + name(victim) + " dies meanwhile" : ""));
    ordered({"ha", "pauseReplicas"});
    pause();
    if (dies) {
      world.at(victim).node.kill9();
      world.at(victim).start_node();
    }
    pause();
    ordered({"ha", "restartReplicas"});
    stop_writing();
  }
  void all_nodes_are_restarted() {
    said("all nodes are restarted, one after the other");
    for (std::size_t host = 0; host < hosts; ++host) {
      BOOST_REQUIRE(world.at(host).node.stop());
      pause();
      world.at(host).start_node();
    }
    stop_writing();
  }
  void the_power_fails() {
    said("the power fails");
    world.kafka.kill9();
    for (std::size_t host = 0; host < hosts; ++host)
      world.at(host).die();
    writers_are_told();
    for (std::size_t host = 0; host < hosts; ++host) {
      world.at(host).db.restart();
      world.at(host).start_node(); // before there is a Kafka
    }
    world.kafka.restart();
  }

  std::mt19937 random_;
  std::string story_;
  const std::vector<std::string> names = world.create_accounts(0, "storm", clients);
  const std::string all_ = fmt::format("{}", fmt::join(names, ","));
  std::size_t home = 0; ///< where the accounts are written
  std::optional<fixture::node_process> load;
};

} // namespace

BOOST_AUTO_TEST_CASE(p1_p2_p3_p4_nothing_is_lost_whatever_happens) {
  const auto [seed, rounds] = wanted();
  BOOST_TEST_INFO_SCOPE("seed " << seed);
  storm all(seed);
  for (unsigned round = 0; round < rounds; ++round) {
    all.round();
    all.calm();
  }
}
