// The inner loops, as a table of functions: one table for every instruction set that was compiled in. All
// tables compute the same numbers, bit for bit: kernels.inl is written once over a vector type, products and
// sums are never contracted, and the portable table (vectors of one lane) is the definition.
#pragma once

#include <cstddef>
#include <cstdint>

#include "image.hpp"
#include "inflate.hpp"
#include "scan.hpp"

namespace imagefeed {

enum class Border : int { none, constant, replicate, reflect, wrap };
enum class Dtype : int { uint8, float16, float32, bfloat16 };
enum class BFloat16 : std::uint16_t {};

constexpr int kMaxChannels = 32;
// A tile of sums of products of bytes.
constexpr int kProductRows = 8, kProductColumns = 48;
// Work proceeds in blocks of this many pixels in every table, since rounding depends on the block's origin.
constexpr int kBlock = 16;

inline int round_up(int value, int multiple) { return (value + multiple - 1) / multiple * multiple; }

// Where the pixels of one output row lie in the source: pixel k at (x + k dx, y + k dy) / (w + k dw), in index
// coordinates (the centre of the first pixel is 0; for nearest sampling, its corner is 0).
struct RowPath {
    double x, y, w;
    double dx, dy, dw;
    bool perspective;
};

// One row of working pixels: a float plane per channel, each padded to whole blocks.
struct Planes {
    float* data;
    std::ptrdiff_t stride;  // floats between planes; negative where they are seen in reverse order

    float* channel(int c) const { return data + c * stride; }
};

// What the random numbers of one channel of a row depend on.
struct NoiseKey {
    std::uint32_t seed0, seed1;
    std::int32_t row, channel;
};

// By how much the places that a row reads lie beside its own pixels, in index coordinates; whole blocks.
struct FieldRow {
    const float *x, *y;
    int line;
};

// A row of a grid of cells that is turned by any angle. Two places run along it, in cells / 2**24; painted is where both
// lie in the first `share` of a cell. Whole numbers, so that every instruction set paints the same pixels.
constexpr std::int32_t kGridCell = 1 << 24;
struct GridRow {
    std::int32_t start[2], step[2], share;
};

// A row of a JPEG before its colors are made: luma, and of both chroma the rows of half its width that lie nearest and next to
// it. Up to 63 bytes past their ends are read.
struct ColorRow {
    const std::uint8_t* luma;
    const std::uint8_t* near[2];
    const std::uint8_t* far[2];
};

// What a step of color makes of a pixel's three levels: matrix (3 x 4) times (red, green, blue, 1), clipped. Where it is
// diagonal, the rest of the matrix is not looked at.
struct ColorStep {
    const float *matrix, *low, *high;
    bool diagonal;
};

struct Kernels {
    const char* name;

    // Decoding: the bits of one MCU of a JPEG; see entropy.hpp. False at the first fault.
    bool (*scan_mcu)(Scan& scan, std::int16_t* const* blocks);
    // One MCU of each of two scans, of which all is wanted; the scans have the same blocks.
    bool (*scan_two_mcus)(Scan& one, std::int16_t* const* blocks_of_one, Scan& two, std::int16_t* const* blocks_of_two);
    // The samples of a block of coefficients, or false; see inverse.hpp. Null where libjpeg's own does as well.
    bool (*inverse_dct)(const std::int16_t* coefficients, const std::uint16_t* divisors, std::uint8_t* const* rows, std::size_t column);
    // `count` pixels of four bytes; see mcu_rows.hpp. Null where inverse_dct is.
    void (*color_row)(const ColorRow& row, int count, std::uint8_t* out);

    // The coded symbols of a PNG's data up to the end of a block, or to a limit; and a row of it. See inflate.hpp, unfilter.inl.
    InflateStop (*inflate_codes)(InflateState& state);
    void (*unfilter)(int filter, int step, const std::uint8_t* in, const std::uint8_t* above, int count, std::uint8_t* out);

    // Sampling one row of a warp.
    void (*warp_bilinear)(const Picture&, const RowPath&, Border, const float* fill, int count, Planes out);
    void (*warp_nearest)(const Picture&, const RowPath&, Border, const float* fill, int count, Planes out);

    // Separable resampling. `vertical_*`: out[i] = sum_k weights[k] * rows[k][i]. `horizontal_x4`: one row of
    // interleaved float pixels to another; pixel i sums `taps` (a multiple of four) pixels from first[i] on.
    void (*vertical_u8)(const std::uint8_t* const* rows, const float* weights, int taps, int count, float* out);
    void (*vertical_f32)(const float* const* rows, const float* weights, int taps, int count, float* out);
    void (*horizontal_x4)(const float* in, const int* first, const float* weights, int taps, int count, float* out);
    // The same for eight-bit color in fixed point (see fixed.hpp): rows of bytes to a row of pairs, and that to pixels.
    // `first` counts pairs; the weights of a pixel are `pairs` times eight numbers.
    void (*vertical_fixed)(const std::uint8_t* const* rows, const std::int16_t* weights, int taps, int count, std::int16_t* out);
    void (*horizontal_fixed)(const std::int16_t* in, const int* first, const std::int16_t* weights, int pairs, int count, float* out);
    void (*horizontal_x1)(const float* in, const int* first, const float* weights, int taps, int count, float* out);

