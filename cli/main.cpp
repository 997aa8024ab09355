// understudy: the administrator's command line (DESIGN §6, docs/cli.md).
#include "cli/connection.hpp"
#include "cli/session.hpp"

#include <boost/uuid/random_generator.hpp>
#include <boost/uuid/uuid_io.hpp>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <iostream>
#include <thread>

using namespace understudy;

namespace {

std::string line_from_stdin() {
  std::string line;
  std::getline(std::cin, line);
  return line;
}

/// What is said to whoever ends the command line while an operation goes on. Set once, before the signals
/// are.
std::string last_words;

void end_with_last_words(int signal) {
  [[maybe_unused]] const auto written = ::write(STDERR_FILENO, last_words.data(), last_words.size());
  ::_exit(128 + signal); // as a shell calls a process that a signal ended
}

void say_at_the_end(const std::string& farewell) {
  last_words = "\n" + farewell; // behind a line of progress, and the terminal's ^C
  for (const int signal : {SIGINT, SIGTERM, SIGHUP})
    std::signal(signal, end_with_last_words);
}

int status_of(exit_status status) {
  return static_cast<int>(status);
}

} // namespace

int main(int argc, char** argv) {
  auto parsed = parse_arguments({argv + 1, argv + argc});
  if (!parsed) {
    print_error(std::cerr, parsed.error());
    return status_of(exit_status::wrong_usage);
  }
  if (parsed->global.version || parsed->global.help) {
    std::cout << (parsed->global.version ? "understudy " UNDERSTUDY_VERSION "\n"
                  : parsed->command      ? help_text(*parsed->command)
                                         : help_text());
    return 0;
  }
  auto config = load_node_config(parsed->global.config);
  if (!config) {
    print_error(std::cerr, config.error());
    return status_of(exit_status::wrong_usage);
  }
  auto nodes = parsed->global.nodes;
  // Made at the first question: bad usage is told without a node.
  std::optional<connection> node;
  session_ports ports{.out = std::cout, .err = std::cerr};
  ports.out_is_terminal = ::isatty(STDOUT_FILENO) == 1;
  ports.in_is_terminal = ::isatty(STDIN_FILENO) == 1;
  const char* no_colour = std::getenv("NO_COLOR");
  ports.no_colour = no_colour && *no_colour;
  ports.read_line = line_from_stdin;
  ports.ask = [&](const std::string& command) -> result<reply> {
    if (!node) {
      auto made = connection::make(*config, nodes);
      if (!made)
        return tl::make_unexpected(made.error());
      node.emplace(std::move(*made));
    }
    return node->ask(command);
  };
  ports.has_sent = [&] { return node && node->has_sent(); };
  ports.new_operation_id = [] { return boost::uuids::to_string(boost::uuids::random_generator()()); };
  // Short against a promotion's tens of milliseconds, rare enough for a node that promotes thousands.
  ports.pause = [] { std::this_thread::sleep_for(std::chrono::milliseconds(100)); };
  ports.goes_on = say_at_the_end;
  auto status = run_session(std::move(*parsed), ports);
  std::cout.flush();
  return status_of(status);
}
