// Every value of the recorded binlogs equals what MariaDB itself said of it (tests/data/binlog/*.tsv).
#include "storage/binlog/binlog_inflate.hpp"
#include "storage/binlog/collations.hpp"
#include "storage/binlog/number_text.hpp"
#include "tests/unit/binlog_support.hpp"

#include <zlib.h>

#include <cstdlib>
#include <map>
#include <sstream>

namespace understudy::binlog_test {
namespace {

struct stored_value {
  value content;
  column about;
};
using place_of_value = std::tuple<std::string, std::string, std::string>; // table, row's n, column

/// The rows as they stand after all transactions.
class table_state {
public:
  void apply(const row_change& change) {
    const auto& table = change.table->table.substr(change.table->table.find('/') + 1);
    const auto* key =
        find_cell(change.kind == change_kind::insert ? change.after : change.before, *change.table, "n");
    if (!key)
      return;
    const auto n = shown(key->content).substr(2);
    if (change.kind == change_kind::remove)
      std::erase_if(
          values_, [&](const auto& v) { return std::get<0>(v.first) == table && std::get<1>(v.first) == n; });
    for (const auto& c : change.after) {
      const auto& about = change.table->columns[c.column];
      values_[{table, n, about.name}] = {c.content, about};
    }
  }
  const stored_value* find(const place_of_value& at) const {
    const auto found = values_.find(at);
    return found == values_.end() ? nullptr : &found->second;
  }
  std::size_t size() const { return values_.size(); }

private:
  std::map<place_of_value, stored_value> values_;
};

std::string hex(std::string_view bytes) {
  std::string out;
  for (const char c : bytes)
    out += fmt::format("{:02X}", static_cast<unsigned char>(c));
  return out;
}

std::string raw_bytes(const value& v) {
  if (const auto* text = std::get_if<text_value>(&v))
    return text->utf8;
  if (const auto* bytes = std::get_if<bytes_value>(&v))
    return bytes->bytes;
  return "not text";
}

/// In the notation of the .tsv.
std::string in_its_words(const stored_value& v, const std::string& kind, const std::string& wanted) {
  const auto plain = shown(v.content);
  if (kind == "null" || plain == "null")
    return plain == "null" ? "" : plain;
  if (kind == "hex") {
    const auto bytes = raw_bytes(v.content);
    if (bytes.size() <= 2000)
      return hex(bytes);
    const auto* data = reinterpret_cast<const Bytef*>(bytes.data());
    return fmt::format("long {} {}", bytes.size(), crc32_z(0, data, bytes.size()));
  }
  if (kind == "member")
    return plain == "n:0" ? "0" : "m" + hex(raw_bytes(v.content));
  const auto text = plain.substr(2);
  if (kind == "number") {
    const bool single = v.about.type == column_type::single;
    if (single || v.about.type == column_type::real) {
      const double ours =
          single ? double{std::strtof(text.c_str(), nullptr)} : std::strtod(text.c_str(), nullptr);
      return ours == std::strtod(wanted.c_str(), nullptr) ? wanted : text;
    }
  }
  return text;
}

std::size_t compare_with_mariadb(const std::string& name, const table_state& state) {
  std::ifstream in(data_file(name));
  BOOST_REQUIRE(in);
  std::size_t count = 0;
  for (std::string line; std::getline(in, line); ++count) {
    std::vector<std::string> fields;
    std::istringstream split(line);
    for (std::string field; std::getline(split, field, '\t');)
      fields.push_back(field);
    fields.resize(5);
    const auto* ours = state.find({fields[0], fields[1], fields[2]});
    const auto where = fields[0] + " row " + fields[1] + " column " + fields[2];
    if (!ours) {
      BOOST_ERROR("nothing decoded for " << where);
      continue;
    }
    BOOST_CHECK_MESSAGE((fields[3] == "null") == std::holds_alternative<null_value>(ours->content),
                        "NULL or not: " << where);
    BOOST_TEST(in_its_words(*ours, fields[3], fields[4]) == fields[4], where);
  }
  return count;
}

table_state state_after(const std::string& name) {
  table_state state;
  for (const auto& t : slice_file(name))
    for (const auto& s : t.slices)
      for (const auto& change : s.changes)
        state.apply(change);
  return state;
}

BOOST_AUTO_TEST_CASE(every_type_as_mariadb_says_t02_t04_t05_t06_t07_t09_b07) {
  const auto state = state_after("types.binlog");
  BOOST_TEST(compare_with_mariadb("types.tsv", state) > 1000U);
}

BOOST_AUTO_TEST_CASE(compressed_events_b04) {
  const auto state = state_after("compressed.binlog");
  BOOST_TEST(compare_with_mariadb("compressed.tsv", state) == 6U);
}

BOOST_AUTO_TEST_CASE(text_travels_as_text_only_where_it_is_valid_utf8_t07) {
  const auto state = state_after("types.binlog");
  const auto kind = [&](const char* column) {
    const auto* v = state.find({"texts", "1", column});
    BOOST_REQUIRE(v);
    return shown(v->content).substr(0, 1);
  };
  BOOST_TEST(kind("a") == "t"); // utf8mb4
  BOOST_TEST(kind("b") == "t"); // utf8mb3
  BOOST_TEST(kind("c") == "b"); // latin1
  BOOST_TEST(kind("g") == "b"); // ucs2 with a lone surrogate
  BOOST_TEST(kind("h") == "t"); // ascii
  BOOST_TEST(state.find({"texts", "1", "c"})->about.charset == "latin1");
  BOOST_TEST(state.find({"texts", "1", "g"})->about.charset == "ucs2");
  BOOST_TEST(state.find({"texts", "1", "r"})->about.charset == "utf8mb4");
}

BOOST_AUTO_TEST_CASE(shapes_say_what_table_map_says) {
  std::map<std::string, std::shared_ptr<const shape>> shapes;
  for (const auto& t : slice_file("types.binlog"))
    for (const auto& s : t.slices)
      for (const auto& change : s.changes)
        shapes[change.table->table] = change.table;
  const auto& integers = shapes.at("mboxgroup/integers")->columns;
  std::string signs; // mailbox_id, n, then TINYINT to INT in pairs, YEAR, BIGINT in a pair, BOOL
  for (const auto& c : integers)
    signs += c.is_unsigned ? 'u' : 's';
  BOOST_TEST(signs == "us"
                      "su"
                      "su"
                      "su"
                      "su"
                      "u"
                      "su"
                      "s");
  const auto& times = shapes.at("mboxgroup/times")->columns;
  BOOST_TEST(times[2 + 3 * 3].decimals == 3);
  const auto& members = shapes.at("mboxgroup/members")->columns;
  BOOST_TEST(members[2].members.size() == 300U);
  BOOST_TEST(members[2].members[3] == "ümläut");
  BOOST_TEST(members[3].members.size() == 64U);
  BOOST_TEST(members[4].members[1] == "€");
  BOOST_TEST(members[5].members[1] == "日");
  BOOST_TEST(members[8].members[0] == "ж");
  BOOST_TEST(shapes.at("mboxgroup/decimals")->columns[2].length == 65U);
  BOOST_TEST(shapes.at("mboxgroup/bits")->columns[3].length == 9U);
  BOOST_TEST(shapes.at("mboxgroup/wide")->columns.size() == 260U);
}

BOOST_AUTO_TEST_CASE(utf8_is_checked_strictly) {
  BOOST_TEST(is_valid_utf8("plain \xC3\xA9 \xE2\x82\xAC \xF0\x9F\x98\x80"));
  BOOST_TEST(is_valid_utf8(std::string_view("\0a\0b\0", 5)));
  for (const auto* bad :
       {"\x80", "\xC0\x80", "\xC3", "\xE0\x80\x80", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xF0\x9F\x98"})
    BOOST_TEST(!is_valid_utf8(bad));
}

BOOST_AUTO_TEST_CASE(collation_ids_of_10_11) {
  BOOST_TEST(charset_of_collation(8)->name == "latin1");
  BOOST_TEST(charset_of_collation(33)->name == "utf8mb3");
  BOOST_TEST(charset_of_collation(46)->name == "utf8mb4");
  BOOST_TEST(charset_of_collation(63)->name == "binary");
  BOOST_TEST(charset_of_collation(46 + 1024)->name == "utf8mb4"); // utf8mb4_nopad_bin
  BOOST_TEST(charset_of_collation(2304)->name == "utf8mb4");      // utf8mb4_uca1400_ai_ci
  BOOST_TEST(!charset_of_collation(0));
  BOOST_TEST(!charset_of_collation(100));
  BOOST_TEST(!charset_of_collation(4000000000U));
}

BOOST_AUTO_TEST_CASE(lying_lengths_take_no_memory_b04) {
  // 0x80 | 4 length bytes: claims 1 GiB for a few bytes
  const bytes huge{0x84, 0x3F, 0xFF, 0xFF, 0xFF, 0x78, 0x9C, 0x03, 0x00, 0x00, 0x00, 0x00, 0x01};
  bytes out;
  BOOST_TEST(!inflate_event_body(huge, out));
  BOOST_TEST(out.capacity() < 1000000U);
  BOOST_TEST(!inflate_event_body(bytes{}, out));
  BOOST_TEST(!inflate_event_body(bytes{0x81}, out));
  BOOST_TEST(!inflate_event_body(bytes{0x01, 0x05}, out));

  const std::string text(1000, 'x');
  bytes packed(100);
  uLongf size = packed.size();
  BOOST_REQUIRE(compress(packed.data(), &size, reinterpret_cast<const Bytef*>(text.data()), text.size()) ==
                Z_OK);
  const auto with_length = [&](std::uint16_t length) {
    bytes body(3 + size);
    body[0] = 0x82;
    body[1] = static_cast<std::uint8_t>(length >> 8);
    body[2] = static_cast<std::uint8_t>(length);
    std::copy_n(packed.begin(), size, body.begin() + 3);
    return body;
  };
  BOOST_TEST(inflate_event_body(with_length(1000), out).has_value());
  BOOST_TEST(as_text(out) == text);
  for (const auto lie : {0, 1, 999, 1001, 60000})
    BOOST_TEST(!inflate_event_body(with_length(static_cast<std::uint16_t>(lie)), out));
  const auto whole = with_length(1000);
  BOOST_TEST(!inflate_event_body(byte_span(whole).first(whole.size() - 5), out));
}

} // namespace
} // namespace understudy::binlog_test
