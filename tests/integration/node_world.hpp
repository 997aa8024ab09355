// A whole Understudy for a test: a Kafka broker and mailstores, each a MariaDB with a real understudyd, asked
// through the real command line. Everything is on loopback in temporary directories and ends with the test.
#pragma once
#include "tests/tools/compare/same.hpp"
#include "tests/tools/fixture/eventually.hpp"
#include "tests/tools/fixture/lent_kafka.hpp"
#include "tests/tools/fixture/private_mariadb.hpp"

#include <boost/json.hpp>

#include <deque>
#include <functional>
#include <future>

namespace understudy::testing {

/// Longer than anything that a test waits for takes on a busy machine with two cores.
inline constexpr std::chrono::seconds patience{40};
/// Lines of [cluster] for tests that wait for claims again and again: 2.5 s instead of 3.8 s each.
inline const std::string short_lease = "lease = \"2s\"\nheartbeat = \"250ms\"\nskew = \"250ms\"\n";
/// Three of a node's checkpoints.
inline constexpr std::chrono::milliseconds too_long_for_a_checkpoint{1500};

/// What the command line answered.
struct cli_answer {
  int status = -1;
  std::string text;                       ///< both streams
  std::vector<boost::json::object> pages; ///< the replies: one JSON object a line

  bool says(std::string_view part) const { return text.find(part) != std::string::npos; }
  /// The entry about an account of a reply with `accounts`; empty if there's none.
  boost::json::object about(std::string_view account) const;
  /// The operation's UUID, of a command that changes something; else empty.
  std::string operation() const;
};

struct mailstore_options {
  std::vector<std::string> mariadb{}; ///< further options of mariadbd
  std::string brokers{};              ///< instead of the world's
  std::string memory = "512MiB";      ///< of [limits]
  std::string cluster{};              ///< further lines of [cluster]
  std::string program{};              ///< instead of understudyd
  bool starts = true;                 ///< the node is started at once
  unsigned partitions = 4;            ///< of [cluster]
  bool own_user = false;              ///< the node is the user that README.md makes, not root
};

/// A MariaDB with the mailstore's schema, and a node beside it.
class mailstore {
public:
  mailstore(unsigned number, const mailstore_options& options, const std::string& brokers,
            const std::filesystem::path& tls);

  const std::string name;
  fixture::private_mariadb db;
  fixture::node_process node;

  /// Starts the node (again, if it has ended).
  void start_node();
  /// The node's last life answers the command line.
  bool answers() const;
  /// Starts it, and waits until it answers and is ready.
  void start_and_wait();
  /// SIGKILL to both.
  void die();

  /// What is in its configuration file.
  std::string config() const;

  /// `understudy --json WORDS…` with this node's configuration, so asked of it or, if it's down, of its
  /// peers.
  cli_answer cli(std::vector<std::string> words) const;
  /// The same without --json: what an administrator reads.
  std::string plain(const std::vector<std::string>& words) const;
  /// GET of the node's HTTP port: the body, or empty text if it doesn't answer.
  std::string get(const std::string& path) const;
  /// A metric's value, by its name with labels as /metrics prints them; -1 if it isn't there.
  double metric(const std::string& name) const;
  /// It says so in its log and its readiness, before `patience` is over.
  bool waits_for(const std::string& what) const;
  bool logged(std::string_view part) const { return node.log_text().find(part) != std::string::npos; }
  std::size_t times_logged(std::string_view part) const {
    const auto text = node.log_text();
    std::size_t found = 0;
    for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + part.size()))
      ++found;
    return found;
  }
  /// The number of the last transaction in its binlog.
  std::uint64_t last_written() const;
  /// … in the place that its node stored.
  std::uint64_t last_stored() const;
  /// The account as getAccountStatus shows it here, once somebody answers; with an `error` if it isn't known.
  boost::json::object status(const std::string& account) const;
  /// The same once no figure of it is unknown: those of a busy node come too late at times.
  boost::json::object whole_status(const std::string& account) const;

private:
  fixture::finished_process run(const std::vector<std::string>& options,
                                const std::vector<std::string>& words) const;

  std::string program_;
  std::filesystem::path config_;
  std::string http_host_ = "127.0.0.1";
  std::uint16_t http_port_;
};

struct world_options {
  unsigned mailstores = 2;
  std::vector<std::string> kafka{}; ///< further lines of server.properties
  unsigned brokers = 1;             ///< the first is the controller
  /// Before any node starts: makes topics as they are to be.
  std::function<void(const fixture::private_kafka&)> prepare{};
  mailstore_options first{}; ///< of the first mailstore; the others take the defaults
  std::string cluster{};     ///< further lines of [cluster], of all mailstores
  bool own_users = false;    ///< all nodes are the users that README.md makes
};

