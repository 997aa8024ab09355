#include "storage/binlog/binlog_packet.hpp"

#include "storage/binlog/event_decoder.hpp"

#include <fmt/format.h>

namespace understudy {
namespace {

constexpr std::uint8_t semi_sync_magic = 0xEF;

void append(std::vector<std::uint8_t>& out, std::uint64_t x, unsigned bytes) {
  for (unsigned i = 0; i < bytes; ++i)
    out.push_back(static_cast<std::uint8_t>(x >> 8 * i));
}

} // namespace

result<unpacked_event> unpack_event(byte_span packet) {
  if (!packet.empty() && packet[0] == 0xFE && packet.size() < 9)
    return failure("MariaDB ended the dump (it shuts down, or another dump took our server id)", {}, true);
  if (packet.empty() || packet[0] != 0)
    return failure(fmt::format("a packet of {} bytes that is no event", packet.size()), {}, true);
  unpacked_event out;
  out.event = packet.subspan(1);
  // Semi-sync is negotiated when the dump starts, but a timestamp may begin with 0xEF, too: the event's own
  // length tells.
  event_header header;
  if (out.event.size() > 2 && out.event[0] == semi_sync_magic && read_header(out.event.subspan(2), header)) {
    out.semi_sync = true;
    out.wants_ack = (out.event[1] & 1) != 0;
    out.event = out.event.subspan(2);
  }
  return out;
}

std::vector<std::uint8_t> dump_command(std::uint32_t server_id) {
  std::vector<std::uint8_t> out;
  constexpr std::uint32_t behind_magic = 4;
  append(out, behind_magic, 4);
  append(out, 0, 2); // flags: wait for more at the end, no ANNOTATE
  append(out, server_id, 4);
  return out;
}

std::vector<std::uint8_t> register_command(std::uint32_t server_id, std::string_view host) {
  std::vector<std::uint8_t> out;
  append(out, server_id, 4);
  append(out, host.size(), 1);
  out.insert(out.end(), host.begin(), host.end());
  append(out, 0, 2); // user, password: empty
  append(out, 0, 2); // port
  append(out, 0, 4); // rank
  append(out, 0, 4); // source's id: 0 = whichever
  return out;
}

std::vector<std::uint8_t> ack_packet(const binlog_place& place) {
  const auto length = 1 + 8 + place.file.size();
  std::vector<std::uint8_t> out;
  append(out, length, 3);
  out.push_back(0);
  out.push_back(semi_sync_magic);
  append(out, place.offset, 8);
  out.insert(out.end(), place.file.begin(), place.file.end());
  return out;
}

} // namespace understudy
