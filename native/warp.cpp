#include "warp.hpp"

#include <algorithm>
#include <array>
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

int floor_to_int(double place) {
    const int whole = static_cast<int>(place);
    return whole - (place < whole ? 1 : 0);
}

int first_read(double place) { return floor_to_int(place - kSlack); }
int end_read(double place) { return floor_to_int(place + kSlack) + 2; }

// What an affine warp samples: a quadrilateral, in pixels from the centre of the picture's first one. Rows are sampled in
// whole blocks.
class Seen {
public:
    double left, top, right, bottom;

    explicit Seen(const Warp& warp);
    // The columns that are read of row `y`.
    Span columns(int y) const;

private:
    // From the upper to the lower end; `slope` is columns a row. A level one is seen in its neighbours' ends.
    struct Edge {
        double x0, y0, y1, slope;
    };
    Edge edges_[4];
};

Seen::Seen(const Warp& warp) {
    const double* const m = warp.matrix;
    const double begin = warp.indexed ? 0.0 : 0.5;
    const double end_u = round_up(warp.width, kBlock) - 1 + begin, end_v = warp.height - 1 + begin;
    // An indexed matrix has rows first.
    const double *const to_x = warp.indexed ? m + 3 : m, *const to_y = warp.indexed ? m : m + 3;
    const int of_x = warp.indexed ? 1 : 0, of_y = 1 - of_x;
    double x[4], y[4];
    for (int k = 0; k < 4; ++k) {
        const double u = k == 1 || k == 2 ? end_u : begin, v = k >= 2 ? end_v : begin;
        x[k] = to_x[of_x] * u + to_x[of_y] * v + to_x[2] - begin;
        y[k] = to_y[of_x] * u + to_y[of_y] * v + to_y[2] - begin;
    }
    for (int k = 0; k < 4; ++k) {
        int upper = k, lower = (k + 1) % 4;
        if (y[upper] > y[lower]) std::swap(upper, lower);
        const double rise = y[lower] - y[upper];
        edges_[k] = {x[upper], y[upper], y[lower], rise > 0 ? (x[lower] - x[upper]) / rise : 0.0};
    }
    left = *std::min_element(x, x + 4);
    right = *std::max_element(x, x + 4);
    top = *std::min_element(y, y + 4);
    bottom = *std::max_element(y, y + 4);
}

Span Seen::columns(int y) const {
    const double above = y - 1 - kSlack, below = y + 1 + kSlack;
    if (bottom < above || top > below) return {0, 0};
    double low = right, high = left;
    for (const Edge& edge : edges_) {
        if (edge.y1 < above || edge.y0 > below) continue;
        // The part of the edge between the two.
        const double from = edge.x0 + (std::max(above, edge.y0) - edge.y0) * edge.slope;
        const double to = edge.x0 + (std::min(below, edge.y1) - edge.y0) * edge.slope;
        low = std::min(low, std::min(from, to));
        high = std::max(high, std::max(from, to));
    }
    return {first_read(low), end_read(high)};
}

}  // namespace

bool border_margin(const Warp& warp, int height, int width, Margin& margin) {
    const double* const m = warp.matrix;
    margin = {};
    if (warp.interpolation != Interpolation::bilinear) return false;
    if (warp.indexed ? warp.exact || warp.border == Border::wrap : is_aligned(m) || m[6] != 0 || m[7] != 0 || m[8] != 1) return false;
    const Seen seen(warp);
    const auto before = [](double from, int size) { return from < -size || !(from < size) ? -1 : std::max(0, -first_read(from)); };
    const auto after = [](double to, int size) { return to > 2 * size - 3 || !(to > -size) ? -1 : std::max(0, end_read(to) - size); };
    const Margin found{before(seen.left, width), before(seen.top, height), after(seen.right, width), after(seen.bottom, height)};
    if (found.left < 0 || found.top < 0 || found.right < 0 || found.bottom < 0) return false;
    margin = found;
    return true;
}

