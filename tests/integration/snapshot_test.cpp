// Snapshots against real servers: what is read equals what the binlog shows; loads survive being cut short.
#include "storage/snapshot/first_copies.hpp"
#include "storage/state/logged_state.hpp"
#include "tests/integration/replicated_pair.hpp"
#include "tests/tools/fixture/eventually.hpp"
#include "tests/tools/fixture/mailstore_schema.hpp"

#include <boost/test/unit_test.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <future>
#include <map>

using namespace understudy;
using namespace understudy::apply_test;

namespace {

std::vector<snapshot_chunk> read_all(replicated_pair& pair, std::size_t rows, std::size_t bytes = 1U << 20) {
  auto reader = need(snapshot_reader::open(pair.source_sql(), pair.rules(),
                                           {replicated_pair::account(), mailbox_id(7), "chunks"}));
  std::vector<snapshot_chunk> chunks;
  while (auto chunk = need(reader->next_chunk(rows, bytes)))
    chunks.push_back(std::move(*chunk));
  return chunks;
}

load_request request_of(const std::string& snapshot) {
  return {replicated_pair::account(), "user7@example.com", snapshot, mailbox_id(7), nullptr};
}

/// Its snapshot, whole in a chunk, for a destination whose group databases are there.
first_copy copy_of(replicated_pair& pair, const account_id& account, unsigned mailbox) {
  const auto id = fmt::format("whole-{}", mailbox);
  auto reader =
      need(snapshot_reader::open(pair.source_sql(), pair.rules(), {account, mailbox_id(mailbox), id}));
  auto chunk = need(reader->next_chunk(1000, std::size_t{1} << 20));
  BOOST_REQUIRE(chunk);
  auto volumes = std::make_shared<volume_map>();
  for (std::uint64_t i = 1; i <= 3; ++i)
    volumes->emplace(i, i + 4);
  return {
      {account, "", id, mailbox_id(mailbox), volumes, std::make_shared<recent_catalogs>(), kafka_offset(40)},
      std::move(*chunk),
      epoch(1),
      sequence(mailbox),
      kafka_offset(9)};
}

struct small_accounts : replicated_pair {
  std::vector<first_copy> copies;
  small_accounts() {
    for (const unsigned group : {3U, 5U}) // 4 is made from its definitions
      destination().set_up(fixture::group_schema(group));
    copies.push_back(copy_of(*this, account(), 7));
    for (const unsigned mailbox : {8U, 9U})
      copies.push_back(copy_of(*this, add_account(mailbox), mailbox));
  }
  std::vector<std::optional<account_placement>> load() {
    auto session = need(sql_session::open(loading_session(destination_sql())));
    return need(load_first_copies(session, rules(), copies));
  }
  std::string items(fixture::private_mariadb& server, std::uint32_t group, mailbox_id mailbox) {
    return server.value(
        fmt::format("SELECT GROUP_CONCAT(id, ' ', type, ' ', COALESCE(name, '') ORDER BY id) FROM "
                    "mboxgroup{}.mail_item WHERE mailbox_id={}",
                    group, mailbox));
  }
  std::string rows_of(const std::string& table) {
    return destination().value("SELECT COUNT(*) FROM " + table);
  }
  std::uint64_t commits() {
    return std::stoull(destination().query("SHOW GLOBAL STATUS LIKE 'Binlog_commits'").at(0).at(1).value());
  }
};

/// As another snapshot's.
std::vector<snapshot_chunk> named(std::vector<snapshot_chunk> chunks, const std::string& snapshot) {
  for (auto& chunk : chunks)
    chunk.id = snapshot;
  return chunks;
}

void load_all(snapshot_loader& loader, const std::vector<snapshot_chunk>& chunks) {
  for (const auto& chunk : chunks)
    need(loader.load(chunk));
}

std::optional<replica_record> replica_here(replicated_pair& pair) {
  auto session = sql_session::open(pair.destination_sql());
  BOOST_REQUIRE(session);
  return need(logged_state(*session).replica_of(replicated_pair::account()));
}

const char* const every_type =
    "CREATE TABLE mboxgroup7.every(mailbox_id INT UNSIGNED NOT NULL, k BINARY(4) NOT NULL, i BIGINT "
    "UNSIGNED, "
    "m MEDIUMINT, n DECIMAL(30,10), z DECIMAL(10,2) ZEROFILL, f FLOAT, d DOUBLE, dd DOUBLE(10,3), b BIT(12), "
    "y YEAR, da DATE, t TIME(3), dt DATETIME(6), ts TIMESTAMP NULL, ts4 TIMESTAMP(4) NULL, c CHAR(9) "
    "CHARACTER "
    "SET utf8mb4, l VARCHAR(40) CHARACTER SET latin1, u2 VARCHAR(20) CHARACTER SET ucs2, tx TEXT CHARACTER "
    "SET "
    "utf8mb3, bl TINYBLOB, e ENUM('a','ü,','') CHARACTER SET utf8mb4, s SET('x','y','z'), g GEOMETRY, p "
    "POINT, "
    "u UUID, i6 INET6, j JSON, vc VARCHAR(50) COMPRESSED, bc MEDIUMBLOB COMPRESSED, gen INT AS (m+1) STORED, "
    "PRIMARY KEY(mailbox_id,k))";

} // namespace

