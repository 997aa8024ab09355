#include "actors/supervisor/divergence_report.hpp"

#include "events/codec/json_writer.hpp"

#include <fcntl.h>
#include <fmt/chrono.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace understudy {
namespace {

const char* name_of(change_kind kind) {
  switch (kind) {
  case change_kind::insert:
    return "insert";
  case change_kind::update:
    return "update";
  case change_kind::remove:
    return "delete";
  }
  return "";
}

std::string time_text(std::int64_t ms) {
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z", fmt::gmtime(static_cast<std::time_t>(ms / 1000)),
                     ms % 1000);
}

struct value_writer {
  json_writer& out;
  void operator()(const null_value&) { out.null(); }
  void operator()(std::int64_t n) { out.number(n); }
  void operator()(std::uint64_t n) { out.number(n); }
  void operator()(const text_value& v) { out.text(v.utf8); }
  void operator()(const literal_value& v) { out.text(v.text); }
  void operator()(const bytes_value& v) {
    out.open('{');
    out.key("base64");
    out.base64(v.bytes);
    out.close('}');
  }
};

void write_image(json_writer& out, std::string_view name, const std::vector<cell>& cells,
                 const shape& table) {
  if (cells.empty())
    return;
  out.key(name);
  out.open('{');
  for (const auto& cell : cells) {
    out.key(table.columns.at(cell.column).name);
    std::visit(value_writer{out}, cell.content);
  }
  out.close('}');
}

/// Writes everything or says why not.
result<void> write_all(int file, std::string_view text) {
  while (!text.empty()) {
    const auto written = ::write(file, text.data(), text.size());
    if (written < 0 && errno == EINTR)
      continue;
    if (written <= 0)
      return failure(std::strerror(errno));
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return ::fsync(file) == 0 ? result<void>{} : failure(std::strerror(errno));
}

} // namespace

std::string divergence_lines(const foreign_write& write, std::int64_t found_ms) {
  std::string lines;
  const auto begin = [&] {
    json_writer out(lines);
    out.open('{');
    out.field("found", time_text(found_ms));
    out.field("account", write.account.value);
    out.field("gtid", write.id.text());
    return out;
  };
  if (!write.rows) {
    auto out = begin();
    out.field("not_kept", "its rows are more than [limits] memory allows");
    out.close('}');
    return lines + '\n';
  }
  for (const auto& row : *write.rows) {
    auto out = begin();
    out.field("table", row.table->table);
    out.field("kind", name_of(row.kind));
    write_image(out, "key", row.before, *row.table);
    write_image(out, "row", row.after, *row.table);
    out.close('}');
    lines += '\n';
  }
  return lines;
}

result<void> divergence_report::add(const std::string& lines) {
  const std::lock_guard lock(mutex_);
  const int file = ::open(file_.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, S_IRUSR | S_IWUSR);
  if (file < 0)
    return failure(fmt::format("{} can't be opened: {}", file_.string(), std::strerror(errno)));
  struct stat about{};
  result<void> done;
  if (::fstat(file, &about) == 0 && static_cast<std::uintmax_t>(about.st_size) + lines.size() > most_bytes)
    done = failure(fmt::format("{} is full", file_.string()),
                   "move it away: what is in it is kept nowhere else");
  else if (done = write_all(file, lines); !done)
    done = failure(fmt::format("{} can't be written: {}", file_.string(), done.error().what));
  ::close(file);
  return done;
}

} // namespace understudy
