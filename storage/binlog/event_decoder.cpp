#include "storage/binlog/event_decoder.hpp"

#include "storage/binlog/binlog_inflate.hpp"

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>

namespace understudy {
namespace {

constexpr std::size_t checksum_size = 4;
// One statement can't name more: 61 tables in a join, more by triggers and cascades. A bound against damage.
constexpr std::size_t most_maps = 4096;
// 100 group databases of 20 tables in several structures; when full the cache begins anew.
constexpr std::size_t most_structures = 16384;

bool checksum_fits(byte_span event) {
  if (event.size() < event_header::size + checksum_size)
    return false;
  const auto content = event.first(event.size() - checksum_size);
  const auto stored = byte_reader(event.last(checksum_size)).u32();
  return crc32_z(0, content.data(), content.size()) == stored;
}

tl::unexpected<error> damaged(std::string what) {
  return failure(std::move(what));
}

} // namespace

bool read_header(byte_span event, event_header& out) {
  byte_reader in(event);
  out.timestamp = in.u32();
  out.type = in.u8();
  out.server = in.u32();
  out.length = in.u32();
  out.end = in.u32();
  out.flags = in.u16();
  return !in.failed() && out.length == event.size();
}

error event_decoder::at_place(const event_header& header, std::string what) const {
  return error{fmt::format("{} (event type {} at {}:{}, {} bytes)", what, header.type, file_, position_,
                           header.length),
               "commits wait: look at this place with mariadb-binlog, run `SET sql_log_bin=0; DELETE FROM "
               "understudy.capture` in this MariaDB, and start understudyd; it goes on at the binlog's end, "
               "with new replicas of the accounts that are written here",
               false};
}

result<byte_span> event_decoder::check(const event_header& header, byte_span event) {
  const auto type = static_cast<event_type>(header.type);
  auto body = event.subspan(event_header::size);
  bool summed = checksums_;
  if (type == event_type::format_description)
    summed = false; // tells for itself, in decode_format
  else if (type == event_type::heartbeat)
    return body; // its name alone is used, and compared
  else if (!format_known_ || (header.flags & event_header::artificial) != 0)
    // Made by the dump, perhaps before it has told whether there are checksums (case B08).
    summed = checksum_fits(event);
  if (!summed)
    return body;
  if (!checksum_fits(event))
    return damaged("checksum doesn't fit: the event is damaged");
  return body.first(body.size() - checksum_size);
}

/// The name fills the body up to the checksum, if there is one.
bool event_decoder::names_this_file(byte_span body) const {
  const std::string_view name(reinterpret_cast<const char*>(body.data()), body.size());
  return !file_.empty() && name.starts_with(file_) &&
         (name.size() == file_.size() || name.size() == file_.size() + checksum_size);
}

result<void> event_decoder::count_position(const event_header& header, binlog_event& out) {
  out.start = out.end = position_;
  const auto type = static_cast<event_type>(header.type);
  if ((header.flags & event_header::artificial) != 0 || type == event_type::heartbeat)
    return {};
  const auto expected = position_ + header.length;
  // The dump leaves out events (before our GTID, ANNOTATE), so the header's field may be ahead; it wraps at
  // 4 GiB, so only its distance counts (case B03). 0 in a FORMAT_DESCRIPTION: "don't count it".
  if (header.end == 0 && static_cast<std::uint32_t>(expected) != 0)
    return {};
  const auto left_out = static_cast<std::uint32_t>(header.end - static_cast<std::uint32_t>(expected));
  // Within a file only ANNOTATE is left out, so a long way forward is a step back, and an ACK made from it
  // would release commits that nobody has read yet.
  constexpr std::uint32_t longest_way = 0x80000000U;
  if (left_out >= longest_way && within_file_)
    return damaged(fmt::format("its end position {} is behind the place where it was read", header.end));
  within_file_ = type != event_type::format_description;
  out.end = expected + left_out;
  out.start = out.end - header.length;
  position_ = out.end;
  return {};
}

result<binlog_event> event_decoder::decode(byte_span event) {
  binlog_event out;
  if (statement_ended_) {
    maps_.clear();
    statement_ended_ = false;
  }
  if (!read_header(event, out.header))
    return tl::make_unexpected(
        at_place(out.header, fmt::format("an event of {} bytes is cut", event.size())));
  auto checked = check(out.header, event);
  if (!checked)
    return tl::make_unexpected(at_place(out.header, checked.error().what));
  auto body = decode_body(out.header, *checked);
  if (!body)
    return tl::make_unexpected(at_place(out.header, body.error().what));
  if (auto counted = count_position(out.header, out); !counted)
    return tl::make_unexpected(at_place(out.header, counted.error().what));
  out.body = std::move(*body);
  if (const auto* next = std::get_if<rotate_to>(&out.body)) {
    file_ = next->file;
    position_ = next->position;
    within_file_ = false;
  }
  return out;
}

result<event_body> event_decoder::decode_body(const event_header& header, byte_span body) {
  using t = event_type;
  switch (static_cast<t>(header.type)) {
  case t::format_description:
    return decode_format(body);
  case t::rotate:
    return decode_rotate(body);
  case t::gtid:
    return decode_gtid(header, body);
  case t::query:
    return decode_query(body, 0, false);
  case t::query_compressed:
    return decode_query(body, 0, true);
  case t::execute_load_query:
    return decode_query(body, 13, false);
  case t::table_map:
    return decode_table_map(body);
  case t::write_rows_v1:
    return decode_rows(change_kind::insert, body, false, false);
  case t::update_rows_v1:
    return decode_rows(change_kind::update, body, false, false);
  case t::delete_rows_v1:
    return decode_rows(change_kind::remove, body, false, false);
  case t::write_rows:
    return decode_rows(change_kind::insert, body, true, false);
  case t::update_rows:
    return decode_rows(change_kind::update, body, true, false);
  case t::delete_rows:
    return decode_rows(change_kind::remove, body, true, false);
  case t::write_rows_compressed_v1:
    return decode_rows(change_kind::insert, body, false, true);
  case t::update_rows_compressed_v1:
    return decode_rows(change_kind::update, body, false, true);
  case t::delete_rows_compressed_v1:
    return decode_rows(change_kind::remove, body, false, true);
  case t::write_rows_compressed:
    return decode_rows(change_kind::insert, body, true, true);
  case t::update_rows_compressed:
    return decode_rows(change_kind::update, body, true, true);
  case t::delete_rows_compressed:
    return decode_rows(change_kind::remove, body, true, true);
  case t::xid:
    maps_.clear();
    return commit{};
  case t::xa_prepare:
    maps_.clear();
    return xa_prepared{};
  case t::heartbeat:
    return heartbeat{names_this_file(body) ? header.end : 0};
  case t::stop:
  case t::intvar:
  case t::rand:
  case t::user_var:
  case t::append_block:
  case t::delete_file:
  case t::begin_load_query:
  case t::annotate_rows:
  case t::binlog_checkpoint:
  case t::gtid_list:
    return nothing{};
  case t::start_encryption:
    return damaged("the binlog is encrypted (START_ENCRYPTION) and the server sends it so");
  case t::incident:
    return damaged("INCIDENT: the server lost events of its binlog");
  }
  if ((header.flags & event_header::ignorable) != 0)
    return skipped{};
  return damaged("an event of a type that isn't known");
}

result<event_body> event_decoder::decode_format(byte_span body) {
  // Version 2, server version 50, created 4, header length 1, a byte for each type, algorithm 1, checksum 4.
  byte_reader in(body);
  const auto version = in.u16();
  auto server = in.text(50);
  in.u32();
  const auto header_length = in.u8();
  if (in.failed() || version != 4 || header_length != event_header::size || in.left() < 1 + checksum_size)
    return damaged("FORMAT_DESCRIPTION of an unknown binlog version");
  const auto algorithm = body[body.size() - checksum_size - 1];
  if (algorithm > 1)
    return damaged(fmt::format("unknown checksum algorithm {}", algorithm));
  server = server.substr(0, std::min(server.find('\0'), server.size()));
  const auto whole = byte_span{body.data() - event_header::size, body.size() + event_header::size};
  // Present even where the algorithm is "none" (then it's zero or not meant).
  if (algorithm == 1 && !checksum_fits(whole))
    return damaged("checksum doesn't fit: FORMAT_DESCRIPTION is damaged");
  checksums_ = algorithm == 1;
  format_known_ = true;
  maps_.clear();
  return format_description{server, checksums_};
}

result<event_body> event_decoder::decode_rotate(byte_span body) {
  byte_reader in(body);
  const auto position = in.little(8);
  const auto file = as_text(in.rest());
  if (in.failed() || file.empty() || file.size() > 512 || file.find('\0') != file.npos)
    return damaged("ROTATE without a file name");
  maps_.clear();
  return rotate_to{file, position};
}

result<event_body> event_decoder::decode_gtid(const event_header& header, byte_span body) {
  byte_reader in(body);
  gtid_begin out;
  out.id.number = in.little(8);
  out.id.domain = in.u32();
  out.id.server = header.server;
  const auto flags = in.u8();
  out.standalone = (flags & 0x01) != 0;
  out.ddl = (flags & 0x20) != 0;
  out.prepared_xa = (flags & 0x40) != 0;
  out.completed_xa = (flags & 0x80) != 0;
  if ((flags & 0x02) != 0)
    out.group = in.little(8);
  if (out.prepared_xa || out.completed_xa) {
    auto whole = in;
    in.take(4);
    const std::size_t lengths = std::size_t{in.u8()} + in.u8();
    out.xid = whole.text(6 + lengths);
    in = whole;
  }
  if (in.failed())
    return damaged("GTID ends too early");
  maps_.clear();
  return out;
}

result<event_body> event_decoder::decode_query(byte_span body, std::size_t post_header, bool compressed) {
  byte_reader in(body);
  in.take(8); // thread id, time
  const auto database_length = in.u8();
  in.u16(); // error code
  const auto status_length = in.u16();
  in.take(post_header);
  in.take(status_length);
  query out;
  out.database = in.text(database_length);
  const auto nul = in.u8();
  if (in.failed() || nul != 0)
    return damaged("QUERY ends too early");
  out.statement = as_text(in.rest());
  if (compressed) {
    if (auto done = inflate_event_body(in.rest(), inflated_); !done)
      return tl::make_unexpected(done.error());
    out.statement = as_text(inflated_);
  }
  maps_.clear();
  return out;
}

result<event_body> event_decoder::decode_table_map(byte_span body) {
  byte_reader in(body);
  const auto id = in.little(6);
  in.u16(); // flags
  if (in.failed())
    return damaged("TABLE_MAP ends too early");
  const auto content = as_text(in.rest());
  auto known = structures_.find(content);
  if (known == structures_.end()) {
    auto parsed = parse_table_map(in.rest());
    if (!parsed)
      return tl::make_unexpected(parsed.error());
    if (structures_.size() >= most_structures)
      structures_.clear();
    known = structures_.emplace(content, std::make_shared<const table_map>(std::move(*parsed))).first;
  }
  const auto same_id = std::find_if(maps_.begin(), maps_.end(), [&](const auto& m) { return m.first == id; });
  if (same_id != maps_.end())
    same_id->second = known->second;
  else if (maps_.size() >= most_maps)
    return damaged("too many TABLE_MAPs in one statement");
  else
    maps_.emplace_back(id, known->second);
  return nothing{};
}

result<event_body> event_decoder::decode_rows(change_kind kind, byte_span body, bool second_version,
                                              bool compressed) {
  byte_reader in(body);
  const auto id = in.little(6);
  const auto flags = in.u16();
  if (second_version) {
    const auto extra = in.u16(); // its own two bytes included
    in.take(extra >= 2 ? extra - 2U : body.size() + 1);
  }
  rows out;
  out.kind = kind;
  const auto columns = in.packed();
  const auto bitmap = columns / 8 + (columns % 8 != 0);
  out.first_columns = in.take(bitmap);
  if (kind == change_kind::update)
    out.second_columns = in.take(bitmap);
  if (in.failed())
    return damaged("rows event ends too early");
  statement_ended_ = (flags & 0x01) != 0;
  const auto found = std::find_if(maps_.begin(), maps_.end(), [&](const auto& m) { return m.first == id; });
  if (found == maps_.end()) {
    constexpr std::uint64_t no_table = 0xFFFFFF; // "only ends the statement"
    if (id == no_table && statement_ended_)
      return nothing{};
    return damaged(fmt::format("rows of table id {} without a TABLE_MAP in their statement", id));
  }
  out.table = found->second;
  if (columns != out.table->columns.size())
    return damaged(fmt::format("rows of {} columns for the {} of `{}`.`{}`", columns,
                               out.table->columns.size(), out.table->database, out.table->table));
  out.foreign_keys_off = (flags & 0x02) != 0;
  out.unique_checks_off = (flags & 0x04) != 0;
  out.data = in.rest();
  if (compressed) {
    if (auto done = inflate_event_body(in.rest(), inflated_); !done)
      return tl::make_unexpected(done.error());
    out.data = inflated_;
  }
  return out;
}

} // namespace understudy
