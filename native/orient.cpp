#include "orient.hpp"

#include <cstring>
#include <utility>

namespace imagefeed {
namespace {

// EXIF 2.32, table of tag 0x0112: mirrored along x, along y, then rows and columns exchanged.
bool mirrors_x(int o) { return o == 2 || o == 3 || o == 7 || o == 8; }
bool mirrors_y(int o) { return o == 3 || o == 4 || o == 6 || o == 7; }
bool exchanges(int o) { return o >= 5; }

Region mirrored(Region r, int orientation, int width, int height) {
    if (mirrors_x(orientation)) r = {width - r.x1, r.y0, width - r.x0, r.y1};
    if (mirrors_y(orientation)) r = {r.x0, height - r.y1, r.x1, height - r.y0};
    return r;
}

Region exchanged(Region r) { return {r.y0, r.x0, r.y1, r.x1}; }

template <class Pixel>
void copy_turned(const Picture& in, int orientation, int width, int height, Pixel* out) {
    const auto columns = static_cast<std::ptrdiff_t>(sizeof(Pixel));
    std::ptrdiff_t along_x = columns, along_y = in.row_stride;  // steps in the source per output pixel, per output row
    const std::uint8_t* start = in.data;
    if (mirrors_x(orientation)) {
        start += (in.held.width() - 1) * along_x;
        along_x = -along_x;
    }
    if (mirrors_y(orientation)) {
        start += (in.held.height() - 1) * along_y;
        along_y = -along_y;
    }
    if (exchanges(orientation)) std::swap(along_x, along_y);
    for (int y = 0; y < height; ++y) {
        const std::uint8_t* from = start + y * along_y;
        for (int x = 0; x < width; ++x, from += along_x) std::memcpy(out++, from, sizeof(Pixel));
    }
}

}  // namespace

Region seen_to_stored(Region seen, int orientation, int stored_width, int stored_height) {
    return mirrored(exchanges(orientation) ? exchanged(seen) : seen, orientation, stored_width, stored_height);
}

Region stored_to_seen(Region stored, int orientation, int stored_width, int stored_height) {
    const Region r = mirrored(stored, orientation, stored_width, stored_height);
    return exchanges(orientation) ? exchanged(r) : r;
}

void orient(Picture& picture, int orientation, Buffer& memory) {
    if (orientation <= 1) return;
    const int stored_width = picture.width, stored_height = picture.height;
    Picture seen = picture;
    seen.held = stored_to_seen(picture.held, orientation, stored_width, stored_height);
    if (exchanges(orientation)) std::swap(seen.width, seen.height);
    const int width = seen.held.width(), height = seen.held.height();
    const bool color = picture.samples == Samples::color8x4;
    const auto pitch = static_cast<std::size_t>(width) * (color ? 4 : 1);
    auto* const out = memory.reserve<std::uint8_t>(checked_product(pitch, static_cast<std::size_t>(height)));
    if (color) {
        copy_turned(picture, orientation, width, height, reinterpret_cast<std::uint32_t*>(out));
    } else {
        copy_turned(picture, orientation, width, height, out);
    }
    seen.data = out;
    seen.row_stride = static_cast<std::ptrdiff_t>(pitch);
    picture = seen;
}

}  // namespace imagefeed
