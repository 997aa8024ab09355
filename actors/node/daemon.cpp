#include "actors/node/daemon.hpp"

#include "actors/gateway/tls_material.hpp"
#include "actors/node/log.hpp"
#include "events/log/topics.hpp"

#include <CLI/CLI.hpp>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>

namespace understudy {
namespace {

std::atomic<bool> stop_wanted{false};

void on_signal(int) {
  stop_wanted = true;
}

/// The node makes it, and what it keeps there, at its first start.
result<void> check_state_dir(const std::filesystem::path& dir) {
  auto nearest = std::filesystem::absolute(dir); // that there is
  std::error_code unknown;
  while (!std::filesystem::exists(nearest, unknown) && nearest.has_relative_path())
    nearest = nearest.parent_path();
  const auto refused = [&](std::string_view why) {
    return failure(
        fmt::format("node.state_dir {} can't be written: {}: {}", dir.string(), nearest.string(), why),
        "make it a directory of the user whom the node runs as");
  };
  if (!std::filesystem::is_directory(nearest, unknown))
    return refused("it isn't a directory");
  if (::access(nearest.c_str(), W_OK | X_OK) != 0)
    return refused(std::generic_category().message(errno));
  return {};
}

/// Empty: nobody but its owner and group can read the password.
std::string why_no_secret(const std::filesystem::path& file) {
  using std::filesystem::perms;
  std::error_code unknown;
  if (file.empty() ||
      (std::filesystem::status(file, unknown).permissions() & perms::others_read) == perms::none)
    return {};
  return fmt::format("everybody on this host can read the password in {}: chmod o= {}", file.string(),
                     file.string());
}

/// What the configuration has that works, and isn't as whoever wrote it will think.
std::vector<std::string> doubts_of(const node_config& config) {
  auto doubts = say_unused(config);
  if (auto exposed = why_no_secret(config.mariadb.password_file); !exposed.empty())
    doubts.push_back(std::move(exposed));
  return doubts;
}

/// What the configuration names must be usable: said at once, and not behind the waiting for MariaDB and
/// Kafka.
result<void> check_files(const node_config& config) {
  if (auto writable = check_state_dir(config.node.state_dir); !writable)
    return writable;
  if (auto rules = load_profile(config.profile_file); !rules)
    return tl::make_unexpected(rules.error());
  if (!config.mariadb.password_file.empty())
    if (auto secret = read_secret(config.mariadb.password_file); !secret)
      return tl::make_unexpected(secret.error());
  if (auto licence = check_licence(config); !licence)
    return licence;
  if (!config.tls.empty())
    if (auto tls = check_tls_files({config.tls.ca, config.tls.certificate, config.tls.key}); !tls)
      return tl::make_unexpected(tls.error());
  // [kafka.properties] are librdkafka's: a client that is made, and asked for nothing, has looked at them and
  // at the files that they name.
  kafka_settings kafka;
  kafka.brokers = config.kafka.bootstrap();
  kafka.properties = config.kafka.properties;
  if (auto client = topic_admin::open(kafka); !client)
    return tl::make_unexpected(client.error());
  return {};
}

int refuse(const error& why) {
  std::fprintf(stderr, "understudyd: %s%s%s\n", why.what.c_str(), why.todo.empty() ? "" : "; ",
               why.todo.c_str());
  return 1;
}

} // namespace

int run_daemon(int argc, char** argv, node_variant variant) {
  CLI::App options{"understudyd: keeps this mailstore's accounts alive on others"};
  std::string config_file = "/etc/understudy/understudyd.toml";
  bool check = false;
  options.add_option("--config", config_file, "configuration file")->capture_default_str();
  options.add_flag("--check", check, "check the configuration and the files that it names, and exit");
  options.set_version_flag("--version", std::string("understudyd ") + UNDERSTUDY_VERSION);
  try {
    options.parse(argc, argv);
  } catch (const CLI::ParseError& wrong) {
    return options.exit(wrong) == 0 ? 0 : 2;
  }
  auto config = load_node_config(config_file);
  if (!config)
    return refuse(config.error());
  if (auto usable = check_files(*config); !usable)
    return refuse(usable.error());
  const auto doubts = doubts_of(*config);
  if (check) {
    for (const auto& doubt : doubts)
      std::fprintf(stderr, "understudyd: %s\n", doubt.c_str());
    std::printf("%s: good\n", config_file.c_str());
    return 0;
  }
  begin_log(config->level, config->format);
  for (const auto& doubt : doubts)
    spdlog::warn("{}", doubt);
  std::signal(SIGTERM, on_signal);
  std::signal(SIGINT, on_signal);
  std::signal(SIGPIPE, SIG_IGN);
  node daemon(std::move(*config), std::move(variant));
  const auto ended = daemon.run(stop_wanted);
  if (ended)
    spdlog::info("stopped");
  std::fflush(nullptr);
  // Threads that wait in a COMMIT which Kafka doesn't confirm can't be joined; what must be kept is stored by
  // now, so the process ends without them. The log stays: they may still write to it.
  std::_Exit(ended ? 0 : daemon.exit_status());
}

} // namespace understudy