    // Changes of form. Counts are pixels.
    void (*x4_to_planes)(const float* in, int count, Planes out);
    void (*u8x4_to_planes)(const std::uint8_t* in, int count, Planes out);
    void (*round_to_u8)(const float* in, int values, std::uint8_t* out);
    void (*round_to_fine)(const float* in, int values, std::int16_t* out);  // of Samples::fine16x4
    void (*rgb_to_x4)(const std::uint8_t* in, int count, std::uint8_t* out);

    // Color. `mix_rgb`: a chain of steps on packed pixels, which are rounded at its end only. The others are in place.
    void (*mix_rgb)(const std::uint8_t* in, const ColorStep* steps, int step_count, int count, std::uint8_t* out);
    void (*color_matrix)(Planes pixels, const float* matrix, const float* low, const float* high, int count);
    void (*color_scale)(float* plane, float scale, float bias, float low, float high, int count);
    void (*lut)(float* plane, const float* table, int count);

    // plane[i] * scale[i] + bias[i], in place.
    void (*scale_each)(float* plane, const float* scale, const float* bias, int count);
    // out += in * matrix, for `count` rows of `in` (of `rows` values) and of `out` (of `columns`), all without gaps.
    void (*multiply_rows)(const float* in, std::size_t count, const float* matrix, std::size_t rows, std::size_t columns, float* out);

    // The end of every record: scale, bias, dtype. `store_plane` writes one plane, `store_rgb` three interleaved, and
    // `store_x4` interleaved pixels of four floats without the fourth, of which a whole vector of pixels can be read.
    void (*store_plane)(const float* plane, float scale, float bias, Dtype dtype, int count, void* out);
    void (*store_rgb)(Planes pixels, const float* scale, const float* bias, Dtype dtype, int count, void* out);
    void (*store_x4)(const float* pixels, const float* scale, const float* bias, Dtype dtype, int count, void* out);
    // After the last store of a record, before another thread may look at it.
    void (*publish)();

    // Effects, in place. `hue` is in sixths of a turn, from 0 to 6; saturation and value are a power and a factor.
    void (*hsv)(Planes pixels, float hue, const float* saturation, const float* value, int count);
    void (*value_curve)(float* plane, const float* value, int count);
    // Rows of random numbers, and what they do to a row of pixels.
    void (*normal_row)(const NoiseKey&, int count, float* out);
    void (*uniform_row)(const NoiseKey&, int count, float* out);
    void (*grid_row)(const GridRow&, int count, float* out);  // 1 where it is painted, or 0
    void (*add_gaussian)(float* plane, const float* normal, float deviation, int count);
    void (*add_poisson)(float* plane, const float* normal, float photons, int count);
    void (*add_impulses)(float* plane, const float* uniform, float share, int count);

    // Levels, packed as they are stored. Tables are 256 levels each; counts are pixels, or samples for `lookup`.
    void (*rgb_to_planes)(const std::uint8_t* in, int count, Planes out);
    void (*u8_to_f32)(const std::uint8_t* in, int count, float* out);
    void (*copy_bytes)(const std::uint8_t* in, int count, std::uint8_t* out);
    void (*copy_rows)(const std::uint8_t* in, std::ptrdiff_t stride, int bytes, int rows, std::uint8_t* out);
    void (*lookup)(const std::uint8_t* in, const std::uint8_t* table, int count, std::uint8_t* out);
    void (*lookup_rgb)(const std::uint8_t* in, const std::uint8_t* tables, int count, std::uint8_t* out);
    void (*reverse_rgb)(const std::uint8_t* in, int count, std::uint8_t* out);
    // Of each sample and those `step` samples apart on `side` rows, side of them from rows[k] on; side is 3, 5 or 7. Reads
    // and writes up to 63 samples past `count`.
    void (*median)(const std::uint8_t* const* rows, int side, int step, int count, std::uint8_t* out);
    // As warp_bilinear and warp_nearest, at any places.
    void (*remap)(const Picture&, const FieldRow&, bool bilinear, Border, const float* fill, int count, Planes out);

    // A tile out[row][column]: sums over pictures of levels - 128 times levels. For each four pictures, `rows` and `columns`
    // hold four bytes a row or column of the tile.
    void (*byte_products)(const std::uint8_t* rows, const std::uint8_t* columns, int quads, std::int32_t* out);
};

const Kernels& portable_kernels();
#if defined(IMAGEFEED_X86)
const Kernels& avx2_kernels();
const Kernels& avx512_kernels();
#endif

// The best table for this processor, or the one named by IMAGEFEED_SIMD (portable, avx2, avx512). Chosen once.
const Kernels& kernels();
// Switches the table; for tests. False where this processor or build has no such table.
bool select_kernels(const char* name);

}  // namespace imagefeed
