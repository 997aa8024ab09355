// One word to the JSON value of its kind (pure).
#pragma once
#include "cli/grammar_table.hpp"
#include "events/model/error.hpp"

#include <boost/json/value.hpp>

#include <string>

namespace understudy {

/// For the kinds host, number, domains, choice and uuid. Errors say what is expected, without the word
/// itself.
result<boost::json::value> word_value(const word& expected, const std::string& text);

} // namespace understudy
