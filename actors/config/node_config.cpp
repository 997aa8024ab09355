#include "actors/config/node_config.hpp"

#include "actors/config/config_reader.hpp"
#include "actors/config/mail_address.hpp"
#include "actors/config/regular_file.hpp"
#include "actors/config/units.hpp"

#include <fmt/ranges.h>

namespace understudy {

namespace {

using namespace std::chrono_literals;

/// The file as a whole: its sections, asked for one by one.
class config_file {
public:
  config_file(const toml::table& root, std::filesystem::path base)
      : root_(root)
      , base_(std::move(base)) {}

  template <class Read>
  void section(const std::string& name, Read&& read) {
    known_.push_back(name);
    const auto* node = root_.get(name);
    const auto* table = node ? node->as_table() : nullptr;
    if (node && !table)
      problems.push_back(fmt::format("line {}: [{}] must be a section", node->source().begin.line, name));
    section_reader reader(problems, name, table);
    read(reader);
    reader.finish();
  }

  void finish() {
    for (const auto& [key, node] : root_) {
      std::string name(key.str());
      if (std::find(known_.begin(), known_.end(), name) != known_.end())
        continue;
      auto meant = nearest_word(name, known_);
      problems.push_back(fmt::format("line {}: [{}] is not a known section{}", node.source().begin.line, name,
                                     meant.empty() ? "" : fmt::format(" (did you mean [{}]?)", meant)));
    }
  }

