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
    // Always for the same two axes, whose weights are made whole numbers when they change.
    struct Memory {
        std::uint64_t x_version = 0, y_version = 0;
        int x_origin = 0, pairs = 0;
        std::vector<std::int16_t> y_weights;  // as the rows of the float ones
        std::vector<int> first_pair;
        Buffer x_weights, row, fill_row, pixels, ring;
        std::vector<const std::uint8_t*> rows;
        std::vector<int> in_ring;  // which row each place of the ring holds; -1 for none
    };

    // Whether this way is for axes that shrink so much: rounding a weight costs a thousandth of a level, and what many weights
    // cost adds up as the root of their number.
    static bool fits(double shrink_x, double shrink_y);
    // And for such a warp, of eight-bit color: kernels that overshoot need another.
    static bool fits(const Warp& warp);
    // And for such a picture. Of packed color, only the rows that are read get four bytes a pixel, and only while they are.
    static bool fits(const Picture& in, const Warp& warp);

    FixedRows(const Picture& in, const Warp& warp, const AxisWeights& x, const AxisWeights& y, Memory& memory);

    // Row y (counted from the first that the weights are for) as interleaved pixels of four floats.
    const float* interleaved(int y);
    // The same, but of a picture without a border and only some of its pixels; the others are whatever they are.
    const float* interleaved(int y, const Span& wanted);

private:
    void sum_rows(int y, int first, int last);
    void quantize_x();
    void quantize_y();
    void fill_columns(int first, int last);
    std::int16_t& sample(int column, int channel) const;
    const std::uint8_t* fill_row();
    void prepare_ring();
    const std::uint8_t* held_row(int held);
    void prefetch_rows(int y) const;

    const Picture& in_;
    const Warp& warp_;
    const AxisWeights &x_, &y_;
    Memory& memory_;
    SummedColumns columns_;
    int pairs_ = 0;  // of taps of an output pixel
    std::uint8_t* ring_ = nullptr;  // of packed color: its last rows, with four bytes a pixel
    std::size_t ring_pitch_ = 0;
    std::int16_t* row_;
    const std::int16_t* x_weights_;
    float* pixels_;
};

}  // namespace imagefeed
