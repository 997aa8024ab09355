// One command from its words to its exit status.
#pragma once
#include "actors/gateway/messages.hpp"
#include "cli/grammar.hpp"

#include <functional>
#include <iosfwd>
#include <string>

namespace understudy {

/// Where a session reads and writes, and whom it asks: main gives the real ones.
struct session_ports {
  std::ostream& out;
  std::ostream& err;
  bool out_is_terminal = false;
  bool in_is_terminal = false;
  bool no_colour = false; ///< NO_COLOR is set
  /// A line from the administrator; empty at the end of input.
  std::function<std::string()> read_line = {};
  /// Sends a command's JSON; see connection::ask.
  std::function<result<reply>(const std::string&)> ask = {};
  /// Whether a node may have taken a command though `ask` failed.
  std::function<bool()> has_sent = {};
  std::function<std::string()> new_operation_id = {};
  /// Between two looks at an operation.
  std::function<void()> pause = {};
  /// From here on the operation goes on whatever becomes of the command line: `farewell` says how to ask for
  /// it.
  std::function<void(const std::string& farewell)> goes_on = {};
};

/// Reads the input file, asks before many accounts change hands, sends, prints page by page, and follows a
/// promotion to its end.
exit_status run_session(invocation what, session_ports& ports);

/// Prints an error as one sentence that says what to do.
void print_error(std::ostream& err, const error& problem);

} // namespace understudy
