#include "actors/replica/snapshot_chunks.hpp"

namespace understudy {
namespace {

/// An incarnation is shorter by far; what is longer of other accounts isn't looked into.
constexpr std::size_t most_incarnation_bytes = 512;

} // namespace

load_error superseded(const account_id& account, const std::string& snapshot) {
  load_error why{
      {fmt::format("snapshot {} of account {} is superseded by a newer one", snapshot, account), {}, false}};
  why.is_superseded = true;
  return why;
}

/// Each snapshot begins with an incarnation (R12). Behind the next one of the same account, or one of a later
/// life of its source, nothing of this snapshot counts.
bool snapshot_chunks::ends_it(const writer& begun, const record& r) {
  const bool own = r.key == marker_.account.value;
  if (own && r.offset == marker_.first) {
    from_ = begun;
    return false;
  }
  return from_ && begun.node == from_->node && (own ? begun.life >= from_->life : begun.life > from_->life);
}

/// Records of the account's other snapshots may name shapes that lie before ours.
load_result<std::optional<snapshot_chunk>> snapshot_chunks::unreadable(const decode_error& why) const {
  if (why.kind == decode_failure::unknown_shape && !begun_)
    return std::nullopt;
  return tl::make_unexpected(load_error(why));
}

load_result<std::optional<snapshot_chunk>> snapshot_chunks::take(const record& r) {
  if (r.partition != marker_.partition || r.offset < marker_.first)
    return std::nullopt;
  const bool own = r.key == marker_.account.value;
  if (!own && r.payload.size() > most_incarnation_bytes)
    return std::nullopt;
  auto event = decoder_.decode(r.payload, *shapes_);
  if (event && std::holds_alternative<incarnation_event>(event->body) && ends_it(event->from, r))
    return tl::make_unexpected(superseded(marker_.account, marker_.id));
  if (!own)
    return std::nullopt;
  if (!event)
    return unreadable(event.error());
  if (const auto* part = std::get_if<part_event>(&event->body)) {
    auto joined = parts_.feed(event->from, *part, r.offset);
    if (!joined)
      return tl::make_unexpected(load_error(joined.error()));
    if (!*joined)
      return std::nullopt;
    event = decoder_.decode(**joined, *shapes_);
    if (!event)
      return unreadable(event.error());
  }
  if (auto* s = std::get_if<shape_event>(&event->body)) {
    auto added = shapes_->add(std::move(s->table));
    if (!added)
      return tl::make_unexpected(load_error(added.error()));
  }
  auto* chunk = std::get_if<snapshot_chunk>(&event->body);
  if (!chunk || chunk->id != marker_.id)
    return std::nullopt;
  begun_ = true;
  return std::move(*chunk);
}

} // namespace understudy
