// Small files that an administrator names: read whole, with a limit, and never a device or a pipe.
#pragma once
#include "events/model/error.hpp"

#include <cstddef>
#include <filesystem>
#include <string>

namespace understudy {

/// The bytes of `file`. Errors name it and the cause: missing, no permission, a directory, a FIFO or device
/// (opened without blocking and not read), larger than `limit` bytes.
result<std::string> read_regular_file(const std::filesystem::path& file, std::size_t limit);

} // namespace understudy
