// How much of what is read from the binlog again may be on its way to Kafka (P7). Thread-safe.
#pragma once
#include "events/model/ids.hpp"

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <unordered_map>

namespace understudy {

class reading_window {
public:
  explicit reading_window(std::size_t most)
      : most_(most) {}

  /// What is given back later, unless its account was forgotten meanwhile.
  struct charge {
    std::uint64_t turn = 0;
    std::size_t bytes = 0;
  };
  charge take(const account_id& account, std::size_t bytes);
  void give_back(const account_id& account, const charge& taken);
  /// Its partition can't be written: what is on its way there mustn't hold up the others.
  void forget(const account_id& account);
  /// Blocks while more than `most` is on its way; false: close() was called.
  bool wait();
  void close();
  std::size_t taken() const;

private:
  struct share {
    std::uint64_t turn;
    std::size_t bytes = 0;
  };
  const std::size_t most_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::unordered_map<account_id, share> shares_;
  std::size_t taken_ = 0;
  std::uint64_t turns_ = 0;
  bool closed_ = false;
};

} // namespace understudy
