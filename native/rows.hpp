// A picture's rows in the forms that work goes on in.
#pragma once

#include "buffer.hpp"
#include "image.hpp"
#include "kernels.hpp"
#include "warp.hpp"

namespace imagefeed {

// Makes room for the pixels of a region that is decoded, as four bytes each or as levels of gray, with `margin` around them.
std::uint8_t* begin_pixels(bool color, const Region& region, const Margin& margin, Buffer& memory, Picture& picture);

// Row y of the picture (counted from what is held) as planes of floats.
void plain_row(const Picture& in, int y, Planes out);

// The held part as packed levels, rounded where it is floats. The picture itself, where it is that already.
Picture to_levels(const Picture& in, Buffer& memory, Buffer& row);

// The held part as planes of floats with `margin` more pixels to the left and right of every row, reflected.
Picture to_planes(const Picture& in, int margin, Buffer& memory);

// The held part in a form that warps sample: everything but packed levels as it is.
Picture to_samples(const Picture& in, Buffer& memory);

}  // namespace imagefeed
