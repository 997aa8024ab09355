// A replica from its first copy on: follows, survives restarts and redelivery, is parked, loses its log.
#include "actors/replica/replica_actor.hpp"
#include "actors/replica/snapshot_loading.hpp"
#include "events/log/topic_names.hpp"
#include "events/log/topics.hpp"
#include "tests/integration/log_cuts.hpp"
#include "tests/integration/replica_world.hpp"
#include "tests/tools/fixture/eventually.hpp"

#include <boost/test/unit_test.hpp>

using namespace understudy;
using namespace understudy::replica_test;
using understudy::testing::purge;
using namespace std::chrono_literals;
using fixture::eventually;

namespace {

/// understudy.accounts is deleted and made anew, empty.
void replace_log(replica_world& world) {
  understudy::testing::remove_topic(world.kafka, topic::accounts);
  auto admin = topic_admin::open(world.kafka).value();
  BOOST_REQUIRE(eventually(world.patience, [&] {
    return !admin->facts(topic::accounts, 5s) &&
           admin->ensure(understudy_topics(2, 1, 1, 1h), world.patience).has_value();
  }));
  world.log->begin_log_anew();
}

} // namespace

BOOST_AUTO_TEST_CASE(r16_a_replica_is_loaded_from_a_snapshot_follows_and_meets_its_fence) {
  replica_world world;
  const auto anna = world.account(7);
  world.deliver_mail(7, 300, 400, 500);
  world.restart({anna});
  BOOST_TEST(eventually(world.patience, [&] { return world.stopped_of(anna, true) == 1; }));
  BOOST_TEST(world.figures(anna).state == "waiting_for_snapshot");
  world.initialise(anna);
  BOOST_TEST(world.difference(anna).empty(), world.difference(anna));
  world.deliver_mail(7, 500, 520);
  BOOST_REQUIRE(world.applied(anna));
  BOOST_TEST(world.difference(anna).empty(), world.difference(anna));
  BOOST_TEST(world.figures(anna).state == "ready");

  // F01, R27: the fence is reported when all before it is applied, and only once its decision is folded.
  const kafka_offset decision(20);
  world.deliver_mail(7, 600, 610);
  const auto at = world.log->fence(anna, epoch(2), decision);
  BOOST_TEST(world.applied(anna));
  BOOST_TEST(world.fences.empty());
  world.promote(anna, decision);
  BOOST_REQUIRE(eventually(world.patience, [&] {
    const std::lock_guard lock(world.mutex);
    return !world.fences.empty();
  }));
  BOOST_TEST((world.fences[0].cut == world.log->last(anna)));
  BOOST_TEST((world.fences[0].offset == at));
  BOOST_TEST(eventually(world.patience, [&] {
    return world.pair.destination().value("SELECT term FROM understudy.replica") == "2";
  }));
}

BOOST_AUTO_TEST_CASE(r29_a_replica_that_lacks_what_was_handed_over_begins_nothing_also_after_a_restart) {
  replica_world world;
  const auto anna = world.account(7);
  world.restart({anna});
  world.initialise(anna);
  world.deliver_mail(7, 500, 510);
  BOOST_REQUIRE(world.applied(anna));
  const kafka_offset decision(20);
  world.promote(anna, decision);
  const auto before = world.stopped_of(anna, true);
  world.log->write(world.log->partition(anna),
                   fence_event{anna, epoch(2), decision, true, world.log->last(anna).next(), {}});
  BOOST_REQUIRE(eventually(world.patience, [&] { return world.stopped_of(anna, true) == before + 1; }));
  world.restart({anna}); // before its supervisor could act on that
  BOOST_REQUIRE(eventually(world.patience, [&] { return world.stopped_of(anna, true) == before + 2; }));
  BOOST_TEST((world.figures(anna).term == epoch(1))); // what the supervisor goes by after a restart (R31)
  const std::lock_guard lock(world.mutex);
  BOOST_TEST(world.fences.empty());
}

