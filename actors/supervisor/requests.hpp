// The JSON between command line and supervisor (docs/cli.md), parsed and written. Pure.
#pragma once
#include "actors/supervisor/load_progress.hpp"
#include "events/control/commands.hpp"
#include "events/control/decide.hpp"
#include "events/model/error.hpp"
#include "events/model/ids.hpp"
#include "storage/profile/volume.hpp"

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace understudy {

/// A command as it came over the wire; absent parameters are empty.
struct request_body {
  std::string space;
  std::string name; ///< "promoteAccounts", …
  operation_id operation;
  std::string next;                  ///< "continue"
  std::vector<std::string> accounts; ///< addresses or UUIDs, as typed
  std::vector<std::string> domains;
  std::vector<std::string> accept_loss;
  std::string destination;
  std::string operation_host; ///< of monitor: who is to be asked
  std::string mail_host;      ///< mailHost
  std::string source_host;    ///< source_mail_host
  std::string replica_server; ///< replicaServer
  std::string account_status; ///< active | paused
  std::string replica_status; ///< available | unavailable
  std::uint32_t priority = 0;
  std::uint32_t threads = 0; ///< 1 to 64; 0: not given
  bool skip_invalid = false;
  bool dry_run = false;
  bool summary = false;
  bool no_return = false;
  bool for_promotion = false; ///< of a peer: what only a promotion needs to know, too
};

/// Malformed JSON, wrong types and unknown parameters are errors that name the place.
result<request_body> parse_request(std::string_view json);

/// One account's line in the reply to a command that changes something.
struct account_reply {
  std::string account; ///< as typed
  std::string outcome; ///< done | accepted | pending | refused | failed
  std::string reason;
  std::optional<change_origin> winner;
  std::string winner_node;
  bool left_out = false;              ///< the operation isn't about it, so monitor won't list it
  std::string gate = "account known"; ///< that it doesn't pass, as a dry run shows it
};

struct command_reply {
  int status = 0; ///< exit status (DESIGN §6)
  std::string body;
};

/// Status 0, 1 or 3 by the outcomes. `operation`: what monitor can be asked for; empty: none was begun.
/// `statement`: a sentence for all of it; empty: none.
command_reply write_change_reply(const operation_id& operation, const std::vector<account_reply>& accounts,
                                 const std::string& statement = {});

/// What a dry run shows of one account (R32).
struct preview {
  std::string account;
  account_decision decided;
  node_name from;
  std::optional<bool> planned; ///< none: it's no promotion, and the figures below don't apply
  std::optional<sequence> acknowledged, in_log, applied;
  std::optional<bool> volumes_reachable;
};
/// `refused`: who is left out before anything is decided, as write_change_reply() has them.
command_reply write_dry_run_reply(const std::vector<preview>& accounts,
                                  const std::vector<account_reply>& refused,
                                  const std::string& statement = {});
/// A dry run's summary: how many accounts it is about.
command_reply write_dry_run_total(std::size_t accounts);

/// The step that an account of an operation has reached, and what there is to say of it.
struct account_step {
  std::string state;
  std::string text;
};
/// Without accounts: the summary alone.
command_reply
write_monitor_reply(const operation_state& operation, bool with_accounts,
                    const std::function<std::string(const account_id&)>& name_of,
                    const std::function<account_step(const operation_state::open_target&)>& step_of);

/// What a node knows of one account: asked by peers, and of itself.
struct account_figures {
  account_id account;
  mailbox_id mailbox;               ///< 0: the mailstore has none of it
  std::uint64_t item = 0;           ///< highest item id
  sequence number;                  ///< source: last acknowledged; replica: last applied
  std::optional<sequence> in_log{}; ///< the last one in Kafka: confirmed to the source, read by a replica
  epoch fenced;                     ///< the highest epoch whose fence this node read or wrote (R24)
  std::string state;                ///< "source", or the replica's
  std::string reason;
  double lag_seconds = 0;
  bool kafka = false;
  /// Only where it was asked for: the mail server may hold an old copy in memory (R32); none: not known.
  std::optional<bool> loaded{};
  std::optional<load_progress> load{}; ///< while a snapshot of it is loaded here
};
/// A node's answer about several accounts.
struct node_figures {
  std::vector<account_figures> accounts;
  kafka_offset control; ///< how far it had folded control
  /// Only where it was asked for: of its volumes those that blobs of these accounts are on (R32).
  std::vector<volume_answer> volumes{};
};
std::string write_figures(const node_figures& figures);
result<node_figures> parse_figures(std::string_view json);

/// Accounts that a node's registry holds.
struct found_account {
  account_id account;
  std::string name;
  bool is_replica = false; ///< it is replicated there from elsewhere
  epoch source_term{};     ///< of its role row, if that says source; 0: it has none
};
std::string write_found(const std::vector<found_account>& accounts);
result<std::vector<found_account>> parse_found(std::string_view json);

/// A replica in getAccountStatus. Absent figures are "unknown": its node didn't answer.
struct replica_status {
  node_name destination;
  std::uint32_t priority = 0;
  std::optional<account_figures> figures;
  std::optional<bool> available;
  std::optional<std::uint64_t> lag; ///< in sequences
};
struct account_status {
  account_id account;
  std::string name;
  node_name home;
  bool paused = false;
  std::optional<account_figures> figures;
  std::optional<protection_gap> gap;
  std::vector<replica_status> replicas;
};
/// Something asked for by name that isn't there, and why.
struct not_there {
  std::string name;
  std::string why;
};
struct status_page {
  std::vector<account_status> accounts;
  std::vector<not_there> unknown_accounts;
  std::vector<not_there> unknown_domains;
  std::vector<node_name> unreachable;
  /// What acknowledged writes of protected accounts are worth less by; empty: nothing.
  std::string protection_note{};
  std::string statement; ///< why there's nothing to list; else empty
};
command_reply write_status_reply(const status_page& page);

/// {"error": …, "todo": …} with this status.
command_reply write_error(int status, const error& why);

} // namespace understudy
