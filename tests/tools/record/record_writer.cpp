#include "tests/tools/record/record_writer.hpp"

#include "tests/tools/record/tables.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <system_error>

namespace understudy::record {

namespace {

void append_value(std::string& out, const column_value& value) {
  if (const auto* number = std::get_if<std::int64_t>(&value))
    fmt::format_to(std::back_inserter(out), "{}", *number);
  else if (const auto* text = std::get_if<std::string>(&value))
    append_json_string(out, *text);
  else
    out += "null";
}

std::string_view name_of(outcome told) {
  switch (told) {
  case outcome::ok:
    return "ok";
  case outcome::error:
    return "error";
  case outcome::lost:
    return "lost";
  }
  return "?";
}

/// Bytes of the character that `text` begins with; 0 if it isn't all there.
std::size_t first_character(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text.front());
  const std::size_t length = lead < 0x80 ? 1 : lead < 0xC2 ? 0 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  if (length == 0 || length > text.size())
    return 0;
  for (const char letter : text.substr(1, length - 1))
    if ((static_cast<unsigned char>(letter) & 0xC0) != 0x80)
      return 0;
  return length;
}

} // namespace

void append_json_string(std::string& out, std::string_view text) {
  out += '"';
  while (!text.empty()) {
    const auto length = first_character(text);
    const auto character = text.substr(0, std::max<std::size_t>(length, 1));
    text.remove_prefix(character.size());
    const auto code = static_cast<unsigned char>(character.front());
    if (length == 0)
      out += '?';
    else if (code == '"' || code == '\\')
      (out += '\\') += character;
    else if (code < 0x20)
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", code);
    else
      out += character;
  }
  out += '"';
}

void effects::add(char kind, std::string_view table, const row_key& key, const columns* values) {
  if (!json_.empty())
    json_ += ',';
  fmt::format_to(std::back_inserter(json_), "[\"{}\",\"{}\",[", kind, table);
  for (std::size_t index = 0; index < key.size(); ++index) {
    if (index > 0)
      json_ += ',';
    append_value(json_, key[index]);
  }
  json_ += ']';
  if (values != nullptr) {
    json_ += ",{";
    bool first = true;
    for (const auto& [column, value] : *values) {
      if (host_local(column))
        continue;
      if (!std::exchange(first, false))
        json_ += ',';
      append_json_string(json_, column);
      json_ += ':';
      append_value(json_, value);
    }
    json_ += '}';
  }
  json_ += ']';
}

record_writer::record_writer(const std::filesystem::path& file)
    : fd_(open(file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644)) {
  if (fd_ < 0)
    throw std::system_error(errno, std::generic_category(), "opening the record " + file.string());
}

record_writer::~record_writer() {
  close(fd_);
}

void record_writer::write_line(std::string line) {
  line += '\n';
  // O_APPEND with one write keeps lines of several threads apart; a short write would tear one.
  if (write(fd_, line.data(), line.size()) != static_cast<ssize_t>(line.size()))
    throw std::system_error(errno, std::generic_category(), "writing the record");
}

void record_writer::account(std::string_view account_id, std::string_view name) {
  std::string line = R"({"account":)";
  append_json_string(line, account_id);
  line += R"(,"name":)";
  append_json_string(line, name);
  write_line(line + '}');
}

void record_writer::intent(std::string_view account_id, std::uint64_t number, std::string_view operation,
                           const effects& rows) {
  write_line(
      fmt::format(R"({{"a":"{}","n":{},"op":"{}","e":[{}]}})", account_id, number, operation, rows.json()));
}

void record_writer::result(std::string_view account_id, std::uint64_t number, outcome told,
                           std::string_view error) {
  auto line = fmt::format(R"({{"a":"{}","n":{},"r":"{}")", account_id, number, name_of(told));
  if (!error.empty()) {
    line += R"(,"error":)";
    append_json_string(line, error);
  }
  write_line(line + '}');
}

} // namespace understudy::record
