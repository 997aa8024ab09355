// The folded state's documents, as control_codec.hpp declares them.
#include "events/control/control_codec.hpp"
#include "events/control/control_event_json.hpp"

#include <array>

namespace understudy {
namespace {

namespace json = boost::json;

constexpr std::array origins{"enrolment", "planned", "unplanned"};
constexpr std::array states{"decided", "activated", "aborted", "declined"};

template <class Enum, std::size_t N>
Enum named(const json_fields& in, std::string_view key, const std::array<const char*, N>& names) {
  const auto name = in.text(key);
  for (std::size_t i = 0; i < N; ++i)
    if (name == names[i])
      return static_cast<Enum>(i);
  in.complaint().note(in.path() + '/' + std::string(key), fmt::format("'{}' is not known", name));
  return {};
}

json::object contender_json(const contender& who) {
  return {{"operation", who.origin->operation.value},
          {"by", who.origin->by},
          {"at", who.origin->at_ms},
          {"node", who.node.get().value},
          {"destination", who.destination.get().value}};
}

contender contender_from(control_state& state, const json_fields& in) {
  return {state.share({operation_id(in.text("operation")), in.text("by"), in.integer("at")}),
          state.share(node_name(in.text("node"))), state.share(node_name(in.text("destination")))};
}

json::object term_json(const term_entry& entry) {
  json::object out{{"term", entry.term.value},
                   {"primary", entry.primary.get().value},
                   {"decision", entry.decision.value},
                   {"closed", entry.closed.value},
                   {"fence", entry.fence.value},
                   {"activated", entry.activated_ms},
                   {"origin", origins[static_cast<std::size_t>(entry.origin)]},
                   {"state", states[static_cast<std::size_t>(entry.state)]},
                   {"return_source", entry.return_source}};
  if (entry.decline_asked)
    out["decline_asked"] = true;
  if (entry.claims)
    out["claims"] = to_json(*entry.claims);
  if (entry.rivals)
    out["decided"] = contender_json(entry.rivals->decided);
  if (entry.rivals && entry.rivals->supersedes)
    out["supersedes"] = contender_json(*entry.rivals->supersedes);
  return out;
}

term_entry term_from(control_state& state, const json_fields& in) {
  term_entry entry;
  entry.term = in.read<epoch>("term");
  entry.primary = state.share(node_name(in.text("primary")));
  entry.decision = in.read<kafka_offset>("decision");
  entry.closed = in.read<kafka_offset>("closed");
  entry.fence = in.read<kafka_offset>("fence");
  entry.activated_ms = in.integer("activated");
  entry.origin = named<term_origin>(in, "origin", origins);
  entry.state = named<term_state>(in, "state", states);
  entry.return_source = in.flag("return_source");
  entry.decline_asked = in.has("decline_asked");
  if (in.has("claims"))
    entry.claims = std::make_shared<const std::vector<claim_reference>>(claims_from(in, "claims"));
  if (in.has("decided")) {
    contention rivals{contender_from(state, in.object("decided")), {}};
    if (in.has("supersedes"))
      rivals.supersedes = contender_from(state, in.object("supersedes"));
    entry.rivals = std::make_shared<const contention>(std::move(rivals));
  }
  return entry;
}

json::object destination_json(const destination_state& destination) {
  json::object out{{"node", destination.node.get().value},
                   {"priority", destination.priority},
                   {"requested", destination.requested.value},
                   {"ready", destination.ready},
                   {"from", destination.from.value}};
  if (destination.reset_why)
    out["reset_why"] = *destination.reset_why;
  return out;
}

destination_state destination_from(control_state& state, const json_fields& in) {
  destination_state destination;
  destination.node = state.share(node_name(in.text("node")));
  destination.priority = in.number<std::uint32_t>("priority");
  destination.requested = in.read<kafka_offset>("requested");
  destination.ready = in.flag("ready");
  destination.from = in.read<sequence>("from");
  if (in.has("reset_why"))
    destination.reset_why = std::make_shared<const std::string>(in.text("reset_why"));
  return destination;
}

account_state account_from(control_state& state, const json_fields& in) {
  account_state account;
  account.id = account_id(in.text("id"));
  account.name = in.text("name");
  account.partition = in.read<partition_id>("partition");
  account.version = in.read<account_version>("version");
  account.is_withdrawn = in.flag("withdrawn");
  account.is_paused = in.flag("paused");
  std::vector<term_entry> terms;
  in.array("terms", [&](const json::value& element, std::string path) {
    terms.push_back(term_from(state, json_fields(element, std::move(path), in.complaint())));
  });
  account.terms.restore(in.read<epoch>("first"), std::move(terms));
  in.array("destinations", [&](const json::value& element, std::string path) {
    account.destinations.push_back(
        destination_from(state, json_fields(element, std::move(path), in.complaint())));
  });
  if (in.has("gap")) {
    const auto gap = in.object("gap");
    account.gap = std::make_shared<const protection_gap>(
        protection_gap{gap.text("reason"), gap.read<sequence>("since"), gap.read<sequence>("missing"),
                       gap.read<kafka_offset>("at")});
  }
  if (in.has("origin")) {
    const auto origin = in.object("origin");
    account.origin = state.share(
        change_origin{operation_id(origin.text("operation")), origin.text("by"), origin.integer("at")});
  }
  return account;
}

/// Parses `text` and lets `read` take it; what is wrong is told with `what`.
template <class Read>
result<void> load(std::string_view text, std::string_view what, Read read) {
  auto document = parse_json(text, what);
  if (!document)
    return tl::make_unexpected(document.error());
  json_complaint complaint;
  json_fields in(*document, "", complaint);
  read(in, complaint);
  if (complaint.any())
    return failure(fmt::format("{}: {}", what, complaint.text()));
  return {};
}

} // namespace

std::string encode_account(const account_state& account) {
  json::array terms, destinations;
  for (const auto& entry : account.terms.all())
    terms.push_back(term_json(entry));
  for (const auto& destination : account.destinations)
    destinations.push_back(destination_json(destination));
  json::object out{{"id", account.id.value},
                   {"name", account.name},
                   {"partition", account.partition.value},
                   {"version", account.version.value},
                   {"withdrawn", account.is_withdrawn},
                   {"paused", account.is_paused},
                   {"first", account.terms.first().value},
                   {"terms", std::move(terms)},
                   {"destinations", std::move(destinations)}};
  if (account.gap)
    out["gap"] = json::object{{"reason", account.gap->reason},
                              {"since", account.gap->since.value},
                              {"missing", account.gap->missing.value},
                              {"at", account.gap->at.value}};
  if (account.origin)
    out["origin"] = json::object{{"operation", account.origin->operation.value},
                                 {"by", account.origin->by},
                                 {"at", account.origin->at_ms}};
  return json::serialize(out);
}

std::string encode_node(const node_state& node) {
  json::array returns;
  for (const auto& r : node.returns) {
    auto one = to_json(r.said);
    one["at"] = r.at.value;
    returns.push_back(std::move(one));
  }
  json::object out{{"name", node.name.value},
                   {"life", node.life.value},
                   {"returns", std::move(returns)},
                   {"announced", to_json(node.announced)},
                   {"announced_at", node.announced_at.value}};
  return json::serialize(out);
}

std::string encode_operation(const operation_state& operation) {
  json::array outcomes, targets;
  for (const auto& outcome : operation.outcomes)
    outcomes.push_back(to_json(outcome));
  for (const auto& [account, open] : operation.open) {
    auto target = to_json(open.target);
    target["decided"] = open.decided.value;
    targets.push_back(std::move(target));
  }
  json::object out{{"started", to_json(operation.started)},
                   {"offset", operation.offset.value},
                   {"node", operation.node.value},
                   {"succeeded", operation.succeeded},
                   {"failed", operation.failed},
                   {"outcomes", std::move(outcomes)},
                   {"listed", operation.listed},
                   {"open", std::move(targets)},
                   {"finished", operation.finished_ms}};
  return json::serialize(out);
}

std::string encode_records(const control_state& state) {
  json::array ids;
  for (const auto& id : state.record_ids())
    ids.push_back(json::value(id));
  return json::serialize(json::object{{"records", std::move(ids)}});
}

result<void> load_account(control_state& state, std::string_view text) {
  return load(text, "stored account", [&](const json_fields& in, json_complaint& complaint) {
    auto account = account_from(state, in);
    if (!complaint.any())
      state.edit_account(account.id) = std::move(account);
  });
}

result<void> load_node(control_state& state, std::string_view text) {
  return load(text, "stored node", [&](const json_fields& in, json_complaint& complaint) {
    node_state node;
    node.name = node_name(in.text("name"));
    node.life = in.read<incarnation>("life");
    in.array("returns", [&](const json::value& element, std::string path) {
      json_fields r(element, std::move(path), complaint);
      node.returns.push_back({returned_from(r), r.read<kafka_offset>("at")});
    });
    node.announced = node_announced_from(in.object("announced"));
    node.announced_at = in.read<kafka_offset>("announced_at");
    if (!complaint.any())
      state.edit_node(node.name) = std::move(node);
  });
}

result<void> load_operation(control_state& state, std::string_view text) {
  return load(text, "stored operation", [&](const json_fields& in, json_complaint& complaint) {
    operation_state operation;
    operation.started = operation_started_from(in.object("started"));
    operation.offset = in.read<kafka_offset>("offset");
    operation.node = node_name(in.text("node"));
    operation.succeeded = in.number<std::uint64_t>("succeeded");
    operation.failed = in.number<std::uint64_t>("failed");
    in.array("outcomes", [&](const json::value& element, std::string path) {
      operation.outcomes.push_back(operation_outcome_from(json_fields(element, std::move(path), complaint)));
    });
    operation.listed = in.number<std::uint64_t>("listed");
    in.array("open", [&](const json::value& element, std::string path) {
      json_fields target(element, std::move(path), complaint);
      operation_state::open_target open{operation_target_from(target), target.read<kafka_offset>("decided")};
      operation.open.emplace(open.target.account, std::move(open));
    });
    operation.finished_ms = in.integer("finished");
    if (!complaint.any())
      state.add_operation(std::move(operation));
  });
}

result<void> load_records(control_state& state, std::string_view text) {
  return load(text, "stored ids of records", [&](const json_fields& in, json_complaint& complaint) {
    std::vector<std::string> ids;
    in.array("records", [&](const json::value& element, const std::string& path) {
      if (element.is_string())
        ids.emplace_back(element.get_string());
      else
        complaint.note(path, "is not text");
    });
    if (complaint.any())
      return;
    for (const auto& id : ids)
      state.remember_record(id);
  });
}

} // namespace understudy