BOOST_AUTO_TEST_CASE(t03_a_snapshot_row_and_a_binlog_row_of_the_same_record_are_identical) {
  replicated_pair pair;
  pair.source().set_up(every_type);
  pair.initialise();
  auto source = pair.source().connect("mboxgroup7");
  source.script(
      "SET NAMES utf8mb4; SET time_zone='+05:30'; SET sql_mode='';"
      "INSERT INTO every(mailbox_id,k,i,m,n,z,f,d,dd,b,y,da,t,dt,ts,ts4,c,l,u2,tx,bl,e,s,g,p,u,i6,j,vc,bc) "
      "VALUES "
      "(7,x'01020000',18446744073709551615,-8388608,-0.0000000001,5.5,1/3,1/"
      "3,-1234.567,4095,2155,'2024-02-31',"
      "'-838:59:59.999','2024-01-02 03:04:05.000006','2024-01-01 00:00:00','2024-01-01 00:00:00.1','ä  ','ß',"
      "x'd800','x\\0y',x'00ff','ü,','x,z',POINT(1,2),POINT(3,4),'6ccd780c-baba-1026-9564-5b8c656024db',"
      "'2001:db8::1','{\"a\":1}',REPEAT('q',50),REPEAT('w',9000)),"
      "(7,x'00000000',0,0,0,0,'-0','-0',0,0,0,'0000-00-00','00:00:00','0000-00-00','0000-00-00',NULL,'','',''"
      ",'',"
      "'','','',NULL,NULL,'00000000-0000-0000-0000-000000000000','::',NULL,'',''),"
      "(7,x'ff000000',NULL,NULL,NULL,NULL,3.4028235e38,5e-324,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,"
      "NULL,"
      "NULL,NULL,NULL,'nonsense',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);");
  std::map<std::string, row_change> from_binlog; // by the bytes of k
  const auto captured = pair.capture();
  for (const auto& event : captured.front().events)
    for (const auto& change : event.event->changes)
      from_binlog.emplace(std::get<bytes_value>(change.after.front().content).bytes, change);
  BOOST_REQUIRE(from_binlog.size() == 3u);
  std::size_t compared = 0;
  for (const auto& chunk : read_all(pair, 2))
    for (const auto& row : chunk.rows) {
      if (row.table->table != "mboxgroup/every")
        continue;
      const auto& expected = from_binlog.at(std::get<bytes_value>(row.after.front().content).bytes);
      for (std::size_t i = 0; i < expected.after.size(); ++i)
        BOOST_TEST((row.after.at(i) == expected.after[i]),
                   row.table->columns[expected.after[i].column].name << " differs");
      BOOST_TEST(row.after.size() == expected.after.size());
      for (std::size_t i = 0; i < expected.table->columns.size(); ++i)
        BOOST_TEST((row.table->columns.at(i) == expected.table->columns[i]),
                   "the shape of column " << expected.table->columns[i].name << " differs");
      BOOST_TEST(row.table->fingerprint() == expected.table->fingerprint());
      ++compared;
    }
  BOOST_TEST(compared == 3u);
}

BOOST_AUTO_TEST_CASE(the_shapes_of_the_mailstores_tables_equal_those_of_the_binlog) {
  replicated_pair pair;
  pair.initialise();
  pair.source()
      .connect("mboxgroup7")
      .script("UPDATE mail_item SET unread=3 WHERE mailbox_id=7; UPDATE tag SET unread=3 WHERE mailbox_id=7;"
              "INSERT INTO tagged_item VALUES (7,64,2); INSERT INTO open_conversation VALUES (7,'h',2);"
              "INSERT INTO tombstone VALUES (7,1,1,NULL,NULL); INSERT INTO appointment VALUES "
              "(7,'u',2,NOW(),NULL);"
              "UPDATE zimbra.mailbox SET new_messages=1 WHERE id=7;"
              "INSERT INTO zimbra.mailbox_metadata VALUES (7,'s','x');"
              "INSERT INTO zimbra.volume_blobs(volume_id,mailbox_id,item_id,revision) VALUES (1,7,2,0);");
  auto reader = need(snapshot_reader::open(pair.source_sql(), pair.rules(),
                                           {replicated_pair::account(), mailbox_id(7), "x"}));
  std::map<std::string, shape> shapes;
  for (const auto& s : reader->start().shapes)
    shapes.emplace(s->table, *s);
  std::set<std::string> seen;
  const auto captured = pair.capture();
  for (const auto& event : captured.front().events)
    for (const auto& change : event.event->changes) {
      BOOST_TEST((shapes.at(change.table->table) == *change.table), change.table->table);
      seen.insert(change.table->table);
    }
  BOOST_TEST(seen.size() == 9u);
}

