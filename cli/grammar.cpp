#include "cli/grammar.hpp"

#include "actors/config/nearest_word.hpp"
#include "cli/printable.hpp"
#include "cli/word_value.hpp"

#include <boost/json.hpp>

#include <algorithm>
#include <set>

namespace understudy {

namespace {

/// Walks over the arguments; each step consumes what it understands.
class parser {
public:
  explicit parser(const std::vector<std::string>& arguments)
      : arguments_(arguments) {}

  result<invocation> parse();

private:
  struct positional {
    std::string text;
    std::size_t place;
  };

  /// A usage error at argument `place` (from 1).
  tl::unexpected<error> wrong(std::size_t place, std::string_view what, std::string_view todo = {}) const;
  result<void> sort_out();
  result<void> find_command();
  result<void> take_option(const std::string& name, std::optional<std::string> value, std::size_t place);
  result<void> take_global(const option& o, const std::string& value, std::size_t place);
  result<void> take_words();
  result<void> take_value(const word& w, const std::string& text, std::size_t place);
  result<void> check_complete() const;
  std::string usage_hint() const;

  const std::vector<std::string>& arguments_;
  std::vector<positional> words_;
  /// Options of the command, taken when the command is known.
  struct pending_option {
    std::string name;
    std::optional<std::string> value;
    std::size_t place;
  };
  std::vector<pending_option> options_;
  std::set<std::string> seen_options_;
  std::set<std::string_view> keywords_seen_;
  invocation made_;
};

const option* find_option(std::span<const option> table, std::string_view name) {
  auto found = std::find_if(table.begin(), table.end(), [&](const option& o) { return o.name == name; });
  return found == table.end() ? nullptr : &*found;
}

/// Any option of that name: whether it takes a value must be known before the command is.
const option* find_option(std::string_view name) {
  if (const auto* global = find_option(global_options_table(), name))
    return global;
  for (const auto& row : command_table())
    if (const auto* own = find_option(row.options, name))
      return own;
  return nullptr;
}

std::string meant(std::string_view word, const std::vector<std::string>& known) {
  auto near = nearest_word(word, known);
  return near.empty() ? std::string() : fmt::format("did you mean {}?", near);
}

tl::unexpected<error> parser::wrong(std::size_t place, std::string_view what, std::string_view todo) const {
  auto text = place <= arguments_.size()
                  ? fmt::format("argument {} (\"{}\"): ", place, printable(arguments_[place - 1], 60))
                  : std::string();
  return failure(fmt::format("{}{}", text, what), todo.empty() ? usage_hint() : std::string(todo));
}

std::string parser::usage_hint() const {
  if (made_.command)
    return fmt::format("see understudy {} {} --help", made_.command->name_space, made_.command->name);
  return "see understudy --help";
}

result<void> parser::sort_out() {
  bool only_words = false;
  for (std::size_t i = 0; i < arguments_.size(); ++i) {
    const auto& argument = arguments_[i];
    if (!only_words && argument == "-h") {
      options_.push_back({"--help", std::nullopt, i + 1});
      continue;
    }
    if (!only_words && argument == "--") {
      only_words = true;
      continue;
    }
    if (only_words || !argument.starts_with("--")) {
      words_.push_back({argument, i + 1});
      continue;
    }
    auto equals = argument.find('=');
    auto name = argument.substr(0, equals);
    const auto* known = find_option(name);
    std::optional<std::string> value;
    if (equals != std::string::npos)
      value = argument.substr(equals + 1);
    if (!known) {
      std::vector<std::string> names;
      for (const auto& o : global_options_table())
        names.emplace_back(o.name);
      return wrong(i + 1, "there is no such option", meant(name, names));
    }
    if (known->takes_value() && !value) {
      if (i + 1 == arguments_.size() || arguments_[i + 1].starts_with("--"))
        return wrong(i + 1, fmt::format("{} {} is missing its value", name, known->value.name));
      value = arguments_[++i];
    }
    if (!known->takes_value() && value)
      return wrong(i + 1, fmt::format("{} takes no value", name));
    options_.push_back({name, value, i + 1});
  }
  return {};
}

result<void> parser::take_global(const option& o, const std::string& value, std::size_t place) {
  auto& g = made_.global;
  if (o.name == "--config") {
    if (value.empty())
      return wrong(place, "the file's name is empty");
    g.config = value;
  } else if (o.name == "--node") {
    auto node = host_port::parse(value);
    if (!node)
      return wrong(place, node.error().what);
    g.nodes.push_back(std::move(*node));
  } else {
    bool* flag = o.name == "--json"           ? &g.json
                 : o.name == "--progress"     ? &g.progress
                 : o.name == "--yes"          ? &g.yes
                 : o.name == "--skip-invalid" ? &g.skip_invalid
                 : o.name == "--help"         ? &g.help
                                              : &g.version;
    *flag = true;
  }
  return {};
}

result<void> parser::take_option(const std::string& name, std::optional<std::string> value,
                                 std::size_t place) {
  if (name != "--node" && !seen_options_.insert(name).second)
    return wrong(place, fmt::format("{} is given twice", name));
  if (const auto* global = find_option(global_options_table(), name))
    return take_global(*global, value.value_or(""), place);
  if (!made_.command)
    return wrong(place, "belongs to a command, and none is given");
  const auto* own = find_option(made_.command->options, name);
  if (!own)
    return wrong(place, fmt::format("{} has no option {}", made_.command->name, name));
  if (own->takes_value())
    return take_value(own->value, *value, place);
  if (name == "--no-wait")
    made_.no_wait = true;
  else
    made_.parameters[own->value.field] = true;
  return {};
}

result<void> parser::find_command() {
  if (words_.empty())
    return {};
  auto name_space = canonical_namespace(words_[0].text);
  if (name_space.empty())
    return wrong(words_[0].place, "there is no such namespace: use ha (or MailReplica)");
  if (words_.size() < 2)
    return wrong(arguments_.size() + 1, fmt::format("the command behind {} is missing", words_[0].text));
  std::vector<std::string> names;
  for (const auto& row : command_table()) {
    if (row.name_space == name_space)
      names.emplace_back(row.name);
    if (row.name_space == name_space && row.name == words_[1].text)
      made_.command = &row;
  }
  if (!made_.command)
    return wrong(words_[1].place, fmt::format("{} has no such command", words_[0].text),
                 meant(words_[1].text, names));
  return {};
}

result<void> parser::take_value(const word& w, const std::string& text, std::size_t place) {
  if (w.kind == word_kind::file) {
    if (text.empty())
      return wrong(place, "the file's name is empty");
    made_.input_file = text;
    return {};
  }
  if (w.kind != word_kind::accounts) {
    auto value = word_value(w, text);
    if (!value)
      return wrong(place, value.error().what);
    made_.parameters[w.field] = std::move(*value);
    return {};
  }
  auto list = parse_account_list(text);
  const bool may_skip = w.field == "accounts"; // whoever accepts a loss must mean exactly these
  if (!list.bad.empty() && (!may_skip || !made_.global.skip_invalid || list.accounts.empty()))
    return wrong(place, describe(list.bad, "entry"),
                 list.accounts.empty() ? "write the accounts as a@x,b@y"
                 : may_skip ? "nothing was done; correct it, or leave bad ones out with --skip-invalid"
                            : "nothing was done; correct it");
  if (may_skip) {
    made_.accounts = std::move(list);
    return {};
  }
  boost::json::array names;
  for (const auto& account : list.accounts)
    names.emplace_back(account.name);
  made_.parameters[w.field] = std::move(names);
  return {};
}

result<void> parser::take_words() {
  const auto& row = *made_.command;
  std::size_t at = 2;
  for (const auto& w : row.words) {
    if (at >= words_.size()) {
      if (w.optional)
        break;
      return wrong(arguments_.size() + 1, fmt::format("{} is missing its {}", row.name, w.name));
    }
    if (w.labelled && words_[at].text == w.field && at + 1 < words_.size())
      ++at;
    if (auto taken = take_value(w, words_[at].text, words_[at].place); !taken)
      return taken;
    ++at;
  }
  std::vector<std::string> names;
  for (const auto& k : row.keywords)
    names.emplace_back(k.name);
  for (; at < words_.size(); at += 2) {
    const auto& [text, place] = words_[at];
    auto known =
        std::find_if(row.keywords.begin(), row.keywords.end(), [&](const word& k) { return k.name == text; });
    if (known == row.keywords.end())
      return wrong(
          place,
          row.keywords.empty() ? "is one word too many" : fmt::format("{} has no such keyword", row.name),
          text.find('@') == std::string::npos ? meant(text, names)
                                              : "accounts are one word behind accounts: accounts a@x,b@y");
    if (!keywords_seen_.insert(known->name).second)
      return wrong(place, fmt::format("{} is given twice", known->name));
    if (at + 1 >= words_.size())
      return wrong(place, fmt::format("{} is missing its value", known->name));
    if (auto taken = take_value(*known, words_[at + 1].text, words_[at + 1].place); !taken)
      return taken;
  }
  return {};
}

result<void> parser::check_complete() const {
  const auto& row = *made_.command;
  std::string names;
  std::size_t given = 0;
  for (auto name : row.one_of) {
    names += (names.empty() ? "" : " or ") + std::string(name);
    given += keywords_seen_.contains(name) ? 1 : 0;
  }
  if (given == 0 && !row.one_of.empty())
    return wrong(arguments_.size() + 1, fmt::format("{} needs {}", row.name, names));
  // A listing may go without, but not by two lists at once.
  if (given > 1 || (made_.accounts && made_.input_file))
    return wrong(arguments_.size() + 1, fmt::format("{} takes only one of {}", row.name,
                                                    names.empty() ? "accounts or input_file" : names));
  return {};
}

result<invocation> parser::parse() {
  if (auto sorted = sort_out(); !sorted)
    return tl::make_unexpected(sorted.error());
  if (auto found = find_command(); !found) {
    // "understudy ha --help" is a fair question.
    bool asks =
        std::any_of(options_.begin(), options_.end(), [](const auto& o) { return o.name == "--help"; });
    if (!asks)
      return tl::make_unexpected(found.error());
  }
  // --skip-invalid decides about lists before it.
  made_.global.skip_invalid =
      std::any_of(options_.begin(), options_.end(), [](const auto& o) { return o.name == "--skip-invalid"; });
  for (auto& o : options_)
    if (auto taken = take_option(o.name, o.value, o.place); !taken)
      return tl::make_unexpected(taken.error());
  if (made_.global.help || made_.global.version)
    return std::move(made_);
  if (!made_.command)
    return failure("no command is given", "see understudy --help");
  if (auto taken = take_words(); !taken)
    return tl::make_unexpected(taken.error());
  if (auto complete = check_complete(); !complete)
    return tl::make_unexpected(complete.error());
  return std::move(made_);
}

} // namespace

result<invocation> parse_arguments(const std::vector<std::string>& arguments) {
  return parser(arguments).parse();
}

boost::json::object command_json(const invocation& what, const std::string& operation) {
  boost::json::object json{{"namespace", what.command->name_space}, {"command", what.command->name}};
  if (!operation.empty())
    json["operation"] = operation;
  auto parameters = what.parameters;
  if (what.accounts) {
    boost::json::array names;
    names.reserve(what.accounts->accounts.size());
    for (const auto& account : what.accounts->accounts)
      names.emplace_back(account.name);
    parameters["accounts"] = std::move(names);
    if (what.global.skip_invalid)
      parameters["skip_invalid"] = true;
  }
  json["parameters"] = std::move(parameters);
  return json;
}

} // namespace understudy
