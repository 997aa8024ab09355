#include "actors/node/accounts_page.hpp"

#include "actors/support/boot_clock.hpp"

#include <boost/json.hpp>

#include <algorithm>
#include <map>
#include <tuple>
#include <vector>

namespace understudy {
namespace {

namespace json = boost::json;

/// How many transactions were read and aren't applied. Zero for who doesn't follow: what it lacks isn't
/// known.
std::uint64_t lag_of(const replica_side::figures& here) {
  return here.read ? here.read->value - std::min(here.read->value, here.applied.value) : 0;
}

/// How long ago the first that isn't applied was committed at its source; where all is, the lag of the last.
double lag_seconds_of(const replica_side::figures& here) {
  if (!here.waits_since_us)
    return static_cast<double>(here.lag_us) / 1e6;
  return std::max(0.0,
                  static_cast<double>(wall_ms()) / 1e3 - static_cast<double>(*here.waits_since_us) / 1e6);
}

void add_figures(json::object& replica, const replica_side::figures& here) {
  replica["state"] = here.state;
  replica["sequence"] = here.applied.value;
  replica["lag"] = lag_of(here);
  replica["lagSeconds"] = lag_seconds_of(here);
}

json::object entry_of(const account_state& account) {
  json::array replicas;
  for (const auto& destination : account.destinations)
    replicas.push_back({{"destination", destination.node.get().value},
                        {"priority", destination.priority},
                        {"ready", destination.ready}});
  return {{"accountId", account.id.value},
          {"accountName", account.name},
          {"accountMailHost", account.primary().value},
          {"protected", account.is_protected()},
          {"replicas", std::move(replicas)}};
}

void add_figures_here(json::object& entry, const node_parts& parts) {
  const account_id account{std::string(entry.at("accountId").as_string())};
  const auto here = parts.replicas->figures_of(account);
  if (!here)
    return;
  for (auto& replica : entry.at("replicas").as_array())
    if (replica.at("destination").as_string() == parts.config.node.name.value)
      add_figures(replica.as_object(), *here);
}

/// The accounts with a replica here, those that lag most first; by their ids where they are alike.
std::vector<account_id> most_lagging(const node_parts& parts, std::size_t most) {
  struct lagging {
    account_id account;
    std::uint64_t lag = 0;
    double lag_seconds = 0;
  };
  std::vector<lagging> all;
  parts.control->ask([&](const control_state& state) {
    for (const auto& account : state.accounts())
      if (!account.is_withdrawn && account.destination(parts.config.node.name) != nullptr)
        all.push_back({account.id});
    return 0;
  });
  for (auto& each : all)
    if (const auto here = parts.replicas->figures_of(each.account)) {
      each.lag = lag_of(*here);
      each.lag_seconds = lag_seconds_of(*here);
    }
  const auto lags_more = [](const lagging& a, const lagging& b) {
    return std::tie(b.lag, b.lag_seconds, a.account) < std::tie(a.lag, a.lag_seconds, b.account);
  };
  const auto shown = std::min(most, all.size());
  std::partial_sort(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(shown), all.end(), lags_more);
  std::vector<account_id> accounts;
  for (std::size_t i = 0; i < shown; ++i)
    accounts.push_back(std::move(all[i].account));
  return accounts;
}

json::object top_of(const node_parts& parts, std::size_t most) {
  json::array list;
  for (const auto& id : most_lagging(parts, most)) {
    const auto entry = parts.control->ask([&](const control_state& state) {
      const auto* account = state.account(id);
      return account == nullptr ? json::object{} : entry_of(*account);
    });
    if (!entry.empty())
      list.push_back(entry);
  }
  return {{"accounts", std::move(list)}};
}

json::object page_of(const node_parts& parts, const accounts_query& query) {
  std::map<std::string, json::object> page;
  bool more = false;
  parts.control->ask([&](const control_state& state) {
    for (const auto& account : state.accounts()) {
      const auto& id = account.id;
      if (account.is_withdrawn || id.value <= query.after)
        continue;
      if (page.size() == query.limit) {
        more = true;
        if (id.value > page.rbegin()->first)
          continue;
        page.erase(std::prev(page.end()));
      }
      page[id.value] = entry_of(account);
    }
    return 0;
  });
  json::array list;
  for (auto& [id, entry] : page)
    list.push_back(std::move(entry));
  json::object reply{{"accounts", std::move(list)}};
  if (more)
    reply["after"] = page.rbegin()->first;
  return reply;
}

} // namespace

std::string accounts_page(const node_parts& parts, const accounts_query& query) {
  auto reply = query.top > 0 ? top_of(parts, query.top) : page_of(parts, query);
  for (auto& entry : reply.at("accounts").as_array())
    add_figures_here(entry.as_object(), parts);
  return json::serialize(reply);
}

} // namespace understudy