BOOST_AUTO_TEST_CASE(a11_chunk_borders_follow_the_columns_collation_and_d_gets_the_sources_collations) {
  replicated_pair pair({"--character-set-server=latin1", "--collation-server=latin1_swedish_ci"});
  pair.source()
      .connect("mboxgroup7")
      .script(
          "SET NAMES utf8mb4;"
          "INSERT INTO "
          "mail_item(mailbox_id,id,type,folder_id,parent_id,date,size,name,mod_metadata,mod_content) VALUES "
          "(7,300,1,1,1,0,0,'Post',1,1),(7,301,1,1,1,0,0,'Strasse',1,1),(7,302,1,1,1,0,0,'Straße',1,1),"
          "(7,303,1,1,1,0,0,'a',1,1),(7,304,1,2,2,0,0,'a ',1,1);"
          "INSERT INTO appointment VALUES "
          "(7,'B',300,NOW(),NULL),(7,'a',301,NOW(),NULL),(7,'ä1',302,NOW(),NULL),"
          "(7,'a ö',303,NOW(),NULL),(7,'Z''\\\\',304,NOW(),NULL);");
  pair.initialise(2);
  const auto differences = pair.differences();
  BOOST_TEST(differences.empty(), differences);
  for (const auto* table : {"mail_item", "appointment", "open_conversation"}) {
    const auto there = pair.source().query(fmt::format("SHOW CREATE TABLE mboxgroup7.{}", table)).front()[1];
    const auto here =
        pair.destination().query(fmt::format("SHOW CREATE TABLE mboxgroup3.{}", table)).front()[1];
    BOOST_TEST(*there == *here);
  }
  BOOST_TEST(pair.source().value("SELECT DEFAULT_COLLATION_NAME FROM information_schema.SCHEMATA WHERE "
                                 "SCHEMA_NAME='mboxgroup7'") ==
             pair.destination().value("SELECT DEFAULT_COLLATION_NAME FROM information_schema.SCHEMATA WHERE "
                                      "SCHEMA_NAME='mboxgroup3'"));
}

BOOST_AUTO_TEST_CASE(a_chunk_keeps_its_limits_and_holds_one_large_row) {
  replicated_pair pair;
  pair.source()
      .connect("mboxgroup7")
      .script("INSERT INTO "
              "mail_item(mailbox_id,id,type,folder_id,date,size,metadata,mod_metadata,mod_content) SELECT "
              "7,1000+seq,5,2,0,0,REPEAT('m',IF(seq=250,300000,100)),1,1 FROM seq_1_to_500");
  const auto chunks = read_all(pair, 40, 20000);
  std::size_t rows = 0;
  for (std::size_t i = 0; i < chunks.size(); ++i) {
    BOOST_TEST(chunks[i].index == i);
    BOOST_TEST(chunks[i].last == (i + 1 == chunks.size()));
    BOOST_TEST(chunks[i].definitions.empty() == (i != 0));
    BOOST_TEST(chunks[i].rows.size() <= 40u);
    rows += chunks[i].rows.size();
  }
  BOOST_TEST(rows == 506u);
}

BOOST_AUTO_TEST_CASE(r16_the_view_holds_what_committed_before_its_place_and_nothing_else) {
  replicated_pair pair;
  auto reader = need(snapshot_reader::open(pair.source_sql(), pair.rules(),
                                           {replicated_pair::account(), mailbox_id(7), "x"}));
  pair.source().connect("mboxgroup7").script("UPDATE mail_item SET unread=77 WHERE mailbox_id=7");
  while (auto chunk = need(reader->next_chunk(3, 1000)))
    for (const auto& row : chunk->rows)
      for (const auto& c : row.after)
        BOOST_TEST(!(row.table->columns[c.column].name == "unread" && c.content == value(std::uint64_t{77})));
  const auto status = pair.source().query("SHOW MASTER STATUS").front();
  BOOST_TEST(reader->start().place.file == *status[0]);
  BOOST_TEST(reader->start().place.offset < std::stoull(*status[1]));
}

/// In the binlog and in Kafka, but not committed yet.
BOOST_AUTO_TEST_CASE(r16_a_view_is_opened_again_until_it_holds_what_lies_before_its_marker) {
  replicated_pair pair;
  const auto status = pair.source().query("SHOW MASTER STATUS").front();
  snapshot_request wanted{replicated_pair::account(), mailbox_id(7), "x"};
  wanted.follows = {*status[0], std::stoull(*status[1]) + 1};
  auto early = snapshot_reader::open(pair.source_sql(), pair.rules(), wanted);
  BOOST_REQUIRE(!early);
  BOOST_TEST(early.error().retryable);
  wanted.patience = std::chrono::seconds(20);
  const auto asked = [&] { // for the places of views
    return std::stoull(*pair.source()
                            .query("SELECT variable_value FROM information_schema.global_status WHERE "
                                   "variable_name = 'COM_SHOW_STATUS'")
                            .front()[0]);
  };
  const auto before = asked();
  auto opened = std::async(std::launch::async, [&] {
    return need(snapshot_reader::open(pair.source_sql(), pair.rules(), wanted));
  });
  BOOST_REQUIRE(fixture::eventually(wanted.patience, [&] { return asked() >= before + 2; }));
  pair.source().connect("mboxgroup7").script("UPDATE mail_item SET unread=77 WHERE mailbox_id=7");
  const auto reader = opened.get();
  BOOST_TEST((reader->start().place > wanted.follows));
  bool found = false;
  while (auto chunk = need(reader->next_chunk(1000, 1U << 20)))
    for (const auto& row : chunk->rows)
      for (const auto& c : row.after)
        found =
            found || (row.table->columns[c.column].name == "unread" && c.content == value(std::uint64_t{77}));
  BOOST_TEST(found);
}

BOOST_AUTO_TEST_CASE(r16_a_servers_limit_on_selects_cuts_no_snapshot) {
  replicated_pair pair;
  // Read whole, without a LIMIT; of the structure's rows there are fewer.
  pair.source().query("INSERT INTO mboxgroup7.tombstone SELECT 7,seq,1,5,'x' FROM zimbra.seq_1_to_1001");
  for (auto* server : {&pair.source(), &pair.destination()})
    server->query("SET GLOBAL sql_select_limit=1000");
  pair.initialise();
  for (auto* server : {&pair.source(), &pair.destination()})
    server->query("SET GLOBAL sql_select_limit=DEFAULT");
  const auto differences = pair.differences();
  BOOST_TEST(differences.empty(), differences);
}

