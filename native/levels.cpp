#include "levels.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "prefetch.hpp"

namespace imagefeed {
namespace {

using Counts = std::uint32_t[256];

// Pixels of one size are copied as if they were one number.
template <int Bytes>
void transpose(const std::uint8_t* in, std::ptrdiff_t in_row, std::ptrdiff_t in_column, int height, int width, std::uint8_t* out,
               std::ptrdiff_t out_row) {
    constexpr int kTile = 32;
    for (int top = 0; top < height; top += kTile) {
        for (int left = 0; left < width; left += kTile) {
            const int bottom = std::min(top + kTile, height), right = std::min(left + kTile, width);
            for (int y = top; y < bottom; ++y) {
                const std::uint8_t* from = in + y * in_row + left * in_column;
                std::uint8_t* to = out + y * out_row + left * Bytes;
                for (int x = left; x < right; ++x, from += in_column, to += Bytes) std::memcpy(to, from, Bytes);
            }
        }
    }
}

void reverse_row(const std::uint8_t* in, int count, int channels, std::uint8_t* out) {
    if (channels == 3) return kernels().reverse_rgb(in, count, out);
    const auto bytes = static_cast<std::size_t>(channels);
    for (int x = 0; x < count; ++x) std::memcpy(out + x * channels, in + (count - 1 - x) * channels, bytes);
}

// Pixels [first, last) of a row become a constant border's color.
void fill_pixels(const Warp& warp, int channels, int first, int last, std::uint8_t* out) {
    bool same = true;
    for (int c = 1; c < channels; ++c) same = same && warp.fill[c] == warp.fill[0];
    if (same) {
        std::memset(out + first * channels, static_cast<std::uint8_t>(warp.fill[0]), static_cast<std::size_t>((last - first) * channels));
        return;
    }
    for (int x = first; x < last; ++x)
        for (int c = 0; c < channels; ++c) out[x * channels + c] = static_cast<std::uint8_t>(warp.fill[c]);
}

// A row along which the source's columns run one by one, forwards or backwards.
void move_row(const Picture& in, const Warp& warp, const std::uint8_t* row, int x0, int step, int width, std::uint8_t* out) {
    const int channels = in.channels;
    // Outputs [first, last) lie within the picture.
    const int first = std::clamp(step > 0 ? -x0 : x0 - (in.width - 1), 0, width);
    const int last = std::clamp(step > 0 ? in.width - x0 : x0 + 1, first, width);
    const int begin = step > 0 ? x0 + first : x0 - last + 1;
    if (first < last) {
        const std::uint8_t* const from = row + begin * channels;
        if (step > 0) std::memcpy(out + first * channels, from, static_cast<std::size_t>((last - first) * channels));
        else reverse_row(from, last - first, channels, out + first * channels);
    }
    if (warp.border == Border::constant) {
        fill_pixels(warp, channels, 0, first, out);
        fill_pixels(warp, channels, last, width, out);
        return;
    }
    for (int x = 0; x < width; ++x) {
        if (x == first) x = last;
        if (x >= width) break;
        std::memcpy(out + x * channels, row + border_index(warp.border, x0 + step * x, in.width) * channels, static_cast<std::size_t>(channels));
    }
}

// A small part of a large picture: its rows lie too far apart for the processor to foresee them.
constexpr int kRowsAhead = 4;

inline void prefetch_row(const Picture& in, int y, int x0, int width) {
    const std::ptrdiff_t first = std::clamp(x0, 0, in.width) * in.channels, last = std::clamp(x0 + width, 0, in.width) * in.channels;
    const std::uint8_t* const row = in.data + y * in.row_stride;
    for (std::ptrdiff_t at = first; at < last; at += kCacheLine) prefetch(row + at);
}

// Any move, pixel by pixel.
void move_one_by_one(const Picture& in, const Warp& warp, const Move& m, int first, int last, std::uint8_t* out) {
    for (int y = first; y < last; ++y) {
        for (int x = 0; x < warp.width; ++x) {
            const int from_x = border_index(warp.border, m.x0 + m.xx * x + m.xy * y, in.width);
            const int from_y = border_index(warp.border, m.y0 + m.yx * x + m.yy * y, in.height);
            for (int c = 0; c < in.channels; ++c)
                *out++ = from_x < 0 || from_y < 0 ? static_cast<std::uint8_t>(warp.fill[c]) : in.data[from_y * in.row_stride + from_x * in.channels + c];
        }
    }
}

void move_transposed(const Picture& in, const Warp& warp, const Move& m, int first, int last, std::uint8_t* out) {
    const auto within = [](int from, int step, int count, int size) { return std::min(from, from + step * (count - 1)) >= 0 && std::max(from, from + step * (count - 1)) < size; };
    if (!within(m.x0, m.xy, warp.height, in.width) || !within(m.y0, m.yx, warp.width, in.height))
        return move_one_by_one(in, warp, m, first, last, out);
    const std::ptrdiff_t in_row = m.xy * in.channels, in_column = m.yx * in.row_stride, row_stride = static_cast<std::ptrdiff_t>(warp.width) * in.channels;
    const std::uint8_t* const from = in.data + m.y0 * in.row_stride + m.x0 * in.channels + first * in_row;
    switch (in.channels) {
        case 1: return transpose<1>(from, in_row, in_column, last - first, warp.width, out, row_stride);
        case 3: return transpose<3>(from, in_row, in_column, last - first, warp.width, out, row_stride);
        case 4: return transpose<4>(from, in_row, in_column, last - first, warp.width, out, row_stride);
        default: return move_one_by_one(in, warp, m, first, last, out);
    }
}

void count_levels(const Picture& in, Counts* counts) {
    // Neighbours often have the same level: two sets of counters do not wait for each other.
    std::uint32_t even[kMaxChannels][256] = {}, odd[kMaxChannels][256] = {};
    for (int y = 0; y < in.height; ++y) {
        const std::uint8_t* p = in.data + y * in.row_stride;
        int x = 0;
        for (; x + 2 <= in.width; x += 2, p += 2 * in.channels)
            for (int c = 0; c < in.channels; ++c) ++even[c][p[c]], ++odd[c][p[c + in.channels]];
        if (x < in.width)
            for (int c = 0; c < in.channels; ++c) ++even[c][p[c]];
    }
    for (int c = 0; c < in.channels; ++c)
        for (int i = 0; i < 256; ++i) counts[c][i] = even[c][i] + odd[c][i];
}

void plain_table(std::uint8_t* table) {
    for (int i = 0; i < 256; ++i) table[i] = static_cast<std::uint8_t>(i);
}

// Luma of ITU-R BT.601 in 16-bit fixed point, rounded half up.
inline std::uint8_t luma(const std::uint8_t* p) { return static_cast<std::uint8_t>((p[0] * 19595u + p[1] * 38470u + p[2] * 7471u + 32768u) >> 16); }

// The table of one tile: counts above the limit are spread over all levels.
void tile_table(std::uint32_t* counts, int area, int limit, std::uint8_t* table) {
    std::uint32_t excess = 0;
    for (int i = 0; i < 256; ++i) {
        if (counts[i] > static_cast<std::uint32_t>(limit)) {
            excess += counts[i] - static_cast<std::uint32_t>(limit);
            counts[i] = static_cast<std::uint32_t>(limit);
        }
    }
    const std::uint32_t each = excess / 256, rest = excess - each * 256;
    const int step = rest > 0 ? std::max(256 / static_cast<int>(rest), 1) : 256;
    for (int i = 0; i < 256; ++i) counts[i] += each;
    for (int i = 0, left = static_cast<int>(rest); i < 256 && left > 0; i += step, --left) ++counts[i];
    const float scale = 255.0f / static_cast<float>(area);
    std::uint32_t sum = 0;
    for (int i = 0; i < 256; ++i) {
        sum += counts[i];
        table[i] = static_cast<std::uint8_t>(std::clamp(std::nearbyint(static_cast<float>(sum) * scale), 0.0f, 255.0f));
    }
}

int mirrored(int i, int size) {
    if (size == 1) return 0;
    const int period = 2 * size - 2;
    i %= period;
    return i < size ? i : period - i;
}

}  // namespace

Picture new_levels(int height, int width, int channels, Buffer& memory) {
    Picture picture;
    picture.samples = Samples::levels8;
    picture.width = width;
    picture.height = height;
    picture.channels = channels;
    picture.held = {0, 0, width, height};
    const auto pitch = static_cast<std::size_t>(round_up(width * channels, 64) + 64);
    picture.row_stride = static_cast<std::ptrdiff_t>(pitch);
    picture.data = memory.reserve<std::uint8_t>(checked_product(pitch, static_cast<std::size_t>(height)));
    return picture;
}

bool as_move(const Warp& warp, Move& move) {
    const double* const m = warp.matrix;
    if (warp.indexed || m[6] != 0 || m[7] != 0 || m[8] != 1) return false;
    if (warp.interpolation != Interpolation::nearest && warp.interpolation != Interpolation::bilinear) return false;
    const auto is_step = [](double v) { return v == 0 || v == 1 || v == -1; };
    if (!is_step(m[0]) || !is_step(m[1]) || !is_step(m[3]) || !is_step(m[4])) return false;
    if ((m[0] != 0) == (m[1] != 0) || (m[3] != 0) == (m[4] != 0) || (m[0] != 0) == (m[3] != 0)) return false;
    if (m[2] != std::floor(m[2]) || m[5] != std::floor(m[5]) || std::fabs(m[2]) > (1 << 28) || std::fabs(m[5]) > (1 << 28)) return false;
    move.xx = static_cast<int>(m[0]), move.xy = static_cast<int>(m[1]);
    move.yx = static_cast<int>(m[3]), move.yy = static_cast<int>(m[4]);
    // The centre of output pixel 0 lies half a pixel beyond the offset, to the side of the step.
    move.x0 = static_cast<int>(m[2]) - (move.xx + move.xy < 0 ? 1 : 0);
    move.y0 = static_cast<int>(m[5]) - (move.yx + move.yy < 0 ? 1 : 0);
    return true;
}

void move_pixels(const Picture& in, const Warp& warp, const Move& move, int first, int last, std::uint8_t* out) {
    if (move.is_transposed()) return move_transposed(in, warp, move, first, last, out);
    for (int y = first; y < last; ++y, out += static_cast<std::ptrdiff_t>(warp.width) * in.channels) {
        const int source = border_index(warp.border, move.y0 + move.yy * y, in.height);
        const int ahead = move.y0 + move.yy * (y + kRowsAhead);
        if (warp.width < in.width && ahead >= 0 && ahead < in.height) prefetch_row(in, ahead, move.xx > 0 ? move.x0 : move.x0 - warp.width + 1, warp.width);
        if (source < 0) fill_pixels(warp, in.channels, 0, warp.width, out);
        else move_row(in, warp, in.data + source * in.row_stride, move.x0, move.xx, warp.width, out);
    }
}

bool copy_moved(const Picture& in, const Warp& warp, const Move& m, std::uint8_t* out) {
    const int last = m.y0 + m.yy * (warp.height - 1);
    if (m.xx != 1 || m.x0 < 0 || m.x0 + warp.width > in.width || std::min(m.y0, last) < 0 || std::max(m.y0, last) >= in.height) return false;
    kernels().copy_rows(in.data + m.y0 * in.row_stride + m.x0 * in.channels, m.yy * in.row_stride, warp.width * in.channels, warp.height, out);
    return true;
}

bool tables_are_plain(const std::uint8_t* tables, int channels) {
    std::uint8_t plain[256];
    plain_table(plain);
    for (int c = 0; c < channels; ++c)
        if (std::memcmp(tables + 256 * c, plain, 256) != 0) return false;
    return true;
}

void replace_levels(const std::uint8_t* in, const std::uint8_t* tables, int width, int channels, std::uint8_t* out) {
    if (tables == nullptr) return kernels().copy_bytes(in, width * channels, out);
    bool shared = true;
    for (int c = 1; c < channels; ++c) shared = shared && std::memcmp(tables, tables + 256 * c, 256) == 0;
    if (shared) return kernels().lookup(in, tables, width * channels, out);
    if (channels == 3) return kernels().lookup_rgb(in, tables, width, out);
    for (int x = 0; x < width; ++x)
        for (int c = 0; c < channels; ++c) out[x * channels + c] = tables[256 * c + in[x * channels + c]];
}

void equalize_tables(const Picture& in, std::uint8_t* tables) {
    Counts counts[kMaxChannels];
    count_levels(in, counts);
    for (int c = 0; c < in.channels; ++c, tables += 256) {
        std::uint64_t sum = 0, last = 0;
        int used = 0;
        for (const std::uint32_t count : counts[c]) {
            sum += count;
            if (count > 0) last = count, ++used;
        }
        const std::uint64_t step = (sum - last) / 255;
        plain_table(tables);
        if (used <= 1 || step == 0) continue;
        std::uint64_t n = step / 2;
        for (int i = 0; i < 256; ++i) {
            tables[i] = static_cast<std::uint8_t>(std::min<std::uint64_t>(n / step, 255));
            n += counts[c][i];
        }
    }
}

void stretch_tables(const Picture& in, float cutoff, std::uint8_t* tables) {
    Counts counts[kMaxChannels];
    count_levels(in, counts);
    const auto pixels = static_cast<double>(in.width) * in.height;
    const auto cut = static_cast<std::uint64_t>(pixels * static_cast<double>(cutoff));
    for (int c = 0; c < in.channels; ++c, tables += 256) {
        int low = 0, high = 255;
        for (std::uint64_t left = cut; low < 255 && counts[c][low] <= left; ++low) left -= counts[c][low];
        for (std::uint64_t left = cut; high > 0 && counts[c][high] <= left; --high) left -= counts[c][high];
        plain_table(tables);
        if (high <= low) continue;
        const double scale = 255.0 / (high - low);
        for (int i = 0; i < 256; ++i) tables[i] = static_cast<std::uint8_t>(std::clamp(i * scale - low * scale, 0.0, 255.0));
    }
}

namespace {

// How a picture is cut into tiles. They are of one size; what is missing to whole tiles is the picture mirrored about its
// last pixels.
struct Tiles {
    int rows, columns, height, width;

