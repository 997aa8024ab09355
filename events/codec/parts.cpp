#include "events/codec/parts.hpp"

#include "events/codec/encode.hpp"
#include "events/codec/json_writer.hpp"

#include <fmt/format.h>

#include <limits>

namespace understudy {
namespace {

/// Header of a record batch in format 2 (61 bytes) and the most that a record's own fields take (lengths,
/// deltas, header count: 5 varints of up to 10 bytes, attributes), rounded up.
constexpr std::size_t batch_overhead = 128;
/// Below this the envelope outweighs the content.
constexpr std::size_t least_payload = 1024;

/// Length of the UTF-8 character that `lead` begins, in valid text.
std::size_t character_size(char lead) {
  const auto byte = static_cast<std::uint8_t>(lead);
  return byte < 0x80 ? 1 : byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4;
}

/// The longest start of `text` that fits into `room` bytes of a JSON string.
std::size_t cut(std::string_view text, std::size_t room) {
  std::size_t at = 0;
  while (at < text.size()) {
    const auto length = character_size(text[at]);
    const auto cost = length == 1 ? escaped_size(text[at]) : length;
    if (cost > room)
      break;
    room -= cost;
    at += length;
  }
  return std::min(at, text.size());
}

} // namespace

std::size_t payload_limit(std::size_t max_message_bytes, std::size_t key_bytes) {
  const auto overhead = batch_overhead + key_bytes;
  return max_message_bytes < overhead + least_payload ? 0 : max_message_bytes - overhead;
}

result<std::vector<part_event>> split(std::string_view encoded, const writer& from, const account_id& account,
                                      epoch term, sequence number, std::size_t limit) {
  part_event largest{account,
                     term,
                     number,
                     std::numeric_limits<std::uint32_t>::max() - 1,
                     std::numeric_limits<std::uint32_t>::max(),
                     {}};
  std::string envelope;
  if (auto done = encode_to(envelope, from, largest); !done)
    return tl::make_unexpected(std::move(done.error()));
  if (limit < least_payload || limit < envelope.size() * 2)
    return failure(
        fmt::format("event {} of account {} can't be cut into parts of {} bytes", number, account, limit),
        "raise max.message.bytes of the topic");
  std::vector<part_event> parts;
  while (!encoded.empty()) {
    const auto length = cut(encoded, limit - envelope.size());
    parts.push_back({account, term, number, static_cast<std::uint32_t>(parts.size()), 0,
                     std::string(encoded.substr(0, length))});
    encoded.remove_prefix(length);
  }
  for (auto& part : parts)
    part.count = static_cast<std::uint32_t>(parts.size());
  return parts;
}

part_assembler::sets::iterator part_assembler::forget(sets::iterator at) {
  bytes_ -= at->second.body.size();
  return sets_.erase(at);
}

std::optional<kafka_offset> part_assembler::first_of(const account_id& account, const writer& from) const {
  const auto found = sets_.find({account, from});
  return found == sets_.end() ? std::nullopt : std::optional(found->second.first);
}

result<std::optional<std::string>> part_assembler::feed(const writer& from, const part_event& part,
                                                        kafka_offset offset) {
  auto at = sets_.find({part.account, from});
  const bool continues = at != sets_.end() && part.index == at->second.next && part.term == at->second.term &&
                         part.number == at->second.number && part.count == at->second.count;
  if (!continues) {
    if (at != sets_.end())
      forget(at);
    if (part.index != 0)
      return std::nullopt;
    at = sets_.emplace(set_key{part.account, from}, set{part.term, part.number, part.count, 0, offset, {}})
             .first;
  }
  auto& open = at->second;
  const auto limit = std::min(most_bytes_, most_event_bytes);
  if (part.body.size() > limit - std::min(limit, bytes_)) {
    forget(at);
    return failure(
        fmt::format("event {} of account {}, in {} parts, passes the bound of {} bytes for events that "
                    "are put together (part {} at offset {})",
                    part.number, part.account, part.count, limit, part.index, offset),
        "raise [limits] memory on this node, then restart the account's replica");
  }
  open.body += part.body;
  bytes_ += part.body.size();
  ++open.next;
  if (open.next < open.count)
    return std::nullopt;
  bytes_ -= open.body.size();
  auto whole = std::move(open.body);
  sets_.erase(at);
  return whole;
}

void part_assembler::drop(const account_id& account) {
  // The writer of a key is compared last, and an empty one is the first.
  auto at = sets_.lower_bound({account, {}});
  while (at != sets_.end() && at->first.account == account)
    at = forget(at);
}

void part_assembler::drop_older(const writer& current) {
  for (auto at = sets_.begin(); at != sets_.end();)
    if (at->first.from.node == current.node && at->first.from.life < current.life)
      at = forget(at);
    else
      ++at;
}

std::optional<kafka_offset> part_assembler::first_open() const {
  std::optional<kafka_offset> first;
  for (const auto& [key, open] : sets_)
    if (!first || open.first < *first)
      first = open.first;
  return first;
}

} // namespace understudy
