#include "storage/apply/literal.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <optional>
#include <string_view>

namespace understudy {
namespace {

void append_hex(std::string& out, std::string_view bytes) {
  static constexpr char digits[] = "0123456789abcdef";
  for (const char byte : bytes) {
    const auto value = static_cast<unsigned char>(byte);
    out += digits[value >> 4];
    out += digits[value & 15];
  }
}

/// Quotes only what reads the same in every sql_mode; a backslash or a control byte makes it hexadecimal.
void append_text(std::string& out, std::string_view utf8) {
  const bool plain = std::none_of(utf8.begin(), utf8.end(), [](char c) {
    return c == '\\' || static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
  });
  if (!plain) {
    out += "_utf8mb4 x'";
    append_hex(out, utf8);
    out += '\'';
    return;
  }
  out += '\'';
  for (const char c : utf8) {
    if (c == '\'')
      out += '\'';
    out += c;
  }
  out += '\'';
}

void append_binary(std::string& out, std::string_view bytes) {
  out += "x'";
  append_hex(out, bytes);
  out += '\'';
}

void append_number(std::string& out, auto number) {
  char buffer[32];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, number);
  out.append(buffer, end.ptr);
}

/// A DOUBLE literal: without an exponent the text would be a DECIMAL, and its way to binary another one.
void append_real(std::string& out, const std::string& text, bool single) {
  if (text == "-0") { // as a number literal it would lose its sign
    out += "'-0'";
    return;
  }
  const auto start = out.size();
  if (single)
    append_number(out, static_cast<double>(std::strtof(text.c_str(), nullptr)));
  else
    out += text;
  if (out.find('e', start) == std::string::npos && out.find('E', start) == std::string::npos)
    out += "e0";
}

void append_literal_text(std::string& out, const column& source, const std::string& text) {
  switch (source.type) {
  case column_type::decimal:
    out += text;
    return;
  case column_type::single:
  case column_type::real:
    append_real(out, text, source.type == column_type::single);
    return;
  default:
    append_text(out, text);
  }
}

/// Index of an ENUM member by its exact text; 0 = there is none.
std::size_t member_index(const column& source, const std::string& member) {
  const auto found = std::find(source.members.begin(), source.members.end(), member);
  return found == source.members.end() ? 0 : static_cast<std::size_t>(found - source.members.begin()) + 1;
}

/// A SET's value as its members, for a comparison: to MariaDB the number of one with a 64th member equals
/// nothing (T06). Nothing if it isn't a SET, or has more members than the shape knows.
std::optional<std::string> members_text(const column& source, const value& content) {
  const auto* mask = std::get_if<std::uint64_t>(&content);
  const auto known = source.members.size();
  if (source.type != column_type::set || mask == nullptr || (known < 64 && *mask >> known != 0))
    return std::nullopt;
  std::string out;
  for (std::size_t i = 0; i < known; ++i)
    if ((*mask >> i & 1) != 0)
      out += (out.empty() ? "" : ",") + source.members[i];
  return out;
}

/// Also UUID and INET6, which the binlog brings as BINARY in network order: such bytes are stored as they
/// are.
void append_bytes(std::string& out, const column& source, const std::string& bytes) {
  const bool text_in_charset = !source.charset.empty() && source.charset != "binary";
  if (text_in_charset)
    out += '_' + source.charset + ' ';
  append_binary(out, bytes);
}

bool is_text(const column& c) {
  return !c.charset.empty() && c.charset != "binary";
}

} // namespace

void append_literal(std::string& out, const column& source, const value& content) {
  if (std::holds_alternative<null_value>(content))
    out += "NULL";
  else if (const auto* number = std::get_if<std::int64_t>(&content))
    append_number(out, *number);
  else if (const auto* natural = std::get_if<std::uint64_t>(&content))
    append_number(out, *natural);
  else if (const auto* bytes = std::get_if<bytes_value>(&content))
    append_bytes(out, source, bytes->bytes);
  else if (const auto* literal = std::get_if<literal_value>(&content))
    append_literal_text(out, source, literal->text);
  else if (const auto& text = std::get<text_value>(content).utf8; source.type != column_type::enumeration)
    append_text(out, text);
  else if (const auto index = member_index(source, text); index != 0)
    append_number(out, index); // by number: no collation decides which member is meant
  else
    append_text(out, text);
}

void append_key_literal(std::string& out, const column& source, const destination_column& target,
                        const value& content) {
  const auto members = members_text(source, content);
  const bool is_number = source.type == column_type::enumeration || source.type == column_type::set;
  const bool is_compared_as_text =
      members || (is_text(source) && !is_number && !std::holds_alternative<null_value>(content));
  const bool converts = is_compared_as_text && !target.collation.empty();
  if (converts)
    out += "CONVERT(";
  if (members)
    append_text(out, *members);
  else
    append_literal(out, source, content);
  if (converts)
    out += " USING " + target.charset + ") COLLATE " + target.collation;
}

void append_exact_match(std::string& out, const std::string& sql_column, const column& source,
                        const value& content) {
  const auto* text = std::get_if<text_value>(&content);
  const auto* bytes = std::get_if<bytes_value>(&content);
  switch (source.type) {
  case column_type::enumeration:
  case column_type::set: // whose sum would be negative with a 64th member (T06)
  case column_type::bit:
    out += "CAST(" + sql_column + " AS UNSIGNED) <=> ";
    append_literal(out, source, content);
    return;
  case column_type::date:
  case column_type::time:
  case column_type::datetime:
  case column_type::timestamp:
    out += "CAST(" + sql_column + " AS CHAR) <=> ";
    append_literal(out, source, content);
    return;
  default:
    break;
  }
  if (text == nullptr && bytes == nullptr) {
    out += sql_column + " <=> ";
    append_literal(out, source, content);
    return;
  }
  out += "CAST(" + sql_column + " AS BINARY) <=> ";
  append_binary(out, text != nullptr ? text->utf8 : bytes->bytes);
}

bool needs_lenient_mode(const column& source, const value& content) {
  const auto* index = std::get_if<std::uint64_t>(&content);
  return source.type == column_type::enumeration && index != nullptr && *index == 0;
}

std::string readable(const column& source, const value& content, std::size_t limit) {
  std::string out;
  if (const auto* bytes = std::get_if<bytes_value>(&content)) {
    append_binary(out, std::string_view(bytes->bytes).substr(0, limit / 2));
    return bytes->bytes.size() > limit / 2 ? out + fmt::format("… ({} bytes)", bytes->bytes.size()) : out;
  }
  if (const auto* text = std::get_if<text_value>(&content)) {
    std::string_view shown = text->utf8;
    if (shown.size() > limit) {
      shown = shown.substr(0, limit);
      while (!shown.empty() && (static_cast<unsigned char>(shown.back()) & 0xC0) == 0x80)
        shown.remove_suffix(1); // never half a character
      if (!shown.empty() && static_cast<unsigned char>(shown.back()) >= 0xC0)
        shown.remove_suffix(1);
    }
    out += '\'';
    for (const char c : shown) {
      if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f)
        out += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
      else
        out += c;
    }
    out += '\'';
    return shown.size() < text->utf8.size() ? out + fmt::format("… ({} bytes)", text->utf8.size()) : out;
  }
  append_literal(out, source, content);
  return out;
}

} // namespace understudy
