#include "events/codec/body_decoder.hpp"

#include "events/codec/row_decoder.hpp"
#include "events/codec/wire_names.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

namespace understudy {
namespace json = boost::json;
namespace {

template <class Event>
void read_place(const event_fields& f, Event& e) {
  e.account = account_id(f.text("a"));
  e.term = epoch(f.number<std::uint64_t>("e"));
  e.number = sequence(f.number<std::uint64_t>("s"));
}

std::vector<std::string> texts_in(const boost::json::array& list, std::string_view name,
                                  first_failure& failed) {
  std::vector<std::string> texts;
  for (const auto& v : list)
    texts.emplace_back(text_of(v, name, failed));
  return texts;
}

std::vector<std::string> read_texts(const event_fields& f, std::string_view name) {
  return texts_in(f.array(name), name, f.failed());
}

transaction_event read_transaction(const event_fields& f, const shape_lookup& shapes) {
  transaction_event e;
  read_place(f, e);
  if (auto id = gtid::parse(text_of(f.at("g"), "g", f.failed())); id)
    e.id = *id;
  else
    f.failed().set("g", "isn't a GTID");
  e.committed_us = f.number<std::int64_t>("c");
  e.changes = read_rows(f, shapes);
  return e;
}

part_event read_part(const event_fields& f) {
  part_event e;
  read_place(f, e);
  e.index = f.number<std::uint32_t>("i");
  e.count = f.number<std::uint32_t>("k");
  if (e.index >= e.count)
    f.failed().set("i", "isn't below the number of parts");
  e.body = f.text("b");
  return e;
}

column read_column(const event_fields& f) {
  column c;
  c.name = f.text("n");
  const auto type = std::ranges::find(wire::column_types, text_of(f.at("t"), "t", f.failed()));
  if (type == wire::column_types.end())
    f.failed().set("t", "isn't a column type that is known");
  else
    c.type = static_cast<column_type>(type - wire::column_types.begin());
  const auto flags = f.number<std::uint32_t>("f");
  c.is_unsigned = (flags & wire::is_unsigned) != 0;
  c.nullable = (flags & wire::nullable) != 0;
  if (f.has("s"))
    c.charset = f.text("s");
  if (f.has("o"))
    c.collation = f.number<std::uint32_t>("o");
  if (f.has("l"))
    c.length = f.number<std::uint32_t>("l");
  if (f.has("d"))
    c.decimals = f.number<std::uint8_t>("d");
  if (f.has("m"))
    c.members = read_texts(f, "m");
  return c;
}

/// Checks that every index lies within the columns: whoever uses a shape relies on it.
shape_event read_shape(const event_fields& f) {
  shape_event e;
  auto& failed = f.failed();
  e.table.table = f.text("d");
  const auto& columns = f.array("w");
  for (std::size_t i = 0; i < columns.size() && failed.none(); ++i) {
    if (const auto* object = columns[i].if_object())
      e.table.columns.push_back(read_column({*object, failed}));
    else
      failed.set("", "isn't an object");
    if (!failed.none())
      failed.within("w", i);
  }
  for (const auto& v : f.array("k")) {
    e.table.key.push_back(number_of<std::uint16_t>(v, "k", failed));
    if (e.table.key.back() >= e.table.columns.size())
      failed.set("k", "is outside the table's columns");
  }
  e.table.mailbox_column = f.number<std::uint16_t>("m");
  if (e.table.mailbox_column >= e.table.columns.size())
    failed.set("m", "is outside the table's columns");
  return e;
}

std::optional<gtid> read_last_id(const event_fields& f) {
  if (!f.has("g"))
    return std::nullopt;
  if (auto id = gtid::parse(text_of(f.at("g"), "g", f.failed())); id)
    return *id;
  f.failed().set("g", "isn't a GTID");
  return std::nullopt;
}

account_checksum read_checksums(const event_fields& f) {
  account_checksum out;
  for (const auto& text : read_texts(f, "c")) {
    if (auto table = parse_table_checksum(text); table)
      out.push_back(std::move(*table));
    else
      f.failed().set("c", "isn't a list of tables' checksums");
  }
  return out;
}

snapshot_event read_snapshot(const event_fields& f) {
  snapshot_event e;
  read_place(f, e);
  e.id = f.text("u");
  e.partition = partition_id(f.number<std::int32_t>("p"));
  e.first = kafka_offset(f.number<std::int64_t>("o"));
  if (f.has("m"))
    e.mailbox = mailbox_id(f.number<std::uint32_t>("m"));
  if (f.has("q"))
    e.request = kafka_offset(f.number<std::int64_t>("q"));
  e.last_id = read_last_id(f);
  return e;
}

std::vector<table_cascades> read_cascades(const event_fields& f) {
  std::vector<table_cascades> out;
  for (const auto& v : f.array("k")) {
    auto texts = texts_in(array_of(v, "k", f.failed()), "k", f.failed());
    if (texts.empty()) {
      f.failed().set("k", "has a list without a table's name");
      break;
    }
    auto& table = out.emplace_back();
    table.table = std::move(texts.front());
    table.keys.assign(std::next(texts.begin()), texts.end());
  }
  return out;
}

snapshot_chunk read_chunk(const event_fields& f, const shape_lookup& shapes) {
  snapshot_chunk e;
  e.account = account_id(f.text("a"));
  e.id = f.text("u");
  e.index = f.number<std::uint64_t>("i");
  e.last = f.boolean("z");
  e.rows_total = f.number<std::uint64_t>("w");
  if (f.has("d"))
    e.definitions = read_texts(f, "d");
  if (f.has("k"))
    e.cascades = read_cascades(f);
  e.rows = read_rows(f, shapes);
  return e;
}

fence_event read_fence(const event_fields& f) {
  fence_event e;
  e.account = account_id(f.text("a"));
  e.term = epoch(f.number<std::uint64_t>("e"));
  e.decision = kafka_offset(f.number<std::int64_t>("o"));
  e.is_protected = f.boolean("p");
  if (f.has("s"))
    e.last = sequence(f.number<std::uint64_t>("s"));
  e.last_id = read_last_id(f);
  if (f.has("c"))
    e.at_cut = read_checksums(f);
  return e;
}

} // namespace

account_event_body read_body(std::string_view type, const event_fields& fields, const shape_lookup& shapes) {
  if (type == wire::transaction)
    return read_transaction(fields, shapes);
  if (type == wire::part)
    return read_part(fields);
  if (type == wire::shape)
    return read_shape(fields);
  if (type == wire::incarnation)
    return incarnation_event{};
  if (type == wire::snapshot)
    return read_snapshot(fields);
  if (type == wire::chunk)
    return read_chunk(fields, shapes);
  if (type == wire::fence)
    return read_fence(fields);
  // Foreign text goes into a message: not all of it.
  constexpr std::size_t shown = 40;
  fields.failed().set("t", fmt::format("names the unknown record type '{}'", type.substr(0, shown)),
                      decode_failure::unknown_type);
  return incarnation_event{};
}

} // namespace understudy
