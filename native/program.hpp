// What is to be done to a group of records, in native words: plain values, made by Python and only read by the renderer.
#pragma once

#include <cstdint>
#include <vector>

#include "kernels.hpp"
#include "resample.hpp"

namespace imagefeed {

// An array with a row for every record, or one row that all share.
template <class T>
struct Rows {
    const T* data = nullptr;
    std::size_t stride = 0;  // 0 where shared

    const T* at(std::size_t row) const { return data + row * stride; }
};

// The records that something is done to; null: all.
struct Active {
    Rows<std::uint8_t> rows;

    bool operator()(std::size_t row) const { return rows.data == nullptr || *rows.at(row) != 0; }
};

struct WarpSpec {
    Rows<double> matrix;        // 9
    Rows<std::int64_t> size;    // height, width
    Interpolation interpolation;
    Border border;
    bool antialias;
    bool indexed = false;       // the matrix is SciPy's: see indexed.hpp; six values
    bool exact = false;         // and sampled in double precision
    float fill[kMaxChannels];
    float level_fill[kMaxChannels];  // the same for a picture of bytes, which goes on in whole levels beyond its border
};

// Before the first pass: a resize in eight bits, see levels_resize.hpp.
struct LevelsResizeSpec {
    Rows<std::int64_t> box;     // y0, x0, y1, x1; within the picture
    Rows<std::int64_t> size;    // height, width; null data: no such resize
    Interpolation interpolation = Interpolation::nearest;
};

// Work on rows of pixels, one after another: on each pixel by itself, or by its place.
struct PointSpec {
    enum class Kind { color_matrix, scale, lut, hsv, noise, erase, grid } kind;
    enum class Noise : int { gaussian, poisson, impulse };
    Active active;
    Rows<float> matrix;         // 3 x 4
    Rows<float> low, high;      // 3
    Rows<std::uint8_t> table;   // 256 x table_channels
    int table_channels = 1;
    Rows<float> hue;                // in turns
    Rows<float> saturation, value;  // a power and a factor
    Noise noise = Noise::gaussian;
    Rows<std::int64_t> seed;
    Rows<float> strength;
    bool shared = false;        // the channels share the noise
    Rows<std::int64_t> boxes;   // erase: box_count x (y0, x0, y1, x1)
    int box_count = 0;
    Rows<std::int64_t> lines;   // grid: twice a start, and the steps of a row and of a column, in cells / 2**24
    Rows<std::int64_t> share;   // grid: how much of a cell is painted, likewise
    bool random_fill = false;
    float fill = 0;
};

// Work on a whole picture, which a pass may begin with in place of a warp.
struct HeadSpec {
    enum class Kind { none, remap, filter, median, histogram, clahe, jpeg, fork, join } kind = Kind::none;
    Active active;
    Rows<float> values;           // remap: field; filter: kernel; histogram: cutoff; clahe: limit; fork and join: weights
    Rows<std::int64_t> numbers;   // median: side; jpeg: quality
    int rows = 0, columns = 0;    // of the field, the kernel, or the tiles
    bool smooth = false;          // remap
    bool separable = false;       // filter
    bool equalize = false;        // histogram
    int branch = 0;               // join: which of the weights is its own
    bool last = false;            // join: the sum goes on, and not the picture once more
    Interpolation interpolation = Interpolation::bilinear;
    Border border = Border::reflect;
    float fill = 0;
};

// At most one warp or head, then work on its rows.
struct PassSpec {
    bool has_warp = false;
    WarpSpec warp;
    HeadSpec head;
    std::vector<PointSpec> points;
};

enum class Layout : int { nhwc, nchw };

// A scale and a bias for every value: planes of height x width, one for each channel or one for all.
struct EachSpec {
    const float* scale = nullptr;  // null: none
    const float* bias = nullptr;
    int channels = 0, height = 0, width = 0;
};

struct StoreSpec {
    Dtype dtype = Dtype::uint8;
    Layout layout = Layout::nhwc;
    float scale[kMaxChannels];
    float bias[kMaxChannels];
    bool reverse = false;  // of three channels, the last comes first; scale and bias are in the order that is stored
    EachSpec each;         // before that, in the order of the picture
};

// A linear map of all values of a picture: rest * v + (v analysis) synthesis. Pictures go through it in groups, each of
// which reads the matrices once.
struct WhitenSpec {
    const float* analysis = nullptr;   // values x rank; null: none
    const float* synthesis = nullptr;  // rank x values; null: v analysis itself, then zeros
    std::size_t values = 0, rank = 0;
    float rest = 0.0f;
    StoreSpec store;                   // of the result
};
constexpr std::size_t kWhitenedTogether = 8;

struct Program {
    LevelsResizeSpec resize;
    std::vector<PassSpec> passes;
    Rows<std::int64_t> region;       // y0, x0, y1, x1 of the first pass's source at full size; null: all of it
    Rows<std::int64_t> denominator;  // 1, 2, 4 or 8; null: 1
    bool color = true;               // JPEGs become RGB, or else gray
    bool weigh_gray = false;         // and their RGB is then weighed to gray, as Pillow does it
    StoreSpec store;                 // before a whitening: of what goes into it
    WhitenSpec whiten;

    const StoreSpec& final_store() const { return whiten.analysis != nullptr ? whiten.store : store; }
};

// Where one record's pixels go: `height` x `width` x `channels`.
struct Slot {
    void* data = nullptr;
    int height = 0, width = 0, channels = 0;
    std::size_t row_bytes = 0;  // from row to row of a part of a larger picture, channels last; 0: rows are packed
};

}  // namespace imagefeed