/// Its rows would be nowhere, and nobody would know.
BOOST_AUTO_TEST_CASE(r16_a_system_versioned_table_is_refused_by_name) {
  replicated_pair pair;
  pair.source().query("ALTER TABLE mboxgroup7.tombstone ADD SYSTEM VERSIONING");
  const auto opened = snapshot_reader::open(pair.source_sql(), pair.rules(),
                                            {replicated_pair::account(), mailbox_id(7), "chunks"});
  BOOST_REQUIRE(!opened);
  BOOST_TEST(opened.error().what.find("mboxgroup7.tombstone is system-versioned") != std::string::npos,
             opened.error().what);
}

/// What was written to it behind the view's place would be in the snapshot, and come as an event once more.
BOOST_AUTO_TEST_CASE(r16_a_table_without_transactions_is_refused_by_name) {
  replicated_pair pair;
  pair.source().query("ALTER TABLE mboxgroup7.tombstone DROP FOREIGN KEY fk_tombstone_mailbox_id_mailbox");
  pair.source().query("ALTER TABLE mboxgroup7.tombstone ENGINE=Aria");
  const auto opened = snapshot_reader::open(pair.source_sql(), pair.rules(),
                                            {replicated_pair::account(), mailbox_id(7), "chunks"});
  BOOST_REQUIRE(!opened);
  BOOST_TEST(opened.error().what ==
                 "table mboxgroup7.tombstone has the engine Aria, which can't be replicated",
             opened.error().what);
}

BOOST_AUTO_TEST_CASE(r16_a_ddl_during_the_snapshot_restarts_it_visibly) {
  replicated_pair pair;
  auto reader = need(snapshot_reader::open(pair.source_sql(), pair.rules(),
                                           {replicated_pair::account(), mailbox_id(7), "x"}));
  pair.source().set_up("ALTER TABLE mboxgroup7.tag ADD COLUMN x INT FIRST");
  result<std::optional<snapshot_chunk>> chunk = std::optional<snapshot_chunk>();
  do
    chunk = reader->next_chunk(1, 1000);
  while (chunk && *chunk);
  BOOST_REQUIRE(!chunk);
  BOOST_TEST(chunk.error().retryable);
  BOOST_TEST(chunk.error().what.find("altered") != std::string::npos, chunk.error().what);
}

/// A message's parent may have a later number. What makes a session anew behind a failure must leave foreign
/// keys off: a deadlock's second attempt failed, and where nothing can be prepared the first one, each time.
BOOST_AUTO_TEST_CASE(r16_rows_are_loaded_ahead_of_their_parents_where_nothing_can_be_prepared) {
  replicated_pair pair;
  for (int item = 600; item < 660; ++item)
    pair.source().query(fmt::format("INSERT INTO mboxgroup7.mail_item(mailbox_id,id,type,folder_id,date,size,"
                                    "metadata,mod_metadata,mod_content) VALUES (7,{},5,2,0,0,'m',1,1)",
                                    item));
  pair.source().query("UPDATE mboxgroup7.mail_item SET parent_id=659 WHERE mailbox_id=7 AND id BETWEEN 600 "
                      "AND 658");
  pair.destination().set_up("SET GLOBAL max_prepared_stmt_count=0");
  pair.initialise();
  const auto differences = pair.differences(replicated_pair::account());
  BOOST_TEST(differences.empty(), differences);
}

BOOST_AUTO_TEST_CASE(a_load_that_was_cut_short_is_never_ready_and_begins_again_under_the_same_mailbox_id) {
  replicated_pair pair;
  const auto chunks = read_all(pair, 2);
  mailbox_id first;
  {
    auto loader = need(snapshot_loader::begin(pair.destination_sql(), pair.rules(), request_of("chunks")));
    first = loader->placement().mailbox;
    need(loader->load(chunks[0]));
    need(loader->load(chunks[0])); // a redelivery
    need(loader->load(chunks[1]));
    BOOST_TEST(!loader->load(chunks.at(3)));
    BOOST_TEST(!loader->finish(epoch(1), sequence(5), kafka_offset(9)));
  }
  BOOST_TEST((replica_here(pair)->state == replica_state::loading));
  auto refused = need(pair.writer().apply({{{replicated_pair::account(), first, 3, 0, nullptr}, {}, {}}}));
  BOOST_TEST(refused.size() == 1u);
  const auto where = pair.initialise(2);
  BOOST_TEST((where.mailbox == first));
  BOOST_TEST((replica_here(pair)->state == replica_state::ready));
  BOOST_TEST(pair.differences().empty());
  BOOST_TEST(pair.destination().value("SELECT next_mailbox_id FROM zimbra.current_volumes") == "4");
}

