#include "actors/supervisor/requests.hpp"

#include <boost/json.hpp>

#include <algorithm>
#include <ctime>

namespace understudy {
namespace {

namespace json = boost::json;

/// Wrong wire forms are thrown inside this file only and become one error.
struct wire_error {
  std::string what;
};

std::string text_of(const json::value& v, std::string_view key) {
  if (!v.is_string())
    throw wire_error{fmt::format("'{}' must be text", key)};
  return std::string(v.as_string());
}

std::vector<std::string> list_of(const json::value& v, std::string_view key) {
  if (!v.is_array())
    throw wire_error{fmt::format("'{}' must be a list", key)};
  std::vector<std::string> list;
  for (const auto& entry : v.as_array())
    list.push_back(text_of(entry, key));
  return list;
}

std::uint32_t number_of(const json::value& v, std::string_view key) {
  if (!v.is_int64() || v.as_int64() < 0 || v.as_int64() > 65535)
    throw wire_error{fmt::format("'{}' must be a number from 0 to 65535", key)};
  return static_cast<std::uint32_t>(v.as_int64());
}

std::uint32_t threads_of(std::uint32_t number) {
  if (number < 1 || number > 64)
    throw wire_error{"'threads' must be a number from 1 to 64"};
  return number;
}

bool flag_of(const json::value& v, std::string_view key) {
  if (!v.is_bool())
    throw wire_error{fmt::format("'{}' must be true or false", key)};
  return v.as_bool();
}

void take_parameter(request_body& body, std::string_view key, const json::value& v) {
  if (key == "accounts")
    body.accounts = list_of(v, key);
  else if (key == "domains")
    body.domains = list_of(v, key);
  else if (key == "accept_loss")
    body.accept_loss = list_of(v, key);
  else if (key == "destination")
    body.destination = text_of(v, key);
  else if (key == "mailHost")
    body.mail_host = text_of(v, key);
  else if (key == "source_mail_host")
    body.source_host = text_of(v, key);
  else if (key == "replicaServer")
    body.replica_server = text_of(v, key);
  else if (key == "accountStatus")
    body.account_status = text_of(v, key);
  else if (key == "replicaStatus")
    body.replica_status = text_of(v, key);
  else if (key == "operation")
    body.operation = operation_id(text_of(v, key));
  else if (key == "operation_host")
    body.operation_host = text_of(v, key);
  else if (key == "priority")
    body.priority = number_of(v, key);
  else if (key == "threads")
    body.threads = threads_of(number_of(v, key));
  else if (key == "skip_invalid")
    body.skip_invalid = flag_of(v, key);
  else if (key == "dry_run")
    body.dry_run = flag_of(v, key);
  else if (key == "summary")
    body.summary = flag_of(v, key);
  else if (key == "no_return")
    body.no_return = flag_of(v, key);
  else if (key == "for_promotion")
    body.for_promotion = flag_of(v, key);
  else
    throw wire_error{fmt::format("this node doesn't know the parameter '{}'", key)};
}

std::string view_of(const json::string& s) {
  return std::string(s);
}

std::string iso_time(std::int64_t ms) {
  const auto seconds = static_cast<std::time_t>(ms / 1000);
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", parts.tm_year + 1900, parts.tm_mon + 1,
                     parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec);
}

template <class T>
json::value or_unknown(const std::optional<T>& value) {
  return value ? json::value(*value) : json::value("unknown");
}

json::value or_unknown(const std::optional<sequence>& value) {
  return value ? json::value(value->value) : json::value("unknown");
}

json::value load_value(const std::optional<load_progress>& load) {
  if (!load)
    return nullptr;
  return json::object{{"rows", load->rows}, {"total", load->total}, {"seconds", load->seconds}};
}

json::object figures_object(const account_figures& f) {
  return {{"account", f.account.value},
          {"mailbox", f.mailbox.value},
          {"item", f.item},
          {"number", f.number.value},
          {"in_log", f.in_log ? json::value(f.in_log->value) : json::value(nullptr)},
          {"fenced", f.fenced.value},
          {"state", f.state},
          {"reason", f.reason},
          {"lag", f.lag_seconds},
          {"kafka", f.kafka},
          {"loaded", f.loaded ? json::value(*f.loaded) : json::value(nullptr)},
          {"load", load_value(f.load)}};
}

json::object volume_object(const volume_answer& v) {
  return {{"id", v.id},
          {"path", v.path},
          {"reached", v.reached ? json::value(*v.reached) : json::value(nullptr)},
          {"why", v.why}};
}

volume_answer volume_of(const json::value& v) {
  volume_answer answer{v.at("id").to_number<std::int64_t>(),
                       std::string(v.at("path").as_string()),
                       {},
                       std::string(v.at("why").as_string())};
  if (const auto& reached = v.at("reached"); !reached.is_null())
    answer.reached = reached.as_bool();
  return answer;
}

std::uint64_t whole(const json::value& v) {
  if (v.is_int64() && v.as_int64() >= 0)
    return static_cast<std::uint64_t>(v.as_int64());
  return v.as_uint64();
}

template <class Take>
auto parsed(std::string_view text, Take take) -> result<decltype(take(json::value{}))> {
  try {
    boost::system::error_code code;
    const auto root = json::parse(text, code);
    if (code)
      return failure(fmt::format("not valid JSON: {}", code.message()));
    return take(root);
  } catch (const wire_error& wrong) {
    return failure(wrong.what);
  } catch (const std::exception& wrong) {
    return failure(fmt::format("not the expected JSON: {}", wrong.what()));
  }
}

/// Nothing before the first rows have come.
void show_load(json::object& replica, const load_progress& load) {
  if (load.total == 0)
    return;
  replica["rowsLoaded"] = load.rows;
  replica["rowsTotal"] = load.total;
  if (const auto left = seconds_left(load))
    replica["secondsLeft"] = *left;
}

/// People look for one of many.
void sort_by_account(json::array& list) {
  std::stable_sort(list.begin(), list.end(), [](const json::value& a, const json::value& b) {
    return a.as_object().at("account").as_string() < b.as_object().at("account").as_string();
  });
}

int status_by(std::size_t good, std::size_t bad) {
  if (bad == 0)
    return 0;
  return good == 0 ? 1 : 3;
}

} // namespace

