#include "actors/gateway/clean_error_queue.hpp"

#include <dlfcn.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <cstdlib>

namespace understudy {
namespace {

/// libssl's own function behind ours.
template <class Function>
Function original(const char* name) {
  auto* found = dlsym(RTLD_NEXT, name);
  if (found == nullptr)
    std::abort(); // we are linked against libssl: it can't be missing
  return reinterpret_cast<Function>(found);
}

} // namespace

void keep_error_queue_clean() {}

} // namespace understudy

extern "C" int SSL_read(SSL* ssl, void* buffer, int bytes) {
  static const auto behind = understudy::original<int (*)(SSL*, void*, int)>("SSL_read");
  ERR_clear_error();
  return behind(ssl, buffer, bytes);
}

extern "C" int SSL_write(SSL* ssl, const void* buffer, int bytes) {
  static const auto behind = understudy::original<int (*)(SSL*, const void*, int)>("SSL_write");
  ERR_clear_error();
  return behind(ssl, buffer, bytes);
}
