#include "actors/supervisor/peer_lines.hpp"

namespace understudy {

void peer_lines::submit(const node_name& whom, worker_pool::job job) {
  const std::lock_guard lock(mutex_);
  lines_.try_emplace(whom, "peer questions", at_once).first->second.submit(std::move(job));
}

} // namespace understudy
