// Binlog events out of bytes: no I/O. Every truncated or corrupted event is an error, never an over-read.
#pragma once
#include "storage/binlog/binlog_event.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace understudy {

class event_decoder {
public:
  /// Stands at the beginning of no file until the first ROTATE; `file` and `position` are for reading a file.
  event_decoder() = default;
  event_decoder(std::string file, std::uint64_t position)
      : file_(std::move(file))
      , position_(position) {}

  /// Decodes one whole event (header, body, checksum). Views in the result are valid until the next call and
  /// as long as `event` is. After an error the decoder must not be used any more. Errors name type, file
  /// and position; none is retryable: the same bytes would come again.
  result<binlog_event> decode(byte_span event);

  /// As the server names it: what an ACK must say, byte by byte.
  const std::string& file() const { return file_; }
  std::uint64_t position() const { return position_; }

private:
  struct text_hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view x) const { return std::hash<std::string_view>{}(x); }
  };

  result<byte_span> check(const event_header& header, byte_span event);
  bool names_this_file(byte_span heartbeat_body) const;
  result<void> count_position(const event_header& header, binlog_event& out);
  result<event_body> decode_body(const event_header& header, byte_span body);
  result<event_body> decode_format(byte_span body);
  result<event_body> decode_rotate(byte_span body);
  result<event_body> decode_gtid(const event_header& header, byte_span body);
  result<event_body> decode_query(byte_span body, std::size_t post_header, bool compressed);
  result<event_body> decode_table_map(byte_span body);
  result<event_body> decode_rows(change_kind kind, byte_span body, bool second_version, bool compressed);
  error at_place(const event_header& header, std::string what) const;

  std::string file_;
  std::uint64_t position_ = 0;
  bool checksums_ = false;
  bool format_known_ = false;
  bool within_file_ = false; ///< an event behind the FORMAT_DESCRIPTION has been counted
  bool statement_ended_ = false;
  /// Maps of the current statement by table id: a few, so a list.
  std::vector<std::pair<std::uint64_t, std::shared_ptr<const table_map>>> maps_;
  /// Every structure seen, by content: ids change with each FLUSH TABLES, structures don't.
  std::unordered_map<std::string, std::shared_ptr<const table_map>, text_hash, std::equal_to<>> structures_;
  std::vector<std::uint8_t> inflated_;
  std::string statement_;
};

/// Reads the header; false: fewer than 19 bytes, or the length in it isn't that of `event`.
bool read_header(byte_span event, event_header& out);

} // namespace understudy
