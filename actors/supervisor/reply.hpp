// A written reply on its way to the gateway.
#pragma once
#include "actors/gateway/messages.hpp"
#include "actors/supervisor/requests.hpp"

namespace understudy {

inline void reply_with(const answer_function& answer, command_reply written) {
  reply out;
  out.status = written.status;
  out.body = std::move(written.body);
  answer(std::move(out));
}

} // namespace understudy
