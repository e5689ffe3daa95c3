// Plain descriptions of pictures in memory, shared by every stage.
#pragma once

#include <cstddef>
#include <cstdint>

namespace imagefeed {

// Half-open rectangle of pixels.
struct Region {
    int x0 = 0, y0 = 0, x1 = 0, y1 = 0;

    int width() const { return x1 - x0; }
    int height() const { return y1 - y0; }
};

// A half-open range of rows or columns.
struct Span {
    int begin, end;
};

// How the samples of a picture lie in memory. Eight-bit color is kept four bytes a pixel (the last one is
// never looked at), so that one load fetches a pixel; `levels8` is 8-bit samples packed as they are stored, for work that
// only moves whole pixels or replaces levels; `fine16x4` is color that was shrunk for a bilinear warp, which alone reads it:
// four 16-bit numbers a pixel, of which 128 are a level; everything else is planar float.
enum class Samples { gray8, color8x4, fine16x4, planar_f32, levels8 };
constexpr int kFineLevel = 128;

// What the header of a stored picture says.
struct PictureHeader {
    int width = 0, height = 0;  // as stored, before the EXIF orientation
    int components = 0;         // of a JPEG: 1 gray, 3 color; others are not decoded here
    int orientation = 1;        // EXIF, 1 to 8
    bool supported = false;     // 8-bit gray or color, which our decoder of JPEGs takes
    bool progressive = false;   // its coefficients are all held while it is decoded
    bool complete = false;      // an end-of-image marker was found
};

// A picture, or the rectangle of it that has been decoded. Coordinates of the whole picture stay in use
// everywhere: the first sample in memory is pixel (origin_x, origin_y) of a picture of width x height.
struct Picture {
    Samples samples = Samples::color8x4;
    const std::uint8_t* data = nullptr;
    std::ptrdiff_t row_stride = 0;    // bytes
    std::ptrdiff_t plane_stride = 0;  // bytes; planar_f32 only
    int channels = 3;
    int width = 0, height = 0;        // of the whole picture
    Region held;                      // what is in memory
};

inline int channels_in_memory(const Picture& picture) {
    return picture.samples == Samples::gray8 ? 1 : picture.samples == Samples::color8x4 ? 4 : picture.channels;
}

}  // namespace imagefeed
