#include "storage/state/sql_session.hpp"

#include "storage/state/prepared_statements.hpp"

#include <mysql.h>
#include <soci/mysql/soci-mysql.h>
#include <soci/soci.h>

#include <charconv>

namespace understudy {
namespace {

/// A value for SOCI's connect string: in single quotes, with quotes and backslashes escaped (O06: passwords
/// with any of `; # , ' " \ = @ %` or spaces).
std::string connect_value(std::string_view value) {
  std::string out = "'";
  for (const char c : value) {
    if (c == '\'' || c == '\\')
      out.push_back('\\');
    out.push_back(c);
  }
  out.push_back('\'');
  return out;
}

std::string connect_string(const sql_options& options) {
  // A host other than "localhost" would make libmariadb take TCP.
  std::string out = "host='localhost' unix_socket=" + connect_value(options.socket) +
                    " user=" + connect_value(options.user) + " charset=utf8mb4" +
                    " connect_timeout=" + std::to_string(options.connect_timeout.count());
  if (!options.password.empty())
    out += " password=" + connect_value(options.password);
  if (!options.database.empty())
    out += " db=" + connect_value(options.database);
  return out;
}

std::uint64_t number_of(const sql_field& field) {
  std::uint64_t value = 0;
  if (field)
    std::from_chars(field->data(), field->data() + field->size(), value);
  return value;
}

struct result_closer {
  void operator()(MYSQL_RES* rows) const { mysql_free_result(rows); }
};
using result_set = std::unique_ptr<MYSQL_RES, result_closer>;

} // namespace

std::vector<std::string> standard_setup() {
  return {"SET SESSION sql_mode='NO_AUTO_VALUE_ON_ZERO,STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION', "
          "time_zone='+00:00', autocommit=1, completion_type='NO_CHAIN', "
          "character_set_client='utf8mb4', character_set_results='utf8mb4', "
          "collation_connection='utf8mb4_bin', foreign_key_checks=1, unique_checks=1, "
          "sql_select_limit=18446744073709551615, sql_safe_updates=0, sql_quote_show_create=1, "
          "wait_timeout=2592000, net_write_timeout=600, "
          "idle_transaction_timeout=0, idle_write_transaction_timeout=0, idle_readonly_transaction_timeout=0",
          "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED"};
}

std::vector<std::string> local_setup() {
  auto setup = standard_setup();
  setup.emplace_back("SET SESSION sql_log_bin=0");
  return setup;
}

struct sql_session::body {
  sql_options options;
  std::unique_ptr<soci::session> session;
  MYSQL* connection = nullptr;
  std::optional<prepared_statements> prepared; ///< of this connection; gone before it
  std::string doing;
  std::uint64_t max_packet = 0;
  bool lost = true;
  bool takes_several = false; ///< statements in one packet: asked for on this connection

  sql_error failed() { return failed(mysql_errno(connection), mysql_error(connection)); }
  sql_error failed(unsigned number, const char* text) {
    auto made = make_sql_error(number, text, doing);
    if (made.kind == sql_failure::connection_lost)
      lost = true;
    return made;
  }
  sql_error not_connected() const { return make_sql_error(2006, "the connection was lost before", doing); }

