// Which accounts getAccountStatus lists (docs/cli.md).
#include "actors/supervisor/account_listing.hpp"

#include <boost/test/unit_test.hpp>

using namespace understudy;

namespace {

/// An account for each list of what is known of its replicas.
std::vector<account_status> accounts_with(const std::vector<std::vector<std::optional<bool>>>& known) {
  std::vector<account_status> accounts;
  for (const auto& replicas : known) {
    auto& account = accounts.emplace_back();
    account.account = account_id(std::to_string(accounts.size()));
    for (const auto& available : replicas)
      account.replicas.emplace_back().available = available;
  }
  return accounts;
}

std::string ids(const std::vector<account_status>& accounts) {
  std::string all;
  for (const auto& account : accounts)
    all += account.account.value;
  return all;
}

} // namespace

/// A node that nobody hears of says nothing of its replicas: none of them is called unavailable for that.
BOOST_AUTO_TEST_CASE(p8_replica_status_lists_what_is_known_and_counts_what_is_not) {
  const std::optional<bool> unknown;
  const auto all = accounts_with({{true}, {false}, {unknown}, {unknown, false}, {true, unknown}, {}});
  auto unavailable = all;
  BOOST_TEST(keep_by_availability(unavailable, false) == 2u);
  BOOST_TEST(ids(unavailable) == "24");
  auto available = all;
  BOOST_TEST(keep_by_availability(available, true) == 2u);
  BOOST_TEST(ids(available) == "15");
}
