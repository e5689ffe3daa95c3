#include "version.hpp"

#include <cstdint>
#include <filesystem>
#include <system_error>

#if !defined(_WIN32)
#include <sys/stat.h>
#endif

namespace imagefeed {
namespace {

struct Found {
    std::uint64_t size = 0;
    std::int64_t changed = 0;
    std::uint64_t inode = 0;
};

#if defined(_WIN32)
bool look(const std::string& name, Found& found) {
    std::error_code error;
    const std::filesystem::path path = std::filesystem::u8path(name);
    found.size = std::filesystem::file_size(path, error);
    if (error) return false;
    found.changed = std::filesystem::last_write_time(path, error).time_since_epoch().count();
    return !error;
}

std::string absolute(const std::string& name, std::error_code& error) {
    return std::filesystem::absolute(std::filesystem::u8path(name), error).lexically_normal().u8string();
}
#else
bool look(const std::string& name, Found& found) {
    struct stat info {};
    if (stat(name.c_str(), &info) != 0) return false;
#if defined(__APPLE__)
    const timespec& time = info.st_mtimespec;
#else
    const timespec& time = info.st_mtim;
#endif
    found = {static_cast<std::uint64_t>(info.st_size), std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec, info.st_ino};
    return true;
}

std::string absolute(const std::string& name, std::error_code& error) {
    if (name.front() == '/') return name;
    return std::filesystem::absolute(name, error).lexically_normal().string();
}
#endif

}  // namespace

std::string file_version(const std::string& path, const FileRange& range) {
    Found found;
    if (path.empty() || !look(path, found)) return {};
    std::error_code error;
    std::string version = absolute(path, error);
    if (error) return {};
    const auto add = [&](auto number) { version.append(1, '\0').append(std::to_string(number)); };
    add(found.size);
    add(found.changed);
    add(found.inode);
    if (range.length >= 0) {
        add(range.offset);
        add(range.length);
    }
    return version;
}

}  // namespace imagefeed
