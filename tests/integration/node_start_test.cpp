// A node says what it waits for and what it can't promise (R5, P8).
#include "events/control/lease.hpp"
#include "events/log/partition_reader.hpp"
#include "events/log/producer.hpp"
#include "events/log/topic_names.hpp"
#include "events/log/topics.hpp"
#include "storage/binlog/binlog_stream.hpp"
#include "tests/integration/log_cuts.hpp"
#include "tests/integration/node_world.hpp"

#include <boost/test/unit_test.hpp>
#include <fmt/format.h>

#include <csignal>
#include <fstream>
#include <sstream>

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

  bool waits_for(const mailstore& host, const std::string& what) {
    return eventually(patience, [&] {
      return host.logged("waiting: " + what) && host.get("/readyz").find(what) != std::string::npos;
    });
  }
};

struct setting {
  std::string name, right, wrong;
};

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

BOOST_AUTO_TEST_CASE(r5_each_wrong_setting_is_said_with_the_line_to_set_and_ends_protection) {
  const auto names = world.create_accounts(0, "set", 1);
  world.enrol(names, 0, 1);
  const auto& account = names[0];
  auto sql = first.db.connect();
  for (const auto& s : {
           setting{"sync_binlog", "1", "0"},
           setting{"innodb_flush_log_at_trx_commit", "1", "2"},
           setting{"rpl_semi_sync_master_timeout", "18446744073709551615", "10000"},
           setting{"rpl_semi_sync_master_wait_no_slave", "ON", "OFF"},
           setting{"rpl_semi_sync_master_wait_point", "AFTER_SYNC", "AFTER_COMMIT"},
           setting{"rpl_semi_sync_master_enabled", "ON", "OFF"},
           setting{"binlog_row_image", "FULL", "MINIMAL"},
           setting{"binlog_row_metadata", "FULL", "MINIMAL"},
           setting{"binlog_format", "ROW", "MIXED"},
       }) {
    BOOST_TEST_CONTEXT(s.name) {
      sql.query(fmt::format("SET GLOBAL {}={}", s.name, s.wrong));
      BOOST_TEST(
          eventually(patience, [&] { return first.metric("understudy_semi_sync{state=\"off\"}") == 1; }));
      const auto words = fmt::format("commits of this mailstore aren't protected: {} is {}", s.name, s.wrong);
      BOOST_TEST(eventually(patience, [&] { return first.logged(words); }));
      BOOST_TEST(first.get("/readyz").find("\"ok\":false") != std::string::npos);
      BOOST_TEST(eventually(patience, [&] { return first.status(account).at("protected") == false; }));
      const auto said = first.status(account);
      if (const auto* reason = said.if_contains("unprotectedReason"))
        BOOST_TEST(std::string(reason->as_string()).find(s.name + "=" + s.right) != std::string::npos,
                   boost::json::serialize(said));
      sql.query(fmt::format("SET GLOBAL {}={}", s.name, s.right));
      BOOST_TEST(eventually(patience, [&] { return first.status(account).at("protected") == true; }));
      BOOST_TEST(eventually(
          patience, [&] { return first.metric("understudy_semi_sync{state=\"synchronous\"}") == 1; }));
    }
  }
  // And commits are held again: nothing was forgotten on the way.
  world.kafka.suspend();
  auto write = write_async(first, world.id_of(account));
  BOOST_TEST(!eventually(1500ms, [&] { return ended(write); }));
  world.kafka.resume();
  BOOST_TEST(eventually(patience, [&] { return ended(write); }));
  BOOST_TEST(write.get() == "");
}

BOOST_AUTO_TEST_CASE(r5_the_reason_follows_what_is_wrong_now) {
  const auto names = world.create_accounts(0, "reason", 1);
  world.enrol(names, 0, 1);
  const auto says = [&](const std::string& setting) {
    return eventually(patience, [&] {
      const auto said = first.status(names[0]);
      const auto* reason = said.if_contains("unprotectedReason");
      return reason != nullptr && reason->as_string().find(setting) != boost::json::string::npos;
    });
  };
  auto sql = first.db.connect();
  sql.query("SET GLOBAL sync_binlog=0");
  BOOST_TEST(says("sync_binlog"));
  sql.query("SET GLOBAL binlog_row_image=MINIMAL");
  sql.query("SET GLOBAL sync_binlog=1"); // never all right in between
  BOOST_TEST(says("binlog_row_image"));
  sql.query("SET GLOBAL binlog_row_image=FULL");
  BOOST_TEST(eventually(patience, [&] { return first.status(names[0]).at("protected") == true; }));
}

