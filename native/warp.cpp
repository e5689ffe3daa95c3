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

namespace {

// How much a warp shrinks along the source's axes at the centre of the output; at least one.
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

}  // namespace

bool shrinks_first(const Warp& warp, int height, int width, int& shrunk_height, int& shrunk_width) {
    if (warp.indexed || !warp.antialias || warp.interpolation == Interpolation::nearest || is_aligned(warp.matrix)) return false;
    double fx, fy;
    shrink_factors(warp, fx, fy);
    shrunk_width = shrunk_size(width, fx);
    shrunk_height = shrunk_size(height, fy);
    return shrunk_width != width || shrunk_height != height;
}

Warp after_shrinking(const Warp& warp, int height, int width, int shrunk_height, int shrunk_width) {
    Warp after = warp;
    after.antialias = false;
    const double sx = static_cast<double>(shrunk_width) / width, sy = static_cast<double>(shrunk_height) / height;
    for (int k = 0; k < 3; ++k) {
        after.matrix[k] *= sx;
        after.matrix[3 + k] *= sy;
    }
    return after;
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

bool border_margin(const Warp& warp, int height, int width, Margin& margin) {
    const double* const m = warp.matrix;
    margin = {};
    if (warp.interpolation != Interpolation::bilinear) return false;
    if (warp.indexed ? warp.exact || warp.border == Border::wrap : is_aligned(m) || m[6] != 0 || m[7] != 0 || m[8] != 1) return false;
    const Corners seen = corners(warp);
    const auto before = [](double from, int size) { return from < -size || !(from < size) ? -1 : std::max(0, -first_read(from)); };
    const auto after = [](double to, int size) { return to > 2 * size - 3 || !(to > -size) ? -1 : std::max(0, end_read(to) - size); };
    const auto [left, right] = std::minmax_element(seen.x, seen.x + 4);
    const auto [top, bottom] = std::minmax_element(seen.y, seen.y + 4);
    const Margin found{before(*left, width), before(*top, height), after(*right, width), after(*bottom, height)};
    if (found.left < 0 || found.top < 0 || found.right < 0 || found.bottom < 0) return false;
    margin = found;
    return true;
}

void columns_needed(const Picture& picture, const Margin& margin, const Warp& warp, std::vector<Span>& spans) {
    const Region& held = picture.held;
    spans.assign(static_cast<std::size_t>(held.height()), {held.width(), 0});
    const bool folds = warp.border == Border::reflect || warp.border == Border::wrap;
    const Corners seen = corners(warp);
    for (int y = held.y0 - margin.top; y < held.y1 + margin.bottom; ++y) {
        const Span read = columns_read(seen, y);
        const int source = border_index(warp.border, y, picture.height);
        if (read.begin >= read.end || source < 0) continue;
        // A row that is read beyond its ends: they are laid from the pixel at the end, or from any.
        const bool beyond = read.begin < held.x0 || read.end > held.x1;
        const int begin = beyond && folds ? held.x0 : std::clamp(read.begin, held.x0, held.x1 - 1);
        const int end = beyond && folds ? held.x1 : std::clamp(read.end, begin + 1, held.x1);
        Span& span = spans[static_cast<std::size_t>(std::clamp(source, held.y0, held.y1 - 1) - held.y0)];
        span = {std::min(span.begin, begin - held.x0), std::max(span.end, end - held.x0)};
    }
}

namespace {

// One pixel of a constant border's color, in samples of `level` a level.
template <class Sample>
void fill_pixel(const Warp& warp, Sample level, void* pixel) {
    Sample color[4];
    for (int c = 0; c < 4; ++c) color[c] = static_cast<Sample>(warp.fill[c] * static_cast<float>(level));
    std::memcpy(pixel, color, sizeof color);
}

// What each column beside the picture reads, as an offset in its row; negative for a constant border.
std::vector<std::ptrdiff_t> columns_beside(const Picture& picture, const Region& all, Border border, std::ptrdiff_t pixel_bytes) {
    std::vector<std::ptrdiff_t> from(static_cast<std::size_t>(all.width()));
    for (int x = all.x0; x < all.x1; ++x) {
        const int source = border_index(border, x, picture.width);
        from[static_cast<std::size_t>(x - all.x0)] =
            source < 0 ? -1 : pixel_bytes * (std::clamp(source, picture.held.x0, picture.held.x1 - 1) - all.x0);
    }
    return from;
}

template <std::ptrdiff_t PixelBytes>
void lay_around(Picture& picture, const Region& all, Border border, const Corners& seen, const std::uint8_t* outside) {
    const Region held = picture.held;
    auto* const first = const_cast<std::uint8_t*>(picture.data) + (all.y0 - held.y0) * picture.row_stride + PixelBytes * (all.x0 - held.x0);
    const auto row_of = [&](int y) { return first + (y - all.y0) * picture.row_stride; };
    const std::vector<std::ptrdiff_t> from = columns_beside(picture, all, border, PixelBytes);
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
                std::memcpy(to + PixelBytes * (x - all.x0), at < 0 ? outside : row + at, PixelBytes);
            }
        };
        lay(begin, std::min(end, held.x0));
        const int middle = std::max(begin, held.x0), middle_end = std::min(end, held.x1);
        if (row == nullptr) {
            lay(middle, middle_end);
        } else if (!inside && middle < middle_end) {
            const std::ptrdiff_t at = PixelBytes * (middle - all.x0);
            std::memcpy(to + at, row + at, PixelBytes * static_cast<std::size_t>(middle_end - middle));
        }
        lay(std::max(begin, held.x1), end);
    }
    picture.data = first;
    picture.held = all;
}

}  // namespace

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
    std::uint8_t outside[8];
    if (picture.samples == Samples::fine16x4) {
        fill_pixel<std::int16_t>(warp, kFineLevel, outside);
        lay_around<8>(picture, all, border, corners(warp), outside);
    } else {
        fill_pixel<std::uint8_t>(warp, 1, outside);
        lay_around<4>(picture, all, border, corners(warp), outside);
    }
}

}  // namespace imagefeed
