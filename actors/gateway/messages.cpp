#include "actors/gateway/messages.hpp"

#include <boost/json.hpp>

namespace understudy {

reply error_reply(exit_status status, std::string_view what, std::string_view todo) {
  boost::json::object body{{"error", what}};
  if (!todo.empty())
    body["todo"] = todo;
  return {static_cast<std::int32_t>(status), boost::json::serialize(body), {}};
}

} // namespace understudy
