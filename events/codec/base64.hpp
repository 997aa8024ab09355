// Base64 with the standard alphabet and padding (RFC 4648 §4).
#pragma once
#include <string>
#include <string_view>

namespace understudy {

void append_base64(std::string& out, std::string_view bytes);

/// False if `text` isn't exactly what append_base64 writes (wrong length, foreign characters, loose bits).
bool read_base64(std::string_view text, std::string& bytes);

} // namespace understudy
