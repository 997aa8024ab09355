#include "events/control/control_event_json.hpp"

#include <fmt/format.h>

namespace understudy {
namespace {

namespace json = boost::json;

/// Gives each event its type and fields; strong types are written as what they hold.
struct event_writer {
  json::object& out;

  template <class Strong>
  void put(json::string_view key, const Strong& strong) {
    out[key] = strong.value;
  }
  void type(json::string_view name) { out["type"] = name; }

  void operator()(const account_change& change) {
    put("account", change.account);
    if (is_decision(change.body) || std::holds_alternative<protected_again>(change.body))
      put("expected", change.expected);
    std::visit(*this, change.body);
  }
  void operator()(const enrolled& e) {
    type("enrolled");
    out["name"] = e.name;
    put("home", e.home);
    put("partition", e.partition);
  }
  void operator()(const destination_set& e) {
    type("destination_set");
    put("node", e.node);
    out["priority"] = e.priority;
  }
  void operator()(const destination_removed& e) {
    type("destination_removed");
    put("node", e.node);
  }
  void operator()(const withdrawn&) { type("withdrawn"); }
  void operator()(const promotion_decided& e) {
    type("promotion_decided");
    put("term", e.term);
    put("from", e.from);
    put("to", e.to);
    out["kind"] = e.kind == promotion_kind::planned ? "planned" : "unplanned";
    out["claims"] = to_json(e.claims);
    put("fenced", e.fenced);
    out["return_source"] = e.return_source;
  }
  void operator()(const paused&) { type("paused"); }
  void operator()(const resumed&) { type("resumed"); }
  void operator()(const renamed& e) {
    type("renamed");
    out["name"] = e.name;
  }
  void operator()(const replica_ready& e) {
    type("replica_ready");
    put("node", e.node);
    put("request", e.request);
    out["snapshot"] = e.snapshot;
    put("sequence", e.number);
  }
  void operator()(const replica_reset& e) {
    type("replica_reset");
    put("node", e.node);
    out["reason"] = e.reason;
  }
  void operator()(const unprotected& e) {
    type("unprotected");
    put("term", e.term);
    out["reason"] = e.reason;
    put("since", e.since);
    if (e.is_written)
      out["written"] = true;
    if (e.is_unseen)
      out["unseen"] = true;
  }
  void operator()(const protected_again& e) {
    type("protected_again");
    put("term", e.term);
  }
  void operator()(const promotion_aborted& e) {
    type("promotion_aborted");
    put("term", e.term);
    out["reason"] = e.reason;
  }
  void operator()(const activated& e) {
    type("activated");
    put("term", e.term);
    put("fence", e.fence);
    put("cut", e.cut);
    out["gap"] = e.gap;
  }
  void operator()(const declined& e) {
    type("declined");
    put("term", e.term);
    out["reason"] = e.reason;
  }
  void operator()(const decline_asked& e) {
    type("decline_asked");
    put("term", e.term);
    if (!e.instead.empty())
      put("instead", e.instead);
  }
  void operator()(const control_incarnation&) { type("incarnation"); }
  void operator()(const node_announced& e) {
    out = to_json(e);
    type("node_announced");
  }
  void operator()(const returned& e) {
    out = to_json(e);
    type("returned");
  }
  void operator()(const operation_started& e) {
    out = to_json(e);
    type("operation_started");
  }
  void operator()(const operation_target& e) {
    out = to_json(e);
    type("operation_target");
  }
  void operator()(const operation_adopted& e) {
    type("operation_adopted");
    put("operation", e.id);
  }
  void operator()(const operation_outcome& e) {
    out = to_json(e);
    type("operation_outcome");
  }
  void operator()(const operation_finished& e) {
    type("operation_finished");
    put("operation", e.id);
    out["at"] = e.at_ms;
  }
};

promotion_decided promotion_from(const json_fields& in) {
  promotion_decided decided;
  decided.term = in.read<epoch>("term");
  decided.from = node_name(in.text("from"));
  decided.to = node_name(in.text("to"));
  const auto kind = in.text("kind");
  if (kind != "planned" && kind != "unplanned")
    in.complaint().note(in.path() + "/kind", fmt::format("'{}' is not known", kind));
  decided.kind = kind == "planned" ? promotion_kind::planned : promotion_kind::unplanned;
  decided.claims = claims_from(in, "claims");
  decided.fenced = in.read<epoch>("fenced");
  decided.return_source = in.flag("return_source");
  return decided;
}

std::optional<account_change_body> decision_from(const json_fields& in, std::string_view type) {
  if (type == "enrolled")
    return enrolled{in.text("name"), node_name(in.text("home")), in.read<partition_id>("partition")};
  if (type == "destination_set")
    return destination_set{node_name(in.text("node")), in.number<std::uint32_t>("priority")};
  if (type == "destination_removed")
    return destination_removed{node_name(in.text("node"))};
  if (type == "withdrawn")
    return withdrawn{};
  if (type == "promotion_decided")
    return promotion_from(in);
  if (type == "paused")
    return paused{};
  if (type == "resumed")
    return resumed{};
  return std::nullopt;
}

std::optional<account_change_body> fact_from(const json_fields& in, std::string_view type) {
  if (type == "renamed")
    return renamed{in.text("name")};
  if (type == "replica_ready")
    return replica_ready{node_name(in.text("node")), in.read<kafka_offset>("request"), in.text("snapshot"),
                         in.read<sequence>("sequence")};
  if (type == "replica_reset")
    return replica_reset{node_name(in.text("node")), in.text("reason")};
  if (type == "unprotected")
    return unprotected{in.read<epoch>("term"), in.text("reason"), in.read<sequence>("since"),
                       in.has("written") && in.flag("written"), in.has("unseen") && in.flag("unseen")};
  if (type == "protected_again")
    return protected_again{in.read<epoch>("term")};
  if (type == "promotion_aborted")
    return promotion_aborted{in.read<epoch>("term"), in.text("reason")};
  if (type == "activated")
    return activated{in.read<epoch>("term"), in.read<kafka_offset>("fence"), in.read<sequence>("cut"),
                     in.text("gap")};
  if (type == "declined")
    return declined{in.read<epoch>("term"), in.text("reason")};
  if (type == "decline_asked")
    return decline_asked{in.read<epoch>("term"),
                         in.has("instead") ? node_name(in.text("instead")) : node_name{}};
  return std::nullopt;
}

void put_appended(json::object& out, const std::optional<broker_time>& appended) {
  if (appended)
    out["appended"] = appended->value;
}

std::optional<broker_time> appended_from(const json_fields& in) {
  return in.has("appended") ? std::optional(in.read<broker_time>("appended")) : std::nullopt;
}

} // namespace

boost::json::array to_json(const std::vector<claim_reference>& claims) {
  json::array out;
  for (const auto& claim : claims) {
    json::object one{{"node", claim.node.value}, {"offset", claim.offset.value}};
    put_appended(one, claim.appended);
    out.push_back(std::move(one));
  }
  return out;
}

std::vector<claim_reference> claims_from(const json_fields& in, std::string_view key) {
  std::vector<claim_reference> claims;
  in.array(key, [&](const json::value& element, std::string path) {
    json_fields claim(element, std::move(path), in.complaint());
    claims.push_back(
        {node_name(claim.text("node")), claim.read<kafka_offset>("offset"), appended_from(claim)});
  });
  return claims;
}

boost::json::object to_json(const returned& e) {
  json::object out{{"claim", e.claim.value}};
  put_appended(out, e.appended);
  return out;
}

returned returned_from(const json_fields& in) {
  return {in.read<kafka_offset>("claim"), appended_from(in)};
}

boost::json::object to_json(const node_announced& e) {
  json::object out{{"advertise", e.advertise},
                   {"process", e.process},
                   {"started", e.started_ms},
                   {"durability", e.kind == durability::synchronous ? "synchronous" : "asynchronous"}};
  json::array volumes;
  for (const auto& v : e.volumes)
    volumes.push_back(json::object{
        {"id", v.id}, {"type", v.type}, {"name", v.name}, {"path", v.path}, {"centralised", v.centralised}});
  out["volumes"] = std::move(volumes);
  return out;
}

node_announced node_announced_from(const json_fields& in) {
  node_announced e{
      in.text("advertise"), in.text("process"), in.integer("started"), durability::synchronous, {}};
  const auto kind = in.text("durability");
  if (kind == "asynchronous")
    e.kind = durability::asynchronous;
  else if (kind != "synchronous")
    in.complaint().note(in.path() + "/durability", fmt::format("'{}' is not known", kind));
  in.array("volumes", [&](const json::value& element, std::string path) {
    json_fields v(element, std::move(path), in.complaint());
    e.volumes.push_back({v.number<std::uint32_t>("id"), v.number<std::uint32_t>("type"), v.text("name"),
                         v.text("path"), v.flag("centralised")});
  });
  return e;
}

boost::json::object to_json(const operation_started& e) {
  json::object out{{"operation", e.id.value},
                   {"kind", e.kind},
                   {"by", e.by},
                   {"at", e.at_ms},
                   {"accounts", e.accounts},
                   {"text", e.text},
                   {"destination", e.destination.value},
                   {"priority", e.priority},
                   {"no_return", e.no_return}};
  if (e.threads != 0)
    out["threads"] = e.threads;
  return out;
}

operation_started operation_started_from(const json_fields& in) {
  return {operation_id(in.text("operation")),
          in.text("kind"),
          in.text("by"),
          in.integer("at"),
          in.number<std::uint64_t>("accounts"),
          in.text("text"),
          node_name(in.text("destination")),
          in.number<std::uint32_t>("priority"),
          in.flag("no_return"),
          in.has("threads") ? in.number<std::uint32_t>("threads") : 0};
}

boost::json::object to_json(const operation_target& e) {
  return {{"operation", e.id.value},
          {"of", e.account.value},
          {"name", e.name},
          {"home", e.home.value},
          {"accept_loss", e.accept_loss}};
}

operation_target operation_target_from(const json_fields& in) {
  return {operation_id(in.text("operation")), account_id(in.text("of")), in.text("name"),
          node_name(in.text("home")), in.flag("accept_loss")};
}

boost::json::object to_json(const operation_outcome& e) {
  return {{"operation", e.id.value}, {"of", e.account.value}, {"ok", e.ok}, {"text", e.text}};
}

operation_outcome operation_outcome_from(const json_fields& in) {
  return {operation_id(in.text("operation")), account_id(in.text("of")), in.flag("ok"), in.text("text")};
}

boost::json::object to_json(const control_event& event) {
  json::object out;
  std::visit(event_writer{out}, event);
  return out;
}

control_event control_event_from(const json_fields& in) {
  const auto type = in.text("type");
  if (auto body = decision_from(in, type))
    return account_change{account_id(in.text("account")), in.read<account_version>("expected"),
                          std::move(*body)};
  if (auto body = fact_from(in, type))
    return account_change{account_id(in.text("account")),
                          in.has("expected") ? in.read<account_version>("expected") : account_version{},
                          std::move(*body)};
  if (type == "incarnation")
    return control_incarnation{};
  if (type == "node_announced")
    return node_announced_from(in);
  if (type == "returned")
    return returned_from(in);
  if (type == "operation_started")
    return operation_started_from(in);
  if (type == "operation_target")
    return operation_target_from(in);
  if (type == "operation_adopted")
    return operation_adopted{operation_id(in.text("operation"))};
  if (type == "operation_outcome")
    return operation_outcome_from(in);
  if (type == "operation_finished")
    return operation_finished{operation_id(in.text("operation")), in.integer("at")};
  in.complaint().note(in.path() + "/type", fmt::format("'{}' is not known", type));
  return control_incarnation{};
}

} // namespace understudy
