// One stored picture: the bytes of a file, or an array in the caller's memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "buffer.hpp"
#include "image.hpp"
#include "jpeg.hpp"
#include "kernels.hpp"
#include "png.hpp"
#include "status.hpp"

namespace imagefeed {

// `foreign` bytes are of a format that this core does not decode; whoever does hands the pixels back as an array.
enum class RecordKind { empty, jpeg, png, foreign, array };

struct ArrayView {
    const std::uint8_t* data = nullptr;
    Dtype dtype = Dtype::uint8;  // uint8 or float32
    int height = 0, width = 0, channels = 0;
    std::ptrdiff_t row_stride = 0;  // bytes; pixels of a row are packed
};

// The part of a file that holds the picture; the whole file where the length is negative.
struct FileRange {
    std::int64_t offset = 0, length = -1;
};

struct Record {
    RecordKind kind = RecordKind::empty;
    AlignedMemory owned;
    const std::uint8_t* bytes = nullptr;
    std::size_t size = 0;
    FileRange range;
    PictureHeader header;
    PngForm form = PngForm::none;  // what a PNG becomes
    ArrayView array;
    const std::uint8_t* sealed = nullptr;  // of the cache: a value whose checksum has yet to be compared
    std::size_t sealed_size = 0;
    Status status;

    // As a person sees the picture: after the EXIF orientation.
    int height() const { return kind == RecordKind::array ? array.height : swapped() ? header.width : header.height; }
    int width() const { return kind == RecordKind::array ? array.width : swapped() ? header.height : header.width; }
    bool swapped() const { return header.orientation >= 5; }
};

// Reads a file, or the record's range of it, into `record`. A directory, a device or a pipe is refused, not waited for.
Status read_file(const std::string& path, Record& record);

// Looks at the bytes of `record`: its kind, and the header of a JPEG, or of a PNG that becomes `form`. `most_pixels` bounds
// width times height.
void inspect(Record& record, JpegDecoder& decoder, PngForm form, std::int64_t most_pixels);

}  // namespace imagefeed
