// Remembers the nonces of verified requests for as long as their time is accepted (pure).
#pragma once
#include <cstdint>
#include <deque>
#include <string>
#include <unordered_set>
#include <utility>

namespace understudy {

class replay_guard {
public:
  enum class verdict : std::uint8_t { fresh, replayed, full };

  /// `window_ms`: requests are accepted from `now - window` to `now + window`, so a nonce is kept for twice
  /// that. `limit`: nonces held; past it requests are refused until old ones expire, because a forgotten
  /// nonce could be replayed.
  explicit replay_guard(std::int64_t window_ms, std::size_t limit = 200'000)
      : window_ms_(window_ms)
      , limit_(limit) {}

  /// `now_ms` may step back: nothing is forgotten too early by that.
  verdict admit(const std::string& nonce, std::int64_t now_ms);
  std::size_t size() const { return seen_.size(); }

private:
  std::int64_t window_ms_;
  std::size_t limit_;
  std::unordered_set<std::string> seen_;
  std::deque<std::pair<std::int64_t, std::string>> by_age_;
};

} // namespace understudy