BOOST_AUTO_TEST_CASE(p1_r36_a_fence_is_not_met_where_the_server_has_lost_what_was_applied) {
  replica_world world;
  const auto anna = world.account(7);
  world.restart({anna});
  world.initialise(anna);
  world.deliver_mail(7, 500, 510);
  BOOST_REQUIRE(world.applied(anna));
  world.pair.destination().query(
      "UPDATE understudy.replica SET sequence=sequence-1"); // as a restored copy has it
  const kafka_offset decision(20);
  world.log->fence(anna, epoch(2), decision);
  world.promote(anna, decision);
  BOOST_REQUIRE(eventually(world.patience, [&] { return world.stopped_of(anna, false) == 1; }));
  BOOST_TEST(world.figures(anna).reason.find("MariaDB holds it up to sequence") != std::string::npos);
  {
    const std::lock_guard lock(world.mutex);
    BOOST_TEST(world.fences.empty());
  }
  world.pair.destination().query("UPDATE understudy.replica SET sequence=sequence+1");
  world.side->resume(anna);
  BOOST_TEST(eventually(world.patience, [&] {
    const std::lock_guard lock(world.mutex);
    return world.fences.size() == 1;
  }));
}

BOOST_AUTO_TEST_CASE(p3_restarts_and_redelivery_apply_each_event_once) {
  replica_world world;
  const auto anna = world.account(7);
  const auto bert = world.account(8);
  world.restart({anna, bert});
  world.initialise(anna);
  world.initialise(bert);
  for (unsigned round = 0; round < 3; ++round) {
    world.deliver_mail(7, 1000 + round * 50, 1019 + round * 50);
    world.stop();
    world.deliver_mail(8, 1000 + round * 50, 1009 + round * 50);
    if (round == 1) // as if positions hadn't been stored: everything is delivered again
      world.pair.destination().query("UPDATE understudy.reader SET next_offset=0");
    world.restart({anna, bert});
    BOOST_REQUIRE(world.applied(anna));
    BOOST_REQUIRE(world.applied(bert));
  }
  BOOST_TEST(world.difference(anna).empty(), world.difference(anna));
  BOOST_TEST(world.difference(bert).empty(), world.difference(bert));
  BOOST_TEST(world.stopped_of(anna, false) + world.stopped_of(bert, false) == 0u);

  // C03: paused over a restart, then on from its own offset.
  world.side->pause(anna);
  BOOST_TEST(eventually(world.patience, [&] { return world.figures(anna).state == "paused"; }));
  const auto before = world.figures(anna).applied;
  world.deliver_mail(7, 2000, 2010);
  world.deliver_mail(8, 2000, 2010);
  BOOST_REQUIRE(world.applied(bert));
  world.restart({anna, bert});
  BOOST_TEST(eventually(world.patience, [&] { return world.figures(anna).state == "paused"; }));
  BOOST_TEST((world.figures(anna).applied == before));
  world.side->resume(anna);
  BOOST_REQUIRE(world.applied(anna));
  BOOST_TEST(world.difference(anna).empty(), world.difference(anna));
}

BOOST_AUTO_TEST_CASE(p6_a_locked_account_is_parked_and_the_others_go_on) {
  replica_world world;
  const auto anna = world.account(7);
  const auto bert = world.account(8);
  world.restart({anna, bert}, 1'000'000);
  world.initialise(anna);
  world.initialise(bert);
  const auto mailbox = world.figures(anna).mailbox.value;
  auto locks = world.pair.destination().connect();
  locks.query("BEGIN");
  locks.query(fmt::format("SELECT * FROM zimbra.mailbox WHERE id={} FOR UPDATE", mailbox));
  for (unsigned round = 0; round < 4; ++round) {
    world.deliver_mail(7, 1000 + round * 100, 1099 + round * 100, 3000);
    world.deliver_mail(8, 1000 + round * 20, 1019 + round * 20);
    BOOST_REQUIRE(world.applied(bert));
  }
  BOOST_TEST((world.figures(anna).applied < world.log->last(anna)));
  BOOST_TEST(eventually(world.patience, [&] { return world.side->totals_now().parked == 1; }));
  BOOST_TEST(world.side->totals_now().backlog_bytes < 1'500'000u);
  locks.query("ROLLBACK");
  BOOST_REQUIRE(world.applied(anna));
  BOOST_TEST(world.difference(anna).empty(), world.difference(anna));
  BOOST_TEST(eventually(world.patience, [&] { return world.side->totals_now().parked == 0; }));
  BOOST_TEST(world.stopped_of(anna, false) == 0u);
}

