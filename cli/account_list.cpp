#include "cli/account_list.hpp"

#include "actors/config/mail_address.hpp"
#include "cli/printable.hpp"

#include <algorithm>
#include <unordered_map>

namespace understudy {

namespace {

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view blanks = " \t\r";
  auto first = text.find_first_not_of(blanks);
  if (first == std::string_view::npos)
    return {};
  return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

bool is_uuid(std::string_view text) {
  if (text.size() != 36)
    return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    if (dash ? text[i] != '-' : !std::isxdigit(static_cast<unsigned char>(text[i])))
      return false;
  }
  return true;
}

/// Addresses are compared as the mail server does: without case.
std::string folded(std::string_view name) {
  std::string lower(name);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(c < 0x80 ? std::tolower(c) : c); });
  return lower;
}

/// Collects the entries of one list.
class collector {
public:
  void take(std::string_view name, std::size_t place) {
    if (auto problem = account_name_problem(name); !problem.empty()) {
      list_.bad.push_back({place, std::move(problem), 0});
      return;
    }
    auto [before, is_new] = places_.emplace(folded(name), place);
    if (is_new)
      list_.accounts.push_back({std::string(name), place});
    else
      list_.bad.push_back({place, fmt::format("\"{}\" was already named", name), before->second});
  }
  account_list finish() { return std::move(list_); }

private:
  account_list list_;
  std::unordered_map<std::string, std::size_t> places_;
};

} // namespace

std::string account_name_problem(std::string_view name) {
  if (name.empty())
    return "is empty";
  auto shown = printable(name);
  if (name.size() > longest_account_name)
    return fmt::format("\"{}\" is {} bytes long, more than {}", shown, name.size(), longest_account_name);
  if (!is_printable(name))
    return fmt::format("\"{}\" holds characters that can't be seen or aren't UTF-8", shown);
  if (name.find_first_of("*?") != std::string_view::npos)
    return fmt::format("\"{}\" is a pattern: name each account", shown);
  if (is_uuid(name))
    return {};
  auto at = name.find('@');
  if (at == std::string_view::npos || at == 0 || name.find('@', at + 1) != std::string_view::npos)
    return fmt::format("\"{}\" is neither an address (user@domain) nor a UUID", shown);
  if (auto problem = mail_address_problem(name); !problem.empty())
    return fmt::format("\"{}\" {}", shown, problem);
  return {};
}

account_list parse_account_list(std::string_view text) {
  collector entries;
  std::size_t place = 0;
  for (std::size_t from = 0; from <= text.size();) {
    auto comma = std::min(text.find(',', from), text.size());
    entries.take(trimmed(text.substr(from, comma - from)), ++place);
    from = comma + 1;
  }
  return entries.finish();
}

result<account_list> parse_account_file(std::string_view text) {
  constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";
  if (text.starts_with(byte_order_mark))
    text.remove_prefix(byte_order_mark.size());
  if (text.find('\0') != std::string_view::npos)
    return failure("is binary, not a list of accounts", "give a text file with one account a line");
  collector entries;
  std::size_t line = 0, names = 0;
  for (std::size_t from = 0; from < text.size();) {
    auto end = std::min(text.find('\n', from), text.size());
    auto name = trimmed(text.substr(from, end - from));
    from = end + 1;
    ++line;
    if (name.empty() || name.front() == '#')
      continue;
    if (++names > most_accounts)
      return failure(fmt::format("names more than {} accounts", most_accounts),
                     "nothing was done; split it, and give one part after the other");
    entries.take(name, line);
  }
  if (names == 0)
    return failure("names no account", "write one account a line");
  return entries.finish();
}

std::string describe(const std::vector<bad_entry>& bad, std::string_view where) {
  constexpr std::size_t shown = 10; // a screen; the rest is a number
  std::string text;
  for (std::size_t i = 0; i < std::min(bad.size(), shown); ++i)
    text += fmt::format("{}{} {}: {}{}", i ? "; " : "", where, bad[i].place, bad[i].what,
                        bad[i].first == 0 ? "" : fmt::format(" in {} {}", where, bad[i].first));
  if (bad.size() > shown)
    text += fmt::format("; and {} more", bad.size() - shown);
  return text;
}

} // namespace understudy
