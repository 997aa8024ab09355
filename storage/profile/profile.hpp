// What a mailstore's schema means: which tables belong to an account, by which column, what becomes of
// host-local values (DESIGN §4.4). Everything comes from a TOML file (config/profiles/carbonio.toml); nothing
// about a particular mail server is in code. Immutable once parsed; readable from any thread.
#pragma once
#include "events/model/error.hpp"
#include "events/model/ids.hpp"

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace understudy {

/// The number of a group database: `mailbox.group_id`.
using group_number = strong_number<struct group_number_tag, std::uint32_t>;

/// A table in one database of this host.
struct table_name {
  std::string database;
  std::string table;
  auto operator<=>(const table_name&) const = default;
};

/// Group databases: `prefix` + number + `suffix`, from the pattern `mboxgroup{group}`.
struct group_rule {
  std::string prefix;
  std::string suffix;
  /// A new mailbox's group is (id - 1) mod count + 1; afterwards what the registry says.
  std::uint32_t count = 100;
};

/// The table that names accounts.
struct registry_rule {
  table_name table;
  std::string mailbox_column;
  std::string account_column;
  std::string name_column;
  std::string group_column;
};

/// How the mail server gives out mailbox ids: UPDATE … SET column = column + 1, then SELECT, committed before
/// the mailbox row is written. The value *before* the increment is the new id.
struct allocation_rule {
  table_name table;
  std::string column;
};

/// What becomes of a host-local column on its way to a replica.
enum class column_policy : std::uint8_t {
  kept,             ///< travels as it is
  reset,            ///< travels; where it isn't NULL the replica writes `reset_value`
  left_out,         ///< never travels; the replica's own default or auto-increment fills it
  own_group,        ///< never travels; the replica writes its mailbox's group number
  own_index_volume, ///< never travels; the replica writes its own current index volume
  mapped_volume,    ///< travels; the replica writes the local number of the same volume (also as text)
};
/// left_out, own_group, own_index_volume.
bool stays_at_home(column_policy policy);

struct host_local_column {
  std::string table; ///< logical name
  std::string column;
  column_policy policy = column_policy::kept;
  std::int64_t reset_value = 0;
};

/// A volume is recognised by a glob over its name or by a piece of text in its metadata (white space aside).
struct volume_marks {
  std::vector<std::string> names;
  std::vector<std::string> metadata_contains;
};

struct volume_rule {
  table_name table;
  std::string id_column;
  std::string type_column;
  std::string name_column;
  std::string path_column;
  std::string metadata_column;
  std::vector<std::int64_t> message_types; ///< values of the type column: volumes that hold blobs
  std::vector<std::int64_t> index_types;
  /// The host's current volumes (one row).
  table_name current_table;
  std::vector<std::string> current_message_columns; ///< volumes that new blobs go to
  std::string current_index_column;
  volume_marks centralised;     ///< reached by every mailstore under the same name and path
  volume_marks by_locator;      ///< blobs are found by the row's locator; all others by mailbox id (facts §5)
  volume_marks in_object_store; ///< blobs aren't files below the row's path: nobody looks for it (R32)
};

/// R30: what the guard locks, and in which order: group tables, then shared ones, the registry's row last.
struct guard_rule {
  /// Logical names of account tables that it leaves out: what happens there is a foreign write (R35).
  std::vector<std::string> left_out;
  /// Logical names to lock first, in this order (the mail server's own: fewer deadlocks); then the others.
  std::vector<std::string> first;
};

/// R32: how to tell whether the local mail server still holds a mailbox in memory.
struct loaded_mailbox_probe {
  /// File with the mail server's process id; a process that started after the account was last primary here
  /// has no old copy. Empty: not used.
  std::string pid_file;
  /// Command run with the account id as its last argument: exit status 0 = not loaded. Empty: not used.
  std::vector<std::string> command;
};

enum class mailbox_mode : std::uint8_t {
  own, ///< the replica gets the destination's next mailbox id
  same ///< the source's id, or a clear refusal
};

struct profile {
  std::string name;
  group_rule groups;
  registry_rule registry;
  allocation_rule allocation;
  mailbox_mode mailbox_ids = mailbox_mode::own;

  /// Column that makes a table of a group database an account table, and names the mailbox in it.
  std::string mailbox_column;
  /// Globs over table names in group databases: never adopted (M04).
  std::vector<std::string> shadow_tables;
  /// Account tables outside the group databases: logical name -> column with the mailbox id.
  std::map<std::string, std::string, std::less<>> shared_tables;
  /// Logical names, or globs over them: never replicated, whatever columns they have.
  std::vector<std::string> never;
  std::vector<host_local_column> host_local;
  /// Logical names: every host removes rows here by itself; a missing or surplus row is forgiven (R35, R38).
  std::vector<std::string> self_pruned;
  volume_rule volumes;
  guard_rule guard;
  loaded_mailbox_probe loaded_mailbox;
  /// Where items are counted: getAccountStatus' itemId is the highest `item_column` of `item_table`.
  std::string item_table;
  std::string item_column;

  /// The group a new mailbox id belongs to. `id` ≥ 1.
  group_number group_of(mailbox_id id) const;
  /// `mboxgroup17` for 17.
  std::string group_database(group_number group) const;
  /// The number in a group database's name; nullopt = another database.
  std::optional<group_number> group_in(std::string_view database) const;
  /// Name in events: `mboxgroup/mail_item` for a table of a group database, `zimbra/mailbox` for others.
  std::string logical_name(std::string_view database, std::string_view table) const;
  /// Back again; fails when `logical` has no `/`. `group` is ignored outside group databases.
  result<table_name> physical_name(std::string_view logical, group_number group) const;
  /// The same as "`database`.`table`", quoted for SQL.
  result<std::string> quoted_name(std::string_view logical, group_number group) const;
  bool is_group_table(std::string_view logical) const;
  bool is_registry(std::string_view logical) const;
  bool is_shadow(std::string_view table) const;
  bool is_never_replicated(std::string_view logical) const;
  bool is_self_pruned(std::string_view logical) const;
  /// `kept` for columns that the profile doesn't name.
  host_local_column policy_of(std::string_view logical, std::string_view column) const;
  /// The column that names the mailbox in an account table or in the registry; empty = not an account table
  /// by its name.
  std::string mailbox_column_of(std::string_view logical) const;
};

/// `source` names the text in errors ("carbonio.toml"). An unknown key is an error that names it.
result<profile> parse_profile(std::string_view toml, std::string_view source);
/// Reads at most 1 MiB.
result<profile> load_profile(const std::filesystem::path& file);

} // namespace understudy
