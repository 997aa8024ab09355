// The records of understudy.leases: who may acknowledge, and who takes over from whom (R18–R22).
#pragma once
#include "events/model/account_event.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

namespace understudy {

/// "My life in this partition begins" (R12).
struct lease_incarnation {
  bool operator==(const lease_incarnation&) const = default;
};

struct renewal {
  std::string process;         ///< UUID of the process (R19)
  std::int64_t started_ms = 0; ///< wall clock of the process's start: the later of two with one name stays
  std::uint64_t number = 0;    ///< counts this process's renewals
  boot_time sent;              ///< by the holder's own clock; means nothing to others
  std::uint32_t rules = 1;     ///< the newest rules version that it knows (R26)
  /// By which the holder judges itself: whoever takes over waits for it (R22). None: as the reader's own.
  std::optional<std::chrono::milliseconds> lease{}, skew{};
  bool operator==(const renewal&) const = default;
};

struct claim {
  node_name against;
  std::string process; ///< UUID of the claimer's process
  boot_time sent;      ///< by the claimer's own clock
  /// The claimer had folded control up to here: with it every reader judges alike whether a claim against
  /// the claimer stood (a claim by a node against which one stands is void).
  kafka_offset control;
  bool operator==(const claim&) const = default;
};

/// Replaces the wait of a claim behind it, never the claim (R22).
struct resignation {
  std::string process;
  std::string reason;
  bool operator==(const resignation&) const = default;
};

struct lease_record {
  writer from;
  std::variant<lease_incarnation, renewal, claim, resignation> body;
  bool operator==(const lease_record&) const = default;
};

std::string encode(const lease_record& record);
/// Malformed or unknown: an error that says where.
result<lease_record> decode_lease_record(std::string_view json);

} // namespace understudy