result<request_body> parse_request(std::string_view text) {
  return parsed(text, [](const json::value& root) {
    request_body body;
    const auto& object = root.as_object();
    body.space = view_of(object.at("namespace").as_string());
    body.name = view_of(object.at("command").as_string());
    if (const auto* id = object.if_contains("operation"))
      body.operation = operation_id(text_of(*id, "operation"));
    if (const auto* next = object.if_contains("continue"))
      body.next = text_of(*next, "continue");
    if (const auto* parameters = object.if_contains("parameters"))
      for (const auto& [key, value] : parameters->as_object())
        take_parameter(body, key, value);
    if (body.space != "peer" &&
        body.accounts.size() > most_accounts) // nodes ask each other for whole mailstores
      throw wire_error{fmt::format("the command names more than {} accounts: split the list", most_accounts)};
    return body;
  });
}

command_reply write_change_reply(const operation_id& operation, const std::vector<account_reply>& accounts,
                                 const std::string& statement) {
  json::array list;
  std::size_t good = 0;
  std::size_t bad = 0;
  for (const auto& account : accounts) {
    (account.outcome == "refused" || account.outcome == "failed" ? bad : good)++;
    json::object entry{{"account", account.account}, {"outcome", account.outcome}};
    if (!account.reason.empty())
      entry["reason"] = account.reason;
    if (account.left_out)
      entry["left_out"] = true;
    if (account.winner)
      entry["winner"] = {{"operation", account.winner->operation.value},
                         {"by", account.winner->by},
                         {"node", account.winner_node}};
    list.push_back(std::move(entry));
  }
  json::object reply;
  if (!operation.empty())
    reply["operation"] = operation.value;
  reply["accounts"] = std::move(list);
  if (!statement.empty())
    reply["statement"] = statement;
  return {status_by(good, bad), json::serialize(reply)};
}