BOOST_AUTO_TEST_CASE(p6_a_poison_event_stops_its_account_until_it_is_healed) {
  replica_world world;
  const auto anna = world.account(7);
  const auto bert = world.account(8);
  world.restart({anna, bert});
  world.initialise(anna);
  world.initialise(bert);
  const auto mailbox = world.figures(anna).mailbox.value;
  const auto group = (mailbox - 1) % 100 + 1;
  world.pair.destination().query(fmt::format(
      "INSERT INTO mboxgroup{}.mail_item(mailbox_id,id,type,folder_id,date,size,mod_metadata,mod_content)"
      " VALUES ({},1005,5,2,0,0,1,1)",
      group, mailbox));
  world.deliver_mail(7, 1000, 1010);
  world.deliver_mail(8, 1000, 1010);
  BOOST_REQUIRE(world.applied(bert));
  BOOST_REQUIRE(eventually(world.patience, [&] { return world.stopped_of(anna, false) == 1; }));
  BOOST_TEST(world.figures(anna).state == "stopped");
  world.restart({anna, bert});
  BOOST_TEST(eventually(world.patience, [&] { return world.figures(anna).state == "stopped"; }));
  world.pair.destination().query(
      fmt::format("DELETE FROM mboxgroup{}.mail_item WHERE mailbox_id={} AND id=1005", group, mailbox));
  world.side->resume(anna);
  BOOST_REQUIRE(world.applied(anna));
  BOOST_TEST(world.difference(anna).empty(), world.difference(anna));
  world.restart({anna, bert});
  BOOST_TEST(eventually(world.patience, [&] { return world.figures(anna).state == "ready"; }));
}

BOOST_AUTO_TEST_CASE(p6_a_volume_that_is_added_while_an_account_is_followed_stops_nobody) {
  replica_world world;
  world.know_volumes({{1, 1}, {2, 2}, {3, 3}});
  const auto anna = world.account(7);
  world.restart({anna});
  world.initialise(anna);
  const auto mailbox = world.figures(anna).mailbox.value;
  const auto deliver_to = [&](unsigned volume, unsigned item) {
    world.pair.source().query(
        fmt::format("INSERT INTO mboxgroup7.mail_item(mailbox_id,id,type,folder_id,date,size,locator,"
                    "mod_metadata,mod_content) VALUES (7,{},5,2,0,0,'{}',1,1)",
                    item, volume));
    world.log->pump();
  };
  const auto locator = [&](unsigned item) {
    return world.pair.destination().value(
        fmt::format("SELECT locator FROM mboxgroup{}.mail_item WHERE mailbox_id={} AND id={}",
                    (mailbox - 1) % 100 + 1, mailbox, item));
  };
  deliver_to(1, 500);
  BOOST_REQUIRE(world.applied(anna));
  BOOST_TEST(locator(500) == "1");
  world.know_volumes({{1, 1}, {7, 9}});
  deliver_to(7, 501);
  BOOST_REQUIRE(world.applied(anna));
  BOOST_TEST(locator(501) == "9");
  world.know_volumes({{1, 1}, {7, 4}}); // its id was used again
  deliver_to(7, 502);
  BOOST_REQUIRE(world.applied(anna));
  BOOST_TEST(locator(502) == "4");
  // The first event that names it is here before it is announced.
  deliver_to(8, 503);
  BOOST_REQUIRE(eventually(world.patience, [&] {
    return world.figures(anna).reason.find("names volume 8 of the source") != std::string::npos;
  }));
  BOOST_TEST(world.figures(anna).state == "ready");
  BOOST_TEST((world.figures(anna).applied < world.log->last(anna)));
  world.know_volumes({{1, 1}, {7, 4}, {8, 6}});
  BOOST_REQUIRE(world.applied(anna));
  BOOST_TEST(locator(503) == "6");
  BOOST_TEST(eventually(world.patience, [&] { return world.figures(anna).reason.empty(); }));
  BOOST_TEST(world.stopped_of(anna, false) == 0u);
}

