#include "actors/config/node_config.hpp"
#include "actors/config/units.hpp"

#include <boost/test/unit_test.hpp>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

using namespace understudy;
using namespace std::chrono_literals;

namespace {

const std::string named = "[node]\nname = \"m1.example.com\"\n";

result<node_config> parse(const std::string& text) {
  return parse_node_config(text, "/etc/u/understudyd.toml");
}

void refused(const std::string& text, std::string_view part) {
  auto config = parse(text);
  auto what = config ? std::string("accepted") : config.error().what;
  BOOST_TEST_CONTEXT(what) BOOST_TEST((what.find(part) != std::string::npos));
}

} // namespace

BOOST_AUTO_TEST_CASE(absent_keys_have_the_defaults_of_design_8) {
  auto config = parse(named);
  BOOST_REQUIRE_MESSAGE(config, (config ? "" : config.error().what));
  BOOST_TEST(config->node.listen.text() == "127.0.0.1:7700");
  BOOST_TEST(config->node.advertise.text() == "m1.example.com:7700");
  BOOST_TEST(config->kafka.bootstrap() == "127.0.0.1:9092");
  BOOST_CHECK(config->cluster.durability == durability_mode::synchronous);
  BOOST_CHECK(config->cluster.lease == 3s);
  BOOST_CHECK(config->cluster.retention == 168h);
  BOOST_TEST(config->limits.memory == 512ULL << 20);
  BOOST_TEST(config->limits.snapshot_rows_per_second == 50'000U);
  BOOST_TEST(!config->mariadb.log_replica_updates);
  BOOST_TEST(config->tls.empty());
}

BOOST_AUTO_TEST_CASE(every_key_is_taken) {
  auto config = parse(R"(
[node]
name = "m1"
listen = "[::1]:0"
advertise = "m1:1"
http = "127.0.0.1:0"
state_dir = "state"
[mariadb]
socket = "/run/s"
user = "u"
password_file = "pw"
server_id = 4294967295
log_replica_updates = true
[kafka]
brokers = "a:1, b:2"
[kafka.properties]
"security.protocol" = "ssl"
"sasl.password" = ";#,'\\=@%"
[cluster]
durability = "asynchronous"
partitions = 1
replication_factor = 1
min_insync_replicas = 1
retention = "2h"
lease = "1s"
heartbeat = "100ms"
skew = "0ms"
partition_patience = "2s"
[profile]
file = "p.toml"
[limits]
memory = "64MiB"
guard = "500ms"
[tls]
ca = "ca.pem"
certificate = "/abs/c.pem"
key = "k.pem"
[directory]
kind = "embedded"
[failover]
mode = "off"
[notify]
global_admin = ["a@x", "b@x"]
smtp = "smtp://h:25"
webhook = "https://h/x"
[licence]
file = "l.toml"
[log]
level = "debug"
format = "json"
)");
  BOOST_REQUIRE_MESSAGE(config, (config ? "" : config.error().what));
  BOOST_TEST(config->node.listen.text() == "[::1]:0");
  BOOST_TEST(config->node.state_dir.string() == "/etc/u/state");
  BOOST_TEST(config->kafka.bootstrap() == "a:1,b:2");
  BOOST_TEST(config->kafka.properties.at("sasl.password") == ";#,'\\=@%");
  BOOST_TEST(config->mariadb.server_id == 4294967295U);
  BOOST_TEST(config->mariadb.log_replica_updates);
  BOOST_TEST(config->tls.ca.string() == "/etc/u/ca.pem");
  BOOST_TEST(config->tls.certificate.string() == "/abs/c.pem");
  BOOST_CHECK(config->limits.guard == 500ms);
  BOOST_CHECK(config->level == log_threshold::debug);
  BOOST_TEST(config->notify.global_admin.size() == 2);
}

BOOST_AUTO_TEST_CASE(problems_are_named_with_line_and_key) {
  refused("", "node.name must be");
  refused(named + "lisen = \"x\"\n", "line 3: node.lisen is not a known key (did you mean listen?)");
  refused(named + "[clutser]\n", "line 3: [clutser] is not a known section (did you mean [cluster]?)");
  refused(named + "[cluster]\nlease = \"3 s\"\n", "line 4: cluster.lease \"3 s\" isn't a duration");
  refused(named + "[cluster]\nlease = 3\n", "line 4: cluster.lease must be a text in quotes");
  refused(named + "[cluster]\npartitions = 0\n", "cluster.partitions must be a whole number from 1 to 10000");
  refused(named + "[limits]\nmemory = \"12 apples\"\n", "limits.memory \"12 apples\" isn't a size");
  refused(named + "[mariadb]\nsocket = \"127.0.0.1:3306\"\n",
          "line 4: mariadb.socket is the path of MariaDB's Unix socket, not a host and port");
  refused(named + "[kafka]\nbrokers = \"a:1,,b:2\"\n", "kafka.brokers entry 2");
  refused(named + "[kafka]\nbrokers = \"a:1,a:1\"\n", "named twice");
  refused(named + "[kafka.properties]\nsecurity.protocol = \"ssl\"\n", "quote names with dots");
  refused(named + "[cluster]\nreplication_factor = 1\n", "above replication_factor");
  refused(named + "[cluster]\nlease = \"1s\"\nheartbeat = \"600ms\"\n", "more than half of lease");
  refused(named + "[cluster]\nskew = \"5s\"\n",
          "line 4: cluster.skew is 5s, which leaves too little of lease 3s");
  refused(named + "[cluster]\nskew = \"2001ms\"\n", "cluster.skew is 2001ms");
  refused(named + "[tls]\nca = \"x\"\n", "belong together");
  refused(named + "listen = \"0.0.0.0:7700\"\n", "isn't loopback");
  refused(named + "[directory]\nkind = \"ldap\"\n", "not available");
  refused("[node\n", "line 1");
  for (auto entry : {"admin", "@x", "a@", "a@b@x", "a b@x", "a@x y", "a\\u0007@x", ""})
    refused(named + "[notify]\nglobal_admin = [\"a@x\", \"" + entry + "\"]\n",
            "line 4: notify.global_admin entry 2");
}

BOOST_AUTO_TEST_CASE(nobody_is_notified_unless_somebody_is_named) {
  for (const std::string section : {"", "[notify]\nglobal_admin = []\n"}) {
    auto config = parse(named + section);
    BOOST_REQUIRE_MESSAGE(config, (config ? "" : config.error().what));
    BOOST_TEST(config->notify.global_admin.empty());
  }
}

BOOST_AUTO_TEST_CASE(a_licence_file_that_is_named_can_be_read) {
  std::string path = "/tmp/understudy-licence-XXXXXX";
  int descriptor = ::mkstemp(path.data());
  BOOST_REQUIRE(descriptor >= 0);
  ::close(descriptor);
  node_config config;
  BOOST_TEST(check_licence(config).has_value()); // none is named
  config.licence_file = path;
  BOOST_TEST(check_licence(config).has_value());
  std::filesystem::remove(path);
  const auto missing = check_licence(config);
  BOOST_REQUIRE(!missing);
  BOOST_TEST(missing.error().what == "licence.file: can't read " + path + ": No such file or directory");
  config.licence_file = "/tmp";
  BOOST_TEST(!check_licence(config).has_value());
}

BOOST_AUTO_TEST_CASE(p8_a_key_that_is_set_and_not_used_is_said_and_a_default_is_not) {
  const auto said = [](const std::string& section) {
    auto config = parse(named + section);
    BOOST_REQUIRE_MESSAGE(config, (config ? "" : config.error().what));
    return say_unused(*config);
  };
  const std::vector<std::pair<std::string, std::string>> keys{
      {"notify.global_admin", "[notify]\nglobal_admin = [\"a@x\"]\n"},
      {"notify.smtp", "[notify]\nsmtp = \"smtp://h:25\"\n"},
      {"notify.webhook", "[notify]\nwebhook = \"https://h/x\"\n"},
      {"licence.file", "[licence]\nfile = \"l.toml\"\n"}};
  for (const auto& [key, section] : keys) {
    const auto sentences = said(section);
    BOOST_TEST_CONTEXT(key) {
      BOOST_REQUIRE(sentences.size() == 1U);
      BOOST_TEST(sentences[0].starts_with(key + " is set, but not used in this version"));
    }
  }
  BOOST_TEST(said("").empty());
  auto example = load_node_config(UNDERSTUDY_SOURCE_DIR "/config/understudyd.toml");
  BOOST_REQUIRE(example);
  BOOST_TEST(say_unused(*example).empty()); // it has every key with its default
}

BOOST_AUTO_TEST_CASE(all_problems_are_told_at_once) {
  auto config = parse("[cluster]\nlease = \"x\"\nskew = \"y\"\n");
  BOOST_REQUIRE(!config);
  for (auto part : {"node.name", "cluster.lease", "cluster.skew"})
    BOOST_TEST((config.error().what.find(part) != std::string::npos));
}

BOOST_AUTO_TEST_CASE(units_are_exact_and_bounded) {
  BOOST_CHECK(parse_duration("7d").value() == 168h);
  for (auto text : {"", "s", "-1s", "1.5s", "1", "1w", "99999999999999999999s", "99999d"})
    BOOST_TEST(!parse_duration(text));
  BOOST_TEST(duration_text(90s) == "90s");
  BOOST_TEST(duration_text(0ms) == "0ms");
  BOOST_TEST(parse_size("64KiB").value() == 65'536U);
  BOOST_TEST(!parse_size("1EiB"));
}

BOOST_AUTO_TEST_CASE(o06_a_secret_is_every_byte_but_its_line_end) {
  std::string path = "/tmp/understudy-secret-XXXXXX";
  int descriptor = ::mkstemp(path.data());
  BOOST_REQUIRE(descriptor >= 0);
  ::close(descriptor);
  for (const std::string secret : {"; # , ' \" \\ = @ %", " blanks ", "\xc3\xbc", "a\nb"})
    for (const std::string end : {"", "\n", "\r\n"}) {
      std::ofstream(path, std::ios::trunc) << secret << end;
      BOOST_TEST(read_secret(path).value() == secret);
    }
  std::ofstream(path, std::ios::trunc) << "\n";
  BOOST_TEST(!read_secret(path));
  std::filesystem::remove(path);
  BOOST_TEST(!read_secret(path));
}

BOOST_AUTO_TEST_CASE(hosts_and_ports) {
  BOOST_TEST(host_port::parse("h:65535").value().port == 65'535);
  BOOST_TEST(host_port::parse("127.0.0.1:1").value().is_loopback());
  BOOST_TEST(!host_port::parse("127.example.com:1").value().is_loopback());
  for (auto text :
       {"", "h", "h:", ":1", "h:0", "h:65536", "h:+1", "h:1x", "::1:7", "[::1]", "[h]:1", "a b:1"})
    BOOST_TEST_CONTEXT(text) BOOST_TEST(!host_port::parse(text));
}

BOOST_AUTO_TEST_CASE(the_commented_example_is_valid) {
  auto config = load_node_config(UNDERSTUDY_SOURCE_DIR "/config/understudyd.toml");
  BOOST_TEST_CONTEXT((config ? "" : config.error().what)) BOOST_TEST(config.has_value());
}
