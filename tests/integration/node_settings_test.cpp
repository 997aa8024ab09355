// What is set wrongly is said, by `--check` or by the node that runs, with what to set (R5, R23, P8).
#include "events/log/topic_names.hpp"
#include "events/log/topics.hpp"
#include "storage/binlog/binlog_stream.hpp"
#include "tests/integration/log_cuts.hpp"
#include "tests/integration/node_world.hpp"

#include <boost/test/unit_test.hpp>
#include <fmt/format.h>

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

  /// Of understudyd with this configuration.
  fixture::finished_process run(const std::string& text, const std::vector<std::string>& words) const {
    const auto file = world.dir() / "other.toml";
    std::ofstream(file) << text;
    std::vector<std::string> command{UNDERSTUDYD, "--config", file.string()};
    command.insert(command.end(), words.begin(), words.end());
    return fixture::run_process(std::move(command), 20s);
  }
  fixture::finished_process check(const std::string& text) const { return run(text, {"--check"}); }
};

struct setting {
  std::string name, right, wrong;
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(node_settings, with_world)

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
  BOOST_TEST(first.waits_for(fmt::format("MariaDB's replica server_id is {} at db2.example.test", id)));
  BOOST_TEST(first.logged("[mariadb] server_id = "));
  replica->reset();
  first.db.query("FLUSH BINARY LOGS"); // MariaDB notices when it has something to send
  BOOST_TEST(
      eventually(patience, [&] { return first.get("/readyz").find("\"ok\":true") != std::string::npos; }));
}

BOOST_AUTO_TEST_CASE(a_file_that_the_configuration_names_and_nobody_has_is_said_at_once) {
  const auto good = first.config();
  BOOST_TEST(check(good).exit_code == 0);
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
  const auto with = [&](const std::string& property, const std::string& said) {
    const auto done = check(fmt::format("{}\n[kafka.properties]\n{}\n", first.config(), property));
    BOOST_TEST_CONTEXT(property << ": " << done.output) {
      BOOST_TEST(done.exit_code == (said.empty() ? 0 : 1));
      BOOST_TEST(done.output.find(said) != std::string::npos);
    }
  };
  with("\"client.rack\" = \"a\"", "");
  with("\"security.protocl\" = \"ssl\"", "security.protocl");
  with("acks = \"1\"", "acks is set by Understudy itself"); // P1
  with("\"security.protocol\" = \"ssl\"\n\"ssl.ca.location\" = \"/not/there.pem\"", "ssl.ca.location");
}

BOOST_AUTO_TEST_CASE(a_state_dir_that_cant_be_made_and_a_password_that_all_can_read_are_said_by_check) {
  const auto secret = world.dir() / "password";
  std::ofstream(secret) << "hush";
  const auto with = [&](const std::string& key, const std::filesystem::path& value) {
    auto text = first.config();
    if (const auto at = text.find(key + " ="); at != std::string::npos)
      text.erase(at, text.find('\n', at) - at);
    const auto section = text.find(key == "state_dir" ? "[node]" : "[mariadb]");
    text.insert(text.find('\n', section), "\n" + key + " = \"" + value.string() + "\"");
    return text;
  };
  const auto no_place = check(with("state_dir", secret / "state")); // beneath a file
  BOOST_TEST_CONTEXT(no_place.output) {
    BOOST_TEST(no_place.exit_code == 1);
    BOOST_TEST(no_place.output.find("node.state_dir") != std::string::npos);
    BOOST_TEST(no_place.output.find("it isn't a directory") != std::string::npos);
  }
  BOOST_TEST(check(with("state_dir", world.dir() / "not" / "yet")).exit_code == 0);

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
  const auto plain = check(first.config());
  BOOST_TEST_CONTEXT(plain.output) {
    BOOST_TEST(plain.exit_code == 0);
    BOOST_TEST(plain.output.find("not used in this version") == std::string::npos);
  }
  const auto licence = world.dir() / "licence.toml";
  std::ofstream(licence) << "quantity = 5\n";
  const auto set =
      check(first.config() + fmt::format("\n[notify]\nglobal_admin = [\"a@x\"]\nsmtp = \"smtp://h:25\"\n"
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
  BOOST_TEST(!eventually(2s, [&] { return plain.times_logged(words) > 1; }));
  BOOST_TEST(plain.node.stop());
}

BOOST_AUTO_TEST_SUITE_END()
