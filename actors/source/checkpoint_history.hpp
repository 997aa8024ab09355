// Which checkpoint a restart may begin at: nothing that Kafka lacks may lie before it. Pure.
#pragma once
#include "actors/source/settlement.hpp"

#include <deque>
#include <optional>

namespace understudy {

/// Commits of an account that isn't protected don't wait for Kafka: they settle while their events are in
/// this process's memory alone. A restart reads them from the binlog again, so it begins before them (R4).
class checkpoint_history {
public:
  /// Takes up the checkpoint of now, and gives the newest one known that has nothing before it but what Kafka
  /// holds; null: none is known. `oldest_missing`, asked for behind `now`, is the oldest captured transaction
  /// that Kafka lacks; none: it has all.
  const settlement::checkpoint* renew(settlement::checkpoint now,
                                      std::optional<settlement::ticket> oldest_missing);

  /// Kept at once; while so many wait, newer ones are passed over: a restart reads a little more again.
  static constexpr std::size_t most_kept = 64;

private:
  std::deque<settlement::checkpoint> kept_; ///< oldest first
};

} // namespace understudy