command_reply write_dry_run_reply(const std::vector<preview>& accounts,
                                  const std::vector<account_reply>& refused, const std::string& statement) {
  json::array list;
  std::size_t good = 0;
  for (const auto& account : accounts) {
    good += account.decided.decided ? 1 : 0;
    json::array gates;
    for (const auto& gate : account.decided.gates)
      gates.push_back({{"name", gate.name},
                       {"passed", gate.known ? json::value(gate.passed) : json::value("unknown")},
                       {"figures", gate.figures}});
    json::object entry{{"account", account.account},
                       {"accountId", account.decided.account.value},
                       {"allowed", account.decided.decided},
                       {"text", account.decided.text},
                       {"gates", std::move(gates)}};
    if (account.planned) {
      entry["from"] = account.from.value;
      entry["to"] = account.decided.destination.value;
      entry["kind"] = *account.planned ? "planned" : "unplanned";
      entry["acknowledged"] = or_unknown(account.acknowledged);
      entry["inLog"] = or_unknown(account.in_log);
      entry["applied"] = or_unknown(account.applied);
      entry["volumesReachable"] = or_unknown(account.volumes_reachable);
    }
    list.push_back(std::move(entry));
  }
  for (const auto& name : refused)
    list.push_back(
        {{"account", name.account},
         {"allowed", false},
         {"text", name.reason},
         {"gates", json::array{{{"name", name.gate}, {"passed", false}, {"figures", name.reason}}}}});
  sort_by_account(list);
  json::object reply{{"dry_run", true}, {"accounts", std::move(list)}};
  if (!statement.empty())
    reply["statement"] = statement;
  return {status_by(good, accounts.size() - good + refused.size()), json::serialize(reply)};
}

command_reply write_dry_run_total(std::size_t accounts) {
  return {0,
          json::serialize(json::object{{"dry_run", true}, {"accounts", json::array{}}, {"total", accounts}})};
}

command_reply
write_monitor_reply(const operation_state& operation, bool with_accounts,
                    const std::function<std::string(const account_id&)>& name_of,
                    const std::function<account_step(const operation_state::open_target&)>& step_of) {
  const auto done = operation.succeeded + operation.failed;
  json::object reply{{"operation", operation.started.id.value},
                     {"kind", operation.started.kind},
                     {"by", operation.started.by},
                     {"node", operation.node.value},
                     {"started", iso_time(operation.started.at_ms)},
                     {"done", done},
                     {"failed", operation.failed},
                     {"total", operation.started.accounts},
                     {"finished", operation.finished_ms != 0}};
  if (with_accounts) {
    json::array list;
    for (const auto& outcome : operation.outcomes)
      list.push_back({{"account", name_of(outcome.account)},
                      {"state", outcome.ok ? "done" : "failed"},
                      {"outcome", outcome.ok ? "done" : "failed"},
                      {"reason", outcome.text}});
    for (const auto& [id, open] : operation.open) {
      auto step = step_of(open);
      list.push_back({{"account", open.target.name},
                      {"state", std::move(step.state)},
                      {"outcome", "pending"},
                      {"reason", std::move(step.text)}});
    }
    sort_by_account(list);
    reply["accounts"] = std::move(list);
  }
  return {operation.finished_ms != 0 ? status_by(operation.succeeded, operation.failed) : 0,
          json::serialize(reply)};
}

std::string write_figures(const node_figures& figures) {
  json::array list;
  for (const auto& f : figures.accounts)
    list.push_back(figures_object(f));
  json::array volumes;
  for (const auto& v : figures.volumes)
    volumes.push_back(volume_object(v));
  return json::serialize(json::object{
      {"figures", std::move(list)}, {"control", figures.control.value}, {"volumes", std::move(volumes)}});
}

result<node_figures> parse_figures(std::string_view text) {
  return parsed(text, [](const json::value& root) {
    node_figures figures;
    figures.control = kafka_offset(root.at("control").to_number<std::int64_t>());
    for (const auto& entry : root.at("figures").as_array()) {
      account_figures f;
      f.account = account_id(view_of(entry.at("account").as_string()));
      f.mailbox = mailbox_id(static_cast<std::uint32_t>(whole(entry.at("mailbox"))));
      f.item = whole(entry.at("item"));
      f.number = sequence(whole(entry.at("number")));
      if (const auto& in_log = entry.at("in_log"); !in_log.is_null())
        f.in_log = sequence(whole(in_log));
      f.fenced = epoch(whole(entry.at("fenced")));
      f.state = view_of(entry.at("state").as_string());
      f.reason = view_of(entry.at("reason").as_string());
      f.lag_seconds = entry.at("lag").to_number<double>();
      f.kafka = entry.at("kafka").as_bool();
      if (entry.at("loaded").is_bool())
        f.loaded = entry.at("loaded").as_bool();
      if (const auto* load = entry.as_object().if_contains("load"); load != nullptr && load->is_object())
        f.load = {whole(load->at("rows")), whole(load->at("total")), load->at("seconds").to_number<double>()};
      figures.accounts.push_back(std::move(f));
    }
    if (const auto* volumes = root.as_object().if_contains("volumes")) // a node of before doesn't say
      for (const auto& entry : volumes->as_array())
        figures.volumes.push_back(volume_of(entry));
    return figures;
  });
}