/// A row without a key would be there twice, and nobody would know.
BOOST_AUTO_TEST_CASE(p3_a_load_whose_place_another_has_taken_writes_neither_rows_nor_a_position) {
  replicated_pair pair;
  pair.initialise();
  pair.source().query("INSERT INTO mboxgroup7.tombstone VALUES (7,1,1,5,'x'),(7,2,1,5,'y'),(7,2,1,5,'y')");
  const auto chunks = read_all(pair, 2);
  BOOST_REQUIRE(chunks.size() > 2u);
  const auto begin = [&](const std::string& snapshot) {
    return need(snapshot_loader::begin(pair.destination_sql(), pair.rules(), request_of(snapshot)));
  };
  const auto is_loading = [&](const std::string& snapshot) {
    const auto here = replica_here(pair);
    return here && here->state == replica_state::loading && here->snapshot == snapshot;
  };
  auto first = begin("first");
  need(first->load(named(chunks, "first")[0]));
  auto second = begin("second");
  const auto refused = first->load(named(chunks, "first")[1]);
  BOOST_REQUIRE(!refused);
  BOOST_TEST(refused.error().retryable); // if it is wanted after all
  BOOST_TEST(refused.error().what.find("snapshot first of account") != std::string::npos,
             refused.error().what);
  BOOST_TEST(is_loading("second"));
  load_all(*second, named(chunks, "second"));
  auto third = begin("third");
  const auto ended = second->finish(epoch(1), sequence(5), kafka_offset(9)); // all its rows are gone
  BOOST_REQUIRE(!ended);
  BOOST_TEST(ended.error().retryable);
  BOOST_TEST(is_loading("third"));
  load_all(*third, named(chunks, "third"));
  need(third->finish(epoch(1), sequence(6), kafka_offset(9)));
  BOOST_TEST((replica_here(pair)->applied == sequence(6)));
  const auto differences = pair.differences();
  BOOST_TEST(differences.empty(), differences);
}

/// A chunk's rows aren't seen before its COMMIT is over: who removes what is there would leave them.
BOOST_AUTO_TEST_CASE(p3_a_load_begins_behind_the_chunk_that_another_one_has_under_way) {
  replicated_pair pair;
  pair.initialise();
  pair.source().query("INSERT INTO mboxgroup7.tombstone VALUES (7,1,1,5,'x'),(7,2,1,5,'y')");
  const auto chunks = read_all(pair, 2);
  const auto begin = [&](const std::string& snapshot) {
    return need(snapshot_loader::begin(pair.destination_sql(), pair.rules(), request_of(snapshot)));
  };
  auto first = begin("first");
  need(first->load(named(chunks, "first")[0]));
  auto holder = pair.destination().connect();
  holder.query("LOCK TABLES mboxgroup3.tombstone WRITE");
  auto rest = std::async(std::launch::async, [&] {
    load_result<void> loaded;
    for (const auto& chunk : named(chunks, "first"))
      if (loaded)
        loaded = first->load(chunk);
    return loaded;
  });
  const auto waits_for_table = [&] {
    return !pair.destination()
                .query(
                    "SELECT ID FROM information_schema.PROCESSLIST WHERE STATE='Waiting for table metadata "
                    "lock'")
                .empty();
  };
  const auto waits_for_row = [&] {
    return *pair.destination().query("SHOW GLOBAL STATUS LIKE 'Innodb_row_lock_current_waits'").front()[1] !=
           "0";
  };
  const bool is_under_way = fixture::eventually(std::chrono::seconds(60), waits_for_table);
  std::future<std::unique_ptr<snapshot_loader>> begun;
  bool waited = false;
  if (is_under_way) {
    begun = std::async(std::launch::async, begin, "second");
    waited = fixture::eventually(std::chrono::seconds(4), waits_for_row); // of 5 that a lock may take
  }
  holder.query("UNLOCK TABLES");
  BOOST_REQUIRE(is_under_way);
  BOOST_TEST(waited);
  rest.wait();
  const auto second = begun.get();
  load_all(*second, named(chunks, "second"));
  need(second->finish(epoch(1), sequence(5), kafka_offset(9)));
  const auto differences = pair.differences();
  BOOST_TEST(differences.empty(), differences);
}

BOOST_FIXTURE_TEST_CASE(p3_small_first_copies_share_a_transaction_in_which_they_become_ready,
                        small_accounts) {
  const auto before = commits();
  const auto placed = load();
  BOOST_TEST(commits() - before == 2u); // their mailbox ids, and all else
  for (std::size_t i = 0; i < copies.size(); ++i) {
    BOOST_REQUIRE(placed.at(i));
    BOOST_TEST((placed[i]->mailbox == mailbox_id(3 + static_cast<std::uint32_t>(i))));
    BOOST_TEST(placed[i]->group == 3 + i);
    BOOST_TEST(items(destination(), placed[i]->group, placed[i]->mailbox) ==
               items(source(), 7 + static_cast<std::uint32_t>(i), copies[i].request.source_mailbox));
  }
  auto session = need(sql_session::open(destination_sql()));
  const auto replica = need(logged_state(session).replica_of(copies[1].request.account));
  BOOST_REQUIRE(replica);
  BOOST_TEST((replica->state == replica_state::ready));
  BOOST_TEST((replica->applied == sequence(8)));
  BOOST_TEST((replica->request == kafka_offset(40)));
  BOOST_TEST(destination().value("SELECT next_mailbox_id FROM zimbra.current_volumes") == "6");
}

BOOST_FIXTURE_TEST_CASE(r35_of_whom_something_is_here_is_not_loaded_together_with_others, small_accounts) {
  destination().set_up(
      fmt::format("INSERT INTO zimbra.mailbox(id,group_id,account_id,index_volume_id,comment) "
                  "VALUES (2,2,'{}',7,'user7@example.com')",
                  account().value));
  const auto placed = load();
  BOOST_TEST(!placed.at(0));
  BOOST_TEST(placed.at(1).has_value());
  BOOST_TEST(placed.at(2).has_value());
  BOOST_TEST(rows_of("understudy.replica") == "2");
  BOOST_TEST(rows_of("zimbra.mailbox") == "3");
  const auto again = load(); // they are replicas now
  BOOST_TEST(std::ranges::none_of(again, [](const auto& where) { return where.has_value(); }));
}

