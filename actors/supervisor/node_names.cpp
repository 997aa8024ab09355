#include "actors/supervisor/node_names.hpp"

#include "actors/supervisor/account_names.hpp"

#include <fmt/ranges.h>

namespace understudy {
namespace {

/// More names than a line holds help nobody to find the right one.
constexpr std::size_t most_names_told = 8;

bool is_known(const control_state& state, const std::string& name) {
  const auto* node = state.node(node_name(name));
  return node != nullptr && node->announced_at.value >= 0;
}

void fold(std::string& typed, const control_state& state) {
  if (typed.empty() || is_known(state, typed))
    return;
  const auto wanted = folded_name(typed);
  for (const auto& [name, node] : state.nodes())
    if (node.announced_at.value >= 0 && folded_name(name.value) == wanted) {
      typed = name.value;
      return;
    }
}

error no_node_called(const std::string& typed, const control_state& state) {
  std::vector<std::string> known;
  for (const auto& [name, node] : state.nodes())
    if (node.announced_at.value >= 0)
      known.push_back(name.value);
  auto told = known.size() > most_names_told ? fmt::format("{} nodes are known", known.size())
                                             : fmt::format("known: {}", fmt::join(known, ", "));
  return {fmt::format("no node named {} is known", typed),
          known.empty() ? "start understudyd there"
                        : fmt::format("correct the name ({}), or start understudyd there", told)};
}

} // namespace

void fold_node_names(request_body& body, const control_state& state) {
  for (auto* typed :
       {&body.destination, &body.operation_host, &body.mail_host, &body.source_host, &body.replica_server})
    fold(*typed, state);
}

std::optional<error> why_no_such_node(const request_body& body, const control_state& state) {
  for (const auto* typed :
       {&body.mail_host, &body.replica_server, &body.source_host, &body.destination, &body.operation_host})
    if (!typed->empty() && !is_known(state, *typed))
      return no_node_called(*typed, state);
  return std::nullopt;
}

} // namespace understudy
