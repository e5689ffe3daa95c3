// What tells one version of a stored file from another.
#pragma once

#include <string>

#include "record.hpp"

namespace imagefeed {

// The file's absolute path, size, time of change in nanoseconds and inode, and the range of it, separated by zero bytes;
// empty where there is no such file. Windows has no inodes, and counts time otherwise.
std::string file_version(const std::string& path, const FileRange& range);

}  // namespace imagefeed
