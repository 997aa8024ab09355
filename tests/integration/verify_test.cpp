// Checksums of one account on two real MariaDBs, with other mailbox and volume numbers on each (R29).
#include "storage/snapshot/group_database.hpp"
#include "storage/state/catalog_reader.hpp"
#include "storage/verify/checksum_difference.hpp"
#include "storage/verify/checksum_reader.hpp"
#include "tests/integration/replicated_pair.hpp"

#include <boost/test/unit_test.hpp>

using namespace understudy;
using namespace understudy::apply_test;
using namespace std::chrono_literals;

namespace {

std::optional<account_checksum> checksum_in(const sql_options& where,
                                            const std::shared_ptr<const profile>& rules,
                                            std::chrono::milliseconds limit = 10s) {
  auto session = need(sql_session::open(where));
  const auto found = need(mailstore_queries(session, rules).find_by_id({replicated_pair::account()}));
  const auto catalog = need(read_catalog(session, account_databases(*rules, found.at(0).group)));
  return need(read_checksum(session, rules, catalog, found.at(0), limit));
}

struct sides {
  account_checksum source;
  account_checksum here;
};

sides both(replicated_pair& pair) {
  return {checksum_in(pair.source_sql(), pair.rules()).value(),
          checksum_in(pair.destination_sql(), pair.rules()).value()};
}

/// Rows in all sorts of tables and types, of which some can be NULL, empty, or aren't UTF-8.
void fill(replicated_pair& pair) {
  pair.source().query(
      "INSERT INTO "
      "mboxgroup7.mail_item(mailbox_id,id,type,folder_id,date,size,unread,mod_metadata,mod_content,"
      "index_id,locator,subject,name,metadata) SELECT 7, 1000+seq, 5, 2, seq, seq*3, seq%2, seq, seq, seq, "
      "(SELECT MIN(id) FROM zimbra.volume WHERE type=1), IF(seq%3, CONCAT('Grüße Привет ', seq), NULL), "
      "NULL, "
      "CONCAT('d1:f', seq, '\\n\\\\') FROM mboxgroup7.seq_1_to_300");
  pair.source().query(
      "INSERT INTO mboxgroup7.tag(mailbox_id,id,name,sequence,policy) VALUES (7,164,'',1,NULL),"
      "(7,165,'ünï',2,'')");
  pair.source().query(
      "INSERT INTO zimbra.mailbox_metadata(mailbox_id,section,metadata) VALUES (7,'zwc','x')");
}

} // namespace

BOOST_AUTO_TEST_SUITE(verify)

BOOST_AUTO_TEST_CASE(r29_equal_rows_have_equal_checksums_on_hosts_with_other_numbers) {
  replicated_pair pair;
  pair.initialise();
  fill(pair);
  pair.replicate();
  BOOST_TEST(pair.differences() == "");
  const auto [source, here] = both(pair);
  BOOST_TEST(difference_of(source, here) == "");
  BOOST_TEST((source == here)); // also the tables that have no rows
  BOOST_TEST(rows_of(source) > 300u);
  const auto wrong_volume = pair.destination().value(
      "SELECT MAX(id) FROM zimbra.volume WHERE id<>(SELECT locator FROM mboxgroup3.mail_item WHERE id=1001)");
  // Each of these is one value of one row, or a row too many or too few.
  const auto item = [](const std::string& set) {
    return "UPDATE mboxgroup3.mail_item SET " + set + " WHERE mailbox_id=3 AND id=1001";
  };
  for (const auto& [change, back] : std::vector<std::pair<std::string, std::string>>{
           {item("size=size+1"), item("size=size-1")},
           {item("subject=CONCAT(subject,' ')"), item("subject=TRIM(subject)")},
           {item("subject=UPPER(subject)"), item("subject='Grüße Привет 1'")},
           {item("name='',subject=NULL"), item("name=NULL,subject='Grüße Привет 1'")},
           {item("locator=" + wrong_volume),
            item("locator=(SELECT l FROM (SELECT locator l FROM mboxgroup3.mail_item WHERE id=1002) o)")},
           {"DELETE FROM mboxgroup3.tag WHERE mailbox_id=3 AND id=164",
            "INSERT INTO mboxgroup3.tag(mailbox_id,id,name,sequence,policy) VALUES (3,164,'',1,NULL)"},
           {"UPDATE mboxgroup3.tag SET policy='' WHERE mailbox_id=3 AND id=164",
            "UPDATE mboxgroup3.tag SET policy=NULL WHERE mailbox_id=3 AND id=164"},
           {"UPDATE zimbra.mailbox SET size_checkpoint=size_checkpoint+1 WHERE id=3",
            "UPDATE zimbra.mailbox SET size_checkpoint=size_checkpoint-1 WHERE id=3"}}) {
    BOOST_TEST_CONTEXT(change) {
      pair.destination().query(change);
      BOOST_TEST(difference_of(source, checksum_in(pair.destination_sql(), pair.rules()).value()) != "");
      pair.destination().query(back);
      BOOST_TEST(difference_of(source, checksum_in(pair.destination_sql(), pair.rules()).value()) == "");
    }
  }
  // What each host keeps for itself, and a neighbour in the same tables.
  pair.destination().query(item("index_id=99"));
  pair.source().query(
      "INSERT INTO zimbra.mailbox(id,group_id,account_id,index_volume_id,comment) SELECT 107, "
      "group_id, 'neighbour', index_volume_id, 'n@x' FROM zimbra.mailbox WHERE id=7");
  pair.source().query("INSERT INTO mboxgroup7.tag(mailbox_id,id,name,sequence) VALUES (107,1,'n',1)");
  BOOST_TEST((both(pair).here == both(pair).source));
}

BOOST_AUTO_TEST_CASE(r29_what_takes_too_long_is_given_up) {
  replicated_pair pair;
  pair.initialise();
  pair.source().query("INSERT INTO mboxgroup7.mail_item(mailbox_id,id,type,folder_id,date,size,mod_metadata,"
                      "mod_content,metadata) SELECT 7, 1000+seq, 5, 2, 0, 0, 0, 0, REPEAT('x',100) FROM "
                      "mboxgroup7.seq_1_to_60000");
  BOOST_TEST(!checksum_in(pair.source_sql(), pair.rules(), 1ms).has_value());
  BOOST_TEST(checksum_in(pair.source_sql(), pair.rules()).has_value());
}

BOOST_AUTO_TEST_SUITE_END()
