#include "record.hpp"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <limits>
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

bool seek(std::FILE* file, std::int64_t offset) {
#if defined(_WIN32)
    return _fseeki64(file, offset, SEEK_SET) == 0;
#else
    if (offset > std::numeric_limits<off_t>::max()) return false;
    return fseeko(file, static_cast<off_t>(offset), SEEK_SET) == 0;
#endif
}

// Whether a range lies within a file; compared without a sum that could overflow.
bool is_within(const FileRange& range, std::uintmax_t size) {
    const auto offset = static_cast<std::uintmax_t>(range.offset), length = static_cast<std::uintmax_t>(range.length);
    return range.offset >= 0 && offset <= size && length <= size - offset;
}

}  // namespace

Status read_file(const std::string& name, Record& record) {
    const std::filesystem::path path = to_path(name);
    std::error_code error;
    const auto kind = std::filesystem::status(path, error).type();
    if (error) return Status::fail(Fault::io, error.message());
    if (kind == std::filesystem::file_type::not_found) return Status::fail(Fault::io, std::strerror(ENOENT));
    if (kind != std::filesystem::file_type::regular) return Status::fail(Fault::io, "not a regular file");
    const std::uintmax_t file_size = std::filesystem::file_size(path, error);
    if (error) return Status::fail(Fault::io, error.message());
    const bool whole = record.range.length < 0;
    if (!whole && !is_within(record.range, file_size))
        return Status::fail(Fault::io, "the file ends before this record does; index it anew");
    const std::uintmax_t size = whole ? file_size : static_cast<std::uintmax_t>(record.range.length);
    if (size == 0) return Status::fail(Fault::decode, "the file is empty");
    if (size > kLargestFile) return Status::fail(Fault::too_large, "the file holds more than 2 GiB");
    const auto file = open_file(path);
    if (!file) return Status::fail(Fault::io, std::strerror(errno));
    std::setvbuf(file.get(), nullptr, _IONBF, 0);
    if (!whole && !seek(file.get(), record.range.offset)) return Status::fail(Fault::io, std::strerror(errno));
    record.owned = allocate_aligned(static_cast<std::size_t>(size));
    record.size = std::fread(record.owned.get(), 1, static_cast<std::size_t>(size), file.get());
    record.bytes = record.owned.get();
    if (std::ferror(file.get())) return Status::fail(Fault::io, std::strerror(errno));
    if (record.size == 0) return Status::fail(Fault::decode, "the file is empty");
    return Status::ok();
}

void inspect(Record& record, JpegDecoder& decoder, PngForm form, std::int64_t most_pixels) {
    record.kind = RecordKind::foreign;
    if (record.size == 0) {
        record.status = Status::fail(Fault::decode, "the file is empty");
        return;
    }
    if (looks_like_jpeg(record.bytes, record.size)) {
        record.status = decoder.read_header(record.bytes, record.size, record.header);
        if (!record.status.is_ok() || !record.header.supported) return;
        record.kind = RecordKind::jpeg;
    } else if (form != PngForm::none && looks_like_png(record.bytes, record.size)) {
        if (!read_png_header(record.bytes, record.size, form, record.header)) return;
        record.kind = RecordKind::png;
        record.form = form;
    } else {
        return;
    }
    const auto pixels = static_cast<std::int64_t>(record.header.width) * record.header.height;
    if (pixels > most_pixels) {
        record.status = Status::fail(Fault::too_large, std::to_string(record.header.width) + "x" +
                                                           std::to_string(record.header.height) + " is " +
                                                           std::to_string(pixels) + " pixels, over the limit of " +
                                                           std::to_string(most_pixels));
    }
}

}  // namespace imagefeed