  const std::filesystem::path& base() const { return base_; }
  config_problems problems;

private:
  const toml::table& root_;
  std::filesystem::path base_;
  std::vector<std::string> known_;
};

void read_span(section_reader& in, std::string_view key, std::chrono::milliseconds& target,
               std::chrono::milliseconds least, std::chrono::milliseconds most) {
  in.read_text(key, target, [&](std::string_view text) -> result<std::chrono::milliseconds> {
    auto span = parse_duration(text);
    if (span && (*span < least || *span > most))
      return failure(fmt::format("must be from {} to {}", duration_text(least), duration_text(most)));
    return span;
  });
}

void read_node(config_file& file, node_section& node) {
  file.section("node", [&](section_reader& in) {
    auto place = [](std::string_view text) { return host_port::parse(text, true); };
    std::string name;
    in.read("name", name);
    if (!is_host_name(name))
      in.problem("name", "must be the mailstore's host name as the directory has it");
    node.name = node_name(name);
    in.read_text("listen", node.listen, place);
    node.advertise = {name, node.listen.port};
    in.read_text("advertise", node.advertise, place);
    in.read_text("http", node.http, place);
    in.read("state_dir", node.state_dir, file.base());
    if (node.state_dir.empty())
      in.problem("state_dir", "must not be empty");
  });
}

bool names_a_port(std::string_view text) {
  const auto digits = text.find_last_not_of("0123456789");
  return digits != std::string_view::npos && digits + 1 < text.size() && text[digits] == ':';
}

void read_mariadb(config_file& file, mariadb_section& mariadb) {
  file.section("mariadb", [&](section_reader& in) {
    in.read("socket", mariadb.socket, file.base());
    in.read("user", mariadb.user);
    in.read("password_file", mariadb.password_file, file.base());
    in.read_number("server_id", mariadb.server_id, 0, 0xffffffffLL);
    in.read("log_replica_updates", mariadb.log_replica_updates);
    if (mariadb.socket.empty())
      in.problem("socket", "must not be empty: capture needs MariaDB's socket");
    else if (names_a_port(mariadb.socket.filename().string()))
      in.problem("socket", "is the path of MariaDB's Unix socket, not a host and port");
  });
}

void read_kafka(config_file& file, kafka_section& kafka) {
  file.section("kafka", [&](section_reader& in) {
    in.read_text("brokers", kafka.brokers, parse_host_ports);
    const auto* node = in.find("properties");
    if (!node)
      return;
    const auto* properties = node->as_table();
    if (!properties)
      return in.problem("properties", "must be a section");
    for (const auto& [key, value] : *properties) {
      // librdkafka's names have dots: unquoted, TOML would make tables of them.
      if (const auto* text = value.as_string())
        kafka.properties.emplace(key.str(), text->get());
      else
        in.problem("properties", fmt::format("\"{}\" must be a text; quote names with dots: "
                                             "\"security.protocol\" = \"ssl\"",
                                             std::string(key.str())));
    }
  });
}

void read_cluster(config_file& file, cluster_section& cluster) {
  file.section("cluster", [&](section_reader& in) {
    in.read_choice(
        "durability", cluster.durability,
        {{"synchronous", durability_mode::synchronous}, {"asynchronous", durability_mode::asynchronous}});
    in.read_number("partitions", cluster.partitions, 1, 10'000);
    in.read_number("replication_factor", cluster.replication_factor, 1, 100);
    in.read_number("min_insync_replicas", cluster.min_insync_replicas, 1, 100);
    read_span(in, "retention", cluster.retention, 1min, 3650 * 24h);
    read_span(in, "lease", cluster.lease, 100ms, 10min);
    read_span(in, "heartbeat", cluster.heartbeat, 10ms, 5min);
    read_span(in, "skew", cluster.skew, 0ms, 1min);
    read_span(in, "partition_patience", cluster.partition_patience, 100ms, 1h);
    if (cluster.min_insync_replicas > cluster.replication_factor)
      in.problem("min_insync_replicas",
                 fmt::format("is {}, above replication_factor {}: no write would ever be acknowledged",
                             cluster.min_insync_replicas, cluster.replication_factor));
    if (2 * cluster.heartbeat > cluster.lease)
      in.problem("heartbeat", fmt::format("is {}, more than half of lease {}: one late renewal would end it",
                                          duration_text(cluster.heartbeat), duration_text(cluster.lease)));
    else if (cluster.skew + 2 * cluster.heartbeat > cluster.lease)
      in.problem(
          "skew",
          fmt::format("is {}, which leaves too little of lease {}: what Kafka confirms counts for lease "
                      "less skew, which must be two heartbeats of {} at least, or commits wait for ever",
                      duration_text(cluster.skew), duration_text(cluster.lease),
                      duration_text(cluster.heartbeat)));
  });
}

void read_limits(config_file& file, limits_section& limits) {
  file.section("limits", [&](section_reader& in) {
    constexpr std::uint64_t least_memory = 16ULL
                                           << 20; // one event of the default largest size, several times
    in.read_text("memory", limits.memory, [](std::string_view text) -> result<std::uint64_t> {
      auto bytes = parse_size(text);
      if (bytes && *bytes < least_memory)
        return failure("must be at least 16MiB");
      return bytes;
    });
    read_span(in, "guard", limits.guard, 10ms, 10min);
    in.read_number("snapshot_rows_per_second", limits.snapshot_rows_per_second, 0, 10'000'000);
  });
}

void read_tls(config_file& file, tls_section& tls, const node_section& node) {
  file.section("tls", [&](section_reader& in) {
    in.read("ca", tls.ca, file.base());
    in.read("certificate", tls.certificate, file.base());
    in.read("key", tls.key, file.base());
    if (tls.ca.empty() != tls.certificate.empty() || tls.ca.empty() != tls.key.empty())
      in.problem("ca", "certificate and key belong together: give all three files or none");
    else if (tls.empty() && !node.listen.is_loopback())
      in.problem("ca", fmt::format("certificate and key are needed, because node.listen {} isn't loopback",
                                   node.listen.text()));
  });
}

void read_services(config_file& file, node_config& config) {
  file.section("profile", [&](section_reader& in) { in.read("file", config.profile_file, file.base()); });
  file.section("directory", [&](section_reader& in) {
    in.read_choice("kind", config.directory,
                   {{"embedded", directory_kind::embedded}, {"ldap", directory_kind::ldap}});
    // Silently keeping accounts at their old home would be worse than not to start (P8).
    if (config.directory == directory_kind::ldap)
      in.problem("kind", "\"ldap\" is not available in this version: use \"embedded\"");
  });
  file.section("failover", [&](section_reader& in) {
    in.read_choice(
        "mode", config.failover,
        {{"off", failover_mode::off}, {"confirm", failover_mode::confirm}, {"on", failover_mode::on}});
    if (config.failover != failover_mode::off)
      in.problem("mode", "must be \"off\" in this version: promote with `understudy ha promoteAccounts`");
  });
  file.section("notify", [&](section_reader& in) {
    in.read("global_admin", config.notify.global_admin);
    for (std::size_t i = 0; i < config.notify.global_admin.size(); ++i)
      if (const auto problem = mail_address_problem(config.notify.global_admin[i]); !problem.empty())
        in.problem("global_admin", fmt::format("entry {} (\"{}\") {}", i + 1,
                                               config.notify.global_admin[i].substr(0, 60), problem));
    in.read("smtp", config.notify.smtp);
    in.read("webhook", config.notify.webhook);
    if (!config.notify.smtp.empty() && !config.notify.smtp.starts_with("smtp://") &&
        !config.notify.smtp.starts_with("smtps://"))
      in.problem("smtp", "must begin with smtp:// or smtps://");
    if (!config.notify.webhook.empty() && !config.notify.webhook.starts_with("http://") &&
        !config.notify.webhook.starts_with("https://"))
      in.problem("webhook", "must begin with http:// or https://");
  });
  file.section("licence", [&](section_reader& in) { in.read("file", config.licence_file, file.base()); });
  file.section("log", [&](section_reader& in) {
    in.read_choice("level", config.level,
                   {{"trace", log_threshold::trace},
                    {"debug", log_threshold::debug},
                    {"info", log_threshold::info},
                    {"warn", log_threshold::warn},
                    {"error", log_threshold::error}});
    in.read_choice("format", config.format, {{"text", log_format::text}, {"json", log_format::json}});
  });
}

} // namespace

std::string kafka_section::bootstrap() const {
  std::string list;
  for (const auto& broker : brokers)
    list += (list.empty() ? "" : ",") + broker.text();
  return list;
}

result<node_config> parse_node_config(std::string_view text, const std::filesystem::path& origin) {
  const std::string todo = "correct the file; config/understudyd.toml shows every key";
  toml::table root;
  try {
    root = toml::parse(text, origin.string());
  } catch (const toml::parse_error& problem) {
    return failure(fmt::format("{}: line {}, column {}: {}", origin.string(), problem.source().begin.line,
                               problem.source().begin.column, problem.description()),
                   todo);
  }
  node_config config;
  config_file file(root, origin.parent_path());
  read_node(file, config.node);
  read_mariadb(file, config.mariadb);
  read_kafka(file, config.kafka);
  read_cluster(file, config.cluster);
  read_limits(file, config.limits);
  read_tls(file, config.tls, config.node);
  read_services(file, config);
  file.finish();
  if (!file.problems.empty())
    return failure(fmt::format("{}: {}", origin.string(), fmt::join(file.problems, "; ")), todo);
  return config;
}

result<node_config> load_node_config(const std::filesystem::path& file) {
  constexpr std::size_t largest_config = 1 << 20; // a thousand times the commented example
  auto text = read_regular_file(file, largest_config);
  if (!text)
    return tl::make_unexpected(text.error());
  return parse_node_config(*text, std::filesystem::absolute(file));
}

result<void> check_licence(const node_config& config) {
  constexpr std::size_t largest_licence = 64 << 10; // a number and a name
  if (config.licence_file.empty())
    return {};
  if (auto text = read_regular_file(config.licence_file, largest_licence); !text)
    return failure("licence.file: " + text.error().what, text.error().todo);
  return {};
}

std::vector<std::string> say_unused(const node_config& config) {
  std::vector<std::string> sentences;
  const auto say = [&](bool is_set, std::string_view key, std::string_view instead) {
    if (is_set)
      sentences.push_back(fmt::format("{} is set, but not used in this version: {}", key, instead));
  };
  const auto& notify = config.notify;
  constexpr std::string_view nobody = "nobody is notified; watch the log and /metrics";
  say(!notify.global_admin.empty(), "notify.global_admin", nobody);
  say(!notify.smtp.empty(), "notify.smtp", nobody);
  say(!notify.webhook.empty(), "notify.webhook", nobody);
  say(!config.licence_file.empty(), "licence.file", "accounts are unlimited");
  return sentences;
}

} // namespace understudy