    Tiles(const Picture& in, int of_rows, int of_columns) : rows(of_rows), columns(of_columns) {
        const bool whole = in.width % columns == 0 && in.height % rows == 0;
        width = whole ? in.width / columns : in.width / columns + 1;
        height = whole ? in.height / rows : in.height / rows + 1;
    }
    std::size_t count() const { return static_cast<std::size_t>(rows) * static_cast<std::size_t>(columns); }
};

// Of a pixel along an axis: the tiles between whose middles it lies, and how far it is from the first of them.
struct Between {
    int low, high;
    float share;
};

Between between(int i, float per, int count) {
    const float at = static_cast<float>(i) * per - 0.5f;
    const int low = static_cast<int>(std::floor(at));
    return {std::max(low, 0), std::min(low + 1, count - 1), at - static_cast<float>(low)};
}

void luma_plane(const Picture& in, std::uint8_t* out) {
    for (int y = 0; y < in.height; ++y, out += in.width) {
        const std::uint8_t* const p = in.data + y * in.row_stride;
        for (int x = 0; x < in.width; ++x) out[x] = in.channels == 3 ? luma(p + 3 * x) : p[x];
    }
}

// A table of 256 levels for each tile of a plane.
void tile_tables(const std::uint8_t* plane, const Picture& in, const Tiles& tiles, float limit, std::uint8_t* tables) {
    const int area = tiles.width * tiles.height;
    const int most = limit > 0 ? std::max(static_cast<int>(limit * static_cast<float>(area) / 256.0f), 1) : area;
    for (int ty = 0; ty < tiles.rows; ++ty) {
        for (int tx = 0; tx < tiles.columns; ++tx, tables += 256) {
            std::uint32_t counts[256] = {};
            for (int y = ty * tiles.height; y < (ty + 1) * tiles.height; ++y) {
                const std::uint8_t* const row = plane + static_cast<std::ptrdiff_t>(mirrored(y, in.height)) * in.width;
                for (int x = tx * tiles.width; x < (tx + 1) * tiles.width; ++x) ++counts[row[mirrored(x, in.width)]];
            }
            tile_table(counts, area, most, tables);
        }
    }
}

}  // namespace

Picture adaptive_equalize(const Picture& in, float limit, int rows, int columns, Buffer& work, Buffer& memory) {
    const int width = in.width, height = in.height;
    const Tiles tiles(in, rows, columns);
    const std::size_t plane = static_cast<std::size_t>(width) * static_cast<std::size_t>(height);
    auto* const gray = work.reserve<std::uint8_t>(plane + tiles.count() * 256);
    std::uint8_t* const tables = gray + plane;
    luma_plane(in, gray);
    tile_tables(gray, in, tiles, limit, tables);
    Picture out = new_levels(height, width, in.channels, memory);
    const float per_x = 1.0f / static_cast<float>(tiles.width), per_y = 1.0f / static_cast<float>(tiles.height);
    std::vector<Between> across;
    for (int x = 0; x < width; ++x) across.push_back(between(x, per_x, columns));
    for (int y = 0; y < height; ++y) {
        const Between down = between(y, per_y, rows);
        const std::uint8_t *const upper = tables + 256 * down.low * columns, *const lower = tables + 256 * down.high * columns;
        const std::uint8_t* const source = gray + static_cast<std::size_t>(y) * static_cast<std::size_t>(width);
        const std::uint8_t* const p = in.data + y * in.row_stride;
        auto* const to = const_cast<std::uint8_t*>(out.data) + y * out.row_stride;
        for (int x = 0; x < width; ++x) {
            const Between& b = across[static_cast<std::size_t>(x)];
            const int level = source[x], left = 256 * b.low + level, right = 256 * b.high + level;
            const float above = static_cast<float>(upper[left]) * (1.0f - b.share) + static_cast<float>(upper[right]) * b.share;
            const float below = static_cast<float>(lower[left]) * (1.0f - b.share) + static_cast<float>(lower[right]) * b.share;
            const int made = static_cast<int>(std::lrintf(above * (1.0f - down.share) + below * down.share));
            if (in.channels != 3) {
                to[x] = static_cast<std::uint8_t>(made);
                continue;
            }
            for (int c = 0; c < 3; ++c) to[3 * x + c] = static_cast<std::uint8_t>(std::clamp(p[3 * x + c] + made - level, 0, 255));
        }
    }
    return out;
}

}  // namespace imagefeed
