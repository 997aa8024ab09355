#include "events/control/contender.hpp"

#include <fmt/format.h>

namespace understudy {

bool contender::operator==(const contender& other) const {
  return *origin == *other.origin && node == other.node && destination == other.destination;
}

std::string signature(const change_origin& origin, const node_name& node) {
  auto text = fmt::format("by {}", origin.by.empty() ? node.value : origin.by);
  if (!node.empty() && node.value != origin.by && !origin.by.empty())
    text += fmt::format(" on {}", node);
  if (!origin.operation.empty())
    text += fmt::format(", operation {}", origin.operation);
  return text;
}

std::string signature(const contender& who) {
  return signature(*who.origin, who.node);
}

} // namespace understudy
