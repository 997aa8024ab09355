#include "actors/source/own_thread_unit.hpp"

#include <caf/scheduler/abstract_coordinator.hpp>

#include <utility>

namespace understudy {
namespace {

/// Messages an actor takes in one turn; so many aren't there unless something held it up.
constexpr std::size_t most_messages = 100;

} // namespace

own_thread_unit::~own_thread_unit() {
  for (auto* each : woken_)
    system().scheduler().enqueue(each);
}

void own_thread_unit::run() {
  for (std::size_t i = 0; i < woken_.size(); ++i) { // a turn may wake others
    auto* each = std::exchange(woken_[i], nullptr);
    if (each->resume(this, most_messages) == caf::resumable::resume_later)
      system().scheduler().enqueue(each); // the reference goes along
    else
      caf::intrusive_ptr_release(each);
  }
  woken_.clear();
}

} // namespace understudy
