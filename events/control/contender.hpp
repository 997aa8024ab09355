// Who wanted an account where: what those are told who lose it to them (R25). Pure.
#pragma once
#include "events/control/control_record.hpp"
#include "events/control/shared_name.hpp"

#include <memory>
#include <optional>
#include <string>

namespace understudy {

struct contender {
  std::shared_ptr<const change_origin> origin; ///< never null
  shared_name node;                            ///< the supervisor that wrote it
  shared_name destination;                     ///< empty: none was named
  bool operator==(const contender& other) const;
};

/// "by ada on mailstore2, operation 6f9c…"; as much of it as is known.
std::string signature(const change_origin& origin, const node_name& node);
std::string signature(const contender& who);

/// Of a promotion that isn't active yet.
struct contention {
  contender decided;                   ///< whose promotion it is
  std::optional<contender> supersedes; ///< who asked its primary to decline it (R24); none: nobody
  bool operator==(const contention&) const = default;
};

} // namespace understudy
