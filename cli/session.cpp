#include "cli/session.hpp"

#include "actors/config/regular_file.hpp"
#include "cli/printable.hpp"
#include "cli/render/fields.hpp"
#include "cli/render/render.hpp"

#include <boost/json.hpp>

#include <chrono>
#include <ostream>

namespace understudy {

namespace {

/// More change hands only after a question (issue-wide rule of DESIGN §6's commands).
constexpr std::size_t accounts_without_question = 10;

struct asked {
  exit_status status = exit_status::done;
  boost::json::object last_page;
};

class session {
public:
  session(invocation what, session_ports& ports)
      : what_(std::move(what))
      , ports_(ports) {
    style_.colour = ports.out_is_terminal && !ports.no_colour;
  }
  exit_status run();

private:
  exit_status failed(exit_status status, const error& problem) {
    print_error(ports_.err, problem);
    return status;
  }
  std::optional<exit_status> read_accounts();
  std::optional<exit_status> confirm();
  asked ask(boost::json::object command, reply_form form, bool show);
  exit_status follow(const std::string& operation, const std::string& host);
  exit_status follow_to_the_end(const std::string& operation);
  void show_left_out(const boost::json::object& page);
  void note_progress(const boost::json::object& page, std::chrono::steady_clock::time_point began);

  invocation what_;
  session_ports& ports_;
  render_style style_;
  bool progress_shown_ = false;
  bool left_out_ = false; ///< bad accounts were skipped: the command is partly done at best
};

boost::json::object monitor_command(const std::string& operation, const std::string& host, bool summary) {
  boost::json::object parameters{{"operation", operation}};
  if (!host.empty())
    parameters["operation_host"] = host;
  if (summary)
    parameters["summary"] = true;
  return {{"namespace", "ha"}, {"command", "monitor"}, {"parameters", std::move(parameters)}};
}

/// How many accounts it would be about, or why none.
boost::json::object summary_command(const invocation& what) {
  auto json = command_json(what, {});
  auto& parameters = json["parameters"].as_object();
  parameters["dry_run"] = true;
  parameters["summary"] = true;
  return json;
}

/// Nothing → the input file's accounts are in `what_`.
std::optional<exit_status> session::read_accounts() {
  if (what_.input_file) {
    auto file = what_.input_file->string();
    auto text = read_regular_file(*what_.input_file, largest_input_file);
    if (!text)
      return failed(exit_status::wrong_usage, text.error());
    auto list = parse_account_file(*text);
    if (!list)
      return failed(exit_status::wrong_usage,
                    {fmt::format("{} {}", printable(file), list.error().what), list.error().todo});
    style_.file = printable(file);
    for (const auto& account : list->accounts)
      style_.lines.emplace(account.name, account.place);
    what_.accounts = std::move(*list);
  }
  if (!what_.accounts || what_.accounts->bad.empty())
    return std::nullopt;
  auto where = what_.input_file ? fmt::format("{} line", style_.file) : std::string("entry");
  auto text = describe(what_.accounts->bad, where);
  if (!what_.global.skip_invalid || what_.accounts->accounts.empty())
    return failed(exit_status::wrong_usage,
                  {text, "nothing was done; correct it, or leave bad ones out with --skip-invalid"});
  left_out_ = true;
  ports_.err << "understudy: left out: " << text << "\n";
  return std::nullopt;
}

/// Nothing → go on.
std::optional<exit_status> session::confirm() {
  if (what_.command->form != reply_form::promotion || what_.dry_run() || what_.global.yes)
    return std::nullopt;
  auto source = text_of(what_.parameters, "source_mail_host");
  auto count = what_.accounts ? what_.accounts->accounts.size() : 0;
  if (source.empty() && count <= accounts_without_question)
    return std::nullopt;
  auto whose = fmt::format("{} accounts", count);
  if (!source.empty()) {
    // Nobody is asked about a mailstore that isn't there.
    auto look = ask(summary_command(what_), reply_form::promotion, false);
    if (look.status != exit_status::done)
      return look.status;
    whose = fmt::format("all {} accounts of {}", number_of(look.last_page, "total"), source);
  }
  if (!ports_.in_is_terminal)
    return failed(exit_status::wrong_usage, {fmt::format("promoting {} needs a confirmation", whose),
                                             "give --yes, or look at it with --dry-run first"});
  ports_.err << fmt::format("Promote {}? Type yes: ", whose) << std::flush;
  if (ports_.read_line() == "yes")
    return std::nullopt;
  ports_.err << "understudy: nothing was done\n";
  return exit_status::failed;
}

asked session::ask(boost::json::object command, reply_form form, bool show) {
  asked outcome;
  std::string more;
  std::optional<exit_status> so_far;
  do {
    if (!more.empty())
      command["continue"] = more;
    auto answer = ports_.ask(boost::json::serialize(command));
    if (!answer) {
      outcome.status = failed(exit_status::unreachable, answer.error());
      return outcome;
    }
    more = answer->more;
    outcome.status = static_cast<exit_status>(answer->status);
    boost::json::error_code problem;
    auto body = boost::json::parse(answer->body, problem);
    if (problem || !body.is_object()) {
      outcome.status = failed(exit_status::failed, {"the node's reply isn't JSON", "look at the node's log"});
      return outcome;
    }
    outcome.last_page = std::move(body.get_object());
    if (auto sentence = error_sentence(outcome.last_page); !sentence.empty()) {
      ports_.err << "understudy: " << sentence << "\n";
      if (what_.global.json)
        ports_.out << answer->body << "\n";
      return outcome;
    }
    // DESIGN §6: partly, if some of it was done and some not, on whichever pages.
    if (so_far && *so_far != outcome.status)
      outcome.status = exit_status::partly;
    so_far = outcome.status;
    if (show && what_.global.json)
      ports_.out << (style_.lines.empty() ? answer->body : json_line(outcome.last_page, style_)) << "\n";
    else if (show)
      ports_.out << render(outcome.last_page, form, style_);
  } while (!more.empty());
  return outcome;
}

void session::note_progress(const boost::json::object& page, std::chrono::steady_clock::time_point began) {
  std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - began;
  ports_.err << "\r" << progress_line(page, seconds.count()) << "\x1b[K" << std::flush;
  progress_shown_ = true;
}

/// The operation isn't about them, so its end doesn't tell them.
void session::show_left_out(const boost::json::object& page) {
  boost::json::array left_out;
  for (auto& account : list_of(page, "accounts"))
    if (const auto* marked = account.if_contains("left_out");
        marked && marked->is_bool() && marked->get_bool())
      left_out.emplace_back(std::move(account));
  if (left_out.empty())
    return;
  if (what_.global.json)
    ports_.out << json_line(page, style_) << "\n";
  else
    ports_.out << render({{"accounts", std::move(left_out)}}, what_.command->form, style_);
}

/// Until the operation has ended; then its accounts are shown.
exit_status session::follow(const std::string& operation, const std::string& host) {
  auto began = std::chrono::steady_clock::now();
  for (;;) {
    auto look = ask(monitor_command(operation, host, true), reply_form::progress, false);
    if (look.status != exit_status::done && !look.last_page.contains("finished"))
      return look.status;
    if (what_.global.progress)
      note_progress(look.last_page, began);
    const auto* finished = look.last_page.if_contains("finished");
    if (finished && finished->is_bool() && finished->get_bool())
      break;
    ports_.pause();
  }
  if (progress_shown_)
    ports_.err << "\n";
  return ask(monitor_command(operation, host, false), reply_form::progress, true).status;
}

/// Of an operation that was begun here: whoever ends the command line, or loses its nodes, can still ask for
/// it.
exit_status session::follow_to_the_end(const std::string& operation) {
  const auto farewell =
      fmt::format("understudy: the operation goes on: see understudy ha monitor {}\n", operation);
  if (ports_.goes_on)
    ports_.goes_on(farewell);
  auto end = follow(operation, {});
  if (end == exit_status::unreachable)
    ports_.err << farewell;
  return end;
}

exit_status session::run() {
  if (auto stop = read_accounts())
    return *stop;
  if (auto stop = confirm())
    return *stop;
  const auto& row = *what_.command;
  if (row.form == reply_form::progress && what_.global.progress)
    return follow(text_of(what_.parameters, "operation"), text_of(what_.parameters, "operation_host"));
  bool waits = row.form == reply_form::promotion && !what_.no_wait && !what_.dry_run();
  auto operation = row.changes ? ports_.new_operation_id() : std::string();
  auto first = ask(command_json(what_, operation), row.form, !waits);
  auto status = first.status;
  if (row.changes && status == exit_status::unreachable && ports_.has_sent && ports_.has_sent())
    ports_.err << fmt::format("understudy: what became of it: understudy ha monitor {}\n", operation);
  if (waits && (status == exit_status::done || status == exit_status::partly)) {
    auto named = text_of(first.last_page, "operation");
    show_left_out(first.last_page);
    auto end = follow_to_the_end(named.empty() ? operation : named);
    status = status == exit_status::partly && end == exit_status::done ? exit_status::partly : end;
  } else if (waits && error_sentence(first.last_page).empty() && !first.last_page.empty()) {
    // Refused as a whole: no operation runs that could be asked for.
    ports_.out << (what_.global.json ? json_line(first.last_page, style_) + "\n"
                                     : render(first.last_page, row.form, style_));
  }
  return left_out_ && status == exit_status::done ? exit_status::partly : status;
}

} // namespace

void print_error(std::ostream& err, const error& problem) {
  err << "understudy: " << problem.what << (problem.todo.empty() ? "" : ": " + problem.todo) << "\n";
}

exit_status run_session(invocation what, session_ports& ports) {
  return session(std::move(what), ports).run();
}

} // namespace understudy
