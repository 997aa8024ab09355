// The identities and counts that everything else speaks in (DESIGN §2).
#pragma once
#include "events/model/strong.hpp"

namespace understudy {

/// Identity of an account in every place: the mail server's account UUID as text.
using account_id = strong_text<struct account_id_tag>;
/// A node's name: its mailstore's host name.
using node_name = strong_text<struct node_name_tag>;
/// UUID of an administrator's or automatic command.
using operation_id = strong_text<struct operation_id_tag>;

/// The account's transactions in one gap-free count over all epochs (R11); the first is 1, 0 = none yet.
using sequence = strong_number<struct sequence_tag, std::uint64_t>;
/// Counts the account's primaries; the first is 1, 0 = never had one.
using epoch = strong_number<struct epoch_tag, std::uint64_t>;
/// One life of a node's producer (R12): grows with each start of the same node; unique with the node's name.
using incarnation = strong_number<struct incarnation_tag, std::uint64_t>;
/// The version of an account's control state, +1 with each applied control event (R25).
using account_version = strong_number<struct account_version_tag, std::uint64_t>;
/// An offset in one Kafka partition; -1 = none.
using kafka_offset = strong_number<struct kafka_offset_tag, std::int64_t>;
using partition_id = strong_number<struct partition_id_tag, std::int32_t>;
/// The mailbox's number in one mailstore's own database; differs from host to host.
using mailbox_id = strong_number<struct mailbox_id_tag, std::uint32_t>;

/// A broker's timestamp in ms since the epoch, of type LogAppendTime only (R20).
using broker_time = strong_number<struct broker_time_tag, std::int64_t>;

/// A point on this machine's CLOCK_BOOTTIME, in ns: never compared across machines, runs on in suspend (R18).
using boot_time = strong_number<struct boot_time_tag, std::int64_t>;

} // namespace understudy
