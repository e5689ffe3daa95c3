#include "levels_resize.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "kernels.hpp"

namespace imagefeed {
namespace {

// Pillow's fixed point: weights of 22 bits, which leave two bits of a 32-bit sum of eight-bit samples for overshoot.
constexpr int kBits = 22;

std::uint8_t to_level(std::int32_t sum) { return static_cast<std::uint8_t>(std::clamp(sum >> kBits, 0, 255)); }

void quantize(const AxisWeights& axis, std::vector<std::int32_t>& weights) {
    weights.resize(axis.exact.size());
    for (std::size_t i = 0; i < weights.size(); ++i)
        weights[i] = static_cast<std::int32_t>(std::lround(axis.exact[i] * (1 << kBits)));
}

// A picture of a new size in `memory`, with the rows and columns of `in` that were not resized.
Picture fresh(const Picture& in, int width, int height, Buffer& memory) {
    Picture out = in;
    out.width = width;
    out.height = height;
    out.held = {0, 0, width, height};
    const auto pitch = checked_product(static_cast<std::size_t>(round_up(width, kBlock)), static_cast<std::size_t>(channels_in_memory(in)));
    out.row_stride = static_cast<std::ptrdiff_t>(pitch);
    out.data = memory.reserve<std::uint8_t>(checked_product(pitch, static_cast<std::size_t>(height)));
    return out;
}

const std::uint8_t* row_of(const Picture& picture, int y) { return picture.data + y * picture.row_stride; }
std::uint8_t* row_of(Picture& picture, int y) { return const_cast<std::uint8_t*>(picture.data) + y * picture.row_stride; }

template <int Samples_>
void resize_row(const std::uint8_t* in, const AxisWeights& x, const std::int32_t* weights, std::uint8_t* out) {
    for (int i = 0; i < x.count(); ++i, weights += x.taps, out += Samples_) {
        const std::uint8_t* pixel = in + Samples_ * (x.lowest + x.first[static_cast<std::size_t>(i)]);
        std::int32_t sum[Samples_];
        std::fill(sum, sum + Samples_, 1 << (kBits - 1));
        for (int k = 0, taps = x.taps_used(i); k < taps; ++k, pixel += Samples_)
            for (int c = 0; c < Samples_; ++c) sum[c] += pixel[c] * weights[k];
        for (int c = 0; c < Samples_; ++c) out[c] = to_level(sum[c]);
    }
}

Picture resize_columns(const Picture& in, LevelsResizeMemory& memory, Buffer& buffer) {
    Picture out = fresh(in, memory.x.count(), in.height, buffer);
    quantize(memory.x, memory.weights);
    const auto resize = in.samples == Samples::gray8 ? resize_row<1> : resize_row<4>;
    for (int y = 0; y < in.height; ++y) resize(row_of(in, y), memory.x, memory.weights.data(), row_of(out, y));
    return out;
}

Picture resize_rows(const Picture& in, LevelsResizeMemory& memory, Buffer& buffer) {
    const AxisWeights& axis = memory.y;
    Picture out = fresh(in, in.width, axis.count(), buffer);
    quantize(axis, memory.weights);
    const auto samples = static_cast<std::size_t>(in.width * channels_in_memory(in));
    memory.sums.resize(samples);
    for (int y = 0; y < axis.count(); ++y) {
        const std::int32_t* const weights = memory.weights.data() + static_cast<std::ptrdiff_t>(y) * axis.taps;
        std::fill(memory.sums.begin(), memory.sums.end(), 1 << (kBits - 1));
        for (int k = 0; k < axis.taps_used(y); ++k) {
            const std::uint8_t* const row = row_of(in, axis.lowest + axis.first[static_cast<std::size_t>(y)] + k);
            for (std::size_t i = 0; i < samples; ++i) memory.sums[i] += row[i] * weights[k];
        }
        std::uint8_t* const to = row_of(out, y);
        for (std::size_t i = 0; i < samples; ++i) to[i] = to_level(memory.sums[i]);
    }
    return out;
}

// Pillow 13, as observed: the vertical sums come first where they drop far more rows than the others drop columns.
// Earlier versions always end with them; the rounding in between then differs.
// It goes by the size of the whole picture, also where only a box of it is resized.
bool vertical_first(const Picture& in, int width, int height) {
    return in.height > height && in.height - height > 2 * (in.width - width);
}

// The index that each output reads. The place is stepped by addition, whose rounding decides where it falls on an edge.
std::vector<int> nearest(double begin, double end, int count, int size) {
    const double step = (end - begin) / count;
    double at = begin + step * 0.5;
    std::vector<int> indices(static_cast<std::size_t>(count));
    for (int& index : indices) {
        index = std::clamp(static_cast<int>(at), 0, size - 1);
        at += step;
    }
    return indices;
}

Picture pick(const Picture& in, const LevelsResize& resize, LevelsResizeMemory& memory) {
    Picture out = fresh(in, resize.width, resize.height, memory.full);
    const std::vector<int> rows = nearest(resize.box.y0, resize.box.y1, resize.height, in.height);
    const std::vector<int> columns = nearest(resize.box.x0, resize.box.x1, resize.width, in.width);
    for (int y = 0; y < resize.height; ++y) {
        const std::uint8_t* const from = row_of(in, rows[static_cast<std::size_t>(y)]);
        std::uint8_t* to = row_of(out, y);
        if (in.samples == Samples::gray8) {
            for (const int x : columns) *to++ = from[x];
        } else {
            for (const int x : columns) std::memcpy(to, from + 4 * x, 4), to += 4;
        }
    }
    return out;
}

}  // namespace

Status resize_levels(const Picture& in, const LevelsResize& resize, LevelsResizeMemory& memory, Picture& out) {
    const Region& box = resize.box;
    const bool along_x = resize.width != box.width() || resize.width != in.width;
    const bool along_y = resize.height != box.height() || resize.height != in.height;
    out = in;
    if (!along_x && !along_y) return Status::ok();
    if (in.samples == Samples::planar_f32) return Status::fail(Fault::plan, "only eight-bit gray and color are resized in levels");
    if (resize.interpolation == Interpolation::nearest) {
        out = pick(in, resize, memory);
        return Status::ok();
    }
    memory.x.keeps_exact = memory.y.keeps_exact = true;
    const double sx = static_cast<double>(box.width()) / resize.width, sy = static_cast<double>(box.height()) / resize.height;
    if (!make_axis_weights({sx, static_cast<double>(box.x0), 0, resize.width, in.width}, resize.interpolation, true, true, memory.x) ||
        !make_axis_weights({sy, static_cast<double>(box.y0), 0, resize.height, in.height}, resize.interpolation, true, true, memory.y))
        return Status::fail(Fault::plan, "the picture shrinks beyond any use");
    const bool y_first = vertical_first(in, resize.width, resize.height);
    if (along_x && !y_first) out = resize_columns(out, memory, memory.half);
    if (along_y) out = resize_rows(out, memory, memory.full);
    if (along_x && y_first) out = resize_columns(out, memory, memory.half);
    return Status::ok();
}

}  // namespace imagefeed
