#include "events/codec/row_decoder.hpp"

#include "events/codec/base64.hpp"
#include "events/codec/wire_names.hpp"

#include <algorithm>

namespace understudy {
namespace json = boost::json;
namespace {

using shape_list = std::vector<std::shared_ptr<const shape>>;

shape_list read_shapes(const event_fields& fields, const shape_lookup& shapes) {
  shape_list found;
  for (const auto& v : fields.array("f")) {
    const auto fingerprint = natural_of(v, "f", fields.failed());
    if (!fields.failed().none())
      break;
    found.push_back(shapes.find(fingerprint));
    if (!found.back()) {
      fields.failed().set_unknown_shape(fingerprint);
      break;
    }
  }
  return found;
}

/// {"b":…}, {"l":…}, {"i":…}, {"u":…}
value read_tagged(const json::object& object, first_failure& failed) {
  if (const auto* bytes = object.if_contains("b")) {
    bytes_value out;
    if (!read_base64(text_of(*bytes, "b", failed), out.bytes))
      failed.set("b", "isn't base64");
    return out;
  }
  if (const auto* literal = object.if_contains("l"))
    return literal_value{std::string(text_of(*literal, "l", failed))};
  if (const auto* number = object.if_contains("i"))
    return signed_of(*number, "i", failed);
  if (const auto* natural = object.if_contains("u"))
    return natural_of(*natural, "u", failed);
  failed.set("", "holds no kind of value that is known");
  return null_value{};
}

value read_content(const json::value& v, const column& c, first_failure& failed) {
  switch (v.kind()) {
  case json::kind::null:
    return null_value{};
  case json::kind::string:
    return text_value{std::string(text_of(v, "", failed))};
  case json::kind::int64:
  case json::kind::uint64:
    if (wire::counts_unsigned(c))
      return natural_of(v, "", failed);
    return signed_of(v, "", failed);
  case json::kind::object:
    return read_tagged(v.get_object(), failed);
  default:
    failed.set("", "isn't a value");
    return null_value{};
  }
}

std::vector<cell> read_cells(const json::value& v, const shape& table, first_failure& failed) {
  std::vector<cell> cells;
  const auto& list = array_of(v, "", failed);
  cells.reserve(list.size());
  std::size_t next = 0;
  for (std::size_t i = 0; i < list.size(); ++i) {
    const auto* skip = list[i].if_object();
    if (const auto* column = skip ? skip->if_contains("c") : nullptr) {
      next = number_of<std::uint16_t>(*column, "c", failed);
    } else if (next >= table.columns.size()) {
      failed.set("", "is outside the table's columns");
    } else {
      cells.push_back({static_cast<std::uint16_t>(next), read_content(list[i], table.columns[next], failed)});
      ++next;
    }
    if (!failed.none()) {
      failed.within("", i);
      break;
    }
  }
  return cells;
}

row_change read_row(const json::value& v, const shape_list& shapes, first_failure& failed) {
  row_change change;
  const auto& fields = array_of(v, "", failed);
  if (fields.size() < 5) {
    failed.set("", "has too few elements for a row");
    return change;
  }
  const auto kind = std::ranges::find(wire::kinds, text_of(fields[0], "[0]", failed));
  if (kind == wire::kinds.end()) {
    failed.set("[0]", "isn't a kind of change");
    return change;
  }
  change.kind = static_cast<change_kind>(kind - wire::kinds.begin());
  const auto index = natural_of(fields[1], "[1]", failed);
  if (index >= shapes.size()) {
    failed.set("[1]", "isn't an index into the shapes");
    return change;
  }
  change.table = shapes[index];
  const auto flags = natural_of(fields[2], "[2]", failed);
  change.foreign_keys_off = (flags & wire::foreign_keys_off) != 0;
  change.unique_checks_off = (flags & wire::unique_checks_off) != 0;
  if (!failed.none())
    return change;
  change.before = read_cells(fields[3], *change.table, failed);
  if (!failed.none()) {
    failed.within("", 3);
    return change;
  }
  change.after = read_cells(fields[4], *change.table, failed);
  if (!failed.none())
    failed.within("", 4);
  return change;
}

} // namespace

std::vector<row_change> read_rows(const event_fields& fields, const shape_lookup& shapes) {
  if (!shapes.wants_rows())
    return {};
  auto& failed = fields.failed();
  const auto used = read_shapes(fields, shapes);
  const auto& list = fields.array("r");
  std::vector<row_change> rows;
  if (!failed.none())
    return rows;
  rows.reserve(list.size());
  for (std::size_t i = 0; i < list.size(); ++i) {
    rows.push_back(read_row(list[i], used, failed));
    if (!failed.none()) {
      failed.within("r", i);
      return {};
    }
  }
  return rows;
}

} // namespace understudy