BOOST_FIXTURE_TEST_CASE(p6_of_whom_a_row_is_refused_nothing_is_written_and_of_the_others_neither,
                        small_accounts) {
  source().set_up("ALTER TABLE mboxgroup9.tag ADD COLUMN x INT NOT NULL DEFAULT 5");
  copies[2] = copy_of(*this, copies[2].request.account, 9);
  const auto placed = load();
  BOOST_TEST(std::ranges::none_of(placed, [](const auto& where) { return where.has_value(); }));
  BOOST_TEST(rows_of("understudy.replica") == "0");
  BOOST_TEST(rows_of("zimbra.mailbox") == "0");
}

BOOST_AUTO_TEST_CASE(p1_m02_a_copy_stays_whole_until_every_chunk_of_the_next_fits_the_tables_here) {
  replicated_pair pair;
  pair.initialise();
  const auto before = replica_here(pair);
  pair.source().set_up("ALTER TABLE mboxgroup7.tag ADD COLUMN x INT NOT NULL DEFAULT 5");
  const auto chunks = read_all(pair, 2);
  BOOST_REQUIRE(chunks.size() > 2u);
  const auto rows_here = [&] {
    return pair.destination().value("SELECT CONCAT((SELECT COUNT(*) FROM zimbra.mailbox WHERE id=3), ' ', "
                                    "(SELECT COUNT(*) FROM mboxgroup3.mail_item), ' ', "
                                    "(SELECT COUNT(*) FROM mboxgroup3.tag))");
  };
  {
    auto loader = need(snapshot_loader::begin(pair.destination_sql(), pair.rules(), request_of("chunks")));
    BOOST_TEST(loader->has_copy());
    load_result<void> checked;
    for (std::size_t i = 0; checked && i < chunks.size(); ++i)
      checked = loader->check(chunks[i]);
    BOOST_REQUIRE(!checked);
    BOOST_TEST(checked.error().is_refusal);
    BOOST_TEST(checked.error().what == "table `mboxgroup3`.`tag` here differs from the source's: column x is "
                                       "missing here: make both tables alike, then run restartReplicas");
    BOOST_TEST(loader->has_copy());
  }
  BOOST_TEST(rows_here() == "1 3 2");
  BOOST_TEST((replica_here(pair) == before));
  pair.destination().set_up("ALTER TABLE mboxgroup3.tag ADD COLUMN x INT NOT NULL DEFAULT 7");
  auto loader = need(snapshot_loader::begin(pair.destination_sql(), pair.rules(), request_of("chunks")));
  for (const auto& chunk : chunks)
    need(loader->check(chunk));
  BOOST_TEST(rows_here() == "1 3 2");
  BOOST_TEST((replica_here(pair) == before));
  need(loader->load(chunks[0]));
  BOOST_TEST(!loader->has_copy());
  BOOST_TEST((replica_here(pair)->state == replica_state::loading));
  for (const auto& chunk : chunks)
    need(loader->load(chunk));
  need(loader->finish(epoch(1), sequence(5), kafka_offset(9)));
  BOOST_TEST(pair.differences().empty());
}

BOOST_AUTO_TEST_CASE(what_an_old_source_has_left_keeps_its_mailbox_id_and_neighbours_stay) {
  replicated_pair pair;
  auto session = need(sql_session::open(pair.destination_sql()));
  need(logged_state(session).write_role(
      {replicated_pair::account(), epoch(1), account_role::source, kafka_offset(3)}));
  pair.destination().set_up(fixture::group_schema(42));
  pair.destination().set_up(
      "SET foreign_key_checks=0; INSERT INTO zimbra.mailbox(id,group_id,account_id,index_volume_id) VALUES "
      "(42,42,'0aa47105-6b0c-4d0b-9d0a-000000000007',7),(142,42,'another',7);"
      "INSERT INTO mboxgroup42.mail_item(mailbox_id,id,type,date,size,mod_metadata,mod_content) VALUES "
      "(42,1,1,0,0,1,1),(42,999,5,0,0,1,1),(142,1,1,0,0,1,1);"
      "INSERT INTO mboxgroup42.tagged_item VALUES (42,1,999);"
      "INSERT INTO zimbra.mailbox_metadata VALUES (42,'old','x'),(142,'old','x')");
  const auto where = pair.initialise(2);
  BOOST_TEST((where.mailbox == mailbox_id(42)));
  BOOST_TEST(where.group == 42u);
  const auto differences = pair.differences();
  BOOST_TEST(differences.empty(), differences);
  BOOST_TEST(pair.destination().value("SELECT COUNT(*) FROM mboxgroup42.mail_item WHERE mailbox_id=142") ==
             "1");
  need(remove_replica(pair.destination_sql(), *pair.rules(), replicated_pair::account(), {10, 1000, 2}));
  need(remove_replica(pair.destination_sql(), *pair.rules(), replicated_pair::account()));
  BOOST_TEST(pair.destination().value("SELECT COUNT(*) FROM mboxgroup42.mail_item WHERE mailbox_id=42") ==
             "0");
  BOOST_TEST(pair.destination().value("SELECT COUNT(*) FROM zimbra.mailbox WHERE id=42") == "0");
  BOOST_TEST(pair.destination().value("SELECT COUNT(*) FROM zimbra.mailbox_metadata") == "1");
  BOOST_TEST(!replica_here(pair).has_value());
}

