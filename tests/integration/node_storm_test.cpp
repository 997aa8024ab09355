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
      : random_(seed) {
    for (std::size_t host = 1; host < hosts; ++host)
      world.enrol(names, 0, host, static_cast<unsigned>(10 * host));
  }

  void round() {
    write();
    writes_some();
    switch (random_() % 11) {
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

  node_world world{{.mailstores = hosts}};

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
    const auto done = world.at(home).cli({"ha", "removeAccountDestination", name(gone), "accounts", all_});
    BOOST_TEST_CONTEXT(done.text) BOOST_REQUIRE(done.status == 0);
    pause();
    world.enrol(names, home, gone, 10);
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
