#include "storage/binlog/binlog_inflate.hpp"

#include <fmt/format.h>
#include <zlib.h>

namespace understudy {
namespace {

// Deflate can't do better than this: a claim beyond it is a lie, seen before any memory is taken.
constexpr std::uint64_t best_ratio = 1032;
constexpr std::size_t first_piece = std::size_t{64} << 10;

struct inflater {
  z_stream stream{};
  bool begun = false;
  ~inflater() {
    if (begun)
      inflateEnd(&stream);
  }
};

template <class Buffer>
result<void> inflate_to(byte_span data, std::uint64_t length, int window_bits, Buffer& out) {
  if (length > longest_inflated || length > (data.size() + 1) * best_ratio)
    return failure(fmt::format("compressed data of {} bytes claims to be {} bytes", data.size(), length));
  inflater z;
  if (inflateInit2(&z.stream, window_bits) != Z_OK)
    return failure("zlib can't be set up (out of memory)", {}, true);
  z.begun = true;
  z.stream.next_in = const_cast<Bytef*>(data.data());
  z.stream.avail_in = static_cast<uInt>(data.size());
  out.clear();
  int state = Z_OK;
  std::uint64_t done = 0;
  while (state == Z_OK) {
    // One byte more than claimed, so that a longer stream shows.
    const auto room = std::min<std::uint64_t>(length + 1, std::max<std::uint64_t>(first_piece, done * 2));
    if (done == room)
      break;
    out.resize(static_cast<std::size_t>(room));
    z.stream.next_out = reinterpret_cast<Bytef*>(out.data()) + done;
    z.stream.avail_out = static_cast<uInt>(room - done);
    state = inflate(&z.stream, Z_NO_FLUSH);
    done = room - z.stream.avail_out;
  }
  if (state != Z_STREAM_END || done != length)
    return failure(
        fmt::format("compressed data is damaged: {} of {} bytes, zlib says {}", done, length, state));
  out.resize(static_cast<std::size_t>(done));
  return {};
}

} // namespace

result<void> inflate_event_body(byte_span compressed, std::vector<std::uint8_t>& out) {
  byte_reader in(compressed);
  const auto head = in.u8();
  const unsigned length_bytes = head & 7U;
  if ((head & 0x80) == 0 || (head & 0x70) != 0 || length_bytes == 0 || length_bytes > 4)
    return failure(fmt::format("unknown compression header {:#04x}", head));
  const auto length = in.big(length_bytes);
  if (in.failed())
    return failure("compressed data ends within its header");
  return inflate_to(in.rest(), length, MAX_WBITS, out);
}

result<std::string> inflate_column(byte_span stored) {
  if (stored.empty())
    return std::string();
  byte_reader in(stored);
  const auto head = in.u8();
  if (head == 0)
    return std::string(as_text(in.rest()));
  constexpr unsigned zlib_algorithm = 8;
  const unsigned length_bytes = head & 7U;
  if (head >> 4 != zlib_algorithm || length_bytes == 0)
    return failure(fmt::format("unknown compression {:#04x} of a COMPRESSED column", head));
  const auto length = in.big(length_bytes);
  if (in.failed())
    return failure("a COMPRESSED column's value ends within its header");
  std::string out;
  const bool raw = (head & 8) != 0;
  if (auto done = inflate_to(in.rest(), length, raw ? -MAX_WBITS : MAX_WBITS, out); !done)
    return tl::make_unexpected(done.error());
  return out;
}

} // namespace understudy
