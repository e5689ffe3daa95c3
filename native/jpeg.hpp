// libjpeg-turbo: the header, and a region of the picture at full, 1/2, 1/4 or 1/8 size.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "buffer.hpp"
#include "image.hpp"
#include "status.hpp"
#include "warp.hpp"

namespace imagefeed {

// Who reads the Huffman-coded bits: this library, and libjpeg where they are damaged or of another kind; or one of the two,
// for tests.
enum class BitReader { best, ours, libjpeg };

// One decompressor, reused from picture to picture by one thread.
class JpegDecoder {
public:
    JpegDecoder();
    ~JpegDecoder();
    JpegDecoder(const JpegDecoder&) = delete;
    JpegDecoder& operator=(const JpegDecoder&) = delete;

    Status read_header(const std::uint8_t* data, std::size_t size, PictureHeader& header);

    // Decodes `region` (pixels of the scaled picture) of a picture scaled by 1/denominator into `memory`: accurate
    // integer DCT, fancy upsampling, the pixels that Pillow gives. The rectangle held may begin further left than asked
    // for, at a block of the JPEG. `color` false decodes luma only. Around the pixels there is room for `margin`.
    Status decode(const std::uint8_t* data, std::size_t size, Region region, int denominator, bool color,
                  const Margin& margin, Buffer& memory, Picture& picture, BitReader reader = BitReader::best);

private:
    Status decode_once(const std::uint8_t* data, std::size_t size, Region region, int denominator, bool color,
                       const Margin& margin, Buffer& memory, Picture& picture, BitReader reader);
    Status read_rows(const Region& region, std::uint8_t* pixels, std::size_t pitch, BitReader reader);

    struct Impl;
    std::unique_ptr<Impl> impl_;
};

// Whether the bytes begin like a JPEG.
bool looks_like_jpeg(const std::uint8_t* data, std::size_t size);

}  // namespace imagefeed
