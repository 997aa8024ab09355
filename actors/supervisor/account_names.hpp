// Which enrolled accounts a command means by addresses, UUIDs, domains or hosts. Pure.
#pragma once
#include "actors/supervisor/requests.hpp"
#include "events/control/commands.hpp"
#include "events/control/control_state.hpp"
#include "events/model/folded_name.hpp"

#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace understudy {

struct account_home : account_to_enrol {
  epoch source_term{}; ///< as found_account has it
};

struct named_accounts {
  std::map<account_id, std::string> known; ///< with the text that named them
  std::vector<std::string> unknown;
  std::vector<std::pair<std::string, std::string>> twice; ///< UUIDs, with the address that was named, too
  /// Addresses that more than one account has, with two of them: neither is meant for sure.
  std::map<std::string, std::vector<account_home>> shared;
};

/// `accounts` by address (case-blind) or UUID; `source_host`: all whose primary it is. Withdrawn accounts are
/// unknown. One pass over all accounts.
named_accounts find_named(const control_state& state, const std::vector<std::string>& accounts,
                          const std::string& source_host);

/// The accounts whose loss --accept-loss accepts (R32), all among `chosen`, whom the promotion is about. One
/// that isn't, or is named twice, is an error: whoever accepts a loss must mean exactly these.
result<std::set<account_id>> accepted_losses(const control_state& state, const request_body& body,
                                             const std::map<account_id, std::string>& chosen);

/// What the registries of all mailstores say of some names.
struct registries_asked {
  std::vector<std::pair<node_name, std::vector<found_account>>> answers;
  std::vector<node_name> silent; ///< nodes, or their MariaDBs, that didn't answer
};
/// The mailboxes that aren't replicas, by address and by UUID. Made once for all names of a command, which
/// may be a million.
class account_homes {
public:
  explicit account_homes(const registries_asked& asked);
  /// Of more than one none is its home for sure.
  std::vector<account_home> of(std::string_view name) const;

private:
  std::unordered_map<std::string, std::vector<account_home>> by_name_; ///< folded
};
/// Of several mailboxes of one account that was replicated before, the one where control had its source last
/// is its home, and those go that were its source before. One without a role row stays: the mailbox may have
/// been moved there by hand since, and what was left behind must not be taken for it.
void keep_last_source(std::vector<account_home>& homes, const control_state& state);
/// Why a name means no replicated account: the same sentence whatever was asked.
std::string why_not_replicated(std::string_view name, const account_homes& homes,
                               const registries_asked& asked);
/// Why an address means nobody: two accounts that have it.
std::string shared_address(const account_home& one, const account_home& other);
/// No registry has the name.
std::string no_mailstore_has_it(const registries_asked& asked);

/// Behind the last '@'; empty if there's none.
std::string domain_of(std::string_view name);

} // namespace understudy
