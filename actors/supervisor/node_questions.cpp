#include "actors/supervisor/node_questions.hpp"

#include "actors/supervisor/account_listing.hpp"
#include "actors/supervisor/reply.hpp"
#include "storage/state/logged_state.hpp"
#include "storage/state/mailbox_probe.hpp"
#include "storage/state/mailstore_queries.hpp"

#include <boost/json.hpp>
#include <spdlog/spdlog.h>

#include <set>
#include <unordered_map>
#include <unordered_set>

namespace understudy {
namespace {

/// All commands of the profile's probe together: a peer that answers late counts as silent.
constexpr std::chrono::milliseconds probe_patience{800};
/// What the others said is judged by control as they knew it: a busy node is behind by less.
constexpr std::chrono::milliseconds control_patience{1000};
/// What a busy node answers well within a peer's deadline.
constexpr std::size_t figures_per_question = 2000;

std::string peer_command(std::string_view name, const std::vector<std::string>& accounts,
                         bool for_promotion = false) {
  boost::json::object parameters{{"accounts", boost::json::array(accounts.begin(), accounts.end())}};
  if (for_promotion)
    parameters["for_promotion"] = true;
  return boost::json::serialize(
      boost::json::object{{"namespace", "peer"}, {"command", name}, {"parameters", std::move(parameters)}});
}

std::optional<load_progress> load_of(const replica_side::figures& replica) {
  if (replica.state != "loading")
    return std::nullopt;
  load_progress load{replica.rows_loaded, replica.rows_total, 0};
  if (load.total > 0)
    load.seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - replica.load_began).count();
  return load;
}

/// R32: does this host's mail server hold an old copy of the accounts? Only of those that it had as primary.
void ask_mail_server(node_parts& parts, std::vector<account_figures>& figures) {
  const auto deadline = std::chrono::steady_clock::now() + probe_patience;
  for (auto& f : figures) {
    if (f.state == "source")
      continue;
    const auto until = parts.control->ask([&](const control_state& state) {
      const auto* account = state.account(f.account);
      return account == nullptr ? std::nullopt : account->terms.primary_until_ms(parts.config.node.name);
    });
    if (!until) {
      f.loaded = false;
      continue;
    }
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    if (left.count() > 0)
      f.loaded =
          may_be_loaded(parts.rules->loaded_mailbox, f.account,
                        std::chrono::system_clock::time_point(std::chrono::milliseconds(*until)), left);
  }
}

/// The numbers here of the volumes that blobs of these accounts may be on.
std::set<std::int64_t> numbers_wanted(const node_parts& parts, const std::vector<mailstore_volume>& here,
                                      const std::vector<account_id>& accounts) {
  return parts.control->ask([&](const control_state& state) {
    std::set<node_name> sources;
    for (const auto& id : accounts)
      if (const auto* account = state.account(id);
          account != nullptr && account->destination(parts.config.node.name) != nullptr)
        sources.insert(account->primary());
    std::set<std::int64_t> numbers;
    for (const auto& source : sources)
      for (const auto& [there, ours] :
           map_volumes(announced_volumes(state, *parts.rules, source), here).numbers)
        numbers.insert(ours);
    return numbers;
  });
}

/// A volume that blobs are on, and the look at its directory that was begun; none: it has no directory.
struct volume_looked_at {
  mailstore_volume volume;
  std::optional<directory_probe::look> look;
};

/// Begun early: they go on while the rest is asked.
std::vector<volume_looked_at> look_at_volumes(node_parts& parts, mailstore_queries& queries,
                                              const std::vector<account_id>& accounts) {
  std::vector<volume_looked_at> all;
  const auto here = queries.volumes();
  if (!here) {
    spdlog::warn("the volumes can't be had from MariaDB: {}", here.error().what);
    return all;
  }
  const auto numbers = numbers_wanted(parts, *here, accounts);
  for (const auto& volume : *here)
    if (numbers.contains(volume.id))
      all.push_back({volume, volume.in_directory ? std::optional(parts.directories->begin(volume.path))
                                                 : std::nullopt});
  return all;
}

/// A directory that is gone proves that blobs are out of reach only where new ones go: an older volume may be
/// out of use, with its row still there.
std::vector<volume_answer> answers_of(const node_parts& parts, const std::vector<volume_looked_at>& volumes) {
  std::vector<volume_answer> all;
  for (const auto& [volume, look] : volumes) {
    auto found = look ? parts.directories->await(*look)
                      : directory_answer{std::nullopt, "in an object store, which isn't asked"};
    if (found.reached == false && !volume.is_current)
      found = {std::nullopt, fmt::format("{}; blobs of old may be there", found.why)};
    all.push_back({volume.id, volume.path, found.reached, found.why});
  }
  return all;
}

/// Nodes name accounts to each other by their UUIDs.
std::vector<account_id> accounts_of(const request_body& body) {
  return {body.accounts.begin(), body.accounts.end()};
}

/// Its state here as control has it, for want of a mailbox that would tell more; none: it has no part here.
std::optional<std::string> part_here(node_parts& parts, const account_id& id) {
  return parts.control->ask([&](const control_state& state) -> std::optional<std::string> {
    const auto* account = state.account(id);
    const auto& self = parts.config.node.name;
    if (account == nullptr || account->is_withdrawn)
      return std::nullopt;
    if (account->primary() == self)
      return std::string{};
    return account->destination(self) == nullptr ? std::nullopt
                                                 : std::optional<std::string>("waiting_for_snapshot");
  });
}

/// Without its MariaDB a node doesn't know: it counts as silent.
result<node_figures> figures_here(node_parts& parts, const std::vector<account_id>& accounts,
                                  bool for_promotion) {
  node_figures all;
  auto session = sql_session::open(parts.local);
  if (!session) {
    spdlog::warn("figures can't be had from MariaDB: {}", session.error().what);
    return tl::make_unexpected(static_cast<const error&>(session.error()));
  }
  mailstore_queries queries(*session, parts.rules);
  const auto registered = queries.find_by_id(accounts);
  if (!registered)
    return tl::make_unexpected(registered.error());
  const auto volumes =
      for_promotion ? look_at_volumes(parts, queries, accounts) : std::vector<volume_looked_at>{};
  const auto items = for_promotion ? result<std::map<mailbox_id, std::uint64_t>>() // of no use there
                                   : queries.highest_items(*registered);
  std::unordered_map<account_id, mailbox_id> mailboxes;
  for (const auto& account : *registered)
    mailboxes.emplace(account.account, account.mailbox);
  for (const auto& id : accounts) {
    account_figures f;
    f.account = id;
    if (const auto mailbox = mailboxes.find(id); mailbox != mailboxes.end()) {
      f.mailbox = mailbox->second;
    } else {
      const auto part = part_here(parts, id);
      if (!part)
        continue;
      f.state = *part;
    }
    if (items)
      if (const auto item = items->find(f.mailbox); item != items->end())
        f.item = item->second;
    f.kafka = parts.link->connected();
    if (const auto replica = parts.replicas->figures_of(id)) {
      f.number = replica->applied;
      f.in_log = replica->read;
      f.fenced = replica->term;
      f.state = replica->state;
      f.reason = replica->reason;
      f.lag_seconds = static_cast<double>(replica->lag_us) / 1e6;
      f.load = load_of(*replica);
    }
    f.fenced = std::max(f.fenced, parts.fences->written(id));
    if (parts.accounts->is_written(id)) {
      f.state = "source";
      f.reason = parts.troubles->of(id);
      f.in_log = parts.accounts->confirmed_of(id);
      // What is acknowledged of a protected account is in Kafka; of another everything that was captured is.
      const auto captured = parts.accounts->numbered_up_to(id);
      f.number = captured && !parts.accounts->is_protected(id) ? captured->last : *f.in_log;
    }
    all.accounts.push_back(std::move(f));
  }
  if (for_promotion)
    ask_mail_server(parts, all.accounts);
  all.volumes = answers_of(parts, volumes);
  all.control = parts.control->folded();
  return all;
}

result<std::vector<found_account>> find_here(node_parts& parts, const std::vector<std::string>& names) {
  std::vector<found_account> all;
  auto session = sql_session::open(parts.local);
  if (!session)
    return tl::make_unexpected(static_cast<const error&>(session.error()));
  mailstore_queries queries(*session, parts.rules);
  logged_state state(*session);
  const auto found = queries.find(names);
  if (!found)
    return tl::make_unexpected(found.error());
  // A command may name a whole mailstore: no statement for each account.
  std::vector<account_id> there;
  for (const auto& account : *found)
    there.push_back(account.account);
  const auto replicas = state.replicas_of(there);
  if (!replicas)
    return tl::make_unexpected(replicas.error());
  const auto roles = state.roles_of(there);
  if (!roles)
    return tl::make_unexpected(roles.error());
  std::unordered_set<account_id> copies;
  for (const auto& copy : *replicas)
    copies.insert(copy.account);
  std::unordered_map<account_id, role_record> parts_played;
  for (const auto& role : *roles)
    parts_played.emplace(role.account, role);
  for (const auto& account : *found) {
    const auto role = parts_played.find(account.account);
    const bool has_role = role != parts_played.end();
    const bool source = has_role && role->second.role == account_role::source;
    all.push_back({account.account, account.name, !source && (has_role || copies.contains(account.account)),
                   source ? role->second.term : epoch{}});
  }
  return all;
}

result<peers::address> address_of(const node_parts& parts, const node_name& node) {
  for (auto& known : known_peers(parts))
    if (known.node == node)
      return std::move(known);
  return failure(fmt::format("it isn't known where {} is", node));
}

} // namespace

