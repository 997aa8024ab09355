// understudyd that dies at one step of a promotion: capture has met the role row with which an account begins
// here, and `activated` isn't appended yet. Only if the file that UNDERSTUDY_ENDS_AT_ROLE names is there,
// which goes with it: the next life gets past that step.
#include "actors/node/daemon.hpp"

#include <csignal>
#include <cstdlib>
#include <filesystem>

namespace {

using namespace understudy;

class mortal_log final : public account_log {
public:
  using account_log::account_log;

  void produce(partition_id partition, account_event_body body, on_delivery done,
               captured_from from) override {
    begins_ = begins_ || std::holds_alternative<fence_event>(body);
    account_log::produce(partition, std::move(body), std::move(done), from);
  }
  void repeat_shapes(partition_id partition) override {
    const char* const armed = std::getenv("UNDERSTUDY_ENDS_AT_ROLE");
    if (begins_ && armed != nullptr && std::filesystem::remove(armed))
      (void)std::raise(SIGKILL);
    account_log::repeat_shapes(partition);
  }

private:
  std::atomic<bool> begins_ = false; ///< an epoch of this node's own, behind its fence
};

} // namespace

int main(int argc, char** argv) {
  return run_daemon(argc, argv, {.make_log = std::make_shared<mortal_log, account_log::options>});
}
