// The commits that this node itself kept from waiting on (R8): the server counts them among those that it
// released without an ACK, and what remains of that count is somebody else's doing (R5). Any thread.
#pragma once
#include <algorithm>
#include <cstdint>
#include <mutex>
#include <optional>

namespace understudy {

class commit_endings {
public:
  /// While one lives, more commits may be ended and the server may not have counted them yet.
  class round {
  public:
    explicit round(commit_endings& all)
        : all_(all) {
      const std::lock_guard lock(all_.mutex_);
      ++all_.rounds_;
    }
    ~round() {
      const std::lock_guard lock(all_.mutex_);
      --all_.rounds_;
    }
    round(const round&) = delete;
    round& operator=(const round&) = delete;
    /// Before the connection is killed.
    void ends_one() {
      const std::lock_guard lock(all_.mutex_);
      ++all_.ended_;
    }

  private:
    commit_endings& all_;
  };

  /// How many the server has counted for sure, if it counts them at all; nothing while a round lives. To be
  /// asked before the server's count is read.
  std::optional<std::uint64_t> settled() const {
    const std::lock_guard lock(mutex_);
    return rounds_ == 0 ? std::optional(ended_) : std::nullopt;
  }
  /// Of `released` commits more than at the last look: those that somebody else let go.
  std::uint64_t by_others(std::uint64_t released, std::optional<std::uint64_t> settled) {
    const std::lock_guard lock(mutex_);
    const auto own = std::min(released, ended_ - explained_);
    explained_ += own;
    if (settled) // an ended one that didn't count (DDL) explains nothing later
      explained_ = std::max(explained_, *settled);
    return released - own;
  }

private:
  mutable std::mutex mutex_;
  unsigned rounds_ = 0;
  std::uint64_t ended_ = 0;
  std::uint64_t explained_ = 0;
};

} // namespace understudy
