// The rows of one warp's result: the separable way for matrices without rotation, four neighbours for all others.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "buffer.hpp"
#include "fixed_rows.hpp"
#include "status.hpp"
#include "warp.hpp"

namespace imagefeed {

// Produces the rows of a separable resampling of any picture, in floats.
class SeparableRows {
public:
    struct Memory {
        AxisWeights x, y;
        Buffer row, resampled, resized_rows, fill_row;
        std::vector<const std::uint8_t*> rows;
    };

    // Outputs [x_map.begin, x_map.end) x [y_map.begin, y_map.end).
    static Status prepare(const Picture& in, const AxisMap& x_map, const AxisMap& y_map, const Warp& warp, Memory& memory);

    SeparableRows(const Picture& in, const Warp& warp, Memory& memory);

    // Row y (counted from y_map.begin) as planes, or as interleaved pixels of four floats (color8x4 only).
    void planes(int y, Planes out);
    const float* interleaved(int y);

private:
    void sum_rows(int y, int channel);
    void sum_into_row(const std::uint8_t* const* rows, const float* weights, int taps);
    const std::uint8_t* held_row(int y, int channel) const;
    const std::uint8_t* fill_row(int channel);
    const float* with_border_columns(int channel);
    void fill_columns(int first, int last, int channel);
    const float* resample_columns(const float* row, float* out);
    void resize_all_rows();
    const float* sum_resized(int y, int channel);
    const float* line(int y, int channel);
    void clip(float* row, int columns) const;

    const Picture& in_;
    const Warp& warp_;
    Memory& memory_;
    int pixel_samples_;     // interleaved samples of a pixel in memory
    SummedColumns columns_;
    float* row_;
    float* resampled_;
    // Kernels that overshoot are clipped after both axes, so that the order of the axes matters; it is Pillow's.
    bool clips_;
    float* resized_rows_ = nullptr;  // every row in memory, resampled along x: where rows come first
};

// Whatever a warp needs between records.
struct SamplerMemory {
    SeparableRows::Memory separable;
    FixedRows::Memory fixed;
    Buffer shrunk;
    std::vector<Span> needed;  // of each shrunk row, the columns
};

// The rows of a warp's result, whatever its matrix.
class Sampler {
public:
    static Status prepare(const Picture& in, const Warp& warp, SamplerMemory& memory, Picture& shrunk);

    Sampler(const Picture& in, const Warp& warp, SamplerMemory& memory, const Picture& shrunk);
    void row(int y, Planes out);
    // The same as interleaved pixels of four floats, with room for a whole block; null where rows are not made in this way.
    const float* interleaved(int y) { return fixed_ ? fixed_->interleaved(y) : nullptr; }
    // Whether row y is the one before it once more.
    bool repeats(int y) const { return picks_ && y > 0 && rows_->first[static_cast<std::size_t>(y)] == rows_->first[static_cast<std::size_t>(y - 1)]; }

private:
    const Warp& warp_;
    Picture source_;    // what the general way samples
    double matrix_[9];  // and by which matrix, in its coordinates
    // The aligned way: one of these.
    std::optional<FixedRows> fixed_;
    std::optional<SeparableRows> separable_;
    bool moves_ = false;  // or whole pixels, unchanged
    int move_x_ = 0, move_y_ = 0;
    // Or single pixels of planes, all of them held.
    bool picks_ = false;
    const AxisWeights *rows_ = nullptr, *columns_ = nullptr;
};

}  // namespace imagefeed