std::string write_found(const std::vector<found_account>& accounts) {
  json::array list;
  for (const auto& a : accounts)
    list.push_back({{"account", a.account.value},
                    {"name", a.name},
                    {"replica", a.is_replica},
                    {"sourceTerm", a.source_term.value}});
  return json::serialize(json::object{{"found", std::move(list)}});
}

result<std::vector<found_account>> parse_found(std::string_view text) {
  return parsed(text, [](const json::value& root) {
    std::vector<found_account> accounts;
    for (const auto& entry : root.at("found").as_array())
      accounts.push_back({account_id(view_of(entry.at("account").as_string())),
                          view_of(entry.at("name").as_string()), entry.at("replica").as_bool(),
                          epoch(entry.at("sourceTerm").to_number<std::uint64_t>())});
    return accounts;
  });
}

command_reply write_status_reply(const status_page& page) {
  json::array list;
  const auto number = [](const std::optional<account_figures>& f, auto pick) {
    return f ? json::value(pick(*f)) : json::value("unknown");
  };
  const auto mailbox = [](const account_figures& f) {
    return f.mailbox == mailbox_id{} ? json::value("none") : json::value(std::uint64_t{f.mailbox.value});
  };
  const auto item = [](const account_figures& f) { return f.item; };
  const auto sequence_of = [](const account_figures& f) { return f.number.value; };
  for (const auto& account : page.accounts) {
    json::object entry{{"accountId", account.account.value},
                       {"accountName", account.name},
                       {"accountMailHost", account.home.value},
                       {"paused", account.paused},
                       {"mailboxId", number(account.figures, mailbox)},
                       {"sequence", number(account.figures, sequence_of)},
                       {"itemId", number(account.figures, item)},
                       {"protected", !account.gap.has_value()}};
    if (account.gap) {
      entry["unprotectedReason"] = account.gap->reason;
      entry["unprotectedSince"] = account.gap->since.value;
    } else if (!page.protection_note.empty()) {
      entry["protectedNote"] = page.protection_note;
    }
    if (account.figures && account.figures->mailbox == mailbox_id{})
      entry["reason"] = fmt::format("{} has no mailbox of it any more", account.home);
    json::array replicas;
    for (const auto& replica : account.replicas) {
      json::object line{
          {"accountId", account.account.value},
          {"itemId", number(replica.figures, item)},
          {"sequence", number(replica.figures, sequence_of)},
          {"mailboxId", number(replica.figures, mailbox)},
          {"destination", replica.destination.value},
          {"available", or_unknown(replica.available)},
          {"priority", replica.priority},
          {"canConnectToKafka", number(replica.figures, [](const account_figures& f) { return f.kafka; })},
          {"state", number(replica.figures, [](const account_figures& f) { return f.state; })},
          {"lag", or_unknown(replica.lag)}};
      if (replica.figures && replica.figures->load)
        show_load(line, *replica.figures->load);
      if (replica.figures && !replica.figures->reason.empty())
        line["reason"] = replica.figures->reason;
      else if (replica.figures && replica.figures->mailbox == mailbox_id{} &&
               replica.figures->state == "ready")
        line["reason"] = fmt::format("{} has no mailbox of it any more", replica.destination);
      replicas.push_back(std::move(line));
    }
    entry["replicas"] = std::move(replicas);
    list.push_back(std::move(entry));
  }
  for (const auto& unknown : page.unknown_accounts)
    list.push_back({{"accountName", unknown.name}, {"error", unknown.why}});
  for (const auto& unknown : page.unknown_domains)
    list.push_back({{"domain", unknown.name}, {"error", unknown.why}});
  json::array silent;
  for (const auto& node : page.unreachable)
    silent.push_back(json::value(node.value));
  json::object reply{{"accounts", std::move(list)}, {"unreachable", std::move(silent)}};
  if (!page.statement.empty())
    reply["statement"] = page.statement;
  return {status_by(page.accounts.size(), page.unknown_accounts.size() + page.unknown_domains.size()),
          json::serialize(reply)};
}

command_reply write_error(int status, const error& why) {
  return {status, json::serialize(json::object{{"error", why.what}, {"todo", why.todo}})};
}

} // namespace understudy
