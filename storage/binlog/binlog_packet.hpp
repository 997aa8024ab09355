// The packets of a dump connection: commands, events with their semi-sync header, ACKs. Pure.
#pragma once
#include "events/model/error.hpp"
#include "events/model/gtid.hpp"
#include "storage/binlog/byte_reader.hpp"

#include <cstdint>
#include <vector>

namespace understudy {

struct unpacked_event {
  byte_span event;
  bool semi_sync = false; ///< the server sent a semi-sync header
  bool wants_ack = false;
};

/// `packet` is a whole packet's payload. Errors: the server ended the dump (retryable), or it's no event.
result<unpacked_event> unpack_event(byte_span packet);

/// COM_BINLOG_DUMP's arguments; where to start says `@slave_connect_state`. ANNOTATE events aren't asked for.
std::vector<std::uint8_t> dump_command(std::uint32_t server_id);
/// `host`: what SHOW REPLICA HOSTS shows, at most 255 bytes; empty: where the connection comes from.
std::vector<std::uint8_t> register_command(std::uint32_t server_id, std::string_view host);

/// A whole packet, with its own header of sequence number 0: 0xEF, position, file name (R1).
std::vector<std::uint8_t> ack_packet(const binlog_place& place);

} // namespace understudy