  sql_result<void> connect();
  sql_result<void> send(std::string_view sql);
  sql_result<void> take_several();
  sql_result<std::uint64_t> found();
};

sql_result<void> sql_session::body::connect() {
  lost = true;
  takes_several = false;
  connection = nullptr;
  prepared.reset();
  session.reset();
  const std::string what = "connect to " + options.socket + " as " + options.user;
  try {
    session = std::make_unique<soci::session>(soci::mysql, connect_string(options));
  } catch (const soci::mysql_soci_error& refused) {
    return tl::make_unexpected(make_sql_error(refused.err_num_, refused.what(), what));
  } catch (const std::exception& refused) {
    return tl::make_unexpected(make_sql_error(2002, refused.what(), what));
  }
  connection = static_cast<soci::mysql_session_backend*>(session->get_backend())->conn_;
  prepared.emplace(connection);
  lost = false;
  return {};
}

sql_result<void> sql_session::body::send(std::string_view sql) {
  if (lost)
    return tl::make_unexpected(not_connected());
  if (mysql_real_query(connection, sql.data(), static_cast<unsigned long>(sql.size())) != 0)
    return tl::make_unexpected(failed());
  return {};
}

sql_result<void> sql_session::body::take_several() {
  if (lost)
    return tl::make_unexpected(not_connected());
  if (!takes_several && mysql_set_server_option(connection, MYSQL_OPTION_MULTI_STATEMENTS_ON) != 0)
    return tl::make_unexpected(failed());
  takes_several = true;
  return {};
}

/// Of the statement whose answer is at hand.
sql_result<std::uint64_t> sql_session::body::found() {
  // A statement that returned rows all the same is read off, so that the connection stays usable.
  if (mysql_field_count(connection) != 0) {
    const result_set unwanted(mysql_store_result(connection));
    if (!unwanted)
      return tl::make_unexpected(failed());
    return std::uint64_t{0};
  }
  return static_cast<std::uint64_t>(mysql_affected_rows(connection));
}

sql_session::sql_session(std::unique_ptr<body> made)
    : body_(std::move(made)) {}
sql_session::sql_session(sql_session&&) noexcept = default;
sql_session& sql_session::operator=(sql_session&&) noexcept = default;
sql_session::~sql_session() = default;

sql_result<sql_session> sql_session::open(sql_options options) {
  auto made = std::make_unique<body>();
  made->options = std::move(options);
  sql_session session(std::move(made));
  if (auto done = session.reconnect(); !done)
    return tl::make_unexpected(done.error());
  return session;
}

bool sql_session::connected() const {
  return !body_->lost;
}

sql_result<void> sql_session::reconnect() {
  if (auto done = body_->connect(); !done)
    return done;
  const std::string kept = body_->doing;
  if (const auto& admits = body_->options.admits)
    if (auto admitted = admits(*this); !admitted) {
      body_->lost = true;
      return admitted;
    }
  body_->doing = "set up a session";
  for (const auto& statement : body_->options.setup)
    if (auto done = execute(statement); !done) {
      body_->lost = true;
      return tl::make_unexpected(done.error());
    }
  auto packet = query_value("SELECT @@max_allowed_packet");
  body_->doing = kept;
  if (!packet)
    return tl::make_unexpected(packet.error());
  body_->max_packet = number_of(*packet);
  return {};
}

sql_result<sql_rows> sql_session::query(std::string_view sql) {
  if (auto sent = body_->send(sql); !sent)
    return tl::make_unexpected(sent.error());
  const result_set set(mysql_store_result(body_->connection));
  if (!set && mysql_errno(body_->connection) != 0)
    return tl::make_unexpected(body_->failed());
  sql_rows out;
  if (!set)
    return out;
  const unsigned count = mysql_num_fields(set.get());
  const MYSQL_FIELD* fields = mysql_fetch_fields(set.get());
  for (unsigned i = 0; i < count; ++i)
    out.columns.emplace_back(fields[i].name, fields[i].name_length);
  out.rows.reserve(static_cast<std::size_t>(mysql_num_rows(set.get())));
  while (MYSQL_ROW row = mysql_fetch_row(set.get())) {
    const unsigned long* lengths = mysql_fetch_lengths(set.get());
    sql_row& made = out.rows.emplace_back(count);
    for (unsigned i = 0; i < count; ++i)
      if (row[i] != nullptr)
        made[i].emplace(row[i], lengths[i]);
  }
  return out;
}

sql_result<std::uint64_t> sql_session::query_each(std::string_view sql,
                                                  const std::function<bool(const sql_row_view&)>& each) {
  if (auto sent = body_->send(sql); !sent)
    return tl::make_unexpected(sent.error());
  // Freeing the set reads and drops what is left of it, also when `each` stops or throws.
  const result_set set(mysql_use_result(body_->connection));
  if (!set)
    return mysql_errno(body_->connection) == 0 ? sql_result<std::uint64_t>(0)
                                               : tl::make_unexpected(body_->failed());
  const unsigned count = mysql_num_fields(set.get());
  std::uint64_t given = 0;
  while (MYSQL_ROW row = mysql_fetch_row(set.get())) {
    ++given;
    if (!each(sql_row_view(row, mysql_fetch_lengths(set.get()), count)))
      return given;
  }
  if (mysql_errno(body_->connection) != 0)
    return tl::make_unexpected(body_->failed());
  return given;
}

sql_result<sql_field> sql_session::query_value(std::string_view sql) {
  auto rows = query(sql);
  if (!rows)
    return tl::make_unexpected(rows.error());
  if (rows->rows.empty() || rows->rows.front().empty())
    return sql_field{};
  return std::move(rows->rows.front().front());
}

sql_result<std::uint64_t> sql_session::execute(std::string_view sql) {
  if (auto sent = body_->send(sql); !sent)
    return tl::make_unexpected(sent.error());
  return body_->found();
}

sql_batch_outcome sql_session::execute_all(const std::vector<std::string>& statements) {
  sql_batch_outcome out;
  std::string packet;
  for (const auto& statement : statements)
    packet += (packet.empty() ? "" : ";") + statement;
  auto sent = body_->take_several();
  if (sent)
    sent = body_->send(packet);
  if (!sent)
    out.failed = std::move(sent.error());
  while (!out.failed) {
    auto one = body_->found();
    if (!one) {
      out.failed = std::move(one.error());
      break;
    }
    out.found.push_back(*one);
    const int more = mysql_next_result(body_->connection);
    if (more < 0)
      break;
    if (more > 0)
      out.failed = body_->failed();
  }
  return out;
}

sql_result<std::uint64_t> sql_session::execute_rows(std::string_view statement,
                                                    const std::vector<bound_column>& columns) {
  if (body_->lost)
    return tl::make_unexpected(body_->not_connected());
  auto done = body_->prepared->run(statement, columns);
  if (!done)
    return tl::make_unexpected(body_->failed(done.error().number, done.error().text.c_str()));
  return *done;
}

sql_result<void> sql_session::begin() {
  return execute("START TRANSACTION").map([](std::uint64_t) {});
}
sql_result<void> sql_session::commit() {
  return execute("COMMIT").map([](std::uint64_t) {});
}
sql_result<void> sql_session::rollback() {
  if (body_->lost)
    return {};
  auto done = execute("ROLLBACK");
  if (!done && done.error().kind != sql_failure::connection_lost)
    return tl::make_unexpected(done.error());
  return {};
}

sql_result<void> sql_session::transaction(const std::function<sql_result<void>()>& work) {
  if (auto begun = begin(); !begun)
    return begun;
  struct rollback_unless_committed {
    sql_session& session;
    bool committed = false;
    ~rollback_unless_committed() {
      // A session that can't roll back must not go on with the transaction open: the close ends it.
      if (!committed && !session.rollback())
        session.body_->lost = true;
    }
  } guard{*this};
  if (auto worked = work(); !worked)
    return worked;
  if (auto done = commit(); !done)
    return done;
  guard.committed = true;
  return {};
}

std::uint64_t sql_session::thread_id() const {
  return body_->connection == nullptr ? 0 : mysql_thread_id(body_->connection);
}
std::uint64_t sql_session::max_packet() const {
  return body_->max_packet;
}
const sql_options& sql_session::options() const {
  return body_->options;
}
st_mysql* sql_session::native() {
  return body_->connection;
}
void sql_session::doing(std::string what) {
  body_->doing = std::move(what);
}

} // namespace understudy
