#include "storage/binlog/statement_scan.hpp"

#include <algorithm>
#include <array>
#include <cctype>

namespace understudy {
namespace {

// A report shows so much of a statement; logs stay readable and bounded.
constexpr std::size_t longest_shown = 500;
// Names beyond so many words belong to data (VALUES lists): bounds the work for a statement of megabytes.
constexpr std::size_t most_words = 10'000;
// SAVEPOINT, ROLLBACK TO and their like are short; a longer statement is no control statement.
constexpr std::size_t longest_control = 512;

bool is_word(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '$' || (c & 0x80) != 0;
}

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

class word_reader {
public:
  explicit word_reader(std::string_view text)
      : text_(text) {}

  bool next(statement_word& out) {
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (starts("/*!") || starts("/*M!")) {
        at_ += c == '/' && starts("/*!") ? 3 : 4;
        while (at_ < text_.size() && std::isdigit(static_cast<unsigned char>(text_[at_])) != 0)
          ++at_; // a version, glued to the first word
      } else if (starts("/*")) {
        skip_to("*/", 2);
      } else if (c == '#' || starts("-- ") || starts("--\n") || starts("--\t")) {
        skip_to("\n", 1);
      } else if (c == '`' || c == '"' || c == '\'') {
        // With ANSI_QUOTES "…" is a name; taken for one always: a string that happens to name an account
        // table costs a warning, a missed name would cost the truth.
        auto content = quoted(c);
        if (c == '\'')
          continue;
        return give(std::move(content), true, out);
      } else if (is_word(c)) {
        const auto start = at_;
        while (at_ < text_.size() && is_word(text_[at_]))
          ++at_;
        return give(std::string(text_.substr(start, at_ - start)), false, out);
      } else {
        dot_ = c == '.' || (dot_ && std::isspace(static_cast<unsigned char>(c)) != 0);
        ++at_;
      }
    }
    return false;
  }

private:
  bool starts(std::string_view with) const { return text_.substr(at_).starts_with(with); }
  void skip_to(std::string_view end, std::size_t from) {
    const auto found = text_.find(end, at_ + from);
    at_ = found == text_.npos ? text_.size() : found + end.size();
  }
  std::string quoted(char quote) {
    std::string out;
    for (++at_; at_ < text_.size(); ++at_) {
      if (text_[at_] == '\\' && quote != '`' && at_ + 1 < text_.size()) {
        out += text_[++at_];
      } else if (text_[at_] == quote) {
        if (at_ + 1 >= text_.size() || text_[at_ + 1] != quote)
          break;
        out += text_[++at_];
      } else {
        out += text_[at_];
      }
    }
    at_ = std::min(at_ + 1, text_.size());
    return out;
  }
  bool give(std::string text, bool is_quoted, statement_word& out) {
    out = {std::move(text), is_quoted, dot_};
    dot_ = false;
    return true;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  bool dot_ = false;
};

/// A statement's words, and in lower case those that may be keywords: what is quoted is a name, whatever it
/// says.
struct words {
  std::vector<statement_word> list;
  std::vector<std::string> low; ///< of a quoted one: empty
  bool has(std::string_view word) const { return std::find(low.begin(), low.end(), word) != low.end(); }
  std::string_view at(std::size_t i) const { return i < low.size() ? std::string_view(low[i]) : ""; }
};

bool is_one_of(std::string_view word, std::initializer_list<std::string_view> list) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

/// The index of the verb: behind `SET STATEMENT … FOR`.
std::size_t verb_of(const words& w) {
  if (w.at(0) != "set" || w.at(1) != "statement")
    return 0;
  const auto found = std::find(w.low.begin(), w.low.end(), "for");
  return found == w.low.end() ? 0 : static_cast<std::size_t>(found - w.low.begin()) + 1;
}

/// Whether an ALTER can change what rows say; adding or dropping indexes and the like can't, but that IGNORE
/// drops the rows that a new key refuses.
bool alters_rows(const words& w) {
  for (std::size_t i = 0; i < w.low.size(); ++i) {
    const auto word = w.at(i);
    const auto next = w.at(i + 1);
    if (is_one_of(word, {"modify", "change", "convert", "exchange", "truncate", "import", "discard", "rename",
                         "ignore"}))
      return true;
    if (is_one_of(word, {"add", "drop"}) && !is_one_of(next, {"index", "key", "primary", "unique", "fulltext",
                                                              "spatial", "foreign", "constraint", "check"}))
      return true;
  }
  return false;
}

struct effect {
  sliced_transaction::warning::kind what;
  bool rows = false;
};

/// Empty: no rows and no structure can be changed by it.
std::optional<effect> effect_of(const words& w) {
  using kind = sliced_transaction::warning::kind;
  const auto verb = verb_of(w);
  const auto first = w.at(verb);
  // ANALYZE of a statement carries it out.
  if (first == "analyze" && !is_one_of(w.at(verb + 1), {"table", "tables", "local", "no_write_to_binlog"}))
    return effect{kind::statement_dml, true};
  if (is_one_of(first, {"analyze", "flush", "grant", "revoke", "begin", "start", "commit", "rollback",
                        "savepoint", "release", "xa", "reset", "purge", "set"}))
    return std::nullopt;
  // OPTIMIZE and REPAIR rebuild a table; REPAIR may lose rows of one that is damaged.
  if (first == "optimize")
    return std::nullopt;
  if (first == "truncate")
    return effect{kind::truncate, true};
  const bool temporary = w.at(verb + 1) == "temporary" || w.at(verb + 3) == "temporary";
  if (temporary && is_one_of(first, {"create", "drop"}))
    return std::nullopt;
  if (first == "drop") {
    const bool table = is_one_of(w.at(verb + 1), {"table", "tables", "database", "schema"});
    return effect{kind::ddl, table};
  }
  if (first == "alter")
    return effect{kind::ddl, alters_rows(w)};
  if (is_one_of(first, {"rename", "repair"}))
    return effect{kind::ddl, true};
  // OR REPLACE drops what was there. Of CREATE … SELECT the server logs rows, and a CREATE without the
  // SELECT; with it only where the session logs statements.
  if (first == "create")
    return effect{kind::ddl,
                  w.at(verb + 1) == "or" ? w.has("table") : w.at(verb + 1) == "table" && w.has("select")};
  // Whatever else is in a binlog as a statement changes rows: INSERT, UPDATE, DELETE, REPLACE, LOAD DATA,
  // WITH …, CALL, and verbs that we haven't heard of.
  return effect{kind::statement_dml, true};
}

} // namespace

std::vector<statement_word> statement_words(std::string_view statement, std::size_t most) {
  std::vector<statement_word> out;
  word_reader reader(statement);
  statement_word word;
  while (out.size() < most && reader.next(word))
    out.push_back(std::move(word));
  return out;
}

std::optional<sliced_transaction::warning>
scan_statement(std::string_view statement, std::string_view database, const table_routing& routing) {
  words w;
  w.list = statement_words(statement, most_words);
  for (const auto& word : w.list)
    w.low.push_back(word.quoted ? std::string() : lower(word.text));
  const auto effect = effect_of(w);
  if (!effect)
    return std::nullopt;
  sliced_transaction::warning out{
      effect->what, std::string(statement.substr(0, longest_shown)), std::string(database), {}, effect->rows};
  const auto verb = verb_of(w);
  const bool of_database = is_one_of(w.at(verb + 1), {"database", "schema"});
  bool only_pruned = true; // of the account tables named so far
  for (std::size_t i = verb + 1; i < w.list.size(); ++i) {
    const auto& word = w.list[i];
    if (of_database) {
      if (!routing.holds_accounts(word.text))
        continue;
      out.database = word.text;
      return out;
    }
    const std::string_view of = word.after_dot ? std::string_view(w.list[i - 1].text) : database;
    const auto route = routing.route(of, word.text);
    if (route.what != table_route::kind::account_rows && route.what != table_route::kind::registry)
      continue;
    if (route.is_self_pruned && !out.table.empty())
      continue;
    if (!only_pruned) {
      if (of != out.database)
        out.database.clear(); // of several
      continue;
    }
    only_pruned = route.is_self_pruned;
    out.database = of;
    out.table = word.text;
  }
  if (!out.table.empty()) {
    out.rows_may_have_changed = out.rows_may_have_changed && !only_pruned;
    return out;
  }
  // Such a statement is logged only because a function in it writes: to which table it doesn't say.
  if (is_one_of(w.at(verb), {"select", "do"}))
    return out;
  return std::nullopt;
}

control_statement read_control_statement(std::string_view statement) {
  // The server writes these itself, in just this form.
  if (statement == "COMMIT")
    return {statement_role::commit, {}};
  if (statement == "BEGIN")
    return {statement_role::begin, {}};
  if (statement == "ROLLBACK")
    return {statement_role::rollback, {}};
  if (statement.size() > longest_control)
    return {};
  const auto words = statement_words(statement, 4);
  const auto word = [&](std::size_t i) { return i < words.size() ? lower(words[i].text) : std::string(); };
  if (words.empty() || words[0].quoted)
    return {};
  if (word(0) == "savepoint")
    return {statement_role::savepoint, word(1)};
  if (word(0) == "rollback" && word(1) == "to")
    return {statement_role::rollback_to, words.size() > 3 && word(2) == "savepoint" ? word(3) : word(2)};
  if (word(0) == "xa")
    return {statement_role::xa, {}};
  return {};
}

} // namespace understudy
