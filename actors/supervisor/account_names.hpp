// Which enrolled accounts a command means by addresses, UUIDs, domains or hosts. Pure.
#pragma once
#include "actors/supervisor/requests.hpp"
#include "events/control/control_state.hpp"

#include <map>
#include <string>
#include <vector>

namespace understudy {

struct named_accounts {
  std::map<account_id, std::string> known; ///< with the text that named them
  std::vector<std::string> unknown;
};

/// `accounts` by address (case-blind) or UUID; `source_host`: all whose primary it is. Withdrawn accounts are
/// unknown. One pass over all accounts.
named_accounts find_named(const control_state& state, const std::vector<std::string>& accounts,
                          const std::string& source_host);

/// Lower case of ASCII letters: addresses are compared that way.
std::string folded_name(std::string_view name);
/// Behind the last '@'; empty if there's none.
std::string domain_of(std::string_view name);

} // namespace understudy