void columns_needed(const Picture& picture, const Margin& margin, const Warp& warp, std::vector<Span>& spans) {
    const Region& held = picture.held;
    spans.assign(static_cast<std::size_t>(held.height()), {held.width(), 0});
    const bool folds = warp.border == Border::reflect || warp.border == Border::wrap;
    const Seen seen(warp);
    for (int y = held.y0 - margin.top; y < held.y1 + margin.bottom; ++y) {
        const Span read = seen.columns(y);
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

template <class Sample>
using Pixel = std::array<Sample, 4>;

// One pixel of a constant border's color, in samples of `level` a level.
template <class Sample>
Pixel<Sample> outside_pixel(const Warp& warp, Sample level) {
    Pixel<Sample> pixel;
    for (std::size_t c = 0; c < 4; ++c) pixel[c] = static_cast<Sample>(warp.fill[c] * static_cast<float>(level));
    return pixel;
}

// A row beyond the picture's ends: its last pixels again, the row folded back, or one color.
template <class Sample>
class RowEnds {
public:
    RowEnds(const Picture& picture, const Region& all, Border border, Pixel<Sample> outside)
        : left_(picture.held.x0 - all.x0), right_(picture.held.x1 - all.x0), repeats_(border == Border::replicate), outside_(outside) {
        if (border == Border::replicate || border == Border::constant) return;
        from_.resize(static_cast<std::size_t>(all.width()));
        for (int x = all.x0; x < all.x1; ++x)
            from_[static_cast<std::size_t>(x - all.x0)] = std::clamp(border_index(border, x, picture.width) - all.x0, left_, right_ - 1);
    }

    // Columns [begin, end) of what is laid of the row `from`; columns count from the first one that may be laid.
    void lay(const Pixel<Sample>* from, int begin, int end, Pixel<Sample>* to) const {
        lay_end(from, begin, std::min(end, left_), left_, to);
        const int middle = std::max(begin, left_), middle_end = std::min(end, right_);
        if (from != to && middle < middle_end) std::copy(from + middle, from + middle_end, to + middle);
        lay_end(from, std::max(begin, right_), end, right_ - 1, to);
    }

    void lay_outside(int begin, int end, Pixel<Sample>* to) const { std::fill(to + begin, to + end, outside_); }

private:
    void lay_end(const Pixel<Sample>* from, int begin, int end, int edge, Pixel<Sample>* to) const {
        if (begin >= end) return;
        if (from_.empty()) return std::fill(to + begin, to + end, repeats_ ? from[edge] : outside_);
        for (int x = begin; x < end; ++x) to[x] = from[from_[static_cast<std::size_t>(x)]];
    }

    int left_, right_;  // of the picture
    bool repeats_;
    Pixel<Sample> outside_;
    std::vector<int> from_;  // of each column, the one it reads
};

// Rows of so few columns are laid whole: that is done sooner than finding out which of them are read.
constexpr int kShortRow = 128;

template <class Sample>
void lay_around(Picture& picture, const Region& all, Border border, const Seen& seen, bool whole, Pixel<Sample> outside) {
    const Region held = picture.held;
    const std::ptrdiff_t pitch = picture.row_stride / static_cast<std::ptrdiff_t>(sizeof outside);
    auto* const first = reinterpret_cast<Pixel<Sample>*>(const_cast<std::uint8_t*>(picture.data)) + (all.y0 - held.y0) * pitch + (all.x0 - held.x0);
    const auto row_of = [&](int y) { return first + (y - all.y0) * pitch; };
    const RowEnds<Sample> ends(picture, all, border, outside);
    for (int y = all.y0; y < all.y1; ++y) {
        const Span read = whole ? Span{all.x0, all.x1} : seen.columns(y);
        const int begin = std::max(read.begin, all.x0) - all.x0, end = std::min(read.end, all.x1) - all.x0;
        if (begin >= end) continue;
        const int source = y >= held.y0 && y < held.y1 ? y : border_index(border, y, picture.height);
        if (source < 0) ends.lay_outside(begin, end, row_of(y));
        else ends.lay(row_of(std::clamp(source, held.y0, held.y1 - 1)), begin, end, row_of(y));
    }
    picture.data = reinterpret_cast<const std::uint8_t*>(first);
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
    const Seen seen(warp);
    if (picture.samples == Samples::fine16x4) {  // only what is read of it is there
        lay_around<std::int16_t>(picture, all, border, seen, false, outside_pixel<std::int16_t>(warp, kFineLevel));
    } else {
        lay_around<std::uint8_t>(picture, all, border, seen, all.width() <= kShortRow, outside_pixel<std::uint8_t>(warp, 1));
    }
}

}  // namespace imagefeed
