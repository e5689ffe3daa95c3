// Resizing an eight-bit picture to an eight-bit picture by the rules of Pillow's `Image.resize`, bit for bit: for those
// who must have its pixels. (The warps of the other passes are never rounded on the way.)
#pragma once

#include <cstdint>
#include <vector>

#include "buffer.hpp"
#include "image.hpp"
#include "resample.hpp"
#include "status.hpp"

namespace imagefeed {

struct LevelsResize {
    Region box;         // what of the picture becomes the whole result
    int width, height;  // of the result
    Interpolation interpolation;
};

struct LevelsResizeMemory {
    AxisWeights x, y;
    std::vector<std::int32_t> weights, sums;
    Buffer half, full;
};

// `in` is gray8 or color8x4, all of it in memory; `out` points into `memory`, or is `in` where nothing changes.
Status resize_levels(const Picture& in, const LevelsResize& resize, LevelsResizeMemory& memory, Picture& out);

}  // namespace imagefeed