std::vector<peers::address> known_peers(const node_parts& parts) {
  return parts.control->ask([&](const control_state& state) {
    std::vector<peers::address> all;
    for (const auto& [name, node] : state.nodes())
      if (name != parts.config.node.name && node.announced_at.value >= 0)
        all.push_back({name, node.announced.advertise});
    return all;
  });
}

registries_asked find_everywhere(node_parts& parts, const std::vector<peers::address>& whom,
                                 const std::vector<std::string>& names) {
  registries_asked all;
  const auto take = [&](const node_name& node, result<std::vector<found_account>> found) {
    if (found) {
      all.answers.emplace_back(node, std::move(*found));
      return;
    }
    spdlog::warn("{} can't be asked for accounts: {}", node, found.error().what);
    all.silent.push_back(node);
  };
  take(parts.config.node.name, find_here(parts, names));
  for (const auto& answer : parts.others->ask(whom, peer_command("find", names)))
    take(answer.node, answer.body ? parse_found(*answer.body) : tl::make_unexpected(answer.body.error()));
  return all;
}

everybodys_figures figures_everywhere(node_parts& parts, const std::vector<peers::address>& whom,
                                      const std::vector<account_id>& accounts, bool for_promotion) {
  everybodys_figures all;
  if (auto own = figures_here(parts, accounts, for_promotion)) {
    all.answers[parts.config.node.name] = std::move(own->accounts);
    all.volumes[parts.config.node.name] = std::move(own->volumes);
  } else {
    all.silent.push_back(parts.config.node.name);
  }
  auto left = whom; // who was silent once isn't waited for again
  kafka_offset newest;
  for (std::size_t from = 0; from < accounts.size(); from += figures_per_question) {
    std::vector<std::string> ids;
    for (auto id = from; id < std::min(accounts.size(), from + figures_per_question); ++id)
      ids.push_back(accounts[id].value);
    for (const auto& answer : parts.others->ask(left, peer_command("figures", ids, for_promotion))) {
      auto figures = answer.body ? parse_figures(*answer.body)
                                 : result<node_figures>(tl::make_unexpected(answer.body.error()));
      if (figures) {
        auto& known = all.answers[answer.node];
        known.insert(known.end(), figures->accounts.begin(), figures->accounts.end());
        auto& volumes = all.volumes[answer.node];
        volumes.insert(volumes.end(), figures->volumes.begin(), figures->volumes.end());
        newest = std::max(newest, figures->control);
      } else {
        all.silent.push_back(answer.node);
        std::erase_if(left, [&](const peers::address& node) { return node.node == answer.node; });
      }
    }
  }
  if (!parts.control->wait_until_folded(newest, control_patience))
    spdlog::warn("this node has folded control up to {}, others up to {}: answered all the same",
                 parts.control->folded(), newest);
  return all;
}

