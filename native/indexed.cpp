#include "indexed.hpp"

#include <algorithm>
#include <cmath>

#include "resample.hpp"

namespace imagefeed {
namespace {

// One coordinate of a row's pixels.
struct Line {
    double along, step, offset;  // (y times its factor), the factor of k, the rest

    double at(int k) const { return (along + k * step) + offset; }
};

// The first k of [0, count) from which on `test` holds; it must not cease to hold.
template <class Test>
int first_where(int count, Test test) {
    int low = 0, high = count;
    while (low < high) {
        const int middle = (low + high) / 2;
        if (test(middle)) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return low;
}

// The pixels whose coordinate lies in [0, size - 1]: a line is monotonic, rounded or not.
Span inside(const Line& line, int size, int count) {
    const double last = size - 1;
    if (line.step >= 0) {
        return {first_where(count, [&](int k) { return line.at(k) >= 0; }), first_where(count, [&](int k) { return line.at(k) > last; })};
    }
    return {first_where(count, [&](int k) { return line.at(k) <= last; }), first_where(count, [&](int k) { return line.at(k) < 0; })};
}

void fill(const Warp& warp, int channels, Span span, Planes out) {
    for (int c = 0; c < channels; ++c) std::fill(out.channel(c) + span.begin, out.channel(c) + std::max(span.begin, span.end), warp.fill[c]);
}

// A coordinate as each border folds it into the picture; a constant one is kept, its outside is filled later.
double folded(double v, int size, Border border) {
    const double last = size - 1;
    switch (border) {
        case Border::wrap:
            if (size == 1) return 0;
            if (v < 0) return v + last * (std::floor(-v / last) + 1);
            return v > last ? v - last * std::floor(v / last) : v;
        case Border::reflect: {
            const double period = 2.0 * size, turned = v - period * std::floor((v + 0.5) / period);  // in [-1/2, period - 1/2)
            return turned > size - 0.5 ? period - 1 - turned : turned;
        }
        case Border::none:
        case Border::constant:
        case Border::replicate: break;
    }
    return std::clamp(v, 0.0, last);
}

float sample(const Picture& in, int x, int y, int channel) {
    const std::uint8_t* const row = in.data + (std::clamp(y, in.held.y0, in.held.y1 - 1) - in.held.y0) * in.row_stride;
    const int column = std::clamp(x, in.held.x0, in.held.x1 - 1) - in.held.x0;
    switch (in.samples) {
        case Samples::gray8: return row[column];
        case Samples::color8x4: return row[4 * column + channel];
        case Samples::levels8: return row[in.channels * column + channel];
        case Samples::fine16x4:
        case Samples::planar_f32: break;
    }
    return reinterpret_cast<const float*>(row + channel * in.plane_stride)[column];
}

struct Neighbors {
    int first, second;
    double share;  // of the second
};

Neighbors neighbors(double v, int size, Border border, bool linear) {
    const auto index = [&](double at) { return border_index(border == Border::reflect ? border : Border::replicate, static_cast<int>(at), size); };
    if (!linear) return {index(std::floor(v + 0.5)), 0, 0};
    const double first = std::floor(v);
    return {index(first), index(first + 1), v - first};
}

// One pixel at a time, in double precision: for sampling that jumps, where the last bit of a coordinate decides.
void exact_row(const Picture& in, const Warp& warp, const Line& rows, const Line& columns, Planes out) {
    const bool linear = warp.interpolation != Interpolation::nearest;
    for (int k = 0; k < warp.width; ++k) {
        const Neighbors y = neighbors(folded(rows.at(k), in.height, warp.border), in.height, warp.border, linear);
        const Neighbors x = neighbors(folded(columns.at(k), in.width, warp.border), in.width, warp.border, linear);
        for (int c = 0; c < in.channels; ++c) {
            double value = sample(in, x.first, y.first, c);
            if (linear) {
                const double bottom = sample(in, x.first, y.second, c);
                const double right = sample(in, x.second, y.first, c), corner = sample(in, x.second, y.second, c);
                value = (value * (1 - x.share) + right * x.share) * (1 - y.share) + (bottom * (1 - x.share) + corner * x.share) * y.share;
            }
            out.channel(c)[k] = static_cast<float>(value);
        }
    }
}

}  // namespace

void indexed_row(const Picture& in, const Warp& warp, int y, Planes out) {
    const double* const m = warp.matrix;
    const Line rows{m[0] * y, m[1], m[2]}, columns{m[3] * y, m[4], m[5]};
    if (warp.exact || warp.interpolation == Interpolation::nearest || warp.border == Border::wrap) {
        exact_row(in, warp, rows, columns, out);
    } else {
        const RowPath path{columns.at(0), rows.at(0), 1, m[4], m[1], 0, false};
        const Border border = warp.border == Border::constant ? Border::replicate : warp.border;
        kernels().warp_bilinear(in, path, border, warp.fill, warp.width, out);
    }
    if (warp.border != Border::constant) return;
    const Span a = inside(rows, in.height, warp.width), b = inside(columns, in.width, warp.width);
    const Span seen{std::max(a.begin, b.begin), std::min(a.end, b.end)};
    fill(warp, in.channels, {0, std::min(seen.begin, warp.width)}, out);
    fill(warp, in.channels, {std::max(seen.begin, seen.end), warp.width}, out);
}

}  // namespace imagefeed
