// understudyd with one thing wrong: a transaction counts as held by Kafka the moment it is handed to the
// producer, so MariaDB gets its ACK before Kafka's. If the comparison doesn't find what this one loses, it
// proves nothing.
#include "actors/node/daemon.hpp"

namespace {

using namespace understudy;

class early_log final : public account_log {
public:
  using account_log::account_log;

  void produce(partition_id partition, account_event_body body, on_delivery done,
               captured_from from) override {
    if (const auto* transaction = std::get_if<transaction_event>(&body)) {
      delivery_outcome untrue;
      untrue.account = transaction->account;
      done(untrue); // its stamp is older than any renewal's, so it counts as long as the lease runs
      done = [](const delivery_outcome&) {};
    }
    account_log::produce(partition, std::move(body), std::move(done), from);
  }
};

} // namespace

int main(int argc, char** argv) {
  return run_daemon(argc, argv, {.make_log = std::make_shared<early_log, account_log::options>});
}
