// What a run of the simulator may be told.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace understudy::simulation {

/// Broken variants: each leaves out one rule, and must be caught by the invariants alone.
enum class mutant : std::uint8_t {
  none,
  ack_before_kafka,      ///< settles when the event is handed over (R2)
  claim_without_waiting, ///< decides as soon as the claim is read back (R22)
  dedupe_off,            ///< a replica applies what it is given, whatever it has (R36)
  void_counts,           ///< what a former life's requests left behind a newer one's counts (R12)
  fence_ignored,         ///< the new primary begins without a fence (R27)
  lease_ignored,         ///< reports count without a lease (R20)
  broker_time_ignored,   ///< reports count by the own clock alone (R20)
  tail_forgotten, ///< a restarted source doesn't produce what Kafka lacks, but acknowledges it (R9, R19)
};

struct mutant_name {
  mutant which;
  std::string_view name;
};
inline constexpr mutant_name mutant_names[] = {
    {mutant::none, "none"},
    {mutant::ack_before_kafka, "ack-before-kafka"},
    {mutant::claim_without_waiting, "claim-without-waiting"},
    {mutant::dedupe_off, "dedupe-off"},
    {mutant::void_counts, "void-counts"},
    {mutant::fence_ignored, "fence-ignored"},
    {mutant::lease_ignored, "lease-ignored"},
    {mutant::broker_time_ignored, "broker-time-ignored"},
    {mutant::tail_forgotten, "tail-forgotten"},
};

struct options {
  mutant broken = mutant::none;
  bool tell = false; ///< keep the story
  bool calm = false; ///< nothing fails, no client goes astray; many administrators
};

} // namespace understudy::simulation
