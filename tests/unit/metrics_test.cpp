#include "actors/metrics/node_metrics.hpp"

#include <boost/test/unit_test.hpp>

#include <cmath>
#include <limits>
#include <thread>

using namespace understudy;
using std::chrono::seconds;

namespace {

bool has_line(const std::string& text, const std::string& line) {
  return ("\n" + text).find("\n" + line + "\n") != std::string::npos;
}

std::size_t count_of(const std::string& text, const std::string& part) {
  std::size_t count = 0;
  for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + part.size()))
    ++count;
  return count;
}

} // namespace

BOOST_AUTO_TEST_CASE(maximum_counts_for_a_minute_and_no_longer) {
  recent_maximum lag;
  BOOST_TEST(lag.at(seconds(100)) == 0);
  lag.add(3, seconds(100));
  lag.add(5, seconds(100));
  lag.add(4, seconds(130));
  BOOST_TEST(lag.at(seconds(100)) == 5);
  BOOST_TEST(lag.at(seconds(159)) == 5);
  BOOST_TEST(lag.at(seconds(160)) == 4);
  BOOST_TEST(lag.at(seconds(189)) == 4);
  BOOST_TEST(lag.at(seconds(190)) == 0);
}

BOOST_AUTO_TEST_CASE(maximum_of_a_second_replaces_that_of_a_minute_before) {
  recent_maximum lag;
  lag.add(9, seconds(5));
  lag.add(1, seconds(65));
  BOOST_TEST(lag.at(seconds(65)) == 1);
}

BOOST_AUTO_TEST_CASE(maximum_takes_late_threads_and_nonsense) {
  recent_maximum lag;
  lag.add(2, seconds(200));
  lag.add(7, seconds(199)); // a thread that read the clock before
  lag.add(-1, seconds(200));
  lag.add(std::numeric_limits<double>::quiet_NaN(), seconds(200));
  BOOST_TEST(lag.at(seconds(199)) == 7);
  BOOST_TEST(lag.at(seconds(259)) == 7);
  BOOST_TEST(lag.at(seconds(260)) == 0);
}

BOOST_AUTO_TEST_CASE(every_metric_is_there_before_anything_happened) {
  node_metrics metrics("1.2.3");
  const auto text = metrics.text();
  for (const auto* const name : {"understudy_events_produced_total",
                                 "understudy_events_applied_total",
                                 "understudy_event_bytes_total",
                                 "understudy_commit_hold_seconds",
                                 "understudy_produce_ack_seconds",
                                 "understudy_replication_lag_seconds",
                                 "understudy_replication_lag_seconds_max",
                                 "understudy_apply_batch_accounts",
                                 "understudy_inflight_events",
                                 "understudy_parked_accounts",
                                 "understudy_left_out_accounts",
                                 "understudy_unsafe_topics",
                                 "understudy_lease_too_short",
                                 "understudy_semi_sync",
                                 "understudy_kafka_connected",
                                 "understudy_lease_remaining_seconds",
                                 "understudy_promotions_total",
                                 "understudy_promotion_seconds",
                                 "understudy_divergent_transactions_total",
                                 "understudy_unconfirmed_commits_total",
                                 "understudy_accounts_unprotected",
                                 "understudy_snapshot_rows_total",
                                 "understudy_verified_rows_total",
                                 "understudy_verify_differences_total",
                                 "understudy_build_info"})
    BOOST_TEST(text.find(fmt::format("# TYPE {} ", name)) != std::string::npos, name);
  BOOST_TEST(has_line(text, "understudy_build_info{version=\"1.2.3\"} 1"));
  BOOST_TEST(has_line(text, "understudy_promotions_total{kind=\"planned\",outcome=\"done\"} 0"));
  BOOST_TEST(has_line(text, "understudy_semi_sync{state=\"unknown\"} 1"));
  BOOST_TEST(has_line(text, "understudy_semi_sync{state=\"synchronous\"} 0"));
}

