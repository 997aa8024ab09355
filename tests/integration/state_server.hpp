// A mailstore's MariaDB of the test's own and sessions to it: what the tests of storage/state share.
#pragma once
#include "storage/profile/profile.hpp"
#include "storage/state/own_schema.hpp"
#include "storage/state/sql_session.hpp"
#include "tests/tools/fixture/private_mariadb.hpp"

#include <boost/test/unit_test.hpp>

namespace understudy::state_test {

using fixture::private_mariadb;

/// One server for all cases: starting one takes a second.
inline private_mariadb& server() {
  static private_mariadb one({.semi_sync = false, .server_id = 5});
  static const bool loaded = [] {
    one.set_up("CREATE DATABASE test");
    one.load_mailstore(1);
    return true;
  }();
  (void)loaded;
  return one;
}

inline sql_options as_root(std::vector<std::string> setup) {
  sql_options out;
  out.socket = server().socket();
  out.user = "root";
  out.setup = std::move(setup);
  return out;
}

inline sql_session session(std::vector<std::string> setup = standard_setup()) {
  auto opened = sql_session::open(as_root(std::move(setup)));
  BOOST_REQUIRE_MESSAGE(opened, (opened ? "" : opened.error().what));
  return std::move(*opened);
}

template <class T>
T need(tl::expected<T, error> outcome) {
  BOOST_REQUIRE_MESSAGE(outcome, (outcome ? "" : outcome.error().what));
  return std::move(*outcome);
}
inline void need(const tl::expected<void, error>& outcome) {
  BOOST_REQUIRE_MESSAGE(outcome, (outcome ? "" : outcome.error().what));
}
template <class T>
T need(sql_result<T> outcome) {
  return need(plain(std::move(outcome)));
}
inline void need(const sql_result<void>& outcome) {
  need(plain(outcome));
}

inline std::string binlog_position() {
  return server().value("SELECT @@GLOBAL.gtid_binlog_pos");
}

inline sql_session with_own_schema() {
  auto local = session(local_setup());
  need(ensure_own_schema(local, node_name("ms1")));
  return local;
}

inline std::shared_ptr<const profile> rules() {
  return std::make_shared<const profile>(
      need(load_profile(UNDERSTUDY_SOURCE_DIR "/config/profiles/carbonio.toml")));
}

} // namespace understudy::state_test
