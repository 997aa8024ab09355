#include "cli/render/render.hpp"

#include "cli/printable.hpp"
#include "cli/render/fields.hpp"

#include <boost/json.hpp>

namespace understudy {

namespace json = boost::json;

namespace {

std::string coloured(std::string_view text, std::string_view code, const render_style& style) {
  return style.colour ? fmt::format("\x1b[{}m{}\x1b[0m", code, text) : std::string(text);
}

std::string outcome_text(std::string_view outcome, const render_style& style) {
  bool bad = outcome == "refused" || outcome == "failed";
  return coloured(outcome, bad ? "31" : outcome == "done" ? "32" : "33", style);
}

/// `F line 17: `, so that the administrator finds it in the file; empty for what no file named.
std::string place_of(const std::string& account, const render_style& style) {
  auto line = style.lines.find(account);
  return line == style.lines.end() ? std::string() : fmt::format("{} line {}: ", style.file, line->second);
}

std::string account_text(const json::object& account, const render_style& style) {
  auto name = text_of(account, "account");
  return place_of(name, style) + printable(name);
}

/// Refused, failed, not allowed, or nobody.
bool is_wrong(const json::object& account) {
  auto outcome = text_of(account, "outcome");
  return outcome == "refused" || outcome == "failed" || account.contains("error") ||
         figure_of(account, "allowed") == "false";
}

std::string outcome_line(const json::object& account, const render_style& style) {
  auto text = account_text(account, style);
  auto outcome = text_of(account, "outcome");
  if (!outcome.empty())
    text += fmt::format(": {}", outcome_text(printable(outcome), style));
  // What was done needs no step.
  if (auto state = text_of(account, "state"); !state.empty() && state != outcome && outcome != "done")
    text += fmt::format(" ({})", printable(state));
  if (auto reason = text_of(account, "reason"); !reason.empty())
    text += fmt::format(": {}", printable(reason, 500));
  if (const auto* winner = account.if_contains("winner"); winner && winner->is_object())
    text += fmt::format(" (by {} on {}, operation {})", printable(text_of(winner->get_object(), "by")),
                        printable(text_of(winner->get_object(), "node")),
                        printable(text_of(winner->get_object(), "operation")));
  return text + "\n";
}

/// What a promotion would meet: the statement before the button.
std::string gates_text(const json::object& account, const render_style& style) {
  auto allowed = account.if_contains("allowed");
  bool can = allowed && allowed->is_bool() && allowed->get_bool();
  auto text =
      fmt::format("{}: {}", account_text(account, style),
                  can ? coloured("would be done", "32", style) : coloured("would be refused", "31", style));
  if (account.contains("to"))
    text += fmt::format(" ({} from {} to {})", printable(text_of(account, "kind")),
                        printable(text_of(account, "from")), printable(text_of(account, "to")));
  else if (can) // what a promotion does is said by where it goes
    text += fmt::format(": {}", printable(text_of(account, "text"), 500));
  text += "\n";
  for (auto name : {"acknowledged", "inLog", "applied", "volumesReachable"})
    if (account.contains(name))
      text += fmt::format("    {}: {}\n", name, figure_of(account, name));
  for (const auto& gate : list_of(account, "gates")) {
    bool passed = gate.contains("passed") && figure_of(gate, "passed") == "true";
    // One that holds nothing up for good is waited for: a claim, another node's word. Another destination of
    // a better priority holds nothing up at all.
    auto verdict = text_of(gate, "name") == "passed over" ? coloured("skipped", "33", style)
                   : text_of(gate, "passed") == "unknown" ? coloured("unknown", "33", style)
                   : passed                               ? coloured("passed ", "32", style)
                   : can                                  ? coloured("waits  ", "33", style)
                                                          : coloured("blocked", "31", style);
    text += fmt::format("    {} {}\n", verdict, figure_of(gate, "figures"));
  }
  return text;
}

std::string fields_text(const json::object& object, std::string_view indent, const render_style& style) {
  std::string text;
  for (const auto& [key, value] : object) {
    if (value.is_structured())
      continue;
    std::string name(key);
    auto figure = figure_of(object, name);
    if (name == "error")
      figure = place_of(text_of(object, "accountName"), style) + figure;
    bool alarming = (name == "protected" || name == "available" || name == "canConnectToKafka")
                        ? figure == "false"
                        : name == "error";
    text +=
        fmt::format("{}{}: {}\n", indent, printable(name), alarming ? coloured(figure, "31", style) : figure);
  }
  return text;
}

std::string status_text(const json::object& account, const render_style& style) {
  auto text = fields_text(account, "", style);
  auto replicas = list_of(account, "replicas");
  if (!replicas.empty())
    text += "replicas\n";
  for (std::size_t i = 0; i < replicas.size(); ++i)
    text += (i == 0 ? "" : "\n") + fields_text(replicas[i], "    ", style);
  return text + "\n";
}

std::string unreachable_text(const json::object& page) {
  const auto* nodes = page.if_contains("unreachable");
  if (!nodes || !nodes->is_array() || nodes->get_array().empty())
    return {};
  std::string names;
  for (const auto& node : nodes->get_array())
    names +=
        (names.empty() ? "" : ", ") + (node.is_string() ? printable(std::string(node.get_string())) : "?");
  return fmt::format("no answer from: {}\n", names);
}

std::string operation_text(const json::object& page) {
  if (!page.contains("operation"))
    return {};
  auto text = fmt::format("operation: {}\n", printable(text_of(page, "operation")));
  for (auto name : {"kind", "by", "node", "started", "done", "failed", "total", "finished"})
    if (page.contains(name))
      text += fmt::format("{}: {}\n", name, figure_of(page, name));
  return text;
}

} // namespace

std::string render(const json::object& page, reply_form form, const render_style& style) {
  std::string text;
  bool dry = page.contains("dry_run");
  if (form != reply_form::status)
    text += operation_text(page);
  for (const auto& account : list_of(page, "accounts"))
    text += form == reply_form::status ? status_text(account, style)
            : dry                      ? gates_text(account, style)
                                       : outcome_line(account, style);
  if (auto statement = text_of(page, "statement"); !statement.empty())
    text += printable(statement, 10'000) + "\n";
  return text + unreachable_text(page);
}

std::string json_line(json::object page, const render_style& style) {
  auto* accounts = style.lines.empty() ? nullptr : page.if_contains("accounts");
  if (accounts && accounts->is_array())
    for (auto& entry : accounts->get_array()) {
      if (!entry.is_object() || !is_wrong(entry.get_object()))
        continue;
      auto& account = entry.get_object();
      auto line = style.lines.find(text_of(account, account.contains("account") ? "account" : "accountName"));
      if (line != style.lines.end())
        account["line"] = line->second;
    }
  return json::serialize(page);
}

std::string progress_line(const json::object& page, double seconds) {
  auto done = number_of(page, "done"), total = number_of(page, "total");
  auto text = fmt::format("{} of {} accounts", done, total);
  if (done > 0 && done < total && seconds > 0)
    text += fmt::format(", about {:.0f} s left",
                        seconds * static_cast<double>(total - done) / static_cast<double>(done));
  return text;
}

std::string error_sentence(const json::object& page) {
  auto what = text_of(page, "error");
  auto todo = text_of(page, "todo");
  if (what.empty())
    return {};
  return printable(todo.empty() ? what : what + ": " + todo, 2'000);
}

} // namespace understudy
