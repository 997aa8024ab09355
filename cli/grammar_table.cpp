#include "cli/grammar_table.hpp"

namespace understudy {

namespace {

const word accounts{"accounts", "accounts", word_kind::accounts};
const word input_file{"input_file", "accounts", word_kind::file};

const option dry_run{"--dry-run", "show what would be done, and each gate, and do nothing", {"", "dry_run"}};

std::vector<command_row> commands() {
  return {
      {.name_space = "ha",
       .name = "setAccountDestination",
       .help = "Replicates accounts to a mailstore; a lower priority is promoted first.",
       .example = "understudy ha setAccountDestination mailstore2.example.com 10 accounts user1@customer.tld",
       .changes = true,
       .words = {{"HOST", "destination", word_kind::host},
                 {"PRIORITY", "priority", word_kind::number, 0, 65'535}},
       .keywords = {accounts, input_file},
       .one_of = {"accounts", "input_file"},
       .options = {dry_run}},
      {.name_space = "ha",
       .name = "removeAccountDestination",
       .help = "Ends the replication of accounts to a mailstore.",
       .example = "understudy ha removeAccountDestination mailstore2.example.com input_file /tmp/accounts",
       .changes = true,
       .words = {{"HOST", "destination", word_kind::host}},
       .keywords = {accounts, input_file},
       .one_of = {"accounts", "input_file"},
       .options = {dry_run}},
      {.name_space = "ha",
       .name = "getAccountStatus",
       .help = "Shows accounts and their replicas.",
       .example = "understudy ha getAccountStatus mailHost mailstore1.example.com replicaStatus unavailable",
       .form = reply_form::status,
       .keywords =
           {{"mailHost", "mailHost", word_kind::host},
            {"replicaServer", "replicaServer", word_kind::host},
            accounts,
            input_file,
            {"domains", "domains", word_kind::domains},
            {"accountStatus", "accountStatus", word_kind::choice, 0, 0, {"active", "paused"}},
            {"replicaStatus", "replicaStatus", word_kind::choice, 0, 0, {"available", "unavailable"}}}},
      {.name_space = "ha",
       .name = "promoteAccounts",
       .help = "Makes replicas the accounts' primaries; waits for the end.",
       .example = "understudy ha promoteAccounts source_mail_host mailstore1.example.com threads 2",
       .form = reply_form::promotion,
       .changes = true,
       .keywords = {accounts,
                    input_file,
                    {"source_mail_host", "source_mail_host", word_kind::host},
                    {"destination", "destination", word_kind::host},
                    {"threads",
                     "threads",
                     word_kind::number,
                     1,
                     64,
                     {},
                     false,
                     "at most so many of the accounts move at once; each source moves four at most"}},
       .one_of = {"accounts", "input_file", "source_mail_host"},
       .options = {dry_run,
                   {"--accept-loss",
                    "promote these accounts although they are unprotected",
                    {"ACCOUNTS", "accept_loss", word_kind::accounts}},
                   {"--no-return", "the old primary doesn't become a replica", {"", "no_return"}}, // R34
                   {"--no-wait", "don't wait for the end; ask monitor for it"}}},
      {.name_space = "ha",
       .name = "pauseReplicas",
       .help = "Stops applying to the replicas of accounts.",
       .example = "understudy ha pauseReplicas accounts user1@customer.tld",
       .changes = true,
       .keywords = {accounts, input_file},
       .one_of = {"accounts", "input_file"}},
      {.name_space = "ha",
       .name = "restartReplicas",
       .help = "Goes on with the replicas of accounts that are paused or have stopped with an error.",
       .example = "understudy ha restartReplicas accounts user1@customer.tld",
       .changes = true,
       .keywords = {accounts, input_file},
       .one_of = {"accounts", "input_file"}},
      {.name_space = "ha",
       .name = "monitor",
       .help = "Shows how far an operation is; with --progress until it has ended.",
       .example = "understudy ha monitor 0b0c7a4e-6f5e-4a8c-9d7c-1f2a3b4c5d6e",
       .form = reply_form::progress,
       .words = {{.name = "OPERATION_UUID", .field = "operation", .kind = word_kind::uuid, .labelled = true},
                 {.name = "OPERATION_HOST",
                  .field = "operation_host",
                  .kind = word_kind::host,
                  .optional = true,
                  .labelled = true}}},
  };
}

std::vector<option> options() {
  const word file{"FILE", "", word_kind::file};
  return {
      {"--config", "the node's configuration file (default /etc/understudy/understudyd.toml)", file},
      {"--node", "the node to ask; may be given again: the first that answers is taken", {"HOST:PORT", ""}},
      {"--json", "print the replies as JSON, one page a line"},
      {"--progress", "show progress on stderr"},
      {"--yes", "don't ask before many accounts change hands"},
      {"--skip-invalid", "leave out bad or unknown accounts instead of doing nothing"},
      {"--help", "show this help"},
      {"--version", "show the version"},
  };
}

} // namespace

std::span<const command_row> command_table() {
  static const auto table = commands();
  return table;
}

std::span<const option> global_options_table() {
  static const auto table = options();
  return table;
}

std::string_view canonical_namespace(std::string_view word) {
  // MailReplica: the name that administrators of older versions type.
  if (word == "MailReplica")
    return "ha";
  for (const auto& row : command_table())
    if (row.name_space == word)
      return row.name_space;
  return {};
}

} // namespace understudy
