// PNG (W3C recommendation, third edition): the header, and a region of the picture.
#pragma once

#include <cstddef>
#include <cstdint>

#include "buffer.hpp"
#include "image.hpp"
#include "inflate.hpp"
#include "status.hpp"
#include "warp.hpp"

namespace imagefeed {

// What is wanted of a picture: colors, levels of gray, or the numbers that are stored.
enum class PngForm { none, rgb, gray, gray16, index };

bool looks_like_png(const std::uint8_t* data, std::size_t size);

// False for a file that is left to others: one that is damaged, interlaced, animated, or in any other way unusual; and one
// that cannot have this form, since it holds more bits than it has place for.
bool read_png_header(const std::uint8_t* data, std::size_t size, PngForm form, PictureHeader& header);

// Decodes regions of pictures, reusing memory from one to the next.
class PngDecoder {
public:
    // Decodes `region` of a picture whose header has been read, with room for `margin` around it. Rows below the region are
    // not inflated, and columns right of it stay as they are coded; only where its last row is wanted is the checksum of all
    // data compared.
    Status decode(const std::uint8_t* data, std::size_t size, PngForm form, const Region& region, const Margin& margin, Buffer& memory, Picture& picture);
    void trim(std::size_t keep);

private:
    Inflater inflater_;
    Buffer packed_, stretch_, rows_, line_;
};

}  // namespace imagefeed
