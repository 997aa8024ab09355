#include "actors/supervisor/account_listing.hpp"

#include "actors/supervisor/node_questions.hpp"

#include <fmt/ranges.h>

#include <set>

namespace understudy {
namespace {

using namespace std::string_view_literals;

/// Accounts in one page of a listing.
constexpr std::size_t page_size = 500;

/// Ends the place where a listing goes on if a page before it had anything. No account's key ends so, and
/// none sorts between a key and itself with this behind it: where the listing goes on stays the same.
constexpr std::string_view something_listed = "\0listed"sv;

bool wanted(const request_body& body, const account_state& account, const std::set<std::string>& domains) {
  if (!body.mail_host.empty() && account.primary().value != body.mail_host)
    return false;
  if (!body.replica_server.empty() && account.destination(node_name(body.replica_server)) == nullptr)
    return false;
  if (!domains.empty() && !domains.contains(domain_of(account.name)))
    return false;
  if (!body.account_status.empty() && (body.account_status == "paused") != account.is_paused)
    return false;
  return true;
}

account_status copy_status(const account_state& account) {
  account_status shown;
  shown.account = account.id;
  shown.name = account.name;
  shown.home = account.primary();
  shown.paused = account.is_paused;
  if (account.gap)
    shown.gap = *account.gap;
  for (const auto& destination : account.destinations) {
    replica_status replica;
    replica.destination = destination.node;
    replica.priority = destination.priority;
    replica.available = destination.ready;
    shown.replicas.push_back(std::move(replica));
  }
  return shown;
}

void fill_in(account_status& shown, const everybodys_figures& figures, const lease_keeper& lease,
             const node_name& self) {
  const auto of = [&](const node_name& node) -> const account_figures* {
    const auto answer = figures.answers.find(node);
    if (answer == figures.answers.end())
      return nullptr;
    for (const auto& f : answer->second)
      if (f.account == shown.account)
        return &f;
    return nullptr;
  };
  // Whose renewals nobody reads (Kafka is away) may live: that isn't known.
  const auto lives = [&](const node_name& node) -> std::optional<bool> {
    return lease.ask([&](const lease_view& view) -> std::optional<bool> {
      const auto now = boot_now();
      if (node == self)
        return view.holds(now);
      const auto renewed = view.peer(node).last_renewal_read;
      if (!renewed || view.suspected(node, now))
        return false;
      if (now.value - renewed->value > std::chrono::nanoseconds(lease.rules().lease).count())
        return std::nullopt;
      return true;
    });
  };
  if (const auto* f = of(shown.home))
    shown.figures = *f;
  for (auto& replica : shown.replicas) {
    const auto* f = of(replica.destination);
    const bool whole = replica.available.value_or(false);
    const auto alive = lives(replica.destination);
    const bool works = f != nullptr && f->state == "ready" && f->mailbox != mailbox_id{};
    if (!whole || alive == false || (f != nullptr && !works))
      replica.available = false;
    else if (!alive || f == nullptr)
      replica.available.reset(); // only it could say that nothing stopped it
    else
      replica.available = true;
    if (f == nullptr)
      continue;
    replica.figures = *f;
    if (f->state == "waiting_for_snapshot" && f->reason.empty() && shown.figures &&
        !shown.figures->reason.empty())
      replica.figures->reason =
          fmt::format("{} can't make its snapshot: {}", shown.home.value, shown.figures->reason);
    if (shown.figures)
      replica.lag = shown.figures->number.value - std::min(shown.figures->number.value, f->number.value);
  }
}

/// The other nodes that have figures of these accounts.
std::vector<peers::address> concerned(const node_parts& parts, const std::vector<account_status>& accounts) {
  std::set<node_name> names;
  for (const auto& account : accounts) {
    names.insert(account.home);
    for (const auto& replica : account.replicas)
      names.insert(replica.destination);
  }
  auto nodes = known_peers(parts);
  std::erase_if(nodes, [&](const peers::address& node) { return !names.contains(node.node); });
  return nodes;
}

/// Accounts and domains asked for by name that control has no account of. Blocking.
void tell_unknown(node_parts& parts, const request_body& body, const std::set<std::string>& known_names,
                  const std::set<std::string>& known_domains, status_page& page) {
  std::vector<std::string> names;
  for (const auto& name : body.accounts)
    if (!known_names.contains(folded_name(name)))
      names.push_back(name);
  if (!names.empty()) {
    const auto asked = find_everywhere(parts, known_peers(parts), names);
    const account_homes homes(asked);
    for (const auto& name : names)
      page.unknown_accounts.push_back({name, why_not_replicated(name, homes, asked)});
  }
  for (const auto& domain : body.domains)
    if (!known_domains.contains(folded_name(domain)))
      page.unknown_domains.push_back({domain, "no replicated account is in this domain"});
}

/// An empty listing says so.
std::string nothing_listed(const request_body& body) {
  std::vector<std::string> filters;
  const auto add = [&](std::string_view name, const std::string& value) {
    if (!value.empty())
      filters.push_back(fmt::format("{} {}", name, value));
  };
  add("mailHost", body.mail_host);
  add("replicaServer", body.replica_server);
  add("accounts", fmt::format("{}", fmt::join(body.accounts, ",")));
  add("domains", fmt::format("{}", fmt::join(body.domains, ",")));
  add("accountStatus", body.account_status);
  add("replicaStatus", body.replica_status);
  return filters.empty() ? "no accounts are replicated yet: setAccountDestination first"
                         : fmt::format("no accounts with {}", fmt::join(filters, " and "));
}

/// The topics are everybody's, so any node can tell.
std::string protection_note(const node_parts& parts) {
  std::vector<std::string> sentences;
  for (const auto& finding : parts.unsafe_topics())
    if (finding.breaks_promise())
      sentences.push_back(finding.sentence());
  return fmt::format("{}", fmt::join(sentences, "; "));
}

} // namespace

status_page list_accounts(node_parts& parts, const request_body& body, std::string& more) {
  std::set<std::string> names;
  for (const auto& name : body.accounts)
    names.insert(folded_name(name));
  std::set<std::string> domains;
  for (const auto& domain : body.domains)
    domains.insert(folded_name(domain));
  // Sorted by name, then id; a page begins behind the last one's end.
  std::map<std::string, account_status> listed;
  std::set<std::string> known_names;
  std::set<std::string> known_domains;
  parts.control->ask([&](const control_state& state) {
    for (const auto& account : state.accounts()) {
      const auto& id = account.id;
      if (!domains.empty())
        known_domains.insert(domain_of(account.name));
      if (account.is_withdrawn)
        continue;
      if (!names.empty()) {
        auto by_name = folded_name(account.name);
        auto by_id = folded_name(id.value);
        if (!names.contains(by_name) && !names.contains(by_id))
          continue;
        known_names.insert({std::move(by_name), std::move(by_id)});
      }
      if (!wanted(body, account, domains))
        continue;
      auto key = folded_name(account.name) + '\0' + id.value;
      if (!body.next.empty() && key <= body.next)
        continue;
      listed.emplace(std::move(key), copy_status(account));
      if (listed.size() > page_size + 1)
        listed.erase(std::prev(listed.end()));
    }
    return 0;
  });
  more.clear();
  if (listed.size() > page_size) {
    listed.erase(std::prev(listed.end()));
    more = listed.rbegin()->first;
  }
  status_page page;
  std::vector<account_id> ids;
  for (auto& [key, status] : listed) {
    ids.push_back(status.account);
    page.accounts.push_back(std::move(status));
  }
  if (more.empty()) // once a listing
    tell_unknown(parts, body, known_names, known_domains, page);
  const auto figures =
      ids.empty() ? everybodys_figures{} : figures_everywhere(parts, concerned(parts, page.accounts), ids);
  page.unreachable = figures.silent;
  page.protection_note = protection_note(parts);
  for (auto& status : page.accounts)
    fill_in(status, figures, *parts.lease, parts.config.node.name);
  const auto unknown = body.replica_status.empty()
                           ? 0
                           : keep_by_availability(page.accounts, body.replica_status == "available");
  // replicaStatus may leave whole pages empty: only the last one knows that all of them were.
  const bool any = body.next.ends_with(something_listed) || !page.accounts.empty() ||
                   !page.unknown_accounts.empty() || !page.unknown_domains.empty();
  if (any && !more.empty())
    more += something_listed;
  else if (!any && more.empty())
    page.statement = nothing_listed(body);
  if (unknown > 0)
    page.statement += fmt::format(
        "{}of {} it isn't known whether a replica is {}", page.statement.empty() ? "" : "; ",
        unknown == 1 ? std::string("one account") : fmt::format("{} accounts", unknown), body.replica_status);
  return page;
}

std::size_t keep_by_availability(std::vector<account_status>& accounts, bool available) {
  std::size_t unknown = 0;
  std::erase_if(accounts, [&](const account_status& account) {
    const auto any = [&](const std::optional<bool>& wanted) {
      return std::any_of(account.replicas.begin(), account.replicas.end(),
                         [&](const replica_status& replica) { return replica.available == wanted; });
    };
    if (any(available))
      return false;
    unknown += any(std::nullopt) ? 1 : 0;
    return true;
  });
  return unknown;
}

} // namespace understudy