/// Deleted and made again there: with `mailbox_id = "same"` blobs are found by the new id alone.
BOOST_AUTO_TEST_CASE(with_mailbox_id_same_a_mailbox_takes_the_new_id_of_one_that_was_made_again) {
  replicated_pair pair;
  auto same = std::make_shared<profile>(*pair.rules());
  same->mailbox_ids = mailbox_mode::same;
  const auto chunks = read_all(pair, 2);
  const auto begin = [&](unsigned mailbox) {
    auto request = request_of("chunks");
    request.source_mailbox = mailbox_id(mailbox);
    return need(snapshot_loader::begin(pair.destination_sql(), same, request));
  };
  const auto finish = [](snapshot_loader& loader, std::uint64_t number) {
    need(loader.finish(epoch(1), sequence(number), kafka_offset(9)));
  };
  const auto here = [&] {
    return pair.destination().value("SELECT GROUP_CONCAT(id, ' ', group_id) FROM zimbra.mailbox");
  };
  auto first = begin(7);
  BOOST_TEST((first->placement().mailbox == mailbox_id(7)));
  load_all(*first, chunks);
  finish(*first, 5);
  const auto items = pair.destination().value("SELECT COUNT(*) FROM mboxgroup7.mail_item");

  auto next = begin(12);
  BOOST_TEST((next->placement().mailbox == mailbox_id(12)));
  BOOST_TEST(next->has_copy());
  for (const auto& chunk : chunks)
    need(next->check(chunk));
  BOOST_TEST(here() == "7 7"); // the copy stays until it can be loaded
  need(next->load(chunks[0]));
  next.reset(); // cut short
  next = begin(12);
  BOOST_TEST((next->placement().mailbox == mailbox_id(12)));
  load_all(*next, chunks);
  finish(*next, 6);
  BOOST_TEST(here() == "12 12");
  BOOST_TEST(pair.destination().value("SELECT COUNT(*) FROM mboxgroup7.mail_item") == "0");
  BOOST_TEST(pair.destination().value("SELECT COUNT(*) FROM mboxgroup12.mail_item WHERE mailbox_id=12") ==
             items);
  BOOST_TEST(pair.destination().value("SELECT COUNT(*) FROM zimbra.mailbox_metadata WHERE mailbox_id=7") ==
             "0");
  BOOST_TEST((replica_here(pair)->mailbox == mailbox_id(12)));
}

BOOST_AUTO_TEST_CASE(r35_a_mailbox_of_the_account_that_was_never_ours_is_refused_and_kept) {
  replicated_pair pair;
  pair.destination().set_up(
      "INSERT INTO zimbra.mailbox(id,group_id,account_id,index_volume_id) VALUES "
      "(42,42,'0aa47105-6b0c-4d0b-9d0a-000000000007',7); INSERT INTO zimbra.mailbox_metadata VALUES "
      "(42,'mine','x')");
  const auto kept = [&] {
    return pair.destination().value("SELECT COUNT(*) FROM zimbra.mailbox_metadata WHERE mailbox_id=42");
  };
  const auto refused = snapshot_loader::begin(pair.destination_sql(), pair.rules(), request_of("chunks"));
  BOOST_REQUIRE(!refused);
  BOOST_TEST(refused.error().is_refusal);
  BOOST_TEST(refused.error().what.starts_with("mailbox 42 here is this account's, but no replica of it"));
  BOOST_TEST(!replica_here(pair).has_value()); // else the next load would take it for a replica
  need(remove_replica(pair.destination_sql(), *pair.rules(), replicated_pair::account()));
  BOOST_TEST(kept() == "1");
  pair.destination().set_up("DELETE FROM zimbra.mailbox_metadata; DELETE FROM zimbra.mailbox WHERE id=42");
  pair.initialise(2);
  BOOST_TEST(pair.differences().empty());
}

BOOST_AUTO_TEST_CASE(a_volume_without_a_counterpart_here_refuses_the_load_also_where_no_volume_has_one) {
  replicated_pair pair;
  pair.source().query("UPDATE mboxgroup7.mail_item SET locator='1' WHERE id=2");
  const auto chunks = read_all(pair, 1000);
  for (const volume_map& volumes : {volume_map{}, volume_map{{77, 5}}}) {
    auto request = request_of("chunks");
    request.volumes = std::make_shared<volume_map>(volumes);
    auto loader = need(snapshot_loader::begin(pair.destination_sql(), pair.rules(), request));
    const auto loaded = loader->load(chunks.front());
    BOOST_REQUIRE(!loaded);
    BOOST_TEST(loaded.error().is_refusal);
    BOOST_TEST(loaded.error().what.find("names volume 1 of the source, which has no counterpart here") !=
                   std::string::npos,
               loaded.error().what);
  }
}

