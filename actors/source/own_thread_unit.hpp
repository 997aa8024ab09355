// Runs the actors that a thread wakes on that thread itself, instead of waking one of CAF's workers for them:
// a change of threads takes longer than what such an actor has to do. CAF's mailboxes see to it that nobody
// else runs them meanwhile.
//
// One thread's own. Only for actors that do little and never block.
#pragma once
#include <caf/actor_system.hpp>
#include <caf/execution_unit.hpp>
#include <caf/resumable.hpp>

#include <vector>

namespace understudy {

class own_thread_unit final : public caf::execution_unit {
public:
  explicit own_thread_unit(caf::actor_system& system)
      : caf::execution_unit(&system) {}
  ~own_thread_unit() override; ///< what was woken and not run is the workers'
  own_thread_unit(const own_thread_unit&) = delete;

  /// By CAF, when a message with this unit wakes an actor.
  void exec_later(caf::resumable* woken) override { woken_.push_back(woken); }
  /// Each of them takes what it has, up to a bound; what is left is the workers'.
  void run();

private:
  std::vector<caf::resumable*> woken_; ///< each with a reference of its own, as CAF's job queues have
};

} // namespace understudy
