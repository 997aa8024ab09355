// What is known of each replica here, for whoever asks: actors write it, the supervisor and metrics read it.
#pragma once
#include "actors/replica/replica_side.hpp"

#include <mutex>
#include <unordered_map>

namespace understudy {

class replica_board {
public:
  struct entry {
    replica_side::followed what;
    replica_side::figures now;
    caf::actor actor;
    std::string loading; ///< the snapshot under way: another one, or none, ends the load
    /// While it has no copy: the marker for this request, or for any newer one, will be met.
    kafka_offset awaits{-1};
  };

  // Any thread.
  bool add(const account_id& account, entry made);
  void remove(const account_id& account);
  /// Ignored for accounts that aren't there.
  void change(const account_id& account, const std::function<void(entry&)>& how);
  std::optional<replica_side::figures> figures_of(const account_id& account) const;
  std::optional<replica_side::followed> followed(const account_id& account) const;
  caf::actor actor_of(const account_id& account) const; ///< null: not followed
  bool is_loading(const account_id& account, const std::string& snapshot) const;
  std::optional<kafka_offset> awaits(const account_id& account) const; ///< nothing: not followed
  std::vector<caf::actor> actors() const;
  std::size_t size() const;

private:
  mutable std::mutex mutex_;
  std::unordered_map<account_id, entry> entries_;
};

} // namespace understudy
