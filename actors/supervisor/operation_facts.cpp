// What an operation is decided on: the figures of all nodes, leases and claims.
#include "actors/supervisor/operations.hpp"
#include "actors/supervisor/volume_reach.hpp"

namespace understudy {
namespace {

/// Figures of the nodes are asked for again so often while a source's word is waited for.
constexpr std::chrono::milliseconds facts_age{1000};
/// A living destination that doesn't say how it is is asked for so long; the claim on the dead source takes
/// more than one lease anyway.
constexpr int leases_for_answers = 2;

} // namespace

void operations::gather_facts(std::shared_ptr<operation> op, std::function<void()> then) {
  op->asking = true;
  op->facts_taken = boot_now();
  std::vector<account_id> ids;
  for (const auto& [id, name] : op->typed)
    ids.push_back(id);
  around_.ask_for_figures(std::move(ids), [op, then](const everybodys_figures& figures) {
    op->asking = false;
    op->silent = {figures.silent.begin(), figures.silent.end()};
    for (const auto& [node, list] : figures.answers)
      for (const auto& f : list) {
        auto& facts = op->facts[f.account];
        facts.fenced = std::max(facts.fenced, f.fenced);
        facts.in_log = std::max(facts.in_log, f.in_log); // an empty one is less than any
        facts.has_mailbox[node] = f.mailbox != mailbox_id{};
        if (f.state == "source") {
          facts.acknowledged = f.number;
        } else if (!f.state.empty()) {
          auto& replica = facts.replicas[node];
          replica.applied = f.number;
          replica.mailbox_loaded = f.loaded;
          // One that is ready and has a reason waits for what an event of its names (a volume): behind a
          // fence it would decline at once.
          const bool waits = f.state == "ready" && !f.reason.empty();
          replica.stopped = f.state == "stopped" || waits ? std::optional(f.reason) : std::nullopt;
          replica.not_whole = f.reason;
        }
      }
    for (const auto& [node, volumes] : figures.volumes)
      op->volumes[node] = volumes;
    then();
  });
}

void operations::refresh_facts(const std::shared_ptr<operation>& op) {
  const auto age = boot_now().value - op->facts_taken.value;
  if (op->asking || !op->facts_wanted || age < std::chrono::nanoseconds(facts_age).count())
    return;
  op->facts_wanted = false;
  gather_facts(op, [] {});
}

bool operations::source_lives(const node_name& node) const {
  if (node == self())
    return around_.parts->lease->holds();
  return around_.parts->lease->ask([&](const lease_view& view) {
    const auto peer = view.peer(node);
    return peer.last_renewal_read && !peer.resigned && !peer.claimed && !view.suspected(node, boot_now());
  });
}

volume_facts operations::volumes_reached(const operation& op, const node_name& source,
                                         const node_name& destination) const {
  const auto said = op.volumes.find(destination);
  return judge_volumes(source, announced_volumes(state(), *around_.parts->rules, source), destination,
                       announced_volumes(state(), *around_.parts->rules, destination),
                       said == op.volumes.end() ? std::vector<volume_answer>{} : said->second);
}

live_facts operations::facts_for(operation& op) const {
  live_facts facts;
  facts.self = self();
  facts.partitions = static_cast<std::uint32_t>(around_.parts->config.cluster.partitions);
  facts.accounts = op.facts;
  std::map<std::pair<node_name, node_name>, volume_facts> reach;
  for (const auto& id : op.undecided) {
    auto& known = facts.accounts[id];
    known.fenced = std::max(known.fenced, around_.fence_known_here(id));
    const auto* account = state().account(id);
    if (account != nullptr)
      known.overdue =
          op.others.overdue(*account, known.fenced, boot_now(), around_.parts->lease->rules().lease);
    if (account != nullptr && op.wanted.name == "promoteAccounts")
      for (const auto& destination : account->destinations) {
        const node_name& node = destination.node;
        const auto [volumes, first] = reach.try_emplace({account->primary(), node});
        if (first)
          volumes->second = volumes_reached(op, account->primary(), node);
        if (known.replicas.contains(node) || volumes->second.reached() == false)
          known.replicas[node].volumes = volumes->second;
      }
    if (const auto couldnt = op.passed_over.find(id); couldnt != op.passed_over.end())
      for (const auto& [node, why] : couldnt->second)
        known.replicas[node].stopped = why;
  }
  for (const auto& [name, node] : state().nodes()) {
    facts.nodes[name].lease_runs = source_lives(name);
    facts.nodes[name].silent = op.silent.contains(name);
  }
  const auto waited = boot_now().value - op.taken.value;
  facts.answers_may_come =
      waited < std::chrono::nanoseconds(around_.parts->lease->rules().lease * leases_for_answers).count();
  for (const auto& [node, at] : op.claims) {
    const auto status = around_.parts->lease->ask(
        [&](const lease_view& view) { return view.claim_against(node, boot_now()); });
    if (status.stage == claim_stage::waiting || status.stage == claim_stage::ready)
      facts.claims[node] = {status.offset, status.stage == claim_stage::ready, status.why, status.appended};
  }
  return facts;
}

} // namespace understudy
