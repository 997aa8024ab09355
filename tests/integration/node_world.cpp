#include "tests/integration/node_world.hpp"

#include "actors/gateway/own_material.hpp"
#include "tests/tools/mailsim/provisioning.hpp"

#include <boost/test/unit_test.hpp>
#include <fmt/format.h>
#include <httplib.h>

#include <fstream>

namespace understudy::testing {
namespace {

using fixture::eventually;

constexpr std::uint64_t seed = 1; // mailsim's default: account ids follow from it
constexpr std::chrono::milliseconds a_while{20};
/// A mailbox's tables alone are dozens of DDL statements, and a slow disk takes a second for some of them.
constexpr std::chrono::seconds patience_for_mailboxes{300};

/// A condition that starts a process each time it's asked: looked at less often than `eventually` does.
template <class Condition>
bool eventually_asked(Condition&& condition, std::chrono::seconds within = patience) {
  return eventually(within, [&] {
    if (condition())
      return true;
    std::this_thread::sleep_for(a_while);
    return false;
  });
}

std::filesystem::path shared_material(const std::filesystem::path& dir) {
  // Nodes that make their own material trust nobody else's, so all share one certificate.
  if (auto made = make_own_material(dir, "world"); !made)
    throw std::runtime_error(made.error().what);
  return dir;
}

/// What README.md has an administrator do for the node, and whom that makes.
struct readme_user {
  std::string statements, name, password;
};

std::string between(const std::string& text, const std::string& before, const std::string& behind) {
  const auto from = text.find(before);
  const auto to = from == std::string::npos ? from : text.find(behind, from + before.size());
  if (to == std::string::npos)
    throw std::runtime_error("README.md: nothing between " + before + " and " + behind);
  return text.substr(from + before.size(), to - from - before.size());
}

readme_user user_of_readme() {
  std::ifstream file(UNDERSTUDY_SOURCE_DIR "/README.md");
  const std::string readme((std::istreambuf_iterator<char>(file)), {});
  readme_user found;
  found.statements =
      "SET sql_log_bin=0;" + between(readme, "SET sql_log_bin=0;", "```"); // the rest of its block
  found.name = between(found.statements, "CREATE USER ", "@localhost");
  found.password = between(found.statements, "IDENTIFIED BY '", "'");
  return found;
}

/// Of [mariadb]: as whom the node connects. Makes that user.
std::string user_lines(const fixture::private_mariadb& db, bool own_user) {
  if (!own_user)
    return "user = \"root\"\n";
  const auto user = user_of_readme();
  db.connect().script(user.statements);
  const auto secret = db.dir() / "password";
  std::ofstream(secret) << user.password << '\n';
  std::filesystem::permissions(secret, std::filesystem::perms(0600));
  return fmt::format("user = \"{}\"\npassword_file = \"{}\"\n", user.name, secret.string());
}

struct box {
  std::string database, id;
};

box box_of(mailstore& host, const std::string& account_id) {
  const auto rows =
      host.db.query(fmt::format("SELECT group_id, id FROM zimbra.mailbox WHERE account_id='{}'", account_id));
  if (rows.empty())
    throw std::runtime_error(account_id + " has no mailbox on " + host.name);
  return {"mboxgroup" + *rows[0][0], *rows[0][1]};
}

/// Of a GTID position of one domain.
std::uint64_t last_number(const std::string& position) {
  return std::stoull(position.substr(position.rfind('-') + 1));
}

/// It answers, and takes the others' names in commands.
bool knows_all(const mailstore& asked, const std::deque<mailstore>& stores) {
  return std::all_of(stores.begin(), stores.end(), [&](const mailstore& named) {
    if (&named == &asked && stores.size() > 1)
      return true;
    const auto answer = asked.cli({"ha", "getAccountStatus", "mailHost", named.name});
    return answer.status == 0 && !answer.pages.empty();
  });
}

} // namespace

std::string cli_answer::operation() const {
  for (const auto& page : pages)
    if (const auto* id = page.if_contains("operation"))
      return std::string(id->as_string());
  return {};
}

boost::json::object cli_answer::about(std::string_view account) const {
  for (const auto& page : pages)
    if (const auto* list = page.if_contains("accounts"))
      for (const auto& entry : list->as_array())
        for (const auto* key : {"account", "accountName"})
          if (const auto* named = entry.as_object().if_contains(key);
              named != nullptr && *named == boost::json::value(account))
            return entry.as_object();
  return {};
}

mailstore::mailstore(unsigned number, const mailstore_options& options, const std::string& brokers,
                     const std::filesystem::path& tls)
    : name(fmt::format("ms{}.example.test", number))
    , db({.server_id = number, .extra = options.mariadb})
    , program_(options.program.empty() ? UNDERSTUDYD : options.program)
    , config_(db.dir() / "understudyd.toml")
    , http_port_(fixture::free_port()) {
  db.load_mailstore(number);
  const auto state_dir = db.dir() / "state";
  std::filesystem::create_directory(state_dir);
  std::filesystem::permissions(state_dir, std::filesystem::perms::owner_all);
  const auto material = own_admin_files(tls);
  const auto listen = fmt::format("127.0.0.1:{}", fixture::free_port());
  std::ofstream(config_) << fmt::format(
      "[node]\nname = \"{}\"\nlisten = \"{}\"\nadvertise = \"{}\"\nhttp = \"{}:{}\"\nstate_dir = \"{}\"\n"
      "[mariadb]\nsocket = \"{}\"\n{}"
      "[kafka]\nbrokers = \"{}\"\n"
      "[cluster]\npartitions = {}\nreplication_factor = 1\nmin_insync_replicas = 1\n{}\n"
      "[profile]\nfile = \"{}/config/profiles/carbonio.toml\"\n"
      "[limits]\nmemory = \"{}\"\n"
      "[tls]\nca = \"{}\"\ncertificate = \"{}\"\nkey = \"{}\"\n",
      name, listen, listen, http_host_, http_port_, state_dir.string(), db.socket().string(),
      user_lines(db, options.own_user), options.brokers.empty() ? brokers : options.brokers,
      options.partitions, options.cluster, UNDERSTUDY_SOURCE_DIR, options.memory, material.ca.string(),
      material.certificate.string(), material.key.string());
}

std::string mailstore::config() const {
  std::ifstream in(config_);
  return {std::istreambuf_iterator<char>(in), {}};
}

void mailstore::start_node() {
  if (node.pid() > 0)
    node.restart();
  else
    node = fixture::node_process(
        {.command = {program_, "--config", config_.string()}, .log = db.dir() / "understudyd.log"});
}

bool mailstore::answers() const {
  const auto answer = cli({"ha", "getAccountStatus"});
  return answer.status == 0 && !answer.pages.empty();
}

void mailstore::start_and_wait() {
  start_node();
  const bool up = eventually_asked([&] {
    if (!node.running())
      throw std::runtime_error(name + " ended: " + node.log_text());
    return get("/readyz").find("\"ok\":true") != std::string::npos;
  });
  if (!up || !eventually_asked([&] { return answers(); }))
    throw std::runtime_error(fmt::format("{} isn't ready ({}): {}", name, get("/readyz"), node.log_text()));
}

void mailstore::die() {
  db.kill9();
  node.kill9();
}

fixture::finished_process mailstore::run(const std::vector<std::string>& options,
                                         const std::vector<std::string>& words) const {
  std::vector<std::string> command{UNDERSTUDY_PROGRAM, "--config", config_.string(), "--yes"};
  command.insert(command.end(), options.begin(), options.end());
  command.insert(command.end(), words.begin(), words.end());
  return fixture::run_process(std::move(command), std::chrono::seconds(120));
}

std::string mailstore::plain(const std::vector<std::string>& words) const {
  return run({}, words).output;
}

cli_answer mailstore::cli(std::vector<std::string> words) const {
  auto done = run({"--json"}, words);
  cli_answer answer{done.exit_code, std::move(done.output), {}};
  std::istringstream lines(answer.text);
  for (std::string line; std::getline(lines, line);)
    if (line.starts_with('{'))
      answer.pages.push_back(boost::json::parse(line).as_object());
  return answer;
}

bool mailstore::waits_for(const std::string& what) const {
  return eventually(
      patience, [&] { return logged("waiting: " + what) && get("/readyz").find(what) != std::string::npos; });
}

std::string mailstore::get(const std::string& path) const {
  httplib::Client client(http_host_, http_port_);
  const auto reply = client.Get(path);
  return reply ? reply->body : std::string{};
}

std::uint64_t mailstore::last_written() const {
  return last_number(db.value("SELECT @@gtid_binlog_pos"));
}

std::uint64_t mailstore::last_stored() const {
  return last_number(db.value("SELECT gtid FROM understudy.capture"));
}

double mailstore::metric(const std::string& wanted) const {
  std::istringstream lines(get("/metrics"));
  for (std::string line; std::getline(lines, line);)
    if (line.starts_with(wanted + " "))
      return std::stod(line.substr(wanted.size() + 1));
  return -1;
}

boost::json::object mailstore::status(const std::string& account) const {
  boost::json::object shown;
  eventually_asked([&] {
    shown = cli({"ha", "getAccountStatus", "accounts", account}).about(account);
    return !shown.empty();
  });
  return shown;
}

boost::json::object mailstore::whole_status(const std::string& account) const {
  boost::json::object shown;
  const bool whole = eventually_asked([&] {
    shown = status(account);
    return boost::json::serialize(shown).find("\"unknown\"") == std::string::npos;
  });
  if (!whole)
    throw std::runtime_error("figures stay unknown: " + boost::json::serialize(shown));
  return shown;
}

node_world::node_world(const world_options& options)
    : lent_({.brokers = options.brokers, .controllers = 1, .properties = options.kafka, .waits = false})
    , kafka(*lent_) {
  const auto tls = shared_material(dir_.path());
  for (unsigned number = 1; number <= options.mailstores; ++number) {
    auto own = number == 1 ? options.first : mailstore_options{};
    own.cluster += options.cluster;
    own.own_user = own.own_user || options.own_users;
    stores_.emplace_back(number, own, kafka.bootstrap(), tls);
  }
  kafka.wait_until_up(); // while it came up, the MariaDBs did
  if (options.prepare)
    options.prepare(kafka);
  if (options.first.starts)
    for (auto& store : stores_)
      store.start_node();
  if (options.first.starts)
    for (auto& store : stores_)
      if (!eventually_asked([&] { return knows_all(store, stores_) || !store.node.running(); }) ||
          !store.node.running())
        throw std::runtime_error(store.name + " didn't come up: " + store.node.log_text());
}

std::string node_world::record_of(const std::string& prefix) const {
  return dir_.path() / (prefix + ".record");
}

std::string node_world::id_of(const std::string& name) const {
  return mailsim::account_uuid(name, seed);
}

std::vector<std::string> node_world::create_accounts(std::size_t host, const std::string& prefix,
                                                     unsigned count) {
  const auto done = fixture::run_process(
      {MAILSIM, "--socket", at(host).db.socket(), "--quiet", "--create", "--prefix", prefix, "--accounts",
       std::to_string(count), "--transactions", std::to_string(count * 10), "--record", record_of(prefix)},
      patience_for_mailboxes);
  if (done.exit_code != 0)
    throw std::runtime_error("mailsim failed: " + done.output);
  std::vector<std::string> names;
  for (unsigned number = 1; number <= count; ++number)
    names.push_back(fmt::format("{}{}@example.test", prefix, number));
  return names;
}

void node_world::enrol(const std::vector<std::string>& names, std::size_t from, std::size_t to,
                       unsigned priority, std::chrono::seconds within) {
  cli_answer done;
  const bool taken = eventually_asked([&] {
    done = at(from).cli({"ha", "setAccountDestination", at(to).name, std::to_string(priority), "accounts",
                         fmt::format("{}", fmt::join(names, ","))});
    return done.status == 0 || !done.says("no node named"); // nodes that have just begun
  });
  if (!taken || done.status != 0)
    throw std::runtime_error("setAccountDestination: " + done.text);
  if (!eventually_asked([&] { return follows(names, to, from); }, within))
    throw std::runtime_error("not replicated in time: " + at(from).cli({"ha", "getAccountStatus"}).text +
                             at(from).node.log_text() + at(to).node.log_text());
}

bool node_world::follows(const std::vector<std::string>& names, std::size_t to, std::size_t asked) {
  const auto answer = at(asked).cli({"ha", "getAccountStatus"});
  return std::all_of(names.begin(), names.end(), [&](const std::string& name) {
    const auto account = answer.about(name);
    const auto* replicas = account.if_contains("replicas");
    if (replicas == nullptr || account.at("protected") != true)
      return false;
    return std::any_of(replicas->as_array().begin(), replicas->as_array().end(), [&](const auto& replica) {
      return replica.at("destination") == boost::json::value(at(to).name) && replica.at("available") == true;
    });
  });
}

std::string node_world::story() {
  std::string all = at(0).cli({"ha", "getAccountStatus"}).text;
  for (auto& store : stores_)
    all += fmt::format("--- {}\n{}", store.name, store.node.log_text());
  return all;
}

bool node_world::become_same(const std::vector<std::string>& names, std::size_t a, std::size_t b) {
  auto one = at(a).db.connect();
  auto other = at(b).db.connect();
  std::string differ;
  const bool same = eventually_asked([&] {
    return std::all_of(names.begin(), names.end(), [&](const std::string& name) {
      const auto compared = compare::same_account(one, other, id_of(name));
      if (!compared.same())
        differ = fmt::format("{} ({}): {}\n", name, id_of(name), fmt::join(compared.differences, "\n"));
      return compared.same();
    });
  });
  if (!same)
    BOOST_TEST_MESSAGE(differ << story());
  return same;
}

fixture::node_process node_world::deliver(std::size_t host, const std::string& prefix,
                                          const std::vector<std::string>& options) {
  std::vector<std::string> command{MAILSIM,   "--socket",   at(host).db.socket(),
                                   "--quiet", "--continue", record_of(prefix)};
  command.insert(command.end(), options.begin(), options.end());
  return fixture::node_process(
      {.command = std::move(command), .log = dir_.path() / (prefix + ".mailsim.log")});
}

void check_nothing_lost(const verdict& found, std::uint64_t acknowledged) {
  BOOST_TEST_CONTEXT(found.text) {
    BOOST_TEST(found.acknowledged > acknowledged);
    BOOST_TEST(found.lost + found.torn + found.phantom == 0u);
  }
}

verdict node_world::compare(std::size_t host, const std::string& prefix) {
  const auto done =
      fixture::run_process({COMPARE, "record", "--socket", at(host).db.socket(), record_of(prefix)});
  const auto from = done.output.find('{');
  if (from == std::string::npos)
    throw std::runtime_error("compare: " + done.output);
  const auto line = boost::json::parse(done.output.substr(from, done.output.find('\n', from) - from));
  const auto number = [&](const char* key) { return line.at(key).to_number<std::uint64_t>(); };
  return {number("acknowledged"), number("lost"), number("torn"), number("phantom"), done.output};
}

std::size_t commits_waiting(const mailstore& host) {
  return std::stoul(host.db.value(
      "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE STATE LIKE 'Waiting for semi-sync ACK%'"));
}

bool write_waits(const mailstore& host) {
  return host.db.value("SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE ID <> CONNECTION_ID() "
                       "AND INFO LIKE '%INSERT INTO zimbra.mailbox_metadata%' AND "
                       "(STATE LIKE 'Waiting for semi-sync ACK%' OR STATE = 'Commit')") != "0";
}

std::string role_of(const mailstore& host, const std::string& account_id) {
  const auto rows = host.db.query("SELECT role FROM understudy.role WHERE account_id='" + account_id + "'");
  return rows.empty() ? std::string{} : rows[0][0].value_or("");
}

std::vector<boost::json::object> report_of(const mailstore& host) {
  std::ifstream in(host.db.dir() / "state" / "divergence.jsonl");
  std::vector<boost::json::object> rows;
  for (std::string line; std::getline(in, line);)
    rows.push_back(boost::json::parse(line).as_object());
  return rows;
}

fixture::sql_client holds_back(mailstore& host) {
  auto locker = host.db.connect();
  locker.query("SET sql_log_bin=0");
  locker.query("LOCK TABLES zimbra.mailbox_metadata WRITE");
  return locker;
}

void write_once(mailstore& host, const std::string& account_id) {
  const auto where = box_of(host, account_id);
  host.db.query(fmt::format("INSERT INTO zimbra.mailbox_metadata (mailbox_id, section, metadata) "
                            "VALUES ({}, CONCAT('write ', UUID()), 'x')",
                            where.id));
}

std::future<std::string> write_async(mailstore& host, const std::string& account_id) {
  return std::async(std::launch::async, [&host, account_id] {
    try {
      write_once(host, account_id);
      return std::string{};
    } catch (const std::exception& failed) {
      return std::string(failed.what());
    }
  });
}

std::future<void> write_large(mailstore& host, const std::string& account_id, const std::string& section,
                              unsigned bytes, unsigned times) {
  return std::async(std::launch::async, [=, &host] {
    const auto where = box_of(host, account_id);
    auto client = host.db.connect();
    for (unsigned i = 0; i < times; ++i)
      client.query(fmt::format("INSERT INTO zimbra.mailbox_metadata (mailbox_id, section, metadata) "
                               "VALUES ({}, '{} {}', REPEAT('x', {}))",
                               where.id, section, i, bytes));
  });
}

std::uint64_t writes_there(mailstore& host, const std::string& account_id) {
  return std::stoull(host.db.value(
      fmt::format("SELECT COUNT(*) FROM zimbra.mailbox_metadata AS written JOIN zimbra.mailbox AS box "
                  "ON written.mailbox_id=box.id WHERE box.account_id='{}' AND written.section LIKE 'write %'",
                  account_id)));
}

} // namespace understudy::testing
