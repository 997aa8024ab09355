// Words to a command (pure): what main's arguments mean, or why they mean nothing.
#pragma once
#include "actors/config/host_port.hpp"
#include "cli/account_list.hpp"
#include "cli/grammar_table.hpp"
#include "events/model/error.hpp"

#include <boost/json/object.hpp>

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace understudy {

struct global_options {
  std::filesystem::path config = "/etc/understudy/understudyd.toml";
  std::vector<host_port> nodes;
  bool json = false;
  bool progress = false;
  bool yes = false;
  bool skip_invalid = false;
  bool help = false;
  bool version = false;
};

struct invocation {
  global_options global;
  const command_row* command = nullptr; ///< null only with help or version
  boost::json::object parameters;       ///< without accounts
  /// Where the accounts come from, at most one: named, or in a file that is still to be read.
  std::optional<account_list> accounts;
  std::optional<std::filesystem::path> input_file;
  bool no_wait = false;
  bool dry_run() const { return parameters.contains("dry_run"); }
};

/// `arguments` without the program's name. Errors: wrong usage, with the argument's number and text; nothing
/// is looked up or read. A bad account in a list is an error only without --skip-invalid, or if no good one
/// is left.
result<invocation> parse_arguments(const std::vector<std::string>& arguments);

/// The JSON that a supervisor is handed (docs/cli.md). `operation`: empty for commands that change nothing.
boost::json::object command_json(const invocation& what, const std::string& operation);

/// Help of everything, or of one command.
std::string help_text();
std::string help_text(const command_row& row);

} // namespace understudy