BOOST_AUTO_TEST_CASE(what_happens_is_counted) {
  node_metrics metrics("1");
  metrics.event_produced(300);
  metrics.event_produced(200);
  metrics.events_consumed(70);
  metrics.events_applied(3);
  metrics.snapshot_rows(1000);
  metrics.verified(400, false);
  metrics.verified(30, true);
  metrics.foreign_write();
  metrics.promotion(node_metrics::promotion_kind::planned, node_metrics::promotion_outcome::failed);
  metrics.error("mariadb");
  metrics.error("mariadb");
  const auto text = metrics.text();
  BOOST_TEST(has_line(text, "understudy_events_produced_total 2"));
  BOOST_TEST(has_line(text, "understudy_event_bytes_total{direction=\"produced\"} 500"));
  BOOST_TEST(has_line(text, "understudy_event_bytes_total{direction=\"consumed\"} 70"));
  BOOST_TEST(has_line(text, "understudy_events_applied_total 3"));
  BOOST_TEST(has_line(text, "understudy_snapshot_rows_total 1000"));
  BOOST_TEST(has_line(text, "understudy_verified_rows_total 430"));
  BOOST_TEST(has_line(text, "understudy_verify_differences_total 1"));
  BOOST_TEST(has_line(text, "understudy_divergent_transactions_total 1"));
  BOOST_TEST(has_line(text, "understudy_promotions_total{kind=\"planned\",outcome=\"failed\"} 1"));
  BOOST_TEST(has_line(text, "understudy_errors_total{kind=\"mariadb\"} 2"));
}

BOOST_AUTO_TEST_CASE(durations_go_into_buckets_of_seconds) {
  node_metrics metrics("1");
  metrics.commit_hold(0.0001);
  metrics.commit_hold(0.00035);
  metrics.commit_hold(60);
  metrics.lag(0.015);
  metrics.lag(-4); // the source's clock is ahead
  metrics.lag(std::numeric_limits<double>::quiet_NaN());
  metrics.batch(40);
  metrics.promotion_pause(node_metrics::promotion_kind::planned, 0.04);
  metrics.promotion_pause(node_metrics::promotion_kind::unplanned, 4);
  const auto text = metrics.text();
  BOOST_TEST(has_line(text, "understudy_commit_hold_seconds_bucket{le=\"0.0001\"} 1"));
  BOOST_TEST(has_line(text, "understudy_commit_hold_seconds_bucket{le=\"0.0004\"} 2"));
  BOOST_TEST(has_line(text, "understudy_commit_hold_seconds_bucket{le=\"10\"} 2"));
  BOOST_TEST(has_line(text, "understudy_commit_hold_seconds_bucket{le=\"+Inf\"} 3"));
  BOOST_TEST(has_line(text, "understudy_replication_lag_seconds_count 3"));
  BOOST_TEST(has_line(text, "understudy_replication_lag_seconds_sum 0.015"));
  BOOST_TEST(has_line(text, "understudy_replication_lag_seconds_max 0.015"));
  BOOST_TEST(has_line(text, "understudy_apply_batch_accounts_bucket{le=\"50\"} 1"));
  BOOST_TEST(has_line(text, "understudy_promotion_seconds_bucket{kind=\"planned\",le=\"0.05\"} 1"));
  BOOST_TEST(has_line(text, "understudy_promotion_seconds_bucket{kind=\"unplanned\",le=\"0.05\"} 0"));
  BOOST_TEST(has_line(text, "understudy_promotion_seconds_bucket{kind=\"unplanned\",le=\"5\"} 1"));
}

