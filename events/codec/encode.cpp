#include "events/codec/encode.hpp"

#include "events/codec/json_writer.hpp"
#include "events/codec/row_encoder.hpp"
#include "events/codec/utf8.hpp"
#include "events/codec/wire_names.hpp"

#include <fmt/format.h>

namespace understudy {
namespace {

class event_encoder {
public:
  event_encoder(std::string& out, const writer& from)
      : json_(out)
      , rows_(json_)
      , from_(from) {}

  /// What can't be encoded; empty = nothing.
  std::string run(const account_event_body& body) {
    std::visit([&](const auto& b) { write(b); }, body);
    json_.close('}');
    return problem_.empty() ? rows_.problem() : problem_;
  }

private:
  void head(std::string_view type) {
    json_.open('{');
    json_.field("v", codec_version);
    json_.field("t", type);
    name("n", from_.node.value);
    json_.field("l", from_.life.value);
  }

  void name(std::string_view key, const std::string& text) {
    if (!is_utf8(text) && problem_.empty())
      problem_ = fmt::format("field '{}' isn't valid UTF-8", key);
    json_.field(key, text);
  }

  void place(const account_id& account, epoch term, sequence number) {
    name("a", account.value);
    json_.field("e", term.value);
    json_.field("s", number.value);
  }

  void flag(std::string_view key, bool value) {
    json_.key(key);
    json_.boolean(value);
  }

  void write(const transaction_event& e) {
    head(wire::transaction);
    place(e.account, e.term, e.number);
    json_.field("g", e.id.text());
    json_.field("c", e.committed_us);
    rows_.write(e.changes);
  }

  void write(const part_event& e) {
    head(wire::part);
    place(e.account, e.term, e.number);
    json_.field("i", e.index);
    json_.field("k", e.count);
    name("b", e.body);
  }

  void write(const shape_event& e) {
    head(wire::shape);
    name("d", e.table.table);
    json_.key("k");
    json_.open('[');
    for (const auto index : e.table.key)
      json_.number(index);
    json_.close(']');
    json_.field("m", e.table.mailbox_column);
    json_.key("w");
    json_.open('[');
    for (const auto& c : e.table.columns)
      write(c);
    json_.close(']');
  }

  void write(const column& c) {
    json_.open('{');
    name("n", c.name);
    json_.field("t", wire::column_types[static_cast<std::size_t>(c.type)]);
    json_.field("f", (c.is_unsigned ? wire::is_unsigned : 0U) | (c.nullable ? wire::nullable : 0U));
    if (!c.charset.empty())
      name("s", c.charset);
    if (c.collation != 0)
      json_.field("o", c.collation);
    if (c.length != 0)
      json_.field("l", c.length);
    if (c.decimals != 0)
      json_.field("d", c.decimals);
    if (!c.members.empty())
      texts("m", c.members);
    json_.close('}');
  }

  void texts(std::string_view key, const std::vector<std::string>& list) {
    json_.key(key);
    json_.open('[');
    for (const auto& text : list)
      element(key, text);
    json_.close(']');
  }

  void element(std::string_view list, const std::string& text) {
    if (!is_utf8(text) && problem_.empty())
      problem_ = fmt::format("a text of list '{}' isn't valid UTF-8", list);
    json_.text(text);
  }

  /// A list for each table: its name, then its keys.
  void write_cascades(const std::vector<table_cascades>& tables) {
    json_.key("k");
    json_.open('[');
    for (const auto& table : tables) {
      json_.open('[');
      element("k", table.table);
      for (const auto& key : table.keys)
        element("k", key);
      json_.close(']');
    }
    json_.close(']');
  }

  void write(const incarnation_event&) { head(wire::incarnation); }

  void write(const snapshot_event& e) {
    head(wire::snapshot);
    place(e.account, e.term, e.number);
    name("u", e.id);
    json_.field("p", e.partition.value);
    json_.field("o", e.first.value);
    if (e.mailbox.value != 0)
      json_.field("m", e.mailbox.value);
    if (e.request.value >= 0)
      json_.field("q", e.request.value);
    if (e.last_id)
      name("g", e.last_id->text());
  }

  void write(const snapshot_chunk& e) {
    head(wire::chunk);
    name("a", e.account.value);
    name("u", e.id);
    json_.field("i", e.index);
    flag("z", e.last);
    json_.field("w", e.rows_total);
    if (!e.definitions.empty())
      texts("d", e.definitions);
    if (!e.cascades.empty())
      write_cascades(e.cascades);
    rows_.write(e.rows);
  }

  void write(const fence_event& e) {
    head(wire::fence);
    name("a", e.account.value);
    json_.field("e", e.term.value);
    json_.field("o", e.decision.value);
    flag("p", e.is_protected);
    if (e.last)
      json_.field("s", e.last->value);
    if (e.last_id)
      name("g", e.last_id->text());
    if (!e.at_cut.empty()) {
      std::vector<std::string> tables;
      for (const auto& each : e.at_cut)
        tables.push_back(each.text());
      texts("c", tables);
    }
  }

  json_writer json_;
  row_encoder rows_;
  const writer& from_;
  std::string problem_;
};

/// For the message: what it was.
std::string describe(const account_event_body& body) {
  if (const auto* t = std::get_if<transaction_event>(&body))
    return fmt::format("transaction {} of account {} (GTID {})", t->number, t->account, t->id.text());
  if (const auto* c = std::get_if<snapshot_chunk>(&body))
    return fmt::format("chunk {} of snapshot {} of account {}", c->index, c->id, c->account);
  if (const auto* s = std::get_if<shape_event>(&body))
    return fmt::format("the shape of table {}", s->table.table);
  return "an event";
}

} // namespace

result<void> encode_to(std::string& out, const writer& from, const account_event_body& body) {
  const auto before = out.size();
  auto problem = event_encoder(out, from).run(body);
  if (problem.empty() && out.size() - before > most_event_bytes)
    problem = fmt::format("it is over {} bytes", most_event_bytes);
  if (problem.empty())
    return {};
  out.resize(before);
  return failure(fmt::format("{} can't be encoded: {}", describe(body), problem));
}

result<std::string> encode(const account_event& event) {
  std::string out;
  if (auto done = encode_to(out, event.from, event.body); !done)
    return tl::make_unexpected(std::move(done.error()));
  return out;
}

} // namespace understudy
