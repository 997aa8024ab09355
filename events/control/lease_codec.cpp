#include "events/control/json_fields.hpp"
#include "events/control/lease.hpp"

namespace understudy {
namespace {

constexpr std::uint32_t lease_format = 1;

struct body_writer {
  boost::json::object& out;
  void operator()(const lease_incarnation&) { out["type"] = "incarnation"; }
  void operator()(const renewal& body) {
    out["type"] = "renewal";
    out["process"] = body.process;
    out["started"] = body.started_ms;
    out["number"] = body.number;
    out["sent"] = body.sent.value;
    out["rules"] = body.rules;
    if (body.lease)
      out["lease"] = body.lease->count();
    if (body.skew)
      out["skew"] = body.skew->count();
  }
  void operator()(const claim& body) {
    out["type"] = "claim";
    out["against"] = body.against.value;
    out["process"] = body.process;
    out["sent"] = body.sent.value;
    out["control"] = body.control.value;
  }
  void operator()(const resignation& body) {
    out["type"] = "resignation";
    out["process"] = body.process;
    out["reason"] = body.reason;
  }
};

std::optional<std::chrono::milliseconds> span(const json_fields& in, std::string_view key) {
  if (!in.has(key))
    return std::nullopt;
  return std::chrono::milliseconds(in.number<std::uint32_t>(key));
}

} // namespace

std::string encode(const lease_record& record) {
  boost::json::object out;
  out["v"] = lease_format;
  out["node"] = record.from.node.value;
  out["life"] = record.from.life.value;
  std::visit(body_writer{out}, record.body);
  return boost::json::serialize(out);
}

result<lease_record> decode_lease_record(std::string_view json) {
  auto document = parse_json(json, "lease record");
  if (!document)
    return tl::make_unexpected(document.error());
  json_complaint complaint;
  json_fields in(*document, "", complaint);
  lease_record record;
  if (const auto format = in.number<std::uint32_t>("v"); format != lease_format)
    complaint.note("/v", fmt::format("is {}, this program reads {}", format, lease_format));
  record.from = {node_name(in.text("node")), in.read<incarnation>("life")};
  const auto type = in.text("type");
  if (type == "incarnation")
    record.body = lease_incarnation{};
  else if (type == "renewal")
    record.body = renewal{in.text("process"),
                          in.integer("started"),
                          in.number<std::uint64_t>("number"),
                          in.read<boot_time>("sent"),
                          in.number<std::uint32_t>("rules"),
                          span(in, "lease"),
                          span(in, "skew")};
  else if (type == "claim")
    record.body = claim{node_name(in.text("against")), in.text("process"), in.read<boot_time>("sent"),
                        in.read<kafka_offset>("control")};
  else if (type == "resignation")
    record.body = resignation{in.text("process"), in.text("reason")};
  else
    complaint.note("/type", fmt::format("'{}' is not known", type));
  if (complaint.any())
    return failure(fmt::format("lease record: {}", complaint.text()));
  return record;
}

} // namespace understudy