/// What such a key removes is in nobody's binlog.
BOOST_AUTO_TEST_CASE(m02_a_copy_is_kept_while_a_foreign_key_that_cascades_is_on_one_side_only) {
  replicated_pair pair;
  pair.initialise();
  const auto chunks = read_all(pair, 1000);
  BOOST_TEST(!chunks.front().cascades.empty());
  pair.destination().set_up(
      "ALTER TABLE mboxgroup3.tagged_item DROP FOREIGN KEY fk_tagged_item_mailbox_id_tag_id_tag");
  auto loader = need(snapshot_loader::begin(pair.destination_sql(), pair.rules(), request_of("chunks")));
  for (const auto& refused : {loader->check(chunks.front()), loader->load(chunks.front())}) {
    BOOST_REQUIRE(!refused);
    BOOST_TEST(refused.error().is_refusal);
    BOOST_TEST(refused.error().what.find("table mboxgroup3.tagged_item here differs from the source's; the "
                                         "foreign key (mailbox_id, tag_id) to mboxgroup/tag (mailbox_id, id) "
                                         "ON DELETE CASCADE isn't here") != std::string::npos,
               refused.error().what);
  }
  BOOST_TEST((replica_here(pair)->state == replica_state::ready));
  BOOST_TEST(pair.differences().empty());
  // Alike again, it's loaded at once, whatever the key is called.
  pair.destination().set_up(
      "ALTER TABLE mboxgroup3.tagged_item ADD CONSTRAINT again FOREIGN KEY (mailbox_id, tag_id) "
      "REFERENCES mboxgroup3.tag (mailbox_id, id) ON DELETE CASCADE");
  load_all(*loader, chunks);
  need(loader->finish(epoch(1), sequence(1), kafka_offset(9)));
}

BOOST_FIXTURE_TEST_CASE(m02_nor_is_a_small_account_loaded_with_others_where_a_cascade_is_here_alone,
                        small_accounts) {
  destination().set_up("ALTER TABLE mboxgroup3.tag DROP FOREIGN KEY fk_tag_mailbox_id_mailbox");
  destination().set_up("ALTER TABLE mboxgroup3.tag ADD CONSTRAINT here FOREIGN KEY (mailbox_id) REFERENCES "
                       "zimbra.mailbox (id) ON DELETE CASCADE");
  const auto placed = load();
  BOOST_TEST(!placed[0].has_value());
  BOOST_TEST(rows_of("mboxgroup3.tag") == "0");
  BOOST_TEST(placed[1].has_value());
  BOOST_TEST(placed[2].has_value());
}

BOOST_AUTO_TEST_CASE(
    with_mailbox_id_own_a_volume_that_holds_blobs_under_the_mailbox_id_is_refused_before_a_copy) {
  replicated_pair pair;
  pair.destination().set_up(fixture::group_schema(3));
  auto by_path = std::make_shared<profile>(*pair.rules());
  by_path->volumes.by_locator = {};
  const auto copy = copy_of(pair, replicated_pair::account(), 7);
  const auto next_id = [&] {
    return pair.destination().value("SELECT next_mailbox_id FROM zimbra.current_volumes");
  };
  auto session = need(sql_session::open(loading_session(pair.destination_sql())));
  BOOST_TEST(!need(load_first_copies(session, by_path, {copy})).front().has_value());
  const auto refused = snapshot_loader::begin(pair.destination_sql(), by_path, copy.request);
  BOOST_REQUIRE(!refused);
  BOOST_TEST(refused.error().is_refusal);
  BOOST_TEST(refused.error().what.find("holds blobs under the source's mailbox id") != std::string::npos,
             refused.error().what);
  BOOST_TEST(next_id() == "3");
  BOOST_TEST(!replica_here(pair).has_value());

  by_path->mailbox_ids = mailbox_mode::same;
  const auto loader = need(snapshot_loader::begin(pair.destination_sql(), by_path, copy.request));
  BOOST_TEST((loader->placement().mailbox == mailbox_id(7)));
}

BOOST_AUTO_TEST_CASE(r36_every_transaction_of_a_load_is_marked_as_ours) {
  replicated_pair pair;
  pair.initialise(2);
  stream_options options;
  options.socket = pair.destination().socket();
  options.user = "root";
  options.server_id = 78;
  options.synchronous = false;
  struct all_tables final : table_routing {
    table_route route(std::string_view database, std::string_view table) const override {
      table_route out;
      out.what = database == "understudy"                     ? table_route::kind::own
                 : database == "zimbra" && table == "mailbox" ? table_route::kind::registry
                 : database.starts_with("mboxgroup")          ? table_route::kind::account_rows
                                                              : table_route::kind::ignored;
      out.logical_name = fmt::format("{}/{}", database, table);
      out.mailbox_column = out.what == table_route::kind::registry ? "id" : "mailbox_id";
      return out;
    }
    bool holds_accounts(std::string_view) const override { return true; }
  };
  auto capture = need(capture_source::open(options, std::make_shared<all_tables>()));
  pair.destination().query("UPDATE understudy.probe SET n = 1");
  std::size_t ours = 0;
  for (;;) {
    const auto transaction = need(capture->next_transaction());
    BOOST_REQUIRE(transaction);
    BOOST_TEST(transaction->slices.empty(), "a loop: rows that we wrote would be captured again");
    ours += transaction->ours ? 1 : 0;
    if (transaction->own_tables == std::vector<std::string>{"probe"})
      break;
  }
  BOOST_TEST(ours > 5u);
}

BOOST_AUTO_TEST_CASE(definitions_that_arent_what_they_should_be_are_refused) {
  replicated_pair pair;
  auto chunks = read_all(pair, 100);
  chunks.front().definitions.emplace_back("DROP DATABASE zimbra");
  auto loader = need(snapshot_loader::begin(pair.destination_sql(), pair.rules(), request_of("chunks")));
  const auto loaded = loader->load(chunks.front());
  BOOST_REQUIRE(!loaded);
  BOOST_TEST(loaded.error().what.find("CREATE TABLE") != std::string::npos);
}
