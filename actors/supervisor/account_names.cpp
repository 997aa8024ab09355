#include "actors/supervisor/account_names.hpp"

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

} // namespace understudy
