#include "warp.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
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

Margin border_margin(const Warp& warp, int height, int width) {
    const double* const m = warp.matrix;
    if (warp.interpolation != Interpolation::bilinear) return {};
    if (warp.indexed ? warp.exact || warp.border == Border::wrap : is_aligned(m) || m[6] != 0 || m[7] != 0 || m[8] != 1) return {};
    if (warp.antialias) {
        double fx, fy;
        shrink_factors(warp, fx, fy);
        if (shrunk_size(width, fx) != width || shrunk_size(height, fy) != height) return {};
    }
    // The centres of the output's corners bound what is sampled, and each reads its right and lower neighbour too. Rows
    // are sampled in whole blocks.
    const double begin = warp.indexed ? 0.0 : 0.5;
    const double right = round_up(warp.width, kBlock) - 1 + begin, bottom = warp.height - 1 + begin;
    // An indexed matrix has rows first.
    const double *const to_x = warp.indexed ? m + 3 : m, *const to_y = warp.indexed ? m : m + 3;
    const int of_x = warp.indexed ? 1 : 0, of_y = 1 - of_x;
    const auto low = [&](const double* row) { return std::min(row[of_x] * begin, row[of_x] * right) + std::min(row[of_y] * begin, row[of_y] * bottom) + row[2] - begin; };
    const auto high = [&](const double* row) { return std::max(row[of_x] * begin, row[of_x] * right) + std::max(row[of_y] * begin, row[of_y] * bottom) + row[2] - begin; };
    const auto before = [](double from, int size) { return from < -size || !(from < size) ? -1 : std::max(0, -static_cast<int>(std::floor(from - 0.01))); };
    const auto after = [](double to, int size) { return to > 2 * size - 3 || !(to > -size) ? -1 : std::max(0, static_cast<int>(std::floor(to + 0.01)) + 2 - size); };
    const Margin margin{before(low(to_x), width), before(low(to_y), height), after(high(to_x), width), after(high(to_y), height)};
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
    std::uint8_t outside[4];
    for (int c = 0; c < 4; ++c) outside[c] = border == Border::constant ? static_cast<std::uint8_t>(warp.fill[c]) : 0;
    const auto row_of = [&](int y) { return first + (y - all.y0) * picture.row_stride; };
    // What each column beside the picture reads, as an offset in its row; the same for all rows.
    struct Column {
        std::ptrdiff_t to, from;
    };
    std::vector<Column> columns;
    for (int x = all.x0; x < all.x1; ++x) {
        if (x == held.x0) x = held.x1;
        if (x == all.x1) break;
        const int source = border_index(border, x, picture.width);
        const std::ptrdiff_t from = source < 0 ? -1 : 4 * (std::clamp(source, held.x0, held.x1 - 1) - all.x0);
        columns.push_back({4 * (x - all.x0), from});
    }
    const bool constant = border == Border::constant;
    for (int y = held.y0; y < held.y1; ++y) {
        std::uint8_t* const row = row_of(y);
        for (const Column& column : columns) std::memcpy(row + column.to, constant ? outside : row + column.from, 4);
    }
    const auto fill_row = [&](int y) {
        const int source = border_index(border, y, picture.height);
        std::uint8_t* const row = row_of(y);
        if (source >= 0) {
            std::memcpy(row, row_of(std::clamp(source, held.y0, held.y1 - 1)), 4 * static_cast<std::size_t>(all.width()));
            return;
        }
        for (int x = 0; x < all.width(); ++x) std::memcpy(row + 4 * x, outside, 4);
    };
    for (int y = all.y0; y < held.y0; ++y) fill_row(y);
    for (int y = held.y1; y < all.y1; ++y) fill_row(y);
    picture.data = first;
    picture.held = all;
}

}  // namespace imagefeed
