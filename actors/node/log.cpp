#include "actors/node/log.hpp"

#include <boost/json.hpp>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

namespace understudy {
namespace {

/// The word behind the first `lead` of the text, up to one of `ends` or the text's end.
std::string_view word_behind(std::string_view text, std::string_view lead, std::string_view ends) {
  const auto at = text.find(lead);
  if (at == std::string_view::npos)
    return {};
  const auto word = text.substr(at + lead.size());
  return word.substr(0, word.find_first_of(ends));
}

/// One JSON object a line; the message is escaped, so that a line stays a line.
class json_formatter final : public spdlog::formatter {
public:
  void format(const spdlog::details::log_msg& message, spdlog::memory_buf_t& out) override {
    const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(message.time.time_since_epoch());
    const auto level = spdlog::level::to_string_view(message.level);
    const std::string_view text(message.payload.data(), message.payload.size());
    boost::json::object entry{{"time_ms", ms.count()},
                              {"level", std::string_view(level.data(), level.size())}};
    const auto subject = subject_of(text);
    if (!subject.account.empty())
      entry["account"] = subject.account;
    if (!subject.operation.empty())
      entry["operation"] = subject.operation;
    entry["message"] = text;
    const auto line = boost::json::serialize(entry);
    out.append(line.data(), line.data() + line.size());
    out.push_back('\n');
  }
  std::unique_ptr<spdlog::formatter> clone() const override { return std::make_unique<json_formatter>(); }
};

spdlog::level::level_enum level_of(log_threshold level) {
  switch (level) {
  case log_threshold::trace:
    return spdlog::level::trace;
  case log_threshold::debug:
    return spdlog::level::debug;
  case log_threshold::info:
    return spdlog::level::info;
  case log_threshold::warn:
    return spdlog::level::warn;
  case log_threshold::error:
    return spdlog::level::err;
  }
  return spdlog::level::info;
}

} // namespace

log_subject subject_of(std::string_view line) {
  constexpr std::size_t uuid_length = 36;
  const auto named_behind = [&](std::string_view lead) {
    const auto id = word_behind(line, lead, ": ),;");
    return id.size() == uuid_length ? id : std::string_view{};
  };
  log_subject subject{named_behind("account "), named_behind("operation ")};
  if (subject.account.empty() && line.starts_with("account "))
    if (const auto id = word_behind(line, "account ", ": "); line.substr(8 + id.size()).starts_with(": "))
      subject.account = id;
  return subject;
}

void begin_log(log_threshold level, log_format format) {
  auto logger =
      std::make_shared<spdlog::logger>("understudyd", std::make_shared<spdlog::sinks::stderr_sink_mt>());
  if (format == log_format::json)
    logger->set_formatter(std::make_unique<json_formatter>());
  else
    logger->set_pattern("%Y-%m-%dT%H:%M:%S.%e %l %v");
  logger->set_level(level_of(level));
  logger->flush_on(spdlog::level::trace);
  spdlog::set_default_logger(std::move(logger));
}

void say(log_level level, std::string_view text) {
  switch (level) {
  case log_level::debug:
    spdlog::debug("{}", text);
    return;
  case log_level::info:
    spdlog::info("{}", text);
    return;
  case log_level::warning:
    spdlog::warn("{}", text);
    return;
  case log_level::error:
    spdlog::error("{}", text);
    return;
  }
}

} // namespace understudy