BOOST_AUTO_TEST_CASE(c03_a_replica_that_is_paused_while_it_searches_for_a_shape_stays_paused) {
  replica_world world;
  const auto anna = world.account(7);
  const auto bert = world.account(8);
  world.restart({anna, bert});
  world.initialise(anna);
  world.initialise(bert);
  world.stop();
  const auto services = std::make_shared<replica_services>(world.options());
  BOOST_REQUIRE(services->start(services).has_value());
  for (const auto& account : {anna, bert})
    services->follow({account, account.value, world.log->partition(account), epoch(1), false});
  services->control_folded();
  const auto figures = [&](const account_id& account) {
    return services->board().figures_of(account).value_or(replica_side::figures{});
  };
  BOOST_REQUIRE(eventually(world.patience,
                           [&] { return figures(anna).state == "ready" && figures(bert).state == "ready"; }));
  const auto actor = services->board().actor_of(anna);
  const auto at = services->pool().applied(anna);
  BOOST_REQUIRE(at.has_value());
  tell(actor, pause_replica{});
  tell(actor, shape_searched{}); // found
  tell(actor, events_applied{*at, 12345, {}});
  BOOST_REQUIRE(eventually(world.patience, [&] { return figures(anna).lag_us == 12345; }));
  BOOST_TEST(figures(anna).state == "paused");
  world.deliver_mail(7, 500, 510);
  world.deliver_mail(8, 500, 510);
  BOOST_REQUIRE(eventually(world.patience, [&] { return figures(bert).applied == world.log->last(bert); }));
  BOOST_TEST((figures(anna).applied == at->number));
  services->stop();
  world.restart({anna, bert}); // and why it stands still is stored
  BOOST_TEST(eventually(world.patience, [&] { return world.figures(anna).state == "paused"; }));
  world.side->resume(anna);
  BOOST_REQUIRE(world.applied(anna));
  BOOST_TEST(world.difference(anna).empty(), world.difference(anna));
}

BOOST_AUTO_TEST_CASE(c01_an_account_whose_events_were_purged_asks_for_a_snapshot_and_gets_well) {
  replica_world world;
  const auto anna = world.account(7, 0);
  const auto bert = world.account(8, 1);
  world.restart({anna, bert});
  world.initialise(anna);
  world.initialise(bert);
  world.stop();
  world.deliver_mail(7, 1000, 1010);
  world.deliver_mail(8, 1000, 1010);
  const auto end = world.log->write(partition_id(0), incarnation_event{});
  purge(world.kafka, topic::accounts, partition_id(0), end);
  const auto before = world.stopped_of(anna, true);
  world.restart({anna, bert});
  BOOST_REQUIRE(world.applied(bert));
  BOOST_REQUIRE(eventually(world.patience, [&] { return world.stopped_of(anna, true) > before; }));
  BOOST_TEST(world.figures(anna).state == "waiting_for_snapshot");
  BOOST_TEST(world.figures(anna).reason.find("gone") != std::string::npos);
  world.restart({anna, bert}); // it still knows
  BOOST_REQUIRE(eventually(world.patience, [&] { return world.stopped_of(anna, true) > before + 1; }));
  world.initialise(anna);
  world.deliver_mail(7, 2000, 2010);
  BOOST_REQUIRE(world.applied(anna));
  BOOST_TEST(world.difference(anna).empty(), world.difference(anna));
}

/// It grows past the place where the old one was read on: nothing is out of range.
BOOST_AUTO_TEST_CASE(p1_c01_a_log_that_was_replaced_while_the_node_was_down_is_not_read_on) {
  replica_world world;
  const auto anna = world.account(7);
  const auto bert = world.account(8);
  world.restart({anna, bert});
  world.initialise(anna);
  world.initialise(bert);
  world.deliver_mail(8, 1000, 1010);
  BOOST_REQUIRE(world.applied(bert));
  world.stop();
  replace_log(world);
  world.deliver_mail(7, 1000, 1000); // below that place
  world.deliver_mail(8, 1011, 1060);
  const auto before = world.stopped_of(anna, true);
  world.restart({anna, bert});
  BOOST_REQUIRE(eventually(world.patience, [&] { return world.stopped_of(anna, true) == before + 1; }));
  BOOST_TEST(world.figures(anna).reason.find("replaced by another") != std::string::npos);
  for (const auto& account : {anna, bert}) {
    world.initialise(account);
    BOOST_TEST(world.difference(account).empty(), world.difference(account));
  }
  // And it is known again itself.
  world.restart({anna, bert});
  world.deliver_mail(7, 1001, 1010);
  BOOST_REQUIRE(world.applied(anna));
  BOOST_TEST(world.stopped_of(anna, true) == before + 1);
}