BOOST_AUTO_TEST_CASE(o01_what_cant_be_stored_while_mariadb_is_away_is_said_once) {
  const auto names = world.create_accounts(0, "away", 1);
  world.enrol(names, 0, 1);
  const std::string checkpoint = "the checkpoint can't be stored";
  const std::string control = "the folded control state can't be stored";
  const auto times = [&](const std::string& words) {
    const auto log = first.node.log_text();
    std::size_t found = 0;
    for (auto at = log.find(words); at != std::string::npos; at = log.find(words, at + 1))
      ++found;
    return found;
  };
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
  BOOST_TEST(eventually(patience, [&] { return times(control) > 0; }));
  BOOST_TEST(!eventually(2s, [&] { return times(control) > 1 || times(checkpoint) > 1; }));
  first.db.restart();
  BOOST_TEST(eventually(patience, [&] { return first.logged("the folded control state is stored again"); }));
  BOOST_TEST(world.at(1).cli({"ha", "restartReplicas", "accounts", names[0]}).status == 0);
  BOOST_TEST(
      eventually(patience, [&] { return first.get("/readyz").find("\"ok\":true") != std::string::npos; }));
  BOOST_TEST(times(control) == 1U);
  BOOST_TEST(times(checkpoint) <= 1U);
}

BOOST_AUTO_TEST_CASE(o01_a_state_dir_that_cant_be_written_is_said_once) {
  const auto in_the_way = first.db.dir() / "state/peers.new";
  std::filesystem::create_directory(in_the_way);
  world.at(1).node.stop();
  world.at(1).start_and_wait(); // it announces itself anew, so the others have something to leave
  const std::string words = "can't be left for the command line";
  BOOST_TEST(eventually(patience, [&] { return first.logged(words); }));
  BOOST_TEST(first.logged("peers.new: Is a directory"));
  BOOST_TEST(!eventually(2s, [&] {
    const auto log = first.node.log_text();
    return log.find(words) != log.rfind(words);
  }));
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
  // Who folds it twice takes the other's decision for one of an earlier version.
  const auto moved = world.at(1).cli({"ha", "promoteAccounts", "accounts", names[0]});
  BOOST_TEST(moved.status == 0, moved.text);
  BOOST_TEST(role_of(world.at(1), world.id_of(names[0])) == "source");
}

BOOST_AUTO_TEST_CASE(a_node_refuses_a_mariadb_that_belongs_to_a_node_of_another_name) {
  const auto& second = world.at(1);
  std::ifstream in(second.db.dir() / "understudyd.toml");
  std::string config{std::istreambuf_iterator<char>(in), {}};
  const auto replace = [&](const std::string& what, const std::string& by) {
    const auto at = config.find(what);
    BOOST_REQUIRE(at != std::string::npos);
    config.replace(at, what.size(), by);
  };
  const auto state = world.dir() / "other_state";
  std::filesystem::create_directory(state);
  std::filesystem::permissions(state, std::filesystem::perms::owner_all);
  replace("name = \"" + second.name, "name = \"" + first.name);
  replace((second.db.dir() / "state").string(), state.string());
  for (const auto* port : {"listen = \"127.0.0.1:", "advertise = \"127.0.0.1:", "http = \"127.0.0.1:"}) {
    const auto at = config.find(port) + std::string_view(port).size();
    config.replace(at, config.find('"', at) - at, std::to_string(fixture::free_port()));
  }
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
  BOOST_TEST(waits_for(first, fmt::format("Kafka at {} doesn't answer", world.kafka.bootstrap())));
  BOOST_TEST(first.node.running());
  world.kafka.restart();
  BOOST_TEST(
      eventually(patience, [&] { return first.get("/readyz").find("\"ok\":true") != std::string::npos; }));

  auto& second = world.at(1);
  second.die();
  second.start_node();
  BOOST_TEST(waits_for(second, fmt::format("MariaDB at {} doesn't answer", second.db.socket().string())));
  second.db.restart();
  BOOST_TEST(
      eventually(patience, [&] { return second.get("/readyz").find("\"ok\":true") != std::string::npos; }));
}

