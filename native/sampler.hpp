// The rows of one warp's result: the separable way for matrices without rotation, four neighbours for all others.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "buffer.hpp"
#include "image.hpp"
#include "kernels.hpp"
#include "resample.hpp"
#include "status.hpp"

namespace imagefeed {

// One record's warp. The matrix maps output to input, in continuous coordinates (a pixel's centre is at one half).
struct Warp {
    double matrix[9];
    int height, width;
    Interpolation interpolation;
    Border border;
    bool antialias;
    bool indexed;  // six values of `matrix` that mean what indexed.hpp says
    float fill[kMaxChannels];
};

inline bool is_aligned(const double* m) { return m[1] == 0 && m[3] == 0 && m[6] == 0 && m[7] == 0 && m[8] == 1; }

// Produces the rows of a separable resampling: vertical sums first, since they run over whole rows.
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
    void layout_row();
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
    // A row of sums is laid out from column row_first_ on. Columns [sum_first_, sum_first_ + sum_count_) are summed;
    // those of [x.lowest, x.highest) outside come from the border, or are held to what is in memory.
    int row_first_, sum_first_, sum_count_;
    float* row_;
    float* resampled_;
    // Kernels that overshoot are clipped after both axes, so that the order of the axes matters; it is Pillow's.
    bool clips_;
    float* resized_rows_ = nullptr;  // every row in memory, resampled along x: where rows come first
};

// Whatever a warp needs between records.
struct SamplerMemory {
    SeparableRows::Memory separable;
    Buffer shrunk;
};

// The rows of a warp's result, whatever its matrix.
class Sampler {
public:
    static Status prepare(const Picture& in, const Warp& warp, SamplerMemory& memory, Picture& shrunk);

    Sampler(const Picture& in, const Warp& warp, SamplerMemory& memory, const Picture& shrunk);
    void row(int y, Planes out);

private:
    const Warp& warp_;
    Picture source_;    // what the general way samples
    double matrix_[9];  // and by which matrix, in its coordinates
    std::optional<SeparableRows> separable_;  // the aligned way
};

}  // namespace imagefeed
