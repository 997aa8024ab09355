// understudyd that doesn't hear Kafka's answers about transactions while a file exists (its path is in
// UNDERSTUDY_HOLD_ANSWERS): what lies between an event's being in Kafka and its COMMIT's going on, else a
// millisecond, lasts as long as a test needs.
#include "actors/node/daemon.hpp"

#include <cstdlib>
#include <filesystem>
#include <thread>

namespace {

using namespace understudy;

class patient_log final : public account_log {
public:
  explicit patient_log(options o)
      : account_log(std::move(o))
      , teller_([this] { tell(); }) {}
  ~patient_log() override {
    ending_ = true;
    teller_.join();
    stop();
  }

  void produce(partition_id partition, account_event_body body, on_delivery done,
               captured_from from) override {
    if (std::holds_alternative<transaction_event>(body))
      done = [this, done = std::move(done)](const delivery_outcome& outcome) {
        const std::lock_guard lock(mutex_);
        if (held_.empty() && !holds())
          return done(outcome);
        held_.emplace_back(done, outcome);
      };
    account_log::produce(partition, std::move(body), std::move(done), from);
  }

private:
  static bool holds() {
    static const auto* file = std::getenv("UNDERSTUDY_HOLD_ANSWERS");
    return file != nullptr && std::filesystem::exists(file);
  }
  void tell() {
    while (!ending_) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
      if (holds())
        continue;
      const std::lock_guard lock(mutex_);
      for (const auto& [done, outcome] : std::exchange(held_, {}))
        done(outcome);
    }
  }

  std::mutex mutex_;
  std::vector<std::pair<on_delivery, delivery_outcome>> held_;
  std::atomic<bool> ending_ = false;
  std::thread teller_;
};

} // namespace

int main(int argc, char** argv) {
  return run_daemon(argc, argv, {.make_log = std::make_shared<patient_log, account_log::options>});
}
