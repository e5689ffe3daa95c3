// The products of every two values of many pictures of bytes, summed over the pictures.
#pragma once

#include <cstddef>
#include <cstdint>

namespace imagefeed {

// Pictures, (count, values), and what is done to their values: times `scale`, less `mean`, (values,).
struct BytePictures {
    const std::uint8_t* data;
    std::size_t count, values;
    double scale;
    const double* mean;
};

// Adds the sums of the products of every two values to the lower triangle of `out`, (values, values). Sums of products of
// bytes are whole numbers, exact; scale and mean come last. The rows of `out` are dealt out in panels, of which only those
// of one turn of `turns` are done.
void add_byte_products(const BytePictures& pictures, double* out, std::size_t turn, std::size_t turns);

}  // namespace imagefeed