BOOST_AUTO_TEST_CASE(p1_c01_a_log_that_is_replaced_under_a_running_node_is_read_from_its_beginning) {
  replica_world world;
  const auto anna = world.account(7);
  const auto bert = world.account(8);
  const auto carl = world.account(9);
  world.restart({anna, bert, carl});
  world.initialise(anna);
  world.initialise(bert);
  world.deliver_mail(8, 1000, 1030);
  BOOST_REQUIRE(world.applied(bert));
  BOOST_REQUIRE(world.watch(carl));
  const auto met = [&](std::size_t fences) {
    return eventually(world.patience, [&] {
      const std::lock_guard lock(world.mutex);
      return world.fences.size() == fences;
    });
  };
  world.promote(bert, kafka_offset(20), source_node, term_state::activated);
  world.log->fence(bert, epoch(2), kafka_offset(20));
  BOOST_REQUIRE(met(1));
  const auto anna_before = world.stopped_of(anna, true), carl_before = world.stopped_of(carl, true);
  replace_log(world);
  world.deliver_mail(7, 1000, 1000);
  for (int record = 0; record < 25; ++record) // past where Anna was read on, not past where the partition was
    world.log->write(world.log->partition(anna), incarnation_event{});
  BOOST_TEST(eventually(world.patience, [&] { return world.stopped_of(anna, true) > anna_before; }));
  BOOST_TEST(eventually(world.patience, [&] { return world.stopped_of(carl, true) > carl_before; }));
  world.initialise(anna);
  BOOST_TEST(world.difference(anna).empty(), world.difference(anna));
  world.initialise(bert, epoch(2));
  BOOST_TEST(world.difference(bert).empty(), world.difference(bert));
  world.log->fence(bert, epoch(3), kafka_offset(30)); // at a lower offset than the one before
  world.promote(bert, kafka_offset(30));
  BOOST_TEST(met(2));
}

// The rows of a dead source aren't waited for once another source, which sends its own, is active.
BOOST_AUTO_TEST_CASE(r16_a_load_from_a_source_that_was_followed_is_given_up_for_the_next_ones) {
  replica_world world;
  const auto anna = world.account(7);
  world.restart({anna});
  BOOST_REQUIRE(world.watch(anna));
  world.log->write(world.log->partition(anna), snapshot_event{anna, epoch(1), world.log->last(anna), "never",
                                                              world.log->partition(anna), kafka_offset(0)});
  BOOST_REQUIRE(eventually(world.patience, [&] { return world.figures(anna).state == "loading"; }));
  const auto before = world.stopped_of(anna, true);
  const kafka_offset decision(20);
  world.promote(anna, decision, source_node, term_state::activated);
  world.log->fence(anna, epoch(2), decision);
  BOOST_REQUIRE(eventually(world.patience, [&] { return world.figures(anna).state != "loading"; }));
  BOOST_TEST(world.figures(anna).state == "waiting_for_snapshot");
  BOOST_TEST(world.stopped_of(anna, true) == before); // it asks for nothing: what it waits for is on its way
  BOOST_REQUIRE(world.send_snapshot(anna, "next", epoch(2)));
  BOOST_REQUIRE(eventually(world.patience, [&] { return world.figures(anna).state == "ready"; }));
  BOOST_TEST(world.difference(anna).empty(), world.difference(anna));
}

