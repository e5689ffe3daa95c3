#include "warp.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <utility>
#include <vector>

namespace imagefeed {

SummedColumns summed_columns(const Picture& in, const AxisWeights& x, Border border) {
    SummedColumns columns{0, std::max(x.lowest, in.held.x0), std::min(x.highest, in.held.x1)};
    const auto is_summed = [&](int column) {
        const int source = border_index(border, column, in.width);
        return source < 0 || (source >= columns.first && source < columns.last);
    };
    bool enough = columns.first < columns.last;
    for (int column = x.lowest; enough && column < columns.first; ++column) enough = is_summed(column);
    for (int column = columns.last; enough && column < x.highest; ++column) enough = is_summed(column);
    if (!enough) {
        columns.first = in.held.x0;
        columns.last = in.held.x1;
    }
    columns.row_first = std::min(x.lowest, columns.first);
    return columns;
}

void shrink_factors(const Warp& warp, double& fx, double& fy) {
    const double* const m = warp.matrix;
    const double u = warp.width / 2.0, v = warp.height / 2.0;
    const double w = m[6] * u + m[7] * v + m[8];
    const double x = (m[0] * u + m[1] * v + m[2]) / w, y = (m[3] * u + m[4] * v + m[5]) / w;
    fx = std::hypot((m[0] - x * m[6]) / w, (m[1] - x * m[7]) / w);
    fy = std::hypot((m[3] - y * m[6]) / w, (m[4] - y * m[7]) / w);
    fx = std::isfinite(fx) ? std::max(1.0, fx) : 1.0;
    fy = std::isfinite(fy) ? std::max(1.0, fy) : 1.0;
}

int shrunk_size(int size, double factor) {
    return factor > 1.0 ? std::max(1, static_cast<int>(std::lrint(size / factor))) : size;
}

namespace {

// The first and the last place that a row or column of samples is read at: a sample reads the pixel it falls on or behind
// and the next one. Places are not computed to the last bit.
constexpr double kSlack = 0.01;
int first_read(double place) { return static_cast<int>(std::floor(place - kSlack)); }
int end_read(double place) { return static_cast<int>(std::floor(place + kSlack)) + 2; }

// Where an affine warp samples the corners of its output, in turn, in pixels from the centre of the first one. Rows are
// sampled in whole blocks. What else it samples lies between.
struct Corners {
    double x[4], y[4];
};

Corners corners(const Warp& warp) {
    const double* const m = warp.matrix;
    const double begin = warp.indexed ? 0.0 : 0.5;
    const double right = round_up(warp.width, kBlock) - 1 + begin, bottom = warp.height - 1 + begin;
    // An indexed matrix has rows first.
    const double *const to_x = warp.indexed ? m + 3 : m, *const to_y = warp.indexed ? m : m + 3;
    const int of_x = warp.indexed ? 1 : 0, of_y = 1 - of_x;
    Corners seen;
    for (int k = 0; k < 4; ++k) {
        const double u = k == 1 || k == 2 ? right : begin, v = k >= 2 ? bottom : begin;
        seen.x[k] = to_x[of_x] * u + to_x[of_y] * v + to_x[2] - begin;
        seen.y[k] = to_y[of_x] * u + to_y[of_y] * v + to_y[2] - begin;
    }
    return seen;
}

struct Span {
    int begin, end;
};

// The columns that are read of row `y`.
Span columns_read(const Corners& seen, int y) {
    const double above = y - 1 - kSlack, below = y + 1 + kSlack;
    double low = std::numeric_limits<double>::infinity(), high = -low;
    for (int k = 0; k < 4; ++k) {
        const int other = (k + 1) % 4;
        double x0 = seen.x[k], y0 = seen.y[k], x1 = seen.x[other], y1 = seen.y[other];
        if (y0 > y1) {
            std::swap(x0, x1);
            std::swap(y0, y1);
        }
        if (y1 < above || y0 > below) continue;
        // The part of the edge between the two.
        const double slope = y1 > y0 ? (x1 - x0) / (y1 - y0) : 0.0;
        const double from = y0 < above ? x0 + (above - y0) * slope : x0;
        const double to = y1 > below ? x0 + (below - y0) * slope : x1;
        low = std::min(low, std::min(from, to));
        high = std::max(high, std::max(from, to));
    }
    return low > high ? Span{0, 0} : Span{first_read(low), end_read(high)};
}

}  // namespace

Margin border_margin(const Warp& warp, int height, int width) {
    const double* const m = warp.matrix;
    if (warp.interpolation != Interpolation::bilinear) return {};
    if (warp.indexed ? warp.exact || warp.border == Border::wrap : is_aligned(m) || m[6] != 0 || m[7] != 0 || m[8] != 1) return {};
    if (warp.antialias) {
        double fx, fy;
        shrink_factors(warp, fx, fy);
        if (shrunk_size(width, fx) != width || shrunk_size(height, fy) != height) return {};
    }
    const Corners seen = corners(warp);
    const auto before = [](double from, int size) { return from < -size || !(from < size) ? -1 : std::max(0, -first_read(from)); };
    const auto after = [](double to, int size) { return to > 2 * size - 3 || !(to > -size) ? -1 : std::max(0, end_read(to) - size); };
    const auto [left, right] = std::minmax_element(seen.x, seen.x + 4);
    const auto [top, bottom] = std::minmax_element(seen.y, seen.y + 4);
    const Margin margin{before(*left, width), before(*top, height), after(*right, width), after(*bottom, height)};
    if (margin.left < 0 || margin.top < 0 || margin.right < 0 || margin.bottom < 0) return {};
    return margin;
}

void lay_border(Picture& picture, const Margin& margin, const Warp& warp) {
    const Region held = picture.held;
    // An indexed warp fills what lies outside by itself, and blends nothing of it with the edge.
    const Border border = warp.indexed && warp.border == Border::constant ? Border::replicate : warp.border;
    Region all = held;
    // Where the held part does not reach the picture's edge, nothing beyond that edge is sampled.
    if (held.x0 == 0) all.x0 = -margin.left;
    if (held.y0 == 0) all.y0 = -margin.top;
    if (held.x1 == picture.width) all.x1 += margin.right;
    if (held.y1 == picture.height) all.y1 += margin.bottom;
    auto* const first = const_cast<std::uint8_t*>(picture.data) + (all.y0 - held.y0) * picture.row_stride + 4 * (all.x0 - held.x0);
    const auto row_of = [&](int y) { return first + (y - all.y0) * picture.row_stride; };
    std::uint8_t outside[4];
    for (int c = 0; c < 4; ++c) outside[c] = border == Border::constant ? static_cast<std::uint8_t>(warp.fill[c]) : 0;
    // What each column beside the picture reads, as an offset in its row; the same for all rows.
    std::vector<std::ptrdiff_t> from(static_cast<std::size_t>(all.width()));
    for (int x = all.x0; x < all.x1; ++x) {
        const int source = border_index(border, x, picture.width);
        from[static_cast<std::size_t>(x - all.x0)] = source < 0 ? -1 : 4 * (std::clamp(source, held.x0, held.x1 - 1) - all.x0);
    }
    const Corners seen = corners(warp);
    for (int y = all.y0; y < all.y1; ++y) {
        const Span read = columns_read(seen, y);
        const int begin = std::max(read.begin, all.x0), end = std::min(read.end, all.x1);
        const bool inside = y >= held.y0 && y < held.y1;
        const int source = inside ? y : border_index(border, y, picture.height);
        std::uint8_t* const to = row_of(y);
        const std::uint8_t* const row = source < 0 ? nullptr : row_of(std::clamp(source, held.y0, held.y1 - 1));
        const auto lay = [&](int x0, int x1) {
            for (int x = x0; x < x1; ++x) {
                const std::ptrdiff_t at = row == nullptr ? -1 : from[static_cast<std::size_t>(x - all.x0)];
                std::memcpy(to + 4 * (x - all.x0), at < 0 ? outside : row + at, 4);
            }
        };
        lay(begin, std::min(end, held.x0));
        const int middle = std::max(begin, held.x0), middle_end = std::min(end, held.x1);
        if (row == nullptr) {
            lay(middle, middle_end);
        } else if (!inside && middle < middle_end) {
            const std::ptrdiff_t at = 4 * (middle - all.x0);
            std::memcpy(to + at, row + at, 4 * static_cast<std::size_t>(middle_end - middle));
        }
        lay(std::max(begin, held.x1), end);
    }
    picture.data = first;
    picture.held = all;
}

}  // namespace imagefeed
