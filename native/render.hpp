// Runs the plan of one record, end to end: decode the region, sample, color, store into the slot of the batch.
#pragma once

#include <cstdint>
#include <vector>

#include "buffer.hpp"
#include "jpeg.hpp"
#include "kernels.hpp"
#include "levels_resize.hpp"
#include "record.hpp"
#include "sampler.hpp"
#include "status.hpp"

namespace imagefeed {

// An array with a row for every record, or one row that all share.
template <class T>
struct Rows {
    const T* data = nullptr;
    std::size_t stride = 0;  // 0 where shared

    const T* at(std::size_t row) const { return data + row * stride; }
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
};

// Before the first pass: a resize in eight bits, see levels_resize.hpp.
struct LevelsResizeSpec {
    Rows<std::int64_t> box;     // y0, x0, y1, x1; within the picture
    Rows<std::int64_t> size;    // height, width; null data: no such resize
    Interpolation interpolation = Interpolation::nearest;
};

struct PointSpec {
    enum class Kind { color_matrix, scale, lut } kind;
    Rows<float> matrix;         // 3 x 4, or of a scale its diagonal and last column
    Rows<float> low, high;      // 3
    Rows<std::uint8_t> table;   // 256 x table_channels
    int table_channels = 1;
};

// At most one warp, then pointwise work on its rows.
struct PassSpec {
    bool has_warp = false;
    WarpSpec warp;
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
};

// What one worker keeps from record to record.
class Renderer {
public:
    Status render(const Record& record, const Program& program, std::size_t row, const Slot& slot);
    // Whitens `count` rendered pictures, one after another in `rows`, into their slots.
    void whiten(const float* rows, std::size_t count, const Program& program, const Slot* slots);
    JpegDecoder& decoder() { return decoder_; }

    std::int64_t decode_nanoseconds = 0;  // of the last record

private:
    Status load(const Record& record, const Program& program, std::size_t row, Picture& picture, int& denominator);
    Status resize(const LevelsResizeSpec& spec, std::size_t row, Picture& picture);
    Status load_array(const ArrayView& array, const Region& region, const Margin& margin, Picture& picture);
    Status run_pass(const Picture& in, const PassSpec& pass, std::size_t row, int denominator, const Program& program,
                    const Slot* slot, Picture& out, Buffer& memory);
    Status check_slot(int height, int width, int channels, const Slot& slot) const;
    void store_row(Planes pixels, int y, const StoreSpec& store, const Slot& slot);

    JpegDecoder decoder_;
    SamplerMemory sampler_;
    LevelsResizeMemory levels_;
    Buffer decoded_, oriented_, gray_, planes_, packed_, table_, whitened_;
    Buffer intermediate_[2];
};

}  // namespace imagefeed
