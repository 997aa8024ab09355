#include "actors/supervisor/account_names.hpp"

#include <fmt/ranges.h>

namespace understudy {

std::string folded_name(std::string_view name) {
  std::string folded(name);
  for (auto& c : folded)
    if (c >= 'A' && c <= 'Z')
      c = static_cast<char>(c - 'A' + 'a');
  return folded;
}

std::string domain_of(std::string_view name) {
  const auto at = name.rfind('@');
  return at == std::string_view::npos ? std::string{} : folded_name(name.substr(at + 1));
}

named_accounts find_named(const control_state& state, const std::vector<std::string>& accounts,
                          const std::string& source_host) {
  named_accounts found;
  std::unordered_map<std::string, std::string> wanted; // folded -> as typed
  for (const auto& text : accounts)
    wanted.emplace(folded_name(text), text);
  for (const auto& account : state.accounts()) {
    const auto& id = account.id;
    if (account.is_withdrawn)
      continue;
    auto named = wanted.find(folded_name(id.value));
    if (named == wanted.end())
      named = wanted.find(folded_name(account.name));
    if (named != wanted.end()) {
      found.known.emplace(id, named->second);
      wanted.erase(named);
    } else if (!source_host.empty() && account.primary().value == source_host) {
      found.known.emplace(id, account.name);
    }
  }
  for (const auto& text : accounts)
    if (wanted.contains(folded_name(text)))
      found.unknown.push_back(text);
  return found;
}

std::vector<account_to_enrol> homes_of(const std::string& name, const registries_asked& asked) {
  const auto wanted = folded_name(name);
  std::vector<account_to_enrol> homes;
  for (const auto& [node, accounts] : asked.answers)
    for (const auto& account : accounts)
      if (!account.is_replica &&
          (folded_name(account.name) == wanted || folded_name(account.account.value) == wanted))
        homes.push_back({account.account, account.name, node});
  return homes;
}

std::string no_mailstore_has_it(const registries_asked& asked) {
  if (asked.silent.empty())
    return "no mailstore has this account";
  return fmt::format("no mailstore that answers has this account ({} didn't answer)",
                     fmt::join(asked.silent, ", "));
}

std::string why_not_replicated(const std::string& name, const registries_asked& asked) {
  return homes_of(name, asked).empty() ? no_mailstore_has_it(asked) : std::string(not_replicated_text);
}

} // namespace understudy
