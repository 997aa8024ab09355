#include "actors/control/lease_keeper.hpp"

#include <fmt/format.h>

namespace understudy {

std::optional<error> lease_keeper::why_replaced() const {
  return ask([&](const lease_view& view) -> std::optional<error> {
    if (!view.replaced())
      return std::nullopt;
    return error{
        fmt::format("another process ({}) began later as {}, so nothing that this one writes counts any "
                    "more: this one stops (R12, R19)",
                    view.replaced_by(), self_),
        "find out which of the two is to be; a name belongs to one process"};
  });
}

} // namespace understudy