BOOST_AUTO_TEST_CASE(p8_gauges_say_what_is_now_and_what_has_gone_becomes_zero) {
  node_metrics metrics("1");
  gauges now;
  now.accounts = {{"source", "active", 40}, {"source", "active", 2}}; // counts of one pair add up
  now.actors = {{"replica", 5, 100}};
  now.unprotected = {1, 2, 3};
  now.inflight_events = 8;
  now.parked_accounts = 9;
  now.left_out_accounts = 4;
  now.unsafe_topics = 2;
  now.lease_too_short = true;
  now.kafka_connected = true;
  now.lease_remaining_seconds = -1.5;
  now.semi_sync = "synchronous";
  metrics.ask([&now] { return now; });
  auto text = metrics.text();
  for (const auto* const line :
       {"understudy_mailbox_depth{actor=\"replica\"} 5", "understudy_messages_total{actor=\"replica\"} 100",
        "understudy_accounts_unprotected{cause=\"node\"} 1",
        "understudy_accounts_unprotected{cause=\"account\"} 2",
        "understudy_accounts_unprotected{cause=\"uncovered\"} 3", "understudy_inflight_events 8",
        "understudy_parked_accounts 9", "understudy_left_out_accounts 4", "understudy_unsafe_topics 2",
        "understudy_lease_too_short 1", "understudy_kafka_connected 1",
        "understudy_lease_remaining_seconds -1.5", "understudy_semi_sync{state=\"synchronous\"} 1",
        "understudy_semi_sync{state=\"unknown\"} 0"})
    BOOST_TEST(has_line(text, line), line);
  BOOST_TEST(has_line(text, "understudy_accounts{role=\"source\",state=\"active\"} 42"));

  now = {};
  now.semi_sync = "off";
  now.actors = {{"replica", 0, 130}};
  text = metrics.text();
  BOOST_TEST(has_line(text, "understudy_accounts{role=\"source\",state=\"active\"} 0"));
  BOOST_TEST(has_line(text, "understudy_semi_sync{state=\"synchronous\"} 0"));
  BOOST_TEST(has_line(text, "understudy_semi_sync{state=\"off\"} 1"));
  BOOST_TEST(has_line(text, "understudy_messages_total{actor=\"replica\"} 130"));

  now.actors = {{"replica", 0, 7}}; // started again
  BOOST_TEST(has_line(metrics.text(), "understudy_messages_total{actor=\"replica\"} 137"));
}

BOOST_AUTO_TEST_CASE(kinds_of_errors_are_there_before_their_first_error) {
  const auto text = node_metrics("1").text();
  for (const auto* kind : {"apply", "capture", "produce", "snapshot", "verify"})
    BOOST_TEST(has_line(text, fmt::format("understudy_errors_total{{kind=\"{}\"}} 0", kind)));
}

BOOST_AUTO_TEST_CASE(p7_label_values_from_outside_are_bounded) {
  node_metrics metrics("1");
  const auto known = count_of(metrics.text(), "understudy_errors_total{");
  gauges now;
  for (int i = 0; i < 500; ++i) {
    metrics.error(fmt::format("kind{}", i));
    now.accounts.push_back({"source", fmt::format("state{}", i), 1});
  }
  metrics.ask([&now] { return now; });
  const auto text = metrics.text();
  BOOST_TEST(count_of(text, "understudy_errors_total{") == node_metrics::max_label_values + 1);
  BOOST_TEST(has_line(text, fmt::format("understudy_errors_total{{kind=\"other\"}} {}",
                                        500 + known - node_metrics::max_label_values)));
  BOOST_TEST(count_of(text, "understudy_accounts{") == node_metrics::max_label_values + 1);
}

BOOST_AUTO_TEST_CASE(threads_count_while_others_scrape) {
  node_metrics metrics("1");
  metrics.ask([] { return gauges{}; });
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&metrics] {
      for (int i = 0; i < 2000; ++i) {
        metrics.event_produced(1);
        metrics.lag(0.01);
        metrics.error("kafka");
        if (i % 500 == 0)
          metrics.text();
      }
    });
  for (auto& thread : threads)
    thread.join();
  const auto text = metrics.text();
  BOOST_TEST(has_line(text, "understudy_events_produced_total 8000"));
  BOOST_TEST(has_line(text, "understudy_replication_lag_seconds_count 8000"));
  BOOST_TEST(has_line(text, "understudy_errors_total{kind=\"kafka\"} 8000"));
}
