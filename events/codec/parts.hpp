// Events over the topic's limit travel in parts (R13). Pure.
#pragma once
#include "events/model/account_event.hpp"
#include "events/model/error.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace understudy {

/// What of a topic's max.message.bytes is left for a record's payload: the limit is the whole batch's, with
/// its header and the record's own (at most 61 + 36 bytes in format 2), and the key.
/// 0 if the limit leaves no sensible room.
std::size_t payload_limit(std::size_t max_message_bytes, std::size_t key_bytes);

/// Cuts an encoded event so that each part, encoded by `from`, is at most `limit` bytes; cuts lie between
/// UTF-8 characters. Account, term and number are those of the transaction_event; for a snapshot_chunk the
/// term is 0 and the number its index. Fails if `limit` is too small for any part (< 1 KiB).
/// What is within the limit needs no parts: the caller produces it as it is.
result<std::vector<part_event>> split(std::string_view encoded, const writer& from, const account_id& account,
                                      epoch term, sequence number, std::size_t limit);

/// Puts parts together again, for one partition; fed in the order of the log. One thread.
class part_assembler {
public:
  /// `most_bytes` bounds what all open sets hold together (P7).
  explicit part_assembler(std::size_t most_bytes)
      : most_bytes_(most_bytes) {}

  /// The encoded event when this part was its last one: to be decoded by the caller. Nothing while parts are
  /// missing, or if the part continues no set that began here: a set whose beginning was not read, or that
  /// was broken off, never comes to an end, and the account's sequence shows the gap.
  /// Parts of other writers and lives belong to other sets. Fails if the bound is passed: that set is
  /// dropped; the account must be stopped.
  result<std::optional<std::string>> feed(const writer& from, const part_event& part, kafka_offset offset);

  /// A fence of the account, its snapshot or its end: its open sets are void.
  void drop(const account_id& account);
  /// A node began a new life: sets of its older ones are void (R12).
  void drop_older(const writer& current);

  /// Offset of the first part of this writer's open set of the account; nothing: none is open.
  std::optional<kafka_offset> first_of(const account_id& account, const writer& from) const;
  /// Offset of the earliest first part among open sets: reading again must start there.
  std::optional<kafka_offset> first_open() const;
  std::size_t bytes() const { return bytes_; }
  std::size_t open_sets() const { return sets_.size(); }

private:
  struct set {
    epoch term;
    sequence number;
    std::uint32_t count = 0;
    std::uint32_t next = 0;
    kafka_offset first;
    std::string body;
  };
  struct set_key {
    account_id account;
    writer from;
    auto operator<=>(const set_key&) const = default;
  };
  using sets = std::map<set_key, set>;
  sets::iterator forget(sets::iterator at);

  std::size_t most_bytes_;
  std::size_t bytes_ = 0;
  sets sets_;
};

} // namespace understudy
