// What understudyd does from its command line to its exit status.
#pragma once
#include "actors/node/node.hpp"

namespace understudy {

/// The whole life of the process; doesn't return once a node has run: threads that wait in a COMMIT can't be
/// joined.
int run_daemon(int argc, char** argv, node_variant variant = {});

} // namespace understudy
