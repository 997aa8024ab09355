// A control log for tests: appends records as nodes would and folds them.
#pragma once
#include "events/control/evolve.hpp"

#include <string>
#include <vector>

namespace understudy::test {

inline const account_id anna("11111111-1111-1111-1111-111111111111");
inline const account_id bert("22222222-2222-2222-2222-222222222222");
inline const node_name one("mailstore1"), two("mailstore2"), three("mailstore3");

class control_world {
public:
  control_state state;
  std::vector<control_record> log;

  evolution append(const node_name& node, std::vector<control_event> events,
                   incarnation life = incarnation{1}, change_origin origin = {}) {
    control_record record{
        {node, life}, "record-" + std::to_string(log.size()), rules_version, origin, std::move(events)};
    return append(std::move(record));
  }

  evolution append(control_record record) {
    log.push_back(record);
    return evolve(state, record, state.next());
  }

  /// A decision on the account's present version.
  evolution decide(const node_name& node, account_id account, account_change_body body) {
    const auto* known = state.account(account);
    return append(node, {account_change{std::move(account), known ? known->version : account_version{},
                                        std::move(body)}});
  }

  bool say(const node_name& node, account_id account, account_change_body fact,
           incarnation life = incarnation{1}) {
    const auto result = append(node, {account_change{std::move(account), {}, std::move(fact)}}, life);
    return result.applied && result.events.front().applied;
  }

  void announce_all() {
    for (const auto& node : {one, two, three})
      append(node, {control_incarnation{}, node_announced{}});
  }

  /// Enrolled on `one` with ready replicas on `two` and `three`, active and protected.
  void enrol_ready(const account_id& account) {
    decide(one, account, enrolled{"a@example.com", one, partition_id{3}});
    decide(one, account, destination_set{two, 10});
    decide(one, account, destination_set{three, 20});
    say(one, account, activated{epoch{1}, kafka_offset{-1}, sequence{}, ""});
    for (const auto& node : {two, three})
      say(node, account, replica_ready{node, at(account).destination(node)->requested, "snap", sequence{5}});
  }

  const account_state& at(const account_id& account) const { return *state.account(account); }
};

inline bool applied(const evolution& result) {
  return result.applied && result.events.front().applied;
}

} // namespace understudy::test
