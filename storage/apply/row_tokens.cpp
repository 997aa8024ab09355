#include "storage/apply/row_tokens.hpp"

#include <algorithm>
#include <string_view>

namespace understudy {
namespace {

constexpr std::uint64_t fnv_start = 14695981039346656037ULL;

void mix(std::uint64_t& hash, std::string_view bytes) {
  for (const char byte : bytes)
    hash = (hash ^ static_cast<unsigned char>(byte)) * 1099511628211ULL;
}

void mix(std::uint64_t& hash, std::uint64_t number) {
  for (int i = 0; i < 8; ++i)
    hash = (hash ^ ((number >> (8 * i)) & 0xff)) * 1099511628211ULL;
}

std::string_view trimmed(std::string_view text, char pad) {
  while (!text.empty() && text.back() == pad)
    text.remove_suffix(1);
  return text;
}

bool is_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x20 && c < 0x7f; });
}

/// Mixes text so that values equal under the column's collation mix equally; false = it may equal anything.
bool mix_text(std::uint64_t& hash, std::string_view text, key_equality equality, std::uint32_t prefix) {
  // A prefix counts characters: the first `prefix` bytes are a part of them, so no difference is invented.
  if (prefix != 0)
    text = text.substr(0, prefix);
  switch (equality) {
  case key_equality::bytes:
    mix(hash, text);
    return true;
  case key_equality::padded_bytes:
    mix(hash, trimmed(text, ' '));
    return true;
  case key_equality::ascii_case: {
    if (!is_ascii(text))
      return false;
    std::string lower(trimmed(text, ' '));
    std::transform(lower.begin(), lower.end(), lower.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; });
    mix(hash, lower);
    return true;
  }
  case key_equality::anything:
    return false;
  }
  return false;
}

bool mix_value(std::uint64_t& hash, const value& content, key_equality equality, std::uint32_t prefix) {
  if (const auto* number = std::get_if<std::int64_t>(&content)) {
    mix(hash, static_cast<std::uint64_t>(*number));
    return true;
  }
  if (const auto* natural = std::get_if<std::uint64_t>(&content)) {
    mix(hash, *natural);
    return true;
  }
  if (const auto* text = std::get_if<text_value>(&content))
    return mix_text(hash, text->utf8, equality, prefix);
  if (const auto* bytes = std::get_if<bytes_value>(&content)) {
    mix_text(hash, bytes->bytes, key_equality::bytes, prefix);
    return equality == key_equality::bytes;
  }
  // -0 and 0 are one value to a key.
  const auto& literal = std::get<literal_value>(content).text;
  mix(hash, literal == "-0" ? std::string_view("0") : std::string_view(literal));
  return true;
}

key_token token_of(const planned_row& row, const std::vector<std::uint16_t>& columns,
                   const std::vector<std::uint32_t>& prefixes, bool after) {
  key_token token{key_token::certainty::exact, fnv_start};
  bool exact = true;
  bool null_possible = false;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    const auto column = columns[i];
    const auto rule = row.target->columns[column].rule;
    if (rule == column_rule::mailbox || rule == column_rule::group)
      continue;
    const value* content = after ? cell_value(row.after, column) : nullptr;
    if (content == nullptr && (!after || row.kind != change_kind::insert))
      content = cell_value(row.before, column);
    if (content == nullptr) {
      exact = false;
      null_possible = null_possible || row.table->columns[column].nullable;
      continue;
    }
    if (std::holds_alternative<null_value>(*content))
      return {};
    mix(token.hash, static_cast<std::uint64_t>(i));
    if (!mix_value(token.hash, *content, row.target->columns[column].equality,
                   i < prefixes.size() ? prefixes[i] : 0))
      exact = false;
  }
  if (!exact) {
    token.known = null_possible ? key_token::certainty::unknown : key_token::certainty::wild;
    token.hash = 0;
  }
  return token;
}

void append_identity(std::string& out, const value* content) {
  if (content == nullptr) {
    out += '-';
    return;
  }
  out += static_cast<char>('a' + static_cast<int>(content->index()));
  const auto bytes = [&out](std::string_view text) {
    const auto size = text.size();
    out.append(reinterpret_cast<const char*>(&size), sizeof size);
    out.append(text);
  };
  if (const auto* number = std::get_if<std::int64_t>(content))
    out.append(reinterpret_cast<const char*>(number), sizeof *number);
  else if (const auto* natural = std::get_if<std::uint64_t>(content))
    out.append(reinterpret_cast<const char*>(natural), sizeof *natural);
  else if (const auto* text = std::get_if<text_value>(content))
    bytes(text->utf8);
  else if (const auto* raw = std::get_if<bytes_value>(content))
    bytes(raw->bytes);
  else if (const auto* literal = std::get_if<literal_value>(content))
    bytes(literal->text);
}

} // namespace

const value* cell_value(const std::vector<cell>& cells, std::uint16_t column) {
  const auto found = std::lower_bound(cells.begin(), cells.end(), column,
                                      [](const cell& c, std::uint16_t index) { return c.column < index; });
  return found != cells.end() && found->column == column ? &found->content : nullptr;
}

key_token token_after(const planned_row& row, const std::vector<std::uint16_t>& columns,
                      const std::vector<std::uint32_t>& prefixes) {
  return token_of(row, columns, prefixes, true);
}

key_token token_before(const planned_row& row, const std::vector<std::uint16_t>& columns,
                       const std::vector<std::uint32_t>& prefixes) {
  return token_of(row, columns, prefixes, false);
}

std::string identity_before(const planned_row& row) {
  std::string out;
  for (const auto column : row.table->key)
    if (column != row.table->mailbox_column)
      append_identity(out, cell_value(row.before, column));
  return out;
}

std::string identity_after(const planned_row& row) {
  std::string out;
  for (const auto column : row.table->key) {
    if (column == row.table->mailbox_column)
      continue;
    const value* content = cell_value(row.after, column);
    append_identity(out, content != nullptr ? content : cell_value(row.before, column));
  }
  return out;
}

bool writes_any(const planned_row& row, const std::vector<std::uint16_t>& columns) {
  return std::any_of(columns.begin(), columns.end(),
                     [&row](std::uint16_t column) { return cell_value(row.after, column) != nullptr; });
}

} // namespace understudy
