// The rows of a separable resampling of eight-bit color, in fixed point: the common case, and the fast one.
#pragma once

#include <cstdint>
#include <vector>

#include "buffer.hpp"
#include "resample.hpp"
#include "warp.hpp"

namespace imagefeed {

class FixedRows {
public:
    struct Memory {
        std::vector<std::int16_t> y_weights;  // as the rows of the float ones
        std::vector<int> first_pair;
        Buffer x_weights, row, fill_row, pixels;
        std::vector<const std::uint8_t*> rows;
    };

    // Whether this way is for such a picture and such a warp; kernels that overshoot need another.
    static bool fits(const Picture& in, const Warp& warp);

    FixedRows(const Picture& in, const Warp& warp, const AxisWeights& x, const AxisWeights& y, Memory& memory);

    // Row y (counted from the first that the weights are for) as interleaved pixels of four floats.
    const float* interleaved(int y);
    // The same, but of a picture without a border and only some of its pixels; the others are whatever they are.
    const float* interleaved(int y, const Span& wanted);

private:
    void sum_rows(int y, int first, int last);
    void quantize_x();
    void fill_columns(int first, int last);
    void copy_pixel(int from, int to);
    std::int16_t& sample(int column, int channel) const;
    const std::uint8_t* fill_row();

    const Picture& in_;
    const Warp& warp_;
    const AxisWeights &x_, &y_;
    Memory& memory_;
    SummedColumns columns_;
    int pairs_ = 0;  // of taps of an output pixel
    std::int16_t* row_;
    const std::int16_t* x_weights_;
    float* pixels_;
};

}  // namespace imagefeed
