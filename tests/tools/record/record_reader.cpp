#include "tests/tools/record/record_reader.hpp"

#include <boost/json/parse.hpp>
#include <fmt/format.h>

#include <fstream>
#include <stdexcept>

namespace understudy::record {

namespace {

namespace json = boost::json;

std::string text_of(const json::object& line, const char* field) {
  return std::string(line.at(field).as_string());
}

outcome outcome_of(std::string_view name) {
  if (name == "ok")
    return outcome::ok;
  if (name == "error")
    return outcome::error;
  if (name == "lost")
    return outcome::lost;
  throw std::runtime_error(fmt::format("unknown result '{}'", name));
}

void take_line(std::map<std::string, recorded_account>& accounts, json::object line) {
  if (line.contains("account")) {
    accounts[text_of(line, "account")].name = text_of(line, "name");
    return;
  }
  auto& transactions = accounts[text_of(line, "a")].transactions;
  const auto number = line.at("n").to_number<std::uint64_t>();
  if (line.contains("r")) {
    if (transactions.empty() || transactions.back().number != number)
      throw std::runtime_error(fmt::format("result of transaction {} without its intent", number));
    transactions.back().told = outcome_of(line.at("r").as_string());
    return;
  }
  if (number != transactions.size() + 1)
    throw std::runtime_error(fmt::format("transaction {} follows {}", number, transactions.size()));
  transactions.push_back(
      {.number = number, .operation = text_of(line, "op"), .effects = std::move(line.at("e").as_array())});
}

} // namespace

std::map<std::string, recorded_account> read_record(const std::vector<std::filesystem::path>& files) {
  std::map<std::string, recorded_account> accounts;
  for (const auto& file : files) {
    std::ifstream in(file);
    if (!in)
      throw std::runtime_error("can't read the record " + file.string());
    std::string text;
    for (std::uint64_t number = 1; std::getline(in, text); ++number) {
      if (in.eof())
        break; // no newline: torn
      try {
        take_line(accounts, std::move(json::parse(text).as_object()));
      } catch (const std::exception& wrong) {
        throw std::runtime_error(fmt::format("{}:{}: {}", file.string(), number, wrong.what()));
      }
    }
  }
  return accounts;
}

} // namespace understudy::record
