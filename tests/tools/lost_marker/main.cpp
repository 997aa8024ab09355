// understudyd with one thing wrong: the marker of its first snapshot goes nowhere, as if its account had been
// handed over meanwhile. Nobody can load that snapshot; a node that doesn't notice leaves its replica without
// one for ever. It waits for a marker for a second only.
#include "actors/node/daemon.hpp"

namespace {

using namespace understudy;

class forgetful_log final : public account_log {
public:
  using account_log::account_log;

  void produce(partition_id partition, account_event_body body, on_delivery done,
               captured_from from) override {
    if (std::holds_alternative<snapshot_event>(body) && !lost_.exchange(true))
      return;
    account_log::produce(partition, std::move(body), std::move(done), from);
  }

private:
  std::atomic<bool> lost_ = false;
};

} // namespace

int main(int argc, char** argv) {
  return run_daemon(argc, argv,
                    {.make_log = std::make_shared<forgetful_log, account_log::options>,
                     .marker_patience = std::chrono::seconds(1)});
}
