#include "actors/source/own_partition.hpp"

#include "events/codec/decode.hpp"

#include <algorithm>
#include <limits>

namespace understudy {
namespace {

/// Open part sets while reading: a transaction of ours at most.
constexpr std::size_t parts_memory = std::size_t{1} << 30;

} // namespace

own_partition::own_partition(const node_name& self, incarnation until, const gtid_position& settled)
    : self_(self)
    , until_(until)
    , settled_(settled)
    , parts_(parts_memory) {}

/// A place behind the log's end tells that it lost its tail, or is another log. Our own record, which is
/// waited for, may lie before that end: there nothing would be read for ever. The record before the place
/// that was kept, or the one there, is our own and valid: it tells whose records behind it are void (R12).
kafka_offset own_partition::begin(std::optional<kafka_offset> kept, const watermarks& now) {
  if (!kept || *kept > now.high)
    return now.low;
  counted_from_ = *kept;
  return std::max(kept->previous(), now.low);
}

void own_partition::take(const record& raw, std::map<account_id, known_account>& accounts, tail_check& tail,
                         logged_fences& fences) {
  auto event = decode(raw.payload, without_rows{});
  if (!event)
    return;
  if (const auto* fence = std::get_if<fence_event>(&event->body);
      fence != nullptr && accounts.contains(fence->account))
    fences.add(fence->account, {fence->term, fence->decision, raw.offset});
  if (event->from.node != self_)
    return;
  if (event->from.life < life_)
    return; // void: landed behind a newer life's beginning
  // Any record tells that its life had begun: where that began may lie before all that is read.
  if (event->from.life > life_) {
    life_ = event->from.life;
    parts_.drop_older({self_, life_});
  }
  if (std::holds_alternative<incarnation_event>(event->body)) {
    done_ = done_ || life_ >= until_;
    return;
  }
  if (raw.offset < counted_from_)
    return;
  std::string joined;
  auto first = raw.offset;
  if (const auto* part = std::get_if<part_event>(&event->body)) {
    first = parts_.first_of(part->account, event->from).value_or(raw.offset);
    auto whole = parts_.feed(event->from, *part, raw.offset);
    if (!whole || !*whole)
      return;
    joined = std::move(**whole);
    event = decode(joined, without_rows{});
    if (!event)
      return;
  }
  if (const auto* marker = std::get_if<snapshot_event>(&event->body))
    return take(*marker, accounts);
  const auto* transaction = std::get_if<transaction_event>(&event->body);
  if (transaction == nullptr)
    return;
  const auto found = accounts.find(transaction->account);
  if (found == accounts.end())
    return;
  auto& account = found->second;
  // Its epoch is over at `settled`, so another one's numbers have begun behind its cut, from which the
  // account goes on here; what landed behind that cut is void, and its number was given anew. (If the
  // account's own epoch was ended without this node, it is closed before anything is captured: R19.)
  if (transaction->term < account.term)
    return;
  account.last = std::max(account.last, transaction->number);
  if (settled_.covers(transaction->id))
    return; // won't be read from the binlog again
  const auto stamp = raw.time.value_or(broker_time{std::numeric_limits<std::int64_t>::max()});
  account.known[transaction->id] = {transaction->number, {raw.partition, raw.offset, stamp, first}};
  tail.expect(transaction->account, transaction->id,
              joined.empty() ? std::string(raw.payload) : std::move(joined));
}

/// Its number counts what the log lacks, too.
void own_partition::take(const snapshot_event& marker, std::map<account_id, known_account>& accounts) const {
  const auto found = accounts.find(marker.account);
  if (found == accounts.end() || marker.term < found->second.term)
    return;
  auto& account = found->second;
  account.last = std::max(account.last, marker.number);
  if (marker.last_id && !settled_.covers(*marker.last_id))
    account.marker = known_marker{*marker.last_id, marker.number};
}

void note_copy(known_account& account, const replica_record& copy) {
  const bool is_replica = account.role == account_role::replica;
  const bool is_newer = copy.term > account.term && account.role != account_role::none;
  if (is_newer || (is_replica && copy.term == account.term))
    account.last = copy.applied;
  else if (is_replica)
    account.last = std::max(account.last, copy.applied);
}

} // namespace understudy
