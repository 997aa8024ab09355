// Administrators' commands on the supervisor that took them: resolve names, decide, append, answer, and
// follow each account to its end (R25). Everything here runs in the supervisor's context; what blocks goes to
// a pool.
#pragma once
#include "actors/messages.hpp"
#include "actors/supervisor/account_names.hpp"
#include "actors/supervisor/node_parts.hpp"
#include "actors/supervisor/node_questions.hpp"
#include "events/control/decide.hpp"
#include "events/control/promotion_patience.hpp"

#include <atomic>
#include <functional>
#include <map>
#include <set>

namespace understudy {

/// How an operation reaches the rest of its supervisor.
struct operation_surroundings {
  std::shared_ptr<node_parts> parts;
  /// Appends to control; returns the ids of the records.
  std::function<std::vector<std::string>(std::vector<control_event>, const change_origin&)> append;
  /// Runs `work` in the supervisor later. Any thread.
  std::function<void(std::function<void()>)> run_here;
  /// The highest epoch of the account whose fence this node read, or wrote and Kafka confirmed; 0: none.
  std::function<epoch(const account_id&)> fence_known_here;
  /// Asks all nodes for their figures, and calls back in the supervisor.
  std::function<void(std::vector<account_id>, std::function<void(everybodys_figures)>)> ask_for_figures;
  /// Runs blocking work that asks this node, behind what it is asked already, and behind nothing else.
  std::function<void(const node_name&, std::function<void()>)> in_line_to;
  /// Claims a node, control being folded up to that offset.
  std::function<void(const node_name&, kafka_offset)> claim;
  /// An operation that isn't decided whole by then is answered as far as it is: less than what the command
  /// line waits (cli/connection.cpp).
  std::chrono::milliseconds answer_patience{3000};
  /// `monitor` is answered without the destination's figures then: longer than a kept connection to a process
  /// that has ended unseen is tried (node_replicas.cpp), and less than another node waits for that answer.
  std::chrono::milliseconds loads_patience{2000};
  /// The node that `monitor` is to ask is said to be silent then: before the command line asks again.
  std::chrono::milliseconds monitor_patience{4000};
};

class operations {
public:
  explicit operations(operation_surroundings around);

  void on_command(command_received received);
  void on_evolution(const control_record& record, const evolution& outcome);
  void on_tick();
  /// Accounts of this source that were handed over to a destination that doesn't begin: promoted to whoever
  /// can take them, or back (R29), as an operation of this node's own.
  void rescue(std::vector<account_id> accounts);
  /// This process goes on with an operation about the account.
  bool concerns(const account_id& account) const;

private:
  /// One command under way.
  struct operation {
    request_body wanted;
    change_origin origin;
    std::vector<answer_function> answers; ///< of those who wait for the reply
    std::map<account_id, std::string> typed;
    std::map<account_id, account_to_enrol> to_enrol;
    std::set<account_id> accept_loss;
    std::map<account_id, account_reply> replies;
    std::vector<account_reply> refused; ///< names that mean no account, or one that can't be had
    std::set<account_id> undecided;     ///< waits for claims, declines, a source's word
    std::set<account_id> open;          ///< decided, its end not seen
    /// The operation whose decision the account stood at when it was decided: another winner is a rival.
    std::map<account_id, operation_id> decided_on;
    std::map<account_id, unsigned> decided_again;        ///< how often, behind other commands
    std::set<std::string> records;                       ///< appended, not read back
    std::set<account_id> unread;                         ///< what was decided of them isn't read back
    std::map<node_name, boot_time> claims;               ///< when each was handed over
    std::vector<control_event> outcomes;                 ///< to be appended at the next tick
    std::unordered_map<account_id, account_facts> facts; ///< from the nodes, as of the command
    /// What each node found of its own volumes, likewise.
    std::map<node_name, std::vector<volume_answer>> volumes;
    /// Destinations that couldn't begin, and why: passed over when it's decided again.
    std::map<account_id, std::map<node_name, std::string>> passed_over;
    /// Decided for the destination that was named, which can't begin, and why. If they were handed over,
    /// whoever can takes them (R29).
    std::map<account_id, std::string> adrift;
    std::map<account_id, std::string> unsure; ///< decided though this isn't known
    std::set<std::pair<account_id, epoch>> declines_asked;
    promotion_patience others;  ///< promotions of others whose end is waited for
    boot_time taken;            ///< when its command came
    boot_time give_up;          ///< undecided accounts fail then
    boot_time facts_taken;      ///< when `facts` were asked for
    std::set<node_name> silent; ///< nodes that gave no figures
    bool asking = false;        ///< for facts
    bool facts_wanted = false;  ///< what the nodes know may have changed
    bool started = false;       ///< its start was read back
  };

  /// What somebody who waits for an answer wants to know of another node.
  struct peer_question {
    boot_time until;
    std::function<void(bool asked)> give_up; ///< answers without it
    std::atomic<bool> asked{false};          ///< its turn has come; set in the line
    bool is_over = false;                    ///< answered, in either way
  };

