// Every metric of a node (DESIGN §10; docs/metrics.md says what each means), registered in one constructor.
#pragma once
#include "actors/metrics/gauges.hpp"
#include "actors/metrics/recent_maximum.hpp"

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <algorithm>
#include <cstddef>
#include <map>
#include <mutex>
#include <string_view>

namespace understudy {

/// All methods may be called from any thread; those that count never block for longer than another's count.
/// Seconds that are negative (clocks of two hosts) or NaN count as 0.
class node_metrics {
public:
  enum class promotion_kind : std::uint8_t { planned, unplanned };
  enum class promotion_outcome : std::uint8_t { done, failed };

  /// A family takes so many label values; those that come later share the value "other", so that no text
  /// from outside makes the answer grow without end.
  static constexpr std::size_t max_label_values = 64;

  explicit node_metrics(std::string version);

  /// Whom to ask at each scrape; an empty function: nobody, the gauges stay as they are. When it returns, the
  /// former source isn't being called any more and won't be.
  void ask(gauges_source source);

  /// From reading the transaction's last packet to the ACK that released its COMMIT.
  void commit_hold(double seconds) { commit_hold_.Observe(amount(seconds)); }
  /// From handing an event to the producer to Kafka's ack.
  void produce_ack(double seconds) { produce_ack_.Observe(amount(seconds)); }
  /// One event that Kafka has acknowledged; `bytes` of its record's key and value.
  void event_produced(std::size_t bytes) {
    produced_.Increment();
    bytes_produced_.Increment(static_cast<double>(bytes));
  }
  /// Bytes of records read from understudy.accounts: keys and values.
  void events_consumed(std::size_t bytes) { bytes_consumed_.Increment(static_cast<double>(bytes)); }
  void events_applied(std::uint64_t count) { applied_.Increment(static_cast<double>(count)); }
  /// Source commit to replica commit of one event.
  void lag(double seconds);
  /// Accounts in one committed batch of an applier.
  void batch(std::size_t accounts) { batch_.Observe(static_cast<double>(accounts)); }
  /// One account's promotion to this node came to its end.
  void promotion(promotion_kind kind, promotion_outcome outcome);
  /// How long an account couldn't be written: by a planned promotion, said by its old source, or since an
  /// unplanned one was asked for, said by its new primary.
  void promotion_pause(promotion_kind kind, double seconds);
  /// `kind`: a short lower-case word for the place it happened in (mariadb, kafka, apply, snapshot, …).
  void error(std::string_view kind);
  /// One transaction with a foreign write (R35).
  void foreign_write() { divergent_.Increment(); }
  /// Commits whose wait ended without our ACK (R5).
  void unconfirmed(std::uint64_t commits) { unconfirmed_.Increment(static_cast<double>(commits)); }
  /// Rows of snapshots that were loaded here.
  void snapshot_rows(std::uint64_t rows) { snapshot_rows_.Increment(static_cast<double>(rows)); }

  /// Rows of a replica that were compared with its source's; `differs`: they aren't the same.
  void verified(std::uint64_t rows, bool differs) {
    verified_rows_.Increment(static_cast<double>(rows));
    verify_differences_.Increment(differs ? 1 : 0);
  }

  /// The exposition format, version 0.0.4; asks the source first.
  std::string text();

private:
  /// A family of gauges whose label values come from outside: values not named in a scrape become 0.
  struct labelled {
    prometheus::Family<prometheus::Gauge>& family;
    std::map<prometheus::Labels, prometheus::Gauge*> known;
    void clear();
    void add(prometheus::Labels labels, double value);
  };

  static double amount(double seconds) { return std::max(0.0, seconds); }
  void refresh(const gauges& now);
  void refresh_messages(const gauges& now);
  prometheus::Counter& counter(std::string name, std::string help);
  prometheus::Gauge& gauge(std::string name, std::string help);
  prometheus::Family<prometheus::Gauge>& gauge_family(std::string name, std::string help);

  prometheus::Registry registry_;
  // What is counted as it happens; the registry owns them.
  prometheus::Counter& produced_;
  prometheus::Counter& applied_;
  prometheus::Family<prometheus::Counter>& bytes_;
  prometheus::Counter& bytes_produced_;
  prometheus::Counter& bytes_consumed_;
  prometheus::Histogram& commit_hold_;
  prometheus::Histogram& produce_ack_;
  prometheus::Histogram& lag_;
  prometheus::Histogram& batch_;
  prometheus::Family<prometheus::Counter>& promotions_;
  prometheus::Histogram& planned_seconds_;
  prometheus::Histogram& unplanned_seconds_;
  prometheus::Counter& divergent_;
  prometheus::Counter& unconfirmed_;
  prometheus::Counter& snapshot_rows_;
  prometheus::Counter& verified_rows_;
  prometheus::Counter& verify_differences_;
  prometheus::Family<prometheus::Counter>& errors_;
  // What is asked for.
  prometheus::Gauge& lag_max_;
  prometheus::Gauge& inflight_;
  prometheus::Gauge& parked_;
  prometheus::Gauge& left_out_;
  prometheus::Gauge& unsafe_topics_;
  prometheus::Gauge& lease_too_short_;
  prometheus::Gauge& kafka_connected_;
  prometheus::Gauge& lease_remaining_;
  labelled accounts_;
  labelled unprotected_;
  labelled semi_sync_;
  labelled mailbox_depth_;
  prometheus::Family<prometheus::Counter>& messages_;

  struct actor_counter {
    prometheus::Counter* counter = nullptr;
    std::uint64_t last = 0; ///< as the actor last said
  };
  std::mutex scrape_; ///< over source_, the labelled families and actors_
  gauges_source source_;
  std::map<std::string, actor_counter> actors_; ///< the kinds of actors are a few of our own: needs no limit

  std::mutex lags_; ///< over recent_lag_
  recent_maximum recent_lag_;

  std::mutex kinds_; ///< over error_kinds_
  std::map<std::string, prometheus::Counter*, std::less<>> error_kinds_;
};

} // namespace understudy
