// Whole transactions, sliced, out of recorded binlogs.
#include "tests/unit/binlog_support.hpp"

#include <malloc.h>
#include <zlib.h>

namespace understudy::binlog_test {
namespace {

using lines = std::vector<std::string>;
using warning = sliced_transaction::warning;

lines all_changes(const std::vector<sliced_transaction>& transactions) {
  lines out;
  for (const auto& t : transactions)
    for (auto& line : shown(t))
      out.push_back(line);
  return out;
}

/// The only transaction with a change that contains `text`.
const sliced_transaction& with(const std::vector<sliced_transaction>& all, std::string_view text) {
  const sliced_transaction* found = nullptr;
  for (const auto& t : all)
    for (const auto& line : shown(t))
      if (line.find(text) != line.npos) {
        BOOST_REQUIRE_MESSAGE(!found || found == &t, "twice: " << text);
        found = &t;
      }
  BOOST_REQUIRE_MESSAGE(found, "missing: " << text);
  return *found;
}

bool none_with(const std::vector<sliced_transaction>& all, std::string_view text) {
  const auto changes = all_changes(all);
  return std::none_of(changes.begin(), changes.end(), [&](const auto& l) { return l.find(text) != l.npos; });
}

const warning& warned(const std::vector<sliced_transaction>& all, std::string_view statement) {
  for (const auto& t : all)
    for (const auto& w : t.unseen)
      if (w.statement.find(statement) != w.statement.npos)
        return w;
  BOOST_FAIL("no warning about " << statement);
  return all.front().unseen.front();
}

BOOST_AUTO_TEST_CASE(keys_and_changed_columns_t03) {
  const std::string key{"b:\x00\x11\x22\x33\x44\x55\x66\x77\x88\x99\xAA\xBB\xCC\xDD\xEE\x00", 18};
  const std::string zero = "b:" + std::string(16, '\0');
  const lines wanted{
      "7 insert mboxgroup/padded [] {k=" + key + " c=t:ja v=n:1}",
      "7 insert mboxgroup/padded [] {k=" + zero + " c=t: v=n:2}",
      "7 update mboxgroup/padded [k=" + key + "] {v=n:3}",
      "7 remove mboxgroup/padded [k=" + zero + "] {}",
      // a unique key without nullable columns stands for the primary key
      "7 insert mboxgroup/uniq [] {tag_id=n:-5 item_id=n:300}",
      "7 remove mboxgroup/uniq [tag_id=n:-5 item_id=n:300] {}",
      "7 insert mboxgroup/prefixed [] {name=t:long name v=n:1}",
      "7 update mboxgroup/prefixed [name=t:long name] {v=n:2}",
      // without a key: the full before image
      "7 insert mboxgroup/tombstone [] {sequence=n:1 type=n:2 ids=null}",
      "7 insert mboxgroup/tombstone [] {sequence=n:1 type=n:2 ids=null}",
      "7 update mboxgroup/tombstone [sequence=n:1 type=n:2 ids=null] {ids=t:1}",
      "7 remove mboxgroup/tombstone [sequence=n:1 type=n:2 ids=t:1] {}",
      "7 insert mboxgroup/nullable [] {v=null}",
      "7 insert mboxgroup/nullable [] {v=null}",
      "7 insert mboxgroup/folded [] {n=n:1 name=t:name}",
      "8 insert mboxgroup/folded [] {n=n:2 name=t:other}",
      "7 update mboxgroup/folded [n=n:1] {name=t:NAME}",
      // group_id doesn't travel: its change is none
      "7 remove mboxgroup/folded [n=n:1] {}",
      "8 insert mboxgroup/folded [] {n=n:1 name=t:moved}",
      "8 remove mboxgroup/folded [n=n:1] {}",
      "8 remove mboxgroup/folded [n=n:2] {}",
  };
  const auto transactions = slice_file("keys.binlog");
  BOOST_TEST(all_changes(transactions) == wanted, boost::test_tools::per_element());
  const auto& last = transactions.back();
  BOOST_TEST(last.slices.at(0).changes.at(0).foreign_keys_off);
  BOOST_TEST(last.slices.at(0).changes.at(0).unique_checks_off);
  BOOST_TEST(!transactions.front().slices.size());
}

/// As if every host pruned all of these tables.
class pruning_routing final : public table_routing {
public:
  table_route route(std::string_view database, std::string_view table) const override {
    auto out = all_.route(database, table);
    out.is_self_pruned = true;
    return out;
  }
  bool holds_accounts(std::string_view database) const override { return all_.holds_accounts(database); }

private:
  small_routing all_;
};

BOOST_AUTO_TEST_CASE(r38_an_update_of_a_self_pruned_row_says_all_of_it) {
  run_of_events run(std::make_shared<pruning_routing>());
  BOOST_REQUIRE(run.feed_file("keys.binlog"));
  auto updates = all_changes(run.transactions);
  std::erase_if(updates, [](const auto& line) { return line.find(" update ") == line.npos; });
  const std::string key{"b:\x00\x11\x22\x33\x44\x55\x66\x77\x88\x99\xAA\xBB\xCC\xDD\xEE\x00", 18};
  const lines wanted{"7 update mboxgroup/padded [k=" + key + "] {c=t:ja v=n:3}",
                     "7 update mboxgroup/prefixed [name=t:long name] {v=n:2}",
                     "7 update mboxgroup/tombstone [sequence=n:1 type=n:2 ids=null] {ids=t:1}",
                     "7 update mboxgroup/folded [n=n:1] {name=t:NAME}"};
  BOOST_TEST(updates == wanted, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(shapes_name_key_and_mailbox) {
  for (const auto& t : slice_file("keys.binlog"))
    for (const auto& s : t.slices)
      for (const auto& change : s.changes) {
        const auto& table = *change.table;
        BOOST_TEST(table.columns.at(table.mailbox_column).name == "mailbox_id");
        if (table.table == "mboxgroup/uniq")
          BOOST_TEST(table.key == (std::vector<std::uint16_t>{0, 1, 2}), boost::test_tools::per_element());
        if (table.table == "mboxgroup/tombstone" || table.table == "mboxgroup/nullable")
          BOOST_TEST(table.key.empty());
      }
}

BOOST_AUTO_TEST_CASE(equal_structures_share_one_shape) {
  std::vector<std::shared_ptr<const shape>> shapes;
  for (const auto& t : slice_file("compressed.binlog"))
    for (const auto& s : t.slices)
      for (const auto& change : s.changes)
        shapes.push_back(change.table);
  BOOST_REQUIRE(shapes.size() > 3U);
  for (const auto& s : shapes)
    BOOST_TEST(s.get() == shapes.front().get());
}

BOOST_AUTO_TEST_CASE(gtids_places_and_sizes) {
  const auto transactions = slice_file("groups.binlog");
  std::uint64_t end = 0;
  std::uint64_t number = transactions.front().id.number;
  for (const auto& t : transactions) {
    BOOST_TEST(t.id.domain == 0U);
    BOOST_TEST(t.id.server == 7U);
    BOOST_TEST(t.id.number == number++);
    BOOST_TEST(t.start.file == "recorded.000001");
    BOOST_TEST(t.start.offset >= end);
    BOOST_TEST(t.end.offset == t.start.offset + t.bytes);
    BOOST_TEST(t.timestamp > 1'700'000'000U);
    end = t.end.offset;
  }
}

BOOST_AUTO_TEST_CASE(savepoints_and_rollbacks_within_a_group_b06) {
  const auto all = slice_file("groups.binlog");
  const auto& t = with(all, "item [] {n=n:1 name=t:one}");
  const lines wanted{"7 insert mboxgroup/item [] {n=n:1 name=t:one}",
                     "7 insert mboxgroup/item [] {n=n:3 name=t:three}"};
  BOOST_TEST(shown(t) == wanted, boost::test_tools::per_element());
  BOOST_TEST(none_with(all, "t:two"));
  BOOST_TEST(none_with(all, "t:four"));
}

BOOST_AUTO_TEST_CASE(several_accounts_in_one_transaction_r17) {
  const auto all = slice_file("groups.binlog");
  const auto& t = with(all, "t:eight");
  const lines wanted{
      "7 insert mboxgroup/item [] {n=n:5 name=t:five}", "7 insert mboxgroup/item [] {n=n:6 name=t:six}",
      "7 update mboxgroup/item [n=n:5] {name=t:FIVE}", "8 insert mboxgroup/item [] {n=n:1 name=t:eight}"};
  BOOST_TEST(shown(t) == wanted, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(create_select_brings_its_rows_b06) {
  const auto all = slice_file("groups.binlog");
  const auto& t = with(all, "insert mboxgroup/copied [] {n=n:6");
  BOOST_TEST(t.slices.at(0).changes.size() == 4U);
  BOOST_REQUIRE(t.unseen.size() == 1U);
  BOOST_TEST(!t.unseen[0].rows_may_have_changed);
}

BOOST_AUTO_TEST_CASE(statements_are_never_ignored_b07) {
  const auto all = slice_file("groups.binlog");
  for (const auto* statement : {"'by statement'", "'in a comment'", "DELETE FROM item WHERE n=6"}) {
    const auto& w = warned(all, statement);
    BOOST_TEST(int(w.what) == int(warning::kind::statement_dml));
    BOOST_TEST(w.database == "mboxgroup7");
    BOOST_TEST(w.table == "item");
    BOOST_TEST(w.rows_may_have_changed);
  }
  BOOST_TEST(int(warned(all, "TRUNCATE TABLE item").what) == int(warning::kind::truncate));
  BOOST_TEST(warned(all, "TRUNCATE TABLE item").rows_may_have_changed);
  BOOST_TEST(!warned(all, "ADD INDEX").rows_may_have_changed);
  BOOST_TEST(warned(all, "ADD COLUMN x").rows_may_have_changed);
  BOOST_TEST(warned(all, "RENAME TABLE").rows_may_have_changed);
  BOOST_TEST(!warned(all, "TRIGGER tr").rows_may_have_changed);
  BOOST_TEST(warned(all, "DROP DATABASE").database == "zimbra");
  BOOST_TEST(warned(all, "DROP DATABASE").rows_may_have_changed);
  for (const auto& t : all)
    for (const auto& w : t.unseen)
      BOOST_TEST(w.statement.find("tmp") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(names_are_those_of_the_time_of_writing_m02) {
  const auto all = slice_file("groups.binlog");
  BOOST_TEST(shown(with(all, "t:altered")).at(0) ==
             "7 insert mboxgroup/item [] {x=n:5 n=n:30 name=t:altered}");
  BOOST_TEST(shown(with(all, "t:renamed")).at(0) == "7 insert mboxgroup/item [] {n=n:31 name=t:renamed}");
  BOOST_TEST(with(all, "t:altered").slices[0].changes[0].table->key.size() == 2U);
  BOOST_TEST(with(all, "t:renamed").slices[0].changes[0].table->key.empty());
}

BOOST_AUTO_TEST_CASE(absent_columns_are_never_null_b07) {
  const auto all = slice_file("groups.binlog");
  BOOST_TEST(shown(with(all, "t:minimal")).at(0) == "7 update mboxgroup/item [n=n:10] {name=t:minimal}");
  BOOST_TEST(shown(with(all, "t:noblob")).at(0) == "7 update mboxgroup/item [n=n:10] {name=t:noblob}");
  BOOST_TEST(shown(with(all, "insert mboxgroup/item [] {n=n:20")).at(0) ==
             "7 insert mboxgroup/item [] {n=n:20}");
  BOOST_TEST(shown(with(all, "remove mboxgroup/item [n=n:20")).at(0) ==
             "7 remove mboxgroup/item [n=n:20] {}");
}

BOOST_AUTO_TEST_CASE(triggers_and_multi_table_updates_m01) {
  const auto all = slice_file("groups.binlog");
  const auto changes = shown(with(all, "what=t:triggered"));
  BOOST_TEST(changes.size() == 6U); // three items, a revision by the trigger for each
  const auto joined = shown(with(all, "what=t:joined"));
  BOOST_TEST(std::count_if(joined.begin(), joined.end(),
                           [](const auto& l) { return l.find("item") != l.npos; }) == 2);
  BOOST_TEST(joined.size() == 5U);
}

BOOST_AUTO_TEST_CASE(xa_rows_come_with_the_commit) {
  const auto all = slice_file("groups.binlog");
  const auto& t = with(all, "t:prepared");
  BOOST_TEST(shown(t).size() == 1U);
  const auto prepared = std::find_if(all.begin(), all.end(), [&](const auto& x) { return &x == &t; }) - 1;
  BOOST_TEST(prepared->slices.empty());
  BOOST_TEST(prepared->id.number + 1 == t.id.number);
  BOOST_TEST(shown(with(all, "t:one phase")).size() == 1U);
  BOOST_TEST(none_with(all, "t:rolled back"));
}

BOOST_AUTO_TEST_CASE(xa_prepared_before_our_start_is_said) {
  run_of_events run;
  bool behind_prepare = false;
  for (const auto& event : recorded("groups.binlog")) {
    const auto type = static_cast<event_type>(event[4]);
    if (type == event_type::format_description || behind_prepare)
      BOOST_REQUIRE_MESSAGE(run.feed(event), run.failed->what);
    behind_prepare = behind_prepare || type == event_type::xa_prepare;
  }
  BOOST_REQUIRE(!run.transactions.empty());
  BOOST_REQUIRE(run.transactions.front().unseen.size() == 1U);
  BOOST_TEST(int(run.transactions.front().unseen[0].what) == int(warning::kind::lost_xa));
  BOOST_TEST(run.transactions.front().unseen[0].rows_may_have_changed);
}

/// Over savepoints, rollbacks and XA as well: of what isn't kept it's known whose it was.
BOOST_AUTO_TEST_CASE(p06_p7_what_is_kept_of_a_transaction_is_bounded_and_nobodys_rows_are_forgotten) {
  const auto whole = slice_file("groups.binlog");
  std::size_t kept = 0, given_up = 0;
  for (const std::size_t most : {0, 300, 500, 800, 2000}) {
    const auto bounded = slice_file("groups.binlog", most);
    BOOST_REQUIRE(bounded.size() == whole.size());
    for (std::size_t i = 0; i < whole.size(); ++i) {
      const auto& all = whole[i].slices;
      const auto& some = bounded[i].slices;
      BOOST_TEST_CONTEXT(whole[i].id.text() << " within " << most) {
        BOOST_REQUIRE(some.size() == all.size());
        std::size_t bytes = 0;
        for (std::size_t s = 0; s < all.size(); ++s) {
          BOOST_TEST(some[s].mailbox.value == all[s].mailbox.value);
          if (some[s].too_large)
            BOOST_TEST(some[s].changes.empty());
          else
            BOOST_TEST((some[s].changes == all[s].changes));
          bytes += some[s].bytes;
          ++(some[s].too_large ? given_up : kept);
        }
        BOOST_TEST(bytes <= most);
      }
    }
  }
  BOOST_TEST(kept > 30U);
  BOOST_TEST(given_up > 30U);
}

BOOST_AUTO_TEST_CASE(p06_p6_the_largest_mailbox_pays_for_a_transaction_that_is_too_large) {
  const auto whole = slice_file("groups.binlog");
  const auto& large = with(whole, "t:eight").slices.at(0);
  const auto& small = with(whole, "t:eight").slices.at(1);
  BOOST_REQUIRE(large.bytes > small.bytes);
  const auto all = slice_file("groups.binlog", large.bytes + small.bytes - 1);
  const auto& t = with(all, "t:eight"); // its last row is the small one's
  BOOST_TEST(t.slices.at(0).too_large);
  BOOST_TEST(!t.slices.at(1).too_large);
}

BOOST_AUTO_TEST_CASE(a_transaction_cut_by_a_crash_is_dropped) {
  const auto events = recorded("restarted_1.binlog");
  run_of_events run;
  const auto last_commit =
      std::find_if(events.rbegin(), events.rend(), [](const auto& e) { return e[4] == 16; });
  for (auto at = events.begin(); at != last_commit.base() - 1; ++at)
    BOOST_REQUIRE(run.feed(*at));
  BOOST_TEST(run.slicer.open_bytes() > 0U);
  const auto before = run.transactions.size();
  run.decoder = event_decoder("recorded.000002", 4);
  BOOST_REQUIRE_MESSAGE(run.feed_file("restarted_2.binlog"), run.failed->what);
  BOOST_TEST(run.transactions.at(before).id.number > run.transactions.at(before - 1).id.number);
}

BOOST_AUTO_TEST_CASE(own_rows_roles_and_registry_r11_r36) {
  const auto all = busy(slice_file("own.binlog"));
  std::vector<const sliced_transaction*> roles;
  std::vector<const sliced_transaction*> ours;
  for (const auto& t : all) {
    if (!t.roles.empty())
      roles.push_back(&t);
    if (t.ours)
      ours.push_back(&t);
  }
  BOOST_REQUIRE(roles.size() == 2U);
  BOOST_TEST(roles[0]->roles.at(0).account.value == "aaaa-1");
  BOOST_TEST(roles[0]->roles.at(0).term.value == 18446744073709551615ULL);
  BOOST_TEST(roles[0]->roles.at(0).role == "primary");
  BOOST_TEST(roles[0]->roles.at(0).decision.value == 42);
  BOOST_TEST(roles[1]->roles.at(0).term.value == 3U);
  BOOST_TEST(roles[1]->roles.at(0).role == "replica");
  BOOST_TEST(!roles[0]->ours);

  BOOST_REQUIRE(ours.size() == 3U);
  for (const auto* t : ours)
    BOOST_TEST(t->slices.empty());
  BOOST_REQUIRE(ours[1]->registry.size() == 1U);
  BOOST_TEST(ours[1]->registry[0].mailbox.value == 8U);
  BOOST_TEST(ours[1]->registry[0].account.value == "bbbb-2");

  const auto probe = std::find_if(all.begin(), all.end(), [](const auto& t) {
    return t.own_tables == std::vector<std::string>{"probe"};
  });
  BOOST_REQUIRE(probe != all.end());
  BOOST_TEST(!probe->ours);
}

BOOST_AUTO_TEST_CASE(registry_rows_belong_to_their_mailbox) {
  const auto all = slice_file("own.binlog");
  std::vector<sliced_transaction::registry_row> rows;
  for (const auto& t : all)
    if (!t.ours)
      rows.insert(rows.end(), t.registry.begin(), t.registry.end());
  BOOST_REQUIRE(rows.size() == 3U);
  BOOST_TEST((rows[0].kind == change_kind::insert));
  BOOST_TEST((rows[1].kind == change_kind::update));
  BOOST_TEST((rows[2].kind == change_kind::remove));
  for (const auto& row : rows) {
    BOOST_TEST(row.mailbox.value == 7U);
    BOOST_TEST(row.account.value == "aaaa-1");
    BOOST_TEST(row.name == "a@example.com");
  }
  BOOST_TEST(shown(with(all, "insert zimbra/mailbox")).at(0) ==
             "7 insert zimbra/mailbox [] {account_id=t:aaaa-1 size_checkpoint=n:0 comment=t:a@example.com}");
  BOOST_TEST(shown(with(all, "update zimbra/mailbox")).at(0) ==
             "7 update zimbra/mailbox [] {size_checkpoint=n:100}");
}

BOOST_AUTO_TEST_CASE(columns_that_cant_be_read_are_named_t09) {
  const auto all = slice_file("old_temporal.binlog");
  const auto& w = warned(all, "before MariaDB 10.1");
  BOOST_TEST(int(w.what) == int(warning::kind::unreadable));
  BOOST_TEST(w.table == "old_times");
  BOOST_TEST(w.statement.find("`a`") != std::string::npos);
  BOOST_TEST(w.rows_may_have_changed);
  BOOST_TEST(warned(all, "names no columns").table == "item");
  // the other table goes on
  BOOST_TEST(shown(with(all, "insert mboxgroup/item")).at(0) == "7 insert mboxgroup/item [] {n=n:1}");
}

BOOST_AUTO_TEST_CASE(wants_ack_of_any_event_is_the_transactions) {
  run_of_events run;
  for (const auto& event : recorded("restarted_1.binlog"))
    BOOST_REQUIRE(run.feed(event, event[4] == 16));
  BOOST_TEST(std::count_if(run.transactions.begin(), run.transactions.end(),
                           [](const auto& t) { return t.wants_ack; }) == 2);
}

/// Under a sanitizer, whose allocator doesn't tell, it's always nothing.
std::size_t bytes_in_use() {
  return ::mallinfo2().uordblks;
}

/// As behind a FLUSH TABLES each time: the same structures under ever new ids.
BOOST_AUTO_TEST_CASE(memory_doesnt_grow_with_table_ids_m01) {
  auto events = recorded("restarted_1.binlog");
  run_of_events run;
  BOOST_REQUIRE(run.feed(events[0]));
  // An insert into an account's table, and one into a table that is nobody's.
  const auto is_annotation = [](const auto& e) { return e[4] == 160; };
  events.erase(events.begin(), std::find_if(events.begin(), events.end(), is_annotation) - 1);
  events.pop_back(); // STOP
  std::shared_ptr<const shape> first;
  std::size_t inserts = 0, settled = 0;
  constexpr std::uint32_t ids = 100'000;
  for (std::uint32_t id = 0; id < ids; ++id) {
    run.transactions.clear();
    for (auto& event : events) {
      if (event[4] == 19 || event[4] == 23)
        for (std::size_t i = 0; i < 3; ++i) // both tables' ids differ in the first byte
          event[20 + i] = static_cast<std::uint8_t>(id >> 8 * i);
      std::fill_n(event.begin() + 13, 4, std::uint8_t{0});
      const auto sum =
          static_cast<std::uint32_t>(::crc32(0, event.data(), static_cast<unsigned>(event.size() - 4)));
      for (std::size_t i = 0; i < 4; ++i)
        event[event.size() - 4 + i] = static_cast<std::uint8_t>(sum >> 8 * i);
      if (!run.feed(event))
        BOOST_FAIL(run.failed->what);
    }
    for (const auto& t : run.transactions)
      for (const auto& s : t.slices) {
        first = first ? first : s.changes[0].table;
        if (first != s.changes[0].table)
          BOOST_FAIL("another shape of the same structure");
        ++inserts;
      }
    if (id == 1000)
      settled = bytes_in_use();
  }
  BOOST_TEST(inserts == ids);
  BOOST_TEST(bytes_in_use() <= settled + 10'000);
}

} // namespace
} // namespace understudy::binlog_test
