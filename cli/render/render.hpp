// Replies as an administrator reads them (pure): the layout of DESIGN §6 from the JSON of docs/cli.md.
#pragma once
#include "cli/grammar_table.hpp"

#include <boost/json/object.hpp>

#include <map>
#include <string>

namespace understudy {

struct render_style {
  bool colour = false;
  /// The input file and the line of each account: outcomes and errors are shown with them.
  std::string file;
  std::map<std::string, std::size_t> lines;
};

/// One page of a reply as text, each line ended. Fields that are absent are left out; what the supervisor
/// wrote as text is made printable.
std::string render(const boost::json::object& page, reply_form form, const render_style& style);

/// The page as JSON in one line. Entries that weren't done, or mean nobody, have the `line` of the input file
/// that named them.
std::string json_line(boost::json::object page, const render_style& style);

/// "3 of 10 accounts, 4 s left" for a progress line; `seconds`: since the first look, in which `done` grew.
std::string progress_line(const boost::json::object& page, double seconds);

/// The sentence of an error reply ("error", "todo"), or an empty text.
std::string error_sentence(const boost::json::object& page);

} // namespace understudy
