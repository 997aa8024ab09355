// What passes between a command line (or a peer node) and a node's gateway, over CAF and TLS (DESIGN §5):
//
//   client -> gateway   hello     "who are you?"; needs nothing
//   gateway -> client   welcome   the node's name, which requests are signed for, and its clock
//   client -> gateway   request   a signed command
//   gateway -> client   reply     its outcome, or why it was refused; always, within the gateway's deadline
//
// The gateway takes nothing else; what it doesn't know it drops. When it dies, the client's request ends with
// an error at once or at the client's own deadline.
#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace understudy {

/// Raised when a message's meaning changes; a gateway refuses any other and names its own.
constexpr std::uint32_t gateway_protocol_version = 1;

/// A request whose clock differs by more than this from the gateway's is refused; so long a nonce is kept.
constexpr std::int64_t request_window_ms = 120'000;
/// Largest command: twice what as many accounts as one may name take with the longest names.
constexpr std::size_t largest_command_bytes = 64U << 20;
/// Largest certificate that a request may carry: ten times the usual size.
constexpr std::size_t largest_certificate_bytes = 64U << 10;
/// Bytes of a nonce: enough to be unique by chance among all requests ever made.
constexpr std::size_t nonce_bytes = 16;

struct hello {
  std::uint32_t version = gateway_protocol_version;
  template <class Inspector>
  friend auto inspect(Inspector& f, hello& x) {
    return f(x.version);
  }
};

struct welcome {
  std::uint32_t version = gateway_protocol_version;
  std::string node;
  std::int64_t time_ms = 0; ///< wall clock, ms since 1970
  template <class Inspector>
  friend auto inspect(Inspector& f, welcome& x) {
    return f(x.version, x.node, x.time_ms);
  }
};

/// `signature` covers every other field (signing.hpp).
struct request {
  std::uint32_t version = gateway_protocol_version;
  std::string command;      ///< JSON (docs/cli.md)
  std::string certificate;  ///< the sender's, PEM: CAF doesn't hand out the one of the TLS session
  std::string node;         ///< for which node it's meant: no other takes it
  std::int64_t time_ms = 0; ///< wall clock, ms since 1970
  std::string nonce;        ///< nonce_bytes random bytes: never taken twice
  std::string signature;    ///< with the key of `certificate`
  template <class Inspector>
  friend auto inspect(Inspector& f, request& x) {
    return f(x.version, x.command, x.certificate, x.node, x.time_ms, x.nonce, x.signature);
  }
};

/// The command line's exit status (DESIGN §6).
enum class exit_status : std::int32_t { done = 0, failed = 1, wrong_usage = 2, partly = 3, unreachable = 4 };

struct reply {
  std::int32_t status = 0; ///< an exit_status
  std::string body;        ///< JSON (docs/cli.md)
  std::string more;        ///< opaque; not empty: ask again with it as "continue" for the next page
  template <class Inspector>
  friend auto inspect(Inspector& f, reply& x) {
    return f(x.status, x.body, x.more);
  }
};

/// Who sent a request, from its verified certificate.
struct caller {
  std::string subject; ///< the certificate's common name
  std::string role;    ///< "admin"
};

/// Gives a request its reply: once, from any thread, also after the gateway has stopped (then without
/// effect).
using answer_function = std::function<void(reply)>;

/// Takes a verified request. Called on a thread of the gateway: it must not block, and hands the work on.
/// If it doesn't answer within the gateway's deadline the client is told so, and the answer is dropped.
using request_handler = std::function<void(caller, std::string command_json, answer_function answer)>;

/// A reply that tells an error: {"error": what, "todo": todo}.
reply error_reply(exit_status status, std::string_view what, std::string_view todo = {});

} // namespace understudy
