#include "actors/supervisor/account_names.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <unordered_set>

namespace understudy {
namespace {

/// More names than a line holds help nobody to find the wrong ones.
constexpr std::size_t most_names_told = 8;

} // namespace

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
  std::unordered_map<std::string, std::vector<account_home>> having; // an address, as typed
  std::unordered_set<std::string> met;                               // folded
  for (const auto& account : state.accounts()) {
    const auto& id = account.id;
    if (account.is_withdrawn)
      continue;
    const auto by_id = wanted.find(folded_name(id.value));
    const auto by_name = wanted.find(folded_name(account.name));
    if (by_id != wanted.end()) {
      met.insert(by_id->first);
      found.known.emplace(id, by_id->second);
    }
    if (by_name != wanted.end()) {
      met.insert(by_name->first);
      having[by_name->second].push_back({{id, account.name, account.primary()}, {}});
    }
    if (by_id == wanted.end() && by_name == wanted.end() && !source_host.empty() &&
        account.primary().value == source_host)
      found.known.emplace(id, account.name);
  }
  for (auto& [typed, homes] : having) {
    if (homes.size() > 1) {
      found.shared.emplace(typed, std::move(homes));
    } else if (const auto [named, first] = found.known.emplace(homes.front().id, typed); !first) {
      found.twice.emplace_back(named->second, typed);
      named->second = typed;
    }
  }
  for (const auto& text : accounts)
    if (!met.contains(folded_name(text)))
      found.unknown.push_back(text);
  return found;
}

result<std::set<account_id>> accepted_losses(const control_state& state, const request_body& body,
                                             const std::map<account_id, std::string>& chosen) {
  std::set<account_id> accepted;
  if (body.accept_loss.empty())
    return accepted;
  const auto found = find_named(state, body.accept_loss, {});
  if (!found.twice.empty())
    return failure(fmt::format("--accept-loss names {} twice, also as {}", found.twice.front().second,
                               found.twice.front().first),
                   "name it once; nothing was done");
  if (!found.shared.empty()) {
    const auto& [name, homes] = *found.shared.begin();
    return failure(fmt::format("--accept-loss names {}: {}", name, shared_address(homes[0], homes[1])),
                   "nothing was done");
  }
  auto others = found.unknown;
  for (const auto& [id, typed] : found.known)
    if (chosen.contains(id))
      accepted.insert(id);
    else
      others.push_back(typed);
  // Who is refused as an account of the promotion is said there.
  std::erase_if(others, [&](const std::string& name) {
    return std::any_of(body.accounts.begin(), body.accounts.end(),
                       [&](const std::string& account) { return folded_name(account) == folded_name(name); });
  });
  if (others.empty())
    return accepted;
  const auto told = std::min(others.size(), most_names_told);
  auto names = fmt::format("{}", fmt::join(others.begin(), others.begin() + told, ", "));
  if (others.size() > told)
    names += fmt::format(" and {} more", others.size() - told);
  return failure(fmt::format("--accept-loss names {}, which {} among the accounts to promote", names,
                             others.size() == 1 ? "isn't" : "aren't"),
                 "correct one of the two lists; nothing was done");
}

account_homes::account_homes(const registries_asked& asked) {
  for (const auto& [node, accounts] : asked.answers)
    for (const auto& account : accounts) {
      if (account.is_replica)
        continue;
      const account_home home{{account.account, account.name, node}, account.source_term};
      for (auto& name : {folded_name(account.name), folded_name(account.account.value)}) {
        auto& known = by_name_[name];
        if (std::none_of(known.begin(), known.end(), [&](const account_home& there) {
              return there.home == node && there.id == home.id; // found by address and by UUID
            }))
          known.push_back(home);
      }
    }
}

std::vector<account_home> account_homes::of(std::string_view name) const {
  const auto known = by_name_.find(folded_name(name));
  return known == by_name_.end() ? std::vector<account_home>{} : known->second;
}

void keep_last_source(std::vector<account_home>& homes, const control_state& state) {
  const auto* known = homes.size() < 2 ? nullptr : state.account(homes.front().id);
  if (known == nullptr)
    return;
  const auto last = std::find_if(homes.begin(), homes.end(), [&](const account_home& home) {
    return home.id == known->id && home.home == known->primary();
  });
  if (last == homes.end())
    return;
  std::erase_if(homes, [&, newest = last->source_term](const account_home& home) {
    return home.id == known->id && home.source_term != epoch{} && home.source_term < newest;
  });
}

std::string shared_address(const account_home& one, const account_home& other) {
  return fmt::format("two accounts have this address, {} on {} and {} on {}: name one by its UUID", one.id,
                     one.home, other.id, other.home);
}

std::string no_mailstore_has_it(const registries_asked& asked) {
  if (asked.silent.empty())
    return "no mailstore has this account (one mailbox is meant: a distribution list has none)";
  return fmt::format("no mailstore that answers has this account ({} didn't answer)",
                     fmt::join(asked.silent, ", "));
}

std::string why_not_replicated(std::string_view name, const account_homes& homes,
                               const registries_asked& asked) {
  return homes.of(name).empty() ? no_mailstore_has_it(asked) : std::string(not_replicated_text);
}

} // namespace understudy
