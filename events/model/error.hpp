// Errors are values: what happened, where, and what the operator can do about it.
#pragma once
#include <tl/expected.hpp>

#include <string>

namespace understudy {

struct error {
  std::string what; ///< one sentence: what went wrong, with its coordinates (account, sequence, offset, GTID)
  std::string todo; ///< what to do now; empty when the program goes on by itself
  bool retryable =
      false; ///< true: the same attempt may succeed later (connection lost, deadlock, not leader)
};

template <class T>
using result = tl::expected<T, error>;

/// `return failure("…", "…");` from any function that returns a result.
inline tl::unexpected<error> failure(std::string what, std::string todo = {}, bool retryable = false) {
  return tl::make_unexpected(error{std::move(what), std::move(todo), retryable});
}

} // namespace understudy
