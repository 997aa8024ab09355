// bench_bare_hold: the least that may stand between a COMMIT and Kafka's acknowledgement. For each
// transaction it produces a record of a fixed size and writes the ACK on the very thread that hears of it: no
// row is decoded, numbered, judged by a lease or replicated. No program that waits for Kafka can be quicker
// here.
#include "bench/programs/samples.hpp"
#include "events/log/producer.hpp"
#include "storage/binlog/binlog_stream.hpp"
#include "storage/binlog/event_decoder.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <csignal>
#include <deque>
#include <iostream>
#include <mutex>
#include <stdexcept>
#include <thread>

using namespace understudy;
using bench::steady;

namespace {

struct settings {
  std::string socket, brokers, start;
  std::string topic = "understudy.bench";
  std::size_t bytes = 1900;
};

constexpr std::uint32_t server_id = 4242;

template <class Result>
decltype(auto) checked(Result&& done) {
  if (!done)
    throw std::runtime_error(done.error().what);
  return *std::forward<Result>(done);
}

class bare_hold {
public:
  explicit bare_hold(const settings& s)
      : options_(s)
      , payload_(s.bytes, 'x') {
    stream_options to;
    to.socket = s.socket;
    to.user = "root";
    to.server_id = server_id;
    to.start = checked(gtid_position::parse(s.start));
    stream_ = checked(binlog_stream::connect(to));
    producer_callbacks told;
    told.on_delivery = [](delivery&& lost) { throw std::runtime_error("Kafka: " + lost.text); };
    told.on_fatal = [](const error& why) { throw std::runtime_error("Kafka: " + why.what); };
    told.on_held = [this](delivery&&) { acknowledge(); };
    producer_ = checked(producer::start({.brokers = s.brokers, .properties = {}, .log = {}}, {}, told));
  }

  void run() {
    while (const auto event = checked(stream_->next())) {
      const auto read = steady::now();
      checked(decoder_.decode(event->bytes)); // where it ends; its rows stay as they are
      if (!event->wants_ack)
        continue;
      {
        const std::lock_guard lock(mutex_);
        waiting_.push_back({{decoder_.file(), decoder_.position()}, read});
      }
      if (auto taken = producer_->produce(options_.topic, partition_id(0), "account", payload_, 1); !taken)
        throw std::runtime_error(taken.error().what);
    }
  }
  void stop() { stream_->interrupt(); }
  std::string figures() {
    return fmt::format(R"({{"holds":{},"hold":{{{}}}}})", holds_.count(), holds_.json_fields());
  }

private:
  /// One partition: answers come in the order of producing.
  void acknowledge() {
    const std::lock_guard lock(mutex_);
    const auto& first = waiting_.front();
    if (auto sent = stream_->send_ack(first.place); !sent)
      throw std::runtime_error(sent.error().what);
    holds_.add(steady::now() - first.read);
    waiting_.pop_front();
  }

  struct held {
    binlog_place place;
    steady::time_point read;
  };
  settings options_;
  std::string payload_;
  event_decoder decoder_;
  std::unique_ptr<binlog_stream> stream_;
  std::mutex mutex_;
  std::deque<held> waiting_;
  bench::samples holds_;
  std::unique_ptr<producer> producer_; // last: its threads end before what they use
};

} // namespace

int main(int argc, char** argv) {
  settings s;
  CLI::App app{"Holds each COMMIT until Kafka has a record of it, and does nothing else; until SIGTERM."};
  app.add_option("--socket", s.socket, "of a MariaDB that waits for a semi-sync replica")->required();
  app.add_option("--brokers", s.brokers)->required();
  app.add_option("--start", s.start, "GTID position to begin behind")->required();
  app.add_option("--topic", s.topic, "must exist")->capture_default_str();
  app.add_option("--bytes", s.bytes, "of each record")->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  sigset_t ending;
  sigemptyset(&ending);
  sigaddset(&ending, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &ending, nullptr);
  try {
    bare_hold holding(s);
    std::thread waits([&] {
      int signal = 0;
      sigwait(&ending, &signal);
      holding.stop();
    });
    waits.detach(); // an error ends the process whether it waits or not
    holding.run();
    std::cout << holding.figures() << "\n";
    return 0;
  } catch (const std::exception& failed) {
    std::cerr << "bench_bare_hold: " << failed.what() << "\n";
    return 1;
  }
}