/// What the comparison says about a record of clients' transactions and a MariaDB.
struct verdict {
  std::uint64_t acknowledged = 0, lost = 0, torn = 0, phantom = 0;
  std::string text;
};

/// P1 to P3: of more than `acknowledged` transactions none is lost or torn, and nothing else is there.
void check_nothing_lost(const verdict& found, std::uint64_t acknowledged);

class node_world {
public:
  /// All nodes that start at once are ready and know each other when it's made.
  explicit node_world(const world_options& options = {});

private:
  fixture::lent_kafka lent_;

public:
  fixture::private_kafka& kafka;
  mailstore& at(std::size_t i) { return stores_.at(i); }
  /// A directory of the test's own; it holds the TLS material that all nodes share.
  std::filesystem::path dir() const { return dir_.path(); }

  /// Makes mailboxes `prefix1…@example.test` with some mail on a mailstore; returns their names.
  std::vector<std::string> create_accounts(std::size_t host, const std::string& prefix, unsigned count);
  std::string id_of(const std::string& name) const;
  std::string record_of(const std::string& prefix) const;
  /// Makes `to` a destination, and waits until it is available and the account protected.
  void enrol(const std::vector<std::string>& names, std::size_t from, std::size_t to, unsigned priority = 10,
             std::chrono::seconds within = patience);
  /// Whether each account has an available replica there and is protected, as the node `asked` says.
  bool follows(const std::vector<std::string>& names, std::size_t to, std::size_t asked);
  /// For whoever has to find out why a test failed: the accounts' status and what the nodes logged.
  std::string story();
  /// True once the rows of all accounts are the same on both.
  bool become_same(const std::vector<std::string>& names, std::size_t a, std::size_t b);

  /// Deliveries to the accounts of create_accounts(prefix), recorded: in the background until stopped
  /// (SIGTERM).
  fixture::node_process deliver(std::size_t host, const std::string& prefix,
                                const std::vector<std::string>& options = {});
  /// The record of `prefix` against a mailstore's MariaDB.
  verdict compare(std::size_t host, const std::string& prefix);

private:
  fixture::temp_dir dir_;
  std::deque<mailstore> stores_;
};

/// A world whose first mailstore has accounts that are replicated to the second.
struct enrolled_world {
  enrolled_world(const std::string& prefix, unsigned accounts, const world_options& options = {})
      : world(options)
      , names(world.create_accounts(0, prefix, accounts)) {
    world.enrol(names, 0, 1);
  }
  node_world world;
  const std::vector<std::string> names;
  mailstore& source = world.at(0);
  mailstore& other = world.at(1);
  const std::string account = world.id_of(names.front()); ///< UUID of the first
};

/// One write to the account's own rows through its own connection, as a mail server's client makes it.
void write_once(mailstore& host, const std::string& account_id);
/// The same in the background: what its client was told, empty for OK.
std::future<std::string> write_async(mailstore& host, const std::string& account_id);
/// `times` rows of so many bytes, a transaction each, in the background; their sections are `section 0`, ….
std::future<void> write_large(mailstore& host, const std::string& account_id, const std::string& section,
                              unsigned bytes, unsigned times);
/// How often write_once() was committed there; 0 while there's no mailbox, as before a first copy and amid
/// another.
std::uint64_t writes_there(mailstore& host, const std::string& account_id);

/// Connections that wait for the node in their COMMIT; of those that commit together, the first.
std::size_t commits_waiting(const mailstore& host);
/// A client's write waits there in its COMMIT, be it behind the node's probe.
bool write_waits(const mailstore& host);
/// What its role row says there; empty: none.
std::string role_of(const mailstore& host, const std::string& account_id);
/// Its role row as the source that hands over is written: the fence is out, or on its way.
inline bool has_left(const mailstore& host, const std::string& account_id) {
  return role_of(host, account_id) == "replica";
}
/// The divergence report's rows.
std::vector<boost::json::object> report_of(const mailstore& host);
/// Nothing that writes mailbox_metadata is applied there until its tables are unlocked.
fixture::sql_client holds_back(mailstore& host);

template <class T>
bool ended(const std::future<T>& work) {
  return work.wait_for(std::chrono::seconds::zero()) == std::future_status::ready;
}

} // namespace understudy::testing