/// Many chunks come out of Kafka at once, and each is a COMMIT that may be held.
BOOST_AUTO_TEST_CASE(p3_r16_a_load_that_is_given_up_writes_no_further_chunk) {
  replica_world world;
  const auto anna = world.account(7);
  world.deliver_mail(7, 300, 500, 500);
  BOOST_REQUIRE(world.send_snapshot(anna, "given-up"));
  load_task task;
  {
    const std::lock_guard lock(world.mutex);
    const auto& view = world.opened.front();
    task.met.marker = {anna, epoch(1), world.log->last(anna), view.snapshot, view.partition, view.first};
  }
  task.request = {anna, anna.value, "given-up", world.log->mailbox(anna), nullptr};
  task.sql = world.pair.destination_sql();
  task.rules = world.pair.rules();
  task.shapes = std::make_shared<shape_registry>();
  unsigned loaded = 0;
  std::uint64_t rows_loaded = 0;
  task.stopping = [&] { return loaded > 0; };
  task.is_superseded = task.is_orphaned = [] { return false; };
  task.progress = [&](std::uint64_t rows, std::uint64_t) {
    loaded += rows > 0; // before the first row comes how many there will be
    rows_loaded = rows;
  };
  snapshot_readers readers(world.kafka);
  auto ended = load_snapshot(task, readers);
  BOOST_REQUIRE(!ended);
  BOOST_TEST(ended.error().retryable);
  BOOST_TEST(loaded == 1u);
  BOOST_TEST(rows_loaded < 200u); // there was more to load
  // Nor does it take the place of the one that it was given up for.
  auto& destination = world.pair.destination();
  destination.query("UPDATE understudy.replica SET snapshot='next'");
  ended = load_snapshot(task, readers);
  BOOST_TEST(!ended);
  BOOST_TEST(destination.value("SELECT CONCAT(state, ' ', snapshot) FROM understudy.replica") ==
             "loading next");
}

BOOST_AUTO_TEST_CASE(p1_m02_the_copy_is_kept_while_its_successor_cannot_be_loaded) {
  replica_world world;
  const auto anna = world.account(7);
  world.restart({anna});
  world.initialise(anna);
  world.deliver_mail(7, 500, 510);
  BOOST_REQUIRE(world.applied(anna));
  const auto kept = [&] {
    const auto row = world.pair.destination().query("SELECT state, sequence FROM understudy.replica").front();
    return row[0] == "ready" && *row[1] == fmt::format("{}", world.log->last(anna)) &&
           world.difference(anna).empty();
  };
  const auto says = [&](const std::string& part) {
    const auto reason = world.figures(anna).reason;
    return reason.starts_with("a new snapshot can't be loaded, so the copy before it is kept: ") &&
           reason.find(part) != std::string::npos;
  };
  // Its source dies with the marker in the log, and none of the rows.
  BOOST_REQUIRE(world.watch(anna));
  world.log->write(world.log->partition(anna), snapshot_event{anna, epoch(1), world.log->last(anna), "never",
                                                              world.log->partition(anna), kafka_offset(0)});
  BOOST_TEST(eventually(world.patience, [&] { return says("no chunk of snapshot never came"); }));
  BOOST_TEST(kept());
  // The source has a column that the destination lacks.
  world.pair.source().set_up("ALTER TABLE mboxgroup7.tag ADD COLUMN x INT NOT NULL DEFAULT 5");
  const auto before = world.stopped_of(anna, false);
  BOOST_REQUIRE(world.watch(anna));
  BOOST_REQUIRE(world.send_snapshot(anna, "altered"));
  BOOST_REQUIRE(eventually(world.patience, [&] { return world.stopped_of(anna, false) == before + 1; }));
  BOOST_TEST(says("column x is missing here: make both tables alike, then run restartReplicas"),
             world.figures(anna).reason);
  BOOST_TEST(kept());
  // Mended here, it is loaded after all, without the source: which may be dead by now.
  world.sender.reset();
  world.deliver_mail(7, 520, 530);
  world.pair.destination().set_up("ALTER TABLE mboxgroup3.tag ADD COLUMN x INT NOT NULL DEFAULT 7");
  world.side->resume(anna);
  BOOST_REQUIRE(world.applied(anna));
  BOOST_TEST(kept());
  BOOST_TEST(world.pair.destination().value("SELECT MAX(x) FROM mboxgroup3.tag") == "5");
  BOOST_TEST(world.figures(anna).state == "ready");
}