loads_known loads_here(const node_parts& parts, const std::vector<account_id>& accounts) {
  loads_known loads;
  for (const auto& id : accounts)
    if (const auto replica = parts.replicas->figures_of(id))
      if (const auto load = load_of(*replica))
        loads.emplace(id, *load);
  return loads;
}

result<loads_known> loads_on(node_parts& parts, const node_name& node,
                             const std::vector<account_id>& accounts) {
  const auto whom = address_of(parts, node);
  if (!whom)
    return tl::make_unexpected(whom.error());
  loads_known loads;
  for (std::size_t from = 0; from < accounts.size(); from += figures_per_question) {
    std::vector<std::string> ids;
    for (auto id = from; id < std::min(accounts.size(), from + figures_per_question); ++id)
      ids.push_back(accounts[id].value);
    auto answers = parts.others->ask({*whom}, peer_command("loads", ids));
    const auto told =
        answers.front().body.and_then([](const std::string& body) { return parse_figures(body); });
    if (!told)
      return tl::make_unexpected(told.error());
    for (const auto& f : told->accounts)
      if (f.load)
        loads.emplace(f.account, *f.load);
  }
  return loads;
}

result<reply> monitor_on(node_parts& parts, const node_name& node, const request_body& body) {
  const auto whom = address_of(parts, node);
  if (!whom)
    return tl::make_unexpected(whom.error());
  boost::json::object parameters{{"operation", body.operation.value}};
  if (body.summary)
    parameters["summary"] = true;
  return parts.others->forward(
      *whom, boost::json::serialize(boost::json::object{
                 {"namespace", "peer"}, {"command", "monitor"}, {"parameters", parameters}}));
}

