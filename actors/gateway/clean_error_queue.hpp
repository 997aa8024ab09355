// OpenSSL's error queue and CAF 0.17.6 (docs/decisions/0001-openssl-error-queue.md).
#pragma once

namespace understudy {

/// Links SSL_read and SSL_write of ours in front of libssl's: they empty the calling thread's error queue
/// first. CAF asks SSL_get_error without doing so, and a peer that closed without a goodbye left an error
/// there, for which the next healthy connection of the same thread was dropped. Does nothing when called;
/// calling it keeps the linker from leaving the file out.
void keep_error_queue_clean();

} // namespace understudy
