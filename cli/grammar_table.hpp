// The commands and options that the command line knows, as tables: parsing, help and documentation come from
// them, so a new command is a new row.
#pragma once
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace understudy {

/// What a word or an option's value must be.
enum class word_kind : std::uint8_t {
  host,     ///< a node's or mailstore's name
  number,   ///< a whole number, `least` to `most`
  accounts, ///< a@x,b@y
  file,     ///< a file of accounts
  domains,  ///< x,y
  choice,   ///< one of `choices`
  uuid,
};

struct word {
  std::string_view name;  ///< as help shows it
  std::string_view field; ///< of the command's JSON parameters
  word_kind kind = word_kind::host;
  std::int64_t least = 0, most = 0;
  std::vector<std::string_view> choices = {};
  bool optional = false;      ///< of positional words: may be left out, with all behind it
  std::string_view help = {}; ///< of keywords: what the value does, where the name doesn't say it
  bool labelled = false;      ///< of positional words: `field` may stand before it
};

/// An option: `--name`, or `--name VALUE` if `value` has a name. One without a value sets `value.field` true.
struct option {
  std::string_view name;
  std::string_view help;
  word value = {};
  bool takes_value() const { return !value.name.empty(); }
};

/// What a reply looks like (docs/cli.md).
enum class reply_form : std::uint8_t { outcomes, promotion, status, progress };

struct command_row {
  std::string_view name_space;
  std::string_view name;
  std::string_view help;
  std::string_view example;
  reply_form form = reply_form::outcomes;
  bool changes = false;            ///< gets an operation id
  std::vector<word> words = {};    ///< positional, before the keywords
  std::vector<word> keywords = {}; ///< `name VALUE`, in any order, each at most once
  /// Exactly one of these keywords must be there; empty: no such rule.
  std::vector<std::string_view> one_of = {};
  std::vector<option> options = {}; ///< beside the global ones
};

std::span<const command_row> command_table();
/// Options that stand before, in or behind any command.
std::span<const option> global_options_table();
/// The namespace that `word` names ("ha" for "MailReplica"), or an empty text.
std::string_view canonical_namespace(std::string_view word);

} // namespace understudy