/// The world's topics have one copy each, as its configuration asks.
BOOST_AUTO_TEST_CASE(p8_what_is_unsafe_as_configured_is_a_warning_and_leaves_the_node_ready) {
  std::string shown;
  BOOST_TEST(eventually(patience,
                        [&] {
                          shown = first.get("/readyz");
                          return shown.starts_with("{\"ok\":true,\"reasons\":[],\"warnings\":[");
                        }),
             shown);
  BOOST_TEST(shown.find("understudy.accounts has one copy") != std::string::npos, shown);
  BOOST_TEST(shown.find("broker.session.timeout.ms") == std::string::npos, shown);
  BOOST_TEST(first.metric("understudy_unsafe_topics") == 4);
  BOOST_TEST(first.metric("understudy_lease_too_short") == 0);
}

BOOST_AUTO_TEST_CASE(p8_r23_unsafe_topics_and_a_short_lease_are_in_readyz_and_at_protected) {
  const auto unclean = [](const fixture::private_kafka& brokers) {
    const kafka_settings kafka{brokers.bootstrap(), {}, "test", {}};
    auto admin = topic_admin::open(kafka).value();
    admin->ensure(understudy_topics(4, 1, 1, std::chrono::hours(24 * 7)), patience).value();
    alter_topic(kafka, topic::accounts,
                {{"unclean.leader.election.enable", "true"}, {"message.timestamp.type", "LogAppendTime"}});
  };
  // Kafka's own default, and the lease's.
  node_world other({.kafka = {"broker.session.timeout.ms=9000"}, .prepare = unclean});
  auto& source = other.at(0);
  const auto names = other.create_accounts(0, "note", 1);
  other.enrol(names, 0, 1);
  const std::string words = "understudy.accounts has unclean.leader.election.enable=true";
  const auto shown = source.get("/readyz");
  const auto reason = shown.find(words);
  const auto warnings = shown.find("\"warnings\"");
  const auto lease = shown.find("lease is 3000 ms, and the brokers' broker.session.timeout.ms is 9000");
  BOOST_TEST_CONTEXT(shown) {
    BOOST_TEST(shown.find("\"ok\":false") != std::string::npos);
    BOOST_TEST(reason < warnings);
    BOOST_TEST(warnings < lease);
    BOOST_TEST(lease != std::string::npos);
  }
  BOOST_TEST(source.logged("broker.session.timeout.ms=2500"));
  BOOST_TEST(source.metric("understudy_lease_too_short") == 1);
  const auto account = source.status(names[0]);
  BOOST_TEST_CONTEXT(boost::json::serialize(account)) {
    BOOST_TEST(account.at("protected") == true);
    BOOST_REQUIRE(account.contains("protectedNote"));
    BOOST_TEST((account.at("protectedNote").as_string().find(words) != boost::json::string::npos));
  }
}

