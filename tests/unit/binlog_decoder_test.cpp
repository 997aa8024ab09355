// The decoder over damaged, unknown and wrapped events: an error or the truth, never a crash or an over-read.
#include "tests/unit/binlog_support.hpp"

#include <sys/resource.h>
#include <zlib.h>

#include <cstring>
#include <random>

namespace understudy::binlog_test {
namespace {

void put32(bytes& event, std::size_t at, std::uint32_t x) {
  for (std::size_t i = 0; i < 4; ++i)
    event[at + i] = static_cast<std::uint8_t>(x >> 8 * i);
}

/// Makes length and checksum right again.
void seal(bytes& event) {
  put32(event, 9, static_cast<std::uint32_t>(event.size()));
  put32(event, event.size() - 4, static_cast<std::uint32_t>(crc32_z(0, event.data(), event.size() - 4)));
}

bytes made_event(std::uint8_t type, std::uint16_t flags, const bytes& body, std::uint32_t end = 0) {
  bytes out(event_header::size + body.size() + 4);
  out[4] = type;
  out[5] = 7;
  out[17] = static_cast<std::uint8_t>(flags);
  out[18] = static_cast<std::uint8_t>(flags >> 8);
  put32(out, 13, end);
  std::copy(body.begin(), body.end(), out.begin() + event_header::size);
  seal(out);
  return out;
}

event_type type_of(const bytes& event) {
  return static_cast<event_type>(event[4]);
}

bytes first_of(const std::vector<bytes>& events, event_type type) {
  const auto found =
      std::find_if(events.begin(), events.end(), [&](const auto& e) { return type_of(e) == type; });
  BOOST_REQUIRE(found != events.end());
  return *found;
}

/// A decoder that has read the FORMAT_DESCRIPTION of a file with checksums.
event_decoder begun() {
  event_decoder decoder("recorded.000001", 4);
  const auto events = recorded("keys.binlog");
  BOOST_REQUIRE(decoder.decode(events[0]).has_value());
  return decoder;
}

BOOST_AUTO_TEST_CASE(positions_are_those_of_the_file) {
  event_decoder decoder("recorded.000001", 4);
  std::uint64_t at = 4;
  for (const auto& event : recorded("groups.binlog")) {
    auto decoded = decoder.decode(event);
    BOOST_REQUIRE_MESSAGE(decoded, decoded.error().what);
    BOOST_TEST(decoded->start == at);
    at += event.size();
    BOOST_TEST(decoded->end == at);
  }
}

BOOST_AUTO_TEST_CASE(positions_pass_4_gib_b03) {
  event_decoder decoder("big.000001", 4);
  auto format = recorded("keys.binlog")[0];
  BOOST_REQUIRE(decoder.decode(format).has_value());
  // The four positions of the case; the first event behind the format description may be far away.
  const std::uint32_t ends[] = {4294954865U, 4294962881U, 3601U, 11617U};
  const std::uint64_t wanted[] = {4294954865U, 4294962881U, 3601U + (std::uint64_t{1} << 32),
                                  11617U + (std::uint64_t{1} << 32)};
  const std::size_t lengths[] = {1000, 8016, 8016, 8016};
  for (std::size_t i = 0; i < 4; ++i) {
    const auto event = made_event(160, 0, bytes(lengths[i] - event_header::size - 4), ends[i]);
    const auto decoded = decoder.decode(event);
    BOOST_REQUIRE_MESSAGE(decoded, decoded.error().what);
    BOOST_TEST(decoded->end == wanted[i]);
    BOOST_TEST(decoded->start == wanted[i] - lengths[i]);
  }
}

BOOST_AUTO_TEST_CASE(a_position_that_steps_back_is_an_error) {
  auto decoder = begun();
  BOOST_REQUIRE(decoder.decode(made_event(160, 0, bytes(10), 5000)).has_value());
  BOOST_TEST(!decoder.decode(made_event(160, 0, bytes(10), 4000)).has_value());
}

BOOST_AUTO_TEST_CASE(events_left_out_by_the_dump_are_jumped_over) {
  auto decoder = begun();
  const auto decoded = decoder.decode(made_event(160, 0, bytes(10), 5000));
  BOOST_REQUIRE(decoded);
  BOOST_TEST(decoded->end == 5000U);
  BOOST_TEST(decoded->start == 5000U - event_header::size - 14);
}

BOOST_AUTO_TEST_CASE(made_up_events_and_heartbeats_dont_count_b08) {
  auto decoder = begun();
  const auto place = decoder.position();
  BOOST_REQUIRE(decoder.decode(made_event(163, event_header::artificial, bytes(4), 99999)).has_value());
  const auto beat = decoder.decode(made_event(27, 0, bytes(16, 'f'), 77777));
  BOOST_REQUIRE(beat);
  BOOST_TEST(std::holds_alternative<heartbeat>(beat->body));
  BOOST_TEST(decoder.position() == place);
  // made-up ROTATE names the next file; a heartbeat may come before its FORMAT_DESCRIPTION
  bytes name{4, 0, 0, 0, 0, 0, 0, 0, 'n', 'e', 'x', 't', '.', '2'};
  BOOST_REQUIRE(decoder.decode(made_event(4, event_header::artificial, name)).has_value());
  BOOST_TEST(decoder.file() == "next.2");
  BOOST_TEST(decoder.position() == 4U);
  BOOST_REQUIRE(decoder.decode(made_event(27, 0, name, 4)).has_value());
  BOOST_TEST(decoder.file() == "next.2");
}

BOOST_AUTO_TEST_CASE(first_rotate_with_and_without_checksum) {
  const bytes name{4, 0, 0, 0, 0, 0, 0, 0, 'b', '.', '1'};
  auto with = made_event(4, event_header::artificial, name);
  event_decoder one;
  BOOST_REQUIRE(one.decode(with).has_value());
  BOOST_TEST(one.file() == "b.1");
  auto without = with;
  without.resize(without.size() - 4);
  put32(without, 9, static_cast<std::uint32_t>(without.size()));
  event_decoder two;
  BOOST_REQUIRE(two.decode(without).has_value());
  BOOST_TEST(two.file() == "b.1");
}

BOOST_AUTO_TEST_CASE(unknown_and_incident_events_b09) {
  auto decoder = begun();
  const auto ignorable = decoder.decode(made_event(250, event_header::ignorable, bytes(3), 0));
  BOOST_REQUIRE(ignorable);
  BOOST_TEST(std::holds_alternative<skipped>(ignorable->body));
  for (const auto type : bytes{172, 250, 26, 164, 0, 20, 39}) {
    auto fresh = begun();
    const auto decoded = fresh.decode(made_event(type, 0, bytes(40), 5000));
    BOOST_REQUIRE(!decoded);
    BOOST_TEST(!decoded.error().retryable);
    BOOST_TEST(decoded.error().what.find(fmt::format("type {} at recorded.000001:256", type)) !=
                   std::string::npos,
               decoded.error().what);
  }
}

BOOST_AUTO_TEST_CASE(a_wrong_checksum_is_an_error) {
  for (const auto type : {event_type::gtid, event_type::query, event_type::table_map, event_type::xid}) {
    auto event = first_of(recorded("keys.binlog"), type);
    event[event.size() - 6] ^= 1;
    BOOST_TEST(!begun().decode(event).has_value());
  }
  auto format = recorded("keys.binlog")[0];
  format[25] ^= 1;
  BOOST_TEST(!event_decoder("f", 4).decode(format).has_value());
}

BOOST_AUTO_TEST_CASE(without_checksums_events_are_whole) {
  auto events = recorded("keys.binlog");
  run_of_events run;
  for (auto& event : events) {
    if (type_of(event) == event_type::format_description) {
      event[event.size() - 5] = 0;
    } else {
      event.resize(event.size() - 4);
      put32(event, 9, static_cast<std::uint32_t>(event.size()));
    }
    put32(event, 13, 0);
    BOOST_REQUIRE_MESSAGE(run.feed(event), run.failed->what);
  }
  const auto summed = slice_file("keys.binlog");
  BOOST_REQUIRE(run.transactions.size() == summed.size());
  for (std::size_t i = 0; i < summed.size(); ++i)
    BOOST_TEST(shown(run.transactions[i]) == shown(summed[i]), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(second_version_of_row_events) {
  run_of_events run;
  for (auto event : recorded("keys.binlog")) {
    if (event[4] >= 23 && event[4] <= 25) {
      event[4] = static_cast<std::uint8_t>(event[4] + 7);
      const bytes extra{5, 0, 1, 2, 3}; // two bytes of length, three of what we don't read
      event.insert(event.begin() + event_header::size + 8, extra.begin(), extra.end());
    }
    put32(event, 13, 0);
    seal(event);
    BOOST_REQUIRE_MESSAGE(run.feed(event), run.failed->what);
  }
  const auto first = slice_file("keys.binlog");
  BOOST_REQUIRE(run.transactions.size() == first.size());
  for (std::size_t i = 0; i < first.size(); ++i)
    BOOST_TEST(shown(run.transactions[i]) == shown(first[i]), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(table_maps_live_for_one_statement_m01) {
  const auto events = recorded("keys.binlog");
  const auto map = first_of(events, event_type::table_map);
  const auto write = first_of(events, event_type::write_rows_v1);
  auto decoder = begun();
  const auto far = [](bytes event) {
    put32(event, 13, 0);
    seal(event);
    return event;
  };
  BOOST_TEST(!begun().decode(far(write)).has_value()); // none at all
  BOOST_REQUIRE(decoder.decode(far(map)).has_value());
  BOOST_REQUIRE(decoder.decode(far(write)).has_value());
  const auto again = decoder.decode(far(write)); // the first one ended the statement
  BOOST_REQUIRE(!again);
  BOOST_TEST(again.error().what.find("without a TABLE_MAP") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(table_ids_begin_anew_after_a_restart_m01) {
  run_of_events run;
  BOOST_REQUIRE_MESSAGE(run.feed_file("restarted_1.binlog"), run.failed->what);
  run.decoder = event_decoder("recorded.000002", 4);
  BOOST_REQUIRE_MESSAGE(run.feed_file("restarted_2.binlog"), run.failed->what);
  std::vector<std::string> all;
  for (const auto& t : busy(run.transactions))
    for (const auto& line : shown(t))
      all.push_back(line);
  const std::vector<std::string> wanted{"7 insert mboxgroup/item [] {n=n:1 v=n:10}",
                                        "7 insert mboxgroup/item [] {n=n:2 v=n:20}"};
  BOOST_TEST(all == wanted, boost::test_tools::per_element());
}

bool is_compressed(const bytes& event) {
  return event[4] >= 165 && event[4] <= 171;
}

/// Where the compressed part begins: its header byte, with the length's bytes behind it.
std::size_t compressed_part(const bytes& event) {
  constexpr std::size_t fixed = event_header::size;
  if (type_of(event) == event_type::query_compressed) { // status variables, database and its NUL
    const std::size_t status = event[fixed + 11] + 256U * event[fixed + 12];
    return fixed + 13 + status + event[fixed + 8] + 1;
  }
  const bool two_images = type_of(event) == event_type::update_rows_compressed_v1;
  return fixed + 8 + 1 + (two_images ? 2 : 1); // id and flags, number of columns, bitmaps of four columns
}

/// As if it had been written so: with a length and a checksum that fit.
void check_refused(const bytes& map, bytes event) {
  seal(event);
  auto decoder = begun();
  if (!map.empty())
    BOOST_REQUIRE(decoder.decode(map).has_value());
  const auto decoded = decoder.decode(event);
  BOOST_TEST(!decoded.has_value(), "type " << int(event[4]) << ", " << event.size() << " bytes");
}

BOOST_AUTO_TEST_CASE(b04_compressed_events_that_are_cut_or_lie_about_their_length_are_errors) {
  const auto memory_taken = [] { // kB at most so far
    rusage used{};
    ::getrusage(RUSAGE_SELF, &used);
    return used.ru_maxrss;
  };
  const auto before = memory_taken();
  std::set<int> types;
  bytes map;
  for (auto event : recorded("compressed.binlog")) {
    put32(event, 13, 0);
    seal(event);
    if (type_of(event) == event_type::table_map)
      map = event;
    if (!is_compressed(event))
      continue;
    types.insert(event[4]);
    const auto at = compressed_part(event);
    const bool is_query = type_of(event) == event_type::query_compressed;
    BOOST_REQUIRE((event[at] & 0xF8) == 0x80);
    for (std::size_t kept = at; kept + 4 < event.size(); ++kept) {
      auto cut = event;
      cut.resize(kept + 4); // a checksum again
      check_refused(is_query ? bytes{} : map, std::move(cut));
    }
    const std::size_t width = event[at] & 7;
    for (const auto& claim : {bytes{0}, bytes{1}, bytes{0xFF, 0xFF}, bytes{0x3F, 0xFF, 0xFF, 0xFF},
                              bytes{0xFF, 0xFF, 0xFF, 0xFF}}) {
      auto lying = event;
      lying[at] = static_cast<std::uint8_t>(0x80 | claim.size());
      const auto begin = lying.begin() + static_cast<std::ptrdiff_t>(at) + 1;
      lying.erase(begin, begin + static_cast<std::ptrdiff_t>(width));
      lying.insert(lying.begin() + static_cast<std::ptrdiff_t>(at) + 1, claim.begin(), claim.end());
      check_refused(is_query ? bytes{} : map, std::move(lying));
    }
  }
  BOOST_TEST((types == std::set<int>{165, 166, 167, 168}));
#ifndef __SANITIZE_ADDRESS__ // which keeps what was freed for a while
  BOOST_TEST(memory_taken() - before < 100'000);
#else
  (void)before;
#endif
}

/// Every cut and many single-byte changes of every recorded event, with a checksum that fits: the decoder and
/// the slicer answer, whatever they answer. (Run under the address sanitizer in CI.)
BOOST_AUTO_TEST_CASE(damaged_events_are_errors_never_crashes) {
  std::mt19937 random(4711);
  for (const auto* name :
       {"keys.binlog", "groups.binlog", "compressed.binlog", "own.binlog", "types.binlog"}) {
    const auto events = recorded(name);
    for (std::size_t round = 0; round < 40; ++round) {
      run_of_events run;
      for (auto event : events) {
        if (event.size() < 5000 && random() % 4 == 0) {
          const auto what = random() % 3;
          if (what == 0 && event.size() > 24)
            event.resize(event.size() - random() % std::min<std::size_t>(event.size() - 23, 40));
          else if (what == 1)
            event[4 + random() % (event.size() - 8)] = static_cast<std::uint8_t>(random());
          else if (event.size() > 30)
            event[event_header::size + random() % (event.size() - 27)] ^=
                static_cast<std::uint8_t>(1U << random() % 8);
          seal(event);
        }
        // An error ends a stream; going on here only reaches more code.
        if (!run.feed(event))
          run.failed.reset();
      }
    }
  }
  const auto events = recorded("keys.binlog");
  for (const auto& event : events)
    for (std::size_t length = 0; length < event.size(); ++length) {
      auto cut = event;
      cut.resize(length);
      auto decoder = begun();
      BOOST_TEST(!decoder.decode(cut).has_value());
    }
}

} // namespace
} // namespace understudy::binlog_test