std::vector<mailstore_volume> announced_volumes(const control_state& state, const profile& rules,
                                                const node_name& node) {
  std::vector<mailstore_volume> volumes;
  const auto* known = state.node(node);
  if (known == nullptr)
    return volumes;
  for (const auto& v : known->announced.volumes) {
    auto described = describe_volume(rules.volumes, v.id, v.type, v.name, v.path, {});
    described.is_centralised = v.centralised; // told by the volume's metadata, which isn't announced
    volumes.push_back(std::move(described));
  }
  return volumes;
}

bool answer_question(const std::shared_ptr<node_parts>& parts, const request_body& body,
                     answer_function answer) {
  if (body.name == "getAccountStatus") {
    parts->questions->submit([parts, body, answer] {
      reply out;
      auto written = write_status_reply(list_accounts(*parts, body, out.more));
      out.status = written.status;
      out.body = std::move(written.body);
      answer(std::move(out));
    });
    return true;
  }
  if (body.space != "peer")
    return false;
  if (body.name == "find") {
    parts->questions->submit([parts, body, answer] {
      const auto found = find_here(*parts, body.accounts);
      reply_with(answer, found ? command_reply{0, write_found(*found)} : write_error(1, found.error()));
    });
    return true;
  }
  if (body.name == "loads") { // from memory alone: it waits behind nobody's SQL
    node_figures told{{}, parts->control->folded(), {}};
    for (const auto& [id, load] : loads_here(*parts, accounts_of(body))) {
      auto& f = told.accounts.emplace_back();
      f.account = id;
      f.state = "loading";
      f.load = load;
    }
    reply_with(answer, {0, write_figures(told)});
    return true;
  }
  if (body.name == "figures") {
    parts->questions->submit([parts, body, answer] {
      const auto figures = figures_here(*parts, accounts_of(body), body.for_promotion);
      reply_with(answer,
                 figures ? command_reply{0, write_figures(*figures)} : write_error(1, figures.error()));
    });
    return true;
  }
  return false;
}

} // namespace understudy
