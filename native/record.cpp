#include "record.hpp"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>

namespace imagefeed {
namespace {

constexpr std::uintmax_t kLargestFile = std::uintmax_t{1} << 31;

struct CloseFile {
    void operator()(std::FILE* file) const { std::fclose(file); }
};

std::unique_ptr<std::FILE, CloseFile> open_file(const std::filesystem::path& path) {
#if defined(_WIN32)
    return std::unique_ptr<std::FILE, CloseFile>(_wfopen(path.c_str(), L"rb"));
#else
    return std::unique_ptr<std::FILE, CloseFile>(std::fopen(path.c_str(), "rb"));
#endif
}

std::filesystem::path to_path(const std::string& name) {
#if defined(_WIN32)
    return std::filesystem::u8path(name);
#else
    return std::filesystem::path(name);
#endif
}

}  // namespace

Status read_file(const std::string& name, Record& record) {
    const std::filesystem::path path = to_path(name);
    std::error_code error;
    const auto kind = std::filesystem::status(path, error).type();
    if (error) return Status::fail(Fault::io, error.message());
    if (kind == std::filesystem::file_type::not_found) return Status::fail(Fault::io, std::strerror(ENOENT));
    if (kind != std::filesystem::file_type::regular) return Status::fail(Fault::io, "not a regular file");
    const std::uintmax_t size = std::filesystem::file_size(path, error);
    if (error) return Status::fail(Fault::io, error.message());
    if (size == 0) return Status::fail(Fault::decode, "the file is empty");
    if (size > kLargestFile) return Status::fail(Fault::too_large, "the file holds more than 2 GiB");
    const auto file = open_file(path);
    if (!file) return Status::fail(Fault::io, std::strerror(errno));
    std::setvbuf(file.get(), nullptr, _IONBF, 0);
    record.owned = allocate_aligned(static_cast<std::size_t>(size));
    record.size = std::fread(record.owned.get(), 1, static_cast<std::size_t>(size), file.get());
    record.bytes = record.owned.get();
    if (std::ferror(file.get())) return Status::fail(Fault::io, std::strerror(errno));
    if (record.size == 0) return Status::fail(Fault::decode, "the file is empty");
    return Status::ok();
}

void inspect(Record& record, JpegDecoder& decoder, std::int64_t most_pixels) {
    record.kind = RecordKind::foreign;
    if (record.size == 0) {
        record.status = Status::fail(Fault::decode, "the file is empty");
        return;
    }
    if (!looks_like_jpeg(record.bytes, record.size)) return;
    record.status = decoder.read_header(record.bytes, record.size, record.header);
    if (!record.status.is_ok() || !record.header.supported) return;
    record.kind = RecordKind::jpeg;
    const auto pixels = static_cast<std::int64_t>(record.header.width) * record.header.height;
    if (pixels > most_pixels) {
        record.status = Status::fail(Fault::too_large, std::to_string(record.header.width) + "x" +
                                                           std::to_string(record.header.height) + " is " +
                                                           std::to_string(pixels) + " pixels, over the limit of " +
                                                           std::to_string(most_pixels));
    }
}

}  // namespace imagefeed
