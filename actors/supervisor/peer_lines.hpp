// Where questions to other nodes wait for their turn: one line a node, so that one that doesn't answer holds
// up only what it is asked itself.
#pragma once
#include "actors/support/worker_pool.hpp"
#include "events/model/ids.hpp"

#include <map>
#include <memory>
#include <mutex>

namespace understudy {

class peer_lines {
public:
  /// Questions to one node at a time. It may wait for another node before it answers one (`monitor`), and
  /// isn't to look silent for the others meanwhile. With as many nodes as control knows, that bounds the
  /// threads.
  static constexpr unsigned at_once = 4;

  /// `job` asks this node, and may block; jobs of one line begin in the order given. Any thread, never
  /// blocks. `whom` is a node that control knows: each has its threads from its first question on.
  void submit(const node_name& whom, worker_pool::job job);

private:
  std::mutex mutex_;
  std::map<node_name, worker_pool> lines_;
};

} // namespace understudy
