#include "cli/grammar.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace understudy {

namespace {

std::string_view value_name(const word& w) {
  switch (w.kind) {
  case word_kind::host:
    return "HOST";
  case word_kind::number:
    return "N";
  case word_kind::accounts:
    return "a@x,b@y";
  case word_kind::file:
    return "FILE";
  case word_kind::domains:
    return "x,y";
  case word_kind::uuid:
    return "UUID";
  case word_kind::choice:
    return "";
  }
  return "";
}

std::string keyword_text(const word& w) {
  std::string value(value_name(w));
  for (auto choice : w.choices)
    value += (value.empty() ? "" : "|") + std::string(choice);
  return fmt::format("{} {}", w.name, value);
}

std::string usage(const command_row& row) {
  auto text = fmt::format("understudy {} {}", row.name_space, row.name);
  for (const auto& w : row.words)
    text += w.optional ? fmt::format(" [{}]", w.name) : fmt::format(" {}", w.name);
  std::string needed;
  for (const auto& k : row.keywords)
    if (std::find(row.one_of.begin(), row.one_of.end(), k.name) != row.one_of.end())
      needed += (needed.empty() ? " " : " | ") + keyword_text(k);
  text += needed;
  for (const auto& k : row.keywords)
    if (std::find(row.one_of.begin(), row.one_of.end(), k.name) == row.one_of.end())
      text += fmt::format(" [{}]", keyword_text(k));
  for (const auto& o : row.options)
    text += o.takes_value() ? fmt::format(" [{} {}]", o.name, o.value.name) : fmt::format(" [{}]", o.name);
  return text;
}

std::string options_text(std::span<const option> options) {
  std::string text;
  for (const auto& o : options)
    text += fmt::format("  {:<24}{}\n", o.takes_value() ? fmt::format("{} {}", o.name, o.value.name) : o.name,
                        o.help);
  return text;
}

} // namespace

std::string help_text() {
  std::string text = "understudy [OPTIONS] NAMESPACE COMMAND ARGUMENTS...\n"
                     "MailReplica is another name of the namespace ha.\n\nCommands\n";
  for (const auto& row : command_table())
    text += fmt::format("  {} {}\n      {}\n", row.name_space, row.name, row.help);
  text += "\nOptions\n" + options_text(global_options_table());
  text += "\nExit status: 0 done, 1 failed, 2 wrong usage, 3 partly done, 4 no supervisor reachable\n";
  return text;
}

std::string help_text(const command_row& row) {
  auto text = fmt::format("{}\n\n{}\n", usage(row), row.help);
  std::string keywords;
  for (const auto& k : row.keywords)
    if (!k.help.empty())
      keywords += fmt::format("  {:<24}{}\n", keyword_text(k), k.help);
  if (!keywords.empty())
    text += "\nParameters\n" + keywords;
  if (!row.options.empty())
    text += "\nOptions of this command\n" + options_text(row.options);
  text += "\nOptions of every command\n" + options_text(global_options_table());
  text += fmt::format("\nExample\n  {}\n", row.example);
  return text;
}

} // namespace understudy
