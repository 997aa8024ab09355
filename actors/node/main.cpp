// understudyd --config F: the node's daemon.
#include "actors/node/daemon.hpp"

int main(int argc, char** argv) {
  return understudy::run_daemon(argc, argv);
}