/// MariaDB ends a dump for the next one with its id: the two would take the binlog from each other for ever.
BOOST_AUTO_TEST_CASE(p8_a_node_waits_while_a_replica_has_the_server_id_of_one_of_its_dumps_and_says_so) {
  const auto own_dump = [&]() -> std::string {
    for (const auto& row : first.db.query("SHOW SLAVE HOSTS"))
      if (row.at(1) == "understudyd")
        return row.at(0).value();
    return {};
  };
  BOOST_REQUIRE(eventually(patience, [&] { return !own_dump().empty(); }));
  const auto id = own_dump();
  BOOST_REQUIRE(first.node.stop());
  stream_options options;
  options.socket = first.db.socket();
  options.user = "root";
  options.server_id = static_cast<std::uint32_t>(std::stoul(id));
  options.host = "db2.example.test";
  options.synchronous = false;
  options.start = gtid_position::parse(first.db.value("SELECT @@gtid_binlog_pos")).value();
  auto replica = binlog_stream::connect(options);
  BOOST_REQUIRE_MESSAGE(replica, (replica ? "" : replica.error().what));
  first.start_node();
  BOOST_TEST(waits_for(first, fmt::format("MariaDB's replica server_id is {} at db2.example.test", id)));
  BOOST_TEST(first.logged("[mariadb] server_id = "));
  replica->reset();
  first.db.query("FLUSH BINARY LOGS"); // MariaDB notices when it has something to send
  BOOST_TEST(
      eventually(patience, [&] { return first.get("/readyz").find("\"ok\":true") != std::string::npos; }));
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

BOOST_AUTO_TEST_CASE(a_file_that_the_configuration_names_and_nobody_has_is_said_at_once) {
  std::ifstream in(first.db.dir() / "understudyd.toml");
  const std::string good((std::istreambuf_iterator<char>(in)), {});
  const auto file = world.dir() / "wrong.toml";
  const auto run = [&](const std::string& text, std::vector<std::string> words) {
    std::ofstream(file) << text;
    std::vector<std::string> command{UNDERSTUDYD, "--config", file.string()};
    command.insert(command.end(), words.begin(), words.end());
    return fixture::run_process(std::move(command), 20s);
  };
  BOOST_TEST(run(good, {"--check"}).exit_code == 0);
  for (const auto* name : {"carbonio.toml", "ca.pem", "admin.pem", "admin-key.pem"}) {
    auto wrong = good;
    const auto at = wrong.find(name);
    BOOST_REQUIRE_MESSAGE(at != std::string::npos, name);
    wrong.insert(at, "not-");
    for (const auto& words : {std::vector<std::string>{"--check"}, std::vector<std::string>{}}) {
      const auto done = run(wrong, words);
      BOOST_TEST_CONTEXT(done.output) {
        BOOST_TEST(done.exit_code == 1);
        BOOST_TEST(done.output.find(std::string("not-") + name) != std::string::npos);
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(kafka_properties_that_librdkafka_or_the_rules_dont_allow_are_said_at_once) {
  std::ifstream in(first.db.dir() / "understudyd.toml");
  const std::string good((std::istreambuf_iterator<char>(in)), {});
  const auto file = world.dir() / "properties.toml";
  const auto check = [&](const std::string& property, const std::string& said) {
    std::ofstream(file) << good << "\n[kafka.properties]\n" << property << "\n";
    const auto done = fixture::run_process({UNDERSTUDYD, "--config", file.string(), "--check"}, 20s);
    BOOST_TEST_CONTEXT(property << ": " << done.output) {
      BOOST_TEST(done.exit_code == (said.empty() ? 0 : 1));
      BOOST_TEST(done.output.find(said) != std::string::npos);
    }
  };
  check("\"client.rack\" = \"a\"", "");
  check("\"security.protocl\" = \"ssl\"", "security.protocl");
  check("acks = \"1\"", "acks is set by Understudy itself"); // P1
  check("\"security.protocol\" = \"ssl\"\n\"ssl.ca.location\" = \"/not/there.pem\"", "ssl.ca.location");
}

BOOST_AUTO_TEST_CASE(a_state_dir_that_cant_be_made_and_a_password_that_all_can_read_are_said_by_check) {
  std::ifstream in(first.db.dir() / "understudyd.toml");
  const std::string good((std::istreambuf_iterator<char>(in)), {});
  const auto file = world.dir() / "places.toml";
  const auto check = [&](const std::string& text) {
    std::ofstream(file) << text;
    return fixture::run_process({UNDERSTUDYD, "--config", file.string(), "--check"}, 20s);
  };
  const auto with = [&](const std::string& key, const std::filesystem::path& value) {
    auto text = good;
    if (const auto at = text.find(key + " ="); at != std::string::npos)
      text.erase(at, text.find('\n', at) - at);
    const auto section = text.find(key == "state_dir" ? "[node]" : "[mariadb]");
    text.insert(text.find('\n', section), "\n" + key + " = \"" + value.string() + "\"");
    return text;
  };
  const auto no_place = check(with("state_dir", file / "state")); // beneath a file
  BOOST_TEST_CONTEXT(no_place.output) {
    BOOST_TEST(no_place.exit_code == 1);
    BOOST_TEST(no_place.output.find("node.state_dir") != std::string::npos);
    BOOST_TEST(no_place.output.find("it isn't a directory") != std::string::npos);
  }
  BOOST_TEST(check(with("state_dir", world.dir() / "not" / "yet")).exit_code == 0);

  const auto secret = world.dir() / "password";
  std::ofstream(secret) << "hush";
  for (const bool open : {true, false}) {
    std::filesystem::permissions(secret, std::filesystem::perms(open ? 0644 : 0640));
    const auto done = check(with("password_file", secret));
    BOOST_TEST_CONTEXT(done.output) {
      BOOST_TEST(done.exit_code == 0);
      BOOST_TEST((done.output.find("everybody on this host can read the password") != std::string::npos) ==
                 open);
    }
  }
}

BOOST_AUTO_TEST_CASE(p8_keys_that_are_set_and_not_used_are_said_by_check_which_takes_them) {
  std::ifstream in(first.db.dir() / "understudyd.toml");
  const std::string good((std::istreambuf_iterator<char>(in)), {});
  const auto file = world.dir() / "unused.toml";
  const auto check = [&](const std::string& more) {
    std::ofstream(file) << good << more;
    return fixture::run_process({UNDERSTUDYD, "--config", file.string(), "--check"}, 20s);
  };
  const auto plain = check("");
  BOOST_TEST_CONTEXT(plain.output) {
    BOOST_TEST(plain.exit_code == 0);
    BOOST_TEST(plain.output.find("not used in this version") == std::string::npos);
  }
  const auto licence = world.dir() / "licence.toml";
  std::ofstream(licence) << "quantity = 5\n";
  const auto set = check(fmt::format("\n[notify]\nglobal_admin = [\"a@x\"]\nsmtp = \"smtp://h:25\"\n"
                                     "webhook = \"https://h/x\"\n[licence]\nfile = \"{}\"\n",
                                     licence.string()));
  BOOST_TEST_CONTEXT(set.output) {
    BOOST_TEST(set.exit_code == 0);
    for (const auto* key : {"notify.global_admin", "notify.smtp", "notify.webhook", "licence.file"})
      BOOST_TEST(set.output.find(fmt::format("{} is set, but not used in this version", key)) !=
                 std::string::npos);
  }
}

/// As MariaDB comes out of the package.
BOOST_AUTO_TEST_CASE(o01_a_mariadb_without_a_binlog_is_said_once_with_the_line_to_set) {
  mailstore plain(8, {.mariadb = {"--skip-log-bin"}}, world.kafka.bootstrap(), world.dir());
  plain.start_node();
  BOOST_TEST(eventually(patience, [&] { return plain.logged("log_bin is OFF: set log_bin"); }));
  const std::string words = "capture can't begin anew yet";
  BOOST_TEST(eventually(patience, [&] { return plain.logged(words); }));
  BOOST_TEST(!eventually(2s, [&] {
    const auto log = plain.node.log_text();
    return log.find(words) != log.rfind(words);
  }));
  BOOST_TEST(plain.node.stop());
}

BOOST_AUTO_TEST_CASE(a_wrong_broker_address_is_named_and_the_node_can_be_stopped) {
  mailstore lost(7, {.brokers = "127.0.0.1:1"}, {}, world.dir());
  lost.start_node();
  BOOST_TEST(waits_for(lost, "Kafka at 127.0.0.1:1 doesn't answer"));
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
  std::promise<void> written;
  auto producer = producer::start({world.kafka.bootstrap(), {}, "former", {}}, {},
                                  {[&](delivery&&) { written.set_value(); }, [](const error&) {}, {}});
  BOOST_REQUIRE(producer);
  BOOST_REQUIRE((*producer)->produce(topic::leases, partition_id{0}, first.name,
                                     encode({former, renewal{"former", ms, 1, boot_time(1)}}), 0));
  BOOST_REQUIRE(written.get_future().wait_for(patience) == std::future_status::ready);
  (*producer)->stop(0ms);
  stored.query(
      fmt::format("UPDATE understudy.control_node SET doc=JSON_SET(doc, '$.life', {}) WHERE name='{}'",
                  former.life, first.name));
  BOOST_TEST(stored.affected() == 1u);
  first.start_and_wait();
  BOOST_TEST(!first.node.wait(2s)); // it has read the renewal, which is no later process's
}

BOOST_AUTO_TEST_SUITE_END()
