#include "events/control/control_codec.hpp"

#include "events/control/control_event_json.hpp"

namespace understudy {
namespace {

namespace json = boost::json;

constexpr std::uint32_t record_format = 1;

json::object origin_json(const change_origin& origin) {
  return {{"operation", origin.operation.value}, {"by", origin.by}, {"at", origin.at_ms}};
}

change_origin origin_from(const json_fields& in) {
  return {operation_id(in.text("operation")), in.text("by"), in.integer("at")};
}

} // namespace

std::string encode(const control_record& record) {
  json::object out;
  out["v"] = record_format;
  out["id"] = record.id;
  out["node"] = record.from.node.value;
  out["life"] = record.from.life.value;
  out["rules"] = record.rules;
  out["origin"] = origin_json(record.origin);
  json::array events;
  events.reserve(record.events.size());
  for (const auto& event : record.events)
    events.push_back(to_json(event));
  out["events"] = std::move(events);
  return json::serialize(out);
}

result<control_record> decode_control_record(std::string_view text) {
  auto document = parse_json(text, "control record");
  if (!document)
    return tl::make_unexpected(document.error());
  json_complaint complaint;
  json_fields in(*document, "", complaint);
  if (const auto format = in.number<std::uint32_t>("v"); format != record_format)
    complaint.note("/v", fmt::format("is {}, this program reads {}", format, record_format));
  control_record record;
  record.id = in.text("id");
  record.from = {node_name(in.text("node")), in.read<incarnation>("life")};
  record.rules = in.number<std::uint32_t>("rules");
  if (!complaint.any())
    record.origin = origin_from(in.object("origin"));
  in.array("events", [&](const json::value& element, std::string path) {
    if (!complaint.any())
      record.events.push_back(control_event_from(json_fields(element, std::move(path), complaint)));
  });
  if (complaint.any())
    return failure(fmt::format("control record {}: {}", record.id, complaint.text()));
  return record;
}

} // namespace understudy
