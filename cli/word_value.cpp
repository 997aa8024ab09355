#include "cli/word_value.hpp"

#include "actors/config/host_port.hpp"
#include "cli/account_list.hpp"
#include "cli/printable.hpp"

#include <boost/json.hpp>

#include <algorithm>
#include <charconv>

namespace understudy {

namespace {

result<boost::json::value> number_value(const word& expected, const std::string& text) {
  std::int64_t number = 0;
  auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.empty() || code != std::errc{} || end != text.data() + text.size() || number < expected.least ||
      number > expected.most)
    return failure(
        fmt::format("{} must be a whole number from {} to {}", expected.name, expected.least, expected.most));
  return number;
}

result<boost::json::value> domains_value(const word& expected, const std::string& text) {
  boost::json::array domains;
  for (std::size_t from = 0; from <= text.size();) {
    auto comma = std::min(text.find(',', from), text.size());
    auto first = text.find_first_not_of(' ', from);
    auto domain = first >= comma ? std::string() : text.substr(first, comma - first);
    while (domain.ends_with(' '))
      domain.pop_back();
    if (!is_host_name(domain))
      return failure(fmt::format("entry {} of {} (\"{}\") isn't a domain", domains.size() + 1, expected.name,
                                 printable(domain, 60)));
    domains.emplace_back(domain);
    from = comma + 1;
  }
  return domains;
}

} // namespace

result<boost::json::value> word_value(const word& expected, const std::string& text) {
  switch (expected.kind) {
  case word_kind::number:
    return number_value(expected, text);
  case word_kind::domains:
    return domains_value(expected, text);
  case word_kind::choice: {
    std::string words;
    for (auto choice : expected.choices) {
      if (choice == text)
        return boost::json::value(choice);
      words += (words.empty() ? "" : " or ") + std::string(choice);
    }
    return failure(fmt::format("{} must be {}", expected.name, words));
  }
  case word_kind::uuid:
    // An account's address would pass account_name_problem as well.
    if (text.find('@') != std::string::npos || !account_name_problem(text).empty())
      return failure(fmt::format("{} must be a UUID", expected.name));
    return boost::json::value(text);
  default:
    if (!is_host_name(text))
      return failure(fmt::format("{} must be a host's name", expected.name));
    return boost::json::value(text);
  }
}

} // namespace understudy
