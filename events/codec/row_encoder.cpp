#include "events/codec/row_encoder.hpp"

#include "events/codec/encode.hpp"
#include "events/codec/fingerprint_cache.hpp"
#include "events/codec/utf8.hpp"
#include "events/codec/wire_names.hpp"

#include <fmt/format.h>

namespace understudy {
namespace {

fingerprint_cache& cache() {
  thread_local fingerprint_cache of_thread;
  return of_thread;
}

} // namespace

std::size_t row_encoder::index_of(const shape* table) {
  if (latest_ < shapes_.size() && shapes_[latest_] == table)
    return latest_;
  for (latest_ = 0; latest_ < shapes_.size(); ++latest_)
    if (shapes_[latest_] == table)
      return latest_;
  shapes_.push_back(table);
  return latest_;
}

void row_encoder::write(const std::vector<row_change>& rows) {
  json_.key("f");
  json_.open('[');
  for (const auto& change : rows) {
    if (!change.table) {
      problem_ = "a row has no shape";
      break;
    }
    const auto known = shapes_.size();
    if (index_of(change.table.get()) == known)
      json_.number(cache().of(change.table));
  }
  json_.close(']');
  json_.key("r");
  json_.open('[');
  for (const auto& change : rows) {
    if (problem_.empty() && json_.size() > most_event_bytes)
      problem_ = fmt::format("it is over {} bytes", most_event_bytes);
    if (!problem_.empty())
      break;
    row(change);
  }
  json_.close(']');
}

void row_encoder::row(const row_change& change) {
  json_.open('[');
  json_.text(wire::kinds[static_cast<std::size_t>(change.kind)]);
  json_.number(static_cast<std::uint64_t>(index_of(change.table.get())));
  json_.number((change.foreign_keys_off ? wire::foreign_keys_off : 0U) |
               (change.unique_checks_off ? wire::unique_checks_off : 0U));
  cells(change.before, *change.table);
  cells(change.after, *change.table);
  json_.close(']');
}

/// Values of successive columns stand one behind the other; {"c":n} says that the next is column n.
void row_encoder::cells(const std::vector<cell>& list, const shape& table) {
  json_.open('[');
  std::size_t next = 0;
  for (const auto& [column, content_of] : list) {
    if (column >= table.columns.size()) {
      problem_ = fmt::format("column {} is outside table {}", column, table.table);
      break;
    }
    if (column != next) {
      json_.open('{');
      json_.field("c", column);
      json_.close('}');
    }
    content(content_of, table.columns[column]);
    next = std::size_t{column} + 1;
  }
  json_.close(']');
}

void row_encoder::tagged(std::string_view tag, std::string_view bytes, bool as_base64) {
  json_.open('{');
  json_.key(tag);
  if (as_base64)
    json_.base64(bytes);
  else
    json_.text(bytes);
  json_.close('}');
}

void row_encoder::content(const value& v, const column& c) {
  if (std::holds_alternative<null_value>(v)) {
    json_.null();
  } else if (const auto* number = std::get_if<std::int64_t>(&v)) {
    if (!wire::counts_unsigned(c))
      return json_.number(*number);
    json_.open('{');
    json_.field("i", *number);
    json_.close('}');
  } else if (const auto* natural = std::get_if<std::uint64_t>(&v)) {
    if (wire::counts_unsigned(c))
      return json_.number(*natural);
    json_.open('{');
    json_.field("u", *natural);
    json_.close('}');
  } else if (const auto* text = std::get_if<text_value>(&v)) {
    if (is_utf8(text->utf8))
      json_.text(text->utf8);
    else
      tagged("b", text->utf8, true);
  } else if (const auto* bytes = std::get_if<bytes_value>(&v)) {
    tagged("b", bytes->bytes, true);
  } else if (const auto* literal = std::get_if<literal_value>(&v)) {
    if (!is_utf8(literal->text))
      problem_ = fmt::format("the literal of column {} isn't valid UTF-8", c.name);
    tagged("l", literal->text, false);
  }
}

} // namespace understudy