  // from a command to its start in control (operation_beginning.cpp)
  void begin_change(request_body body, command_received received);
  void look_for(std::shared_ptr<operation> op, std::vector<std::string> names);
  void take_found(operation& op, const std::vector<std::string>& names, const registries_asked& found);
  void resolved(std::shared_ptr<operation> op);
  void refuse_sources(operation& op);
  static account_to_enrol enrolment_of(const operation& op, const account_id& id);
  void refuse_all(operation& op);
  void start(std::shared_ptr<operation> op);
  // what is decided on (operation_facts.cpp)
  void gather_facts(std::shared_ptr<operation> op, std::function<void()> then);
  void refresh_facts(const std::shared_ptr<operation>& op);
  bool source_lives(const node_name& node) const;
  volume_facts volumes_reached(const operation& op, const node_name& source,
                               const node_name& destination) const;
  live_facts facts_for(operation& op) const;
  void on_own_change(operation& op, const account_change& change, const event_outcome& outcome);
  bool may_decide_behind(operation& op, const account_id& id) const;
  // decided, and decided again (operation_decisions.cpp)
  void decide_now(operation& op);
  std::vector<command> commands_of(const operation& op) const;
  void keep_to_turns(operation& op, promote& wanted) const;
  void take_decision(operation& op, const decision& made);
  static void note_unknown(operation& op, const account_decision& decided);
  bool ends_later(const operation& op, const account_id& id) const;
  void ask_for_declines(operation& op, const std::vector<decline_wanted>& declines);
  void renew_claims(operation& op);
  /// Promotions that can't go on as decided, because the source of a planned one or the new primary died
  /// meanwhile: they are decided again.
  void take_back_stranded(operation& op);
  /// Those that can go on as decided after all: their new primary only looked dead.
  void go_on_as_decided(operation& op);
  /// The epoch that the operation decided, if it's under way; null: there's none.
  const term_entry* decided_before(const operation& op, const account_id& id) const;
  bool is_stranded(const account_state& account, const term_entry& pending) const;
  // how an account ends in an operation (operation_ends.cpp)
  void look_for_ends(operation& op, const control_record& record, const account_change& change);
  void look_for_rivals(operation& op, const account_change& undecided);
  void look_for_return(operation& op, const account_change& undecided);
  void promotion_ends(operation& op, const account_id& account, const activated& begun);
  void promoted(operation& op, const account_id& account, const node_name& to);
  static std::string but_unknown(const operation& op, const account_id& id);
  /// `why`: as the node gave it that declined the epoch, or took it back; empty: not known any more.
  void given_up(operation& op, const account_id& account, epoch term, const std::string& why);
  void close_account(operation& op, const account_id& account, bool ok, const std::string& text);
  /// Of a command that is carried out as soon as it's decided.
  static std::string what_was_done(const request_body& wanted);
  bool decided_by(const operation& op, const account_id& account, const term_entry& entry) const;
  std::string what_won(const account_id& account, const change_origin& winner,
                       const std::string& otherwise) const;
  void refuse(operation& op, const account_id& account, const std::string& why);
  /// Another command has the account: its winner is named (R25).
  void lose(operation& op, const account_id& account, const std::string& what, const change_origin& winner);
  // what the administrator is told (operation_replies.cpp)
  void answer_if_complete(operation& op);
  void answer_as_far_as_it_is(operation& op);
  static void answer(operation& op, const std::map<account_id, account_reply>& replies);
  void answer_from_control(const operation_state& known, const answer_function& answer) const;
  void dry_run(operation& op);
  static std::vector<account_id> may_be_loading(const operation_state& operation);
  void monitor(const request_body& body, const command_received& received);
  void monitor_elsewhere(const request_body& body, const answer_function& answer);
  void ask_peer(const node_name& whom, std::chrono::milliseconds patience,
                std::function<std::function<void()>()> ask, std::function<void(bool asked)> give_up);
  void give_up_on_peers();
  void tell_progress(const request_body& body, const result<loads_known>& loads,
                     const answer_function& answer) const;
  account_step step_of(const operation_state& operation, const operation_state::open_target& open,
                       const result<loads_known>& loads) const;
  // operations of nodes that died (operation_adoption.cpp)
  void look_for_orphans();
  bool next_in_line(const operation_state& orphan) const;
  void on_adopted(const operation_id& id, const node_name& by);
  void take_up(const operation_state& orphan);
  void find_end(operation& op, const account_id& id, kafka_offset decided);
  /// The same, by what control has of the account in this operation.
  void take_as_decided(operation& op, const account_id& id);
  boot_time time_to_give_up() const;
  std::vector<control_event> start_events(const operation& op) const;

  const control_state& state() const { return around_.parts->control->own(); }
  const node_name& self() const { return around_.parts->config.node.name; }

  operation_surroundings around_;
  std::map<operation_id, std::shared_ptr<operation>> running_;
  std::map<operation_id, boot_time> adopting_; ///< when it was said that this node goes on with it
  std::set<operation_id> finishing_;           ///< their end was appended, not read back
  std::vector<std::shared_ptr<peer_question>> peer_questions_;
};

} // namespace understudy
