// The inner loops, over `Vec`. Included once by each kernels_*.cpp, inside an anonymous namespace and after the
// vector type of that instruction set: nothing here may be shared between the tables by the linker.

#include <cmath>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "fixed.hpp"
#include "kernels.hpp"
#include "paeth.hpp"

namespace imagefeed {
namespace {

using F = Vec::F;
using I = Vec::I;
using M = Vec::M;

// Not a member of Planes: an inline member that was not inlined would be one symbol for all tables.
inline float* plane(const Planes& planes, int c) { return planes.data + c * planes.stride; }

static_assert(kBlock % Vec::lanes == 0, "blocks are whole vectors");

// ---------------------------------------------------------------------------------------------- coordinates

// Coordinates are kept within what a float holds exactly; no picture is that large.
constexpr double kFarthest = 4194304.0;
// A path with longer steps goes the slow way, in double precision.
constexpr double kLongestStep = 1024.0;

inline double clamp_coordinate(double v) { return v < -kFarthest ? -kFarthest : v > kFarthest ? kFarthest : v; }

inline int floor_double(double v) {
    const int i = static_cast<int>(v);
    return i - (v < i);
}

struct Spot {
    I x, y;    // whole part
    F fx, fy;  // fraction, in [0, 1)
};

// An affine path: the origin of a block is taken in double precision and split into whole part and fraction, so
// that the float steps within a block stay small and exact enough.
class AffinePath {
public:
    AffinePath(const RowPath& path) : path_(path) {}

    void begin_block(int first) {
        const double x = clamp_coordinate(path_.x + first * path_.dx);
        const double y = clamp_coordinate(path_.y + first * path_.dy);
        whole_x_ = floor_double(x);
        whole_y_ = floor_double(y);
        rest_x_ = static_cast<float>(x - whole_x_);
        rest_y_ = static_cast<float>(y - whole_y_);
    }

    Spot at(int lane) const {
        const F steps = Vec::ramp(lane);
        const F x = Vec::add(Vec::mul(steps, Vec::set(static_cast<float>(path_.dx))), Vec::set(rest_x_));
        const F y = Vec::add(Vec::mul(steps, Vec::set(static_cast<float>(path_.dy))), Vec::set(rest_y_));
        const I ix = Vec::floor_to_int(x), iy = Vec::floor_to_int(y);
        return {Vec::add(ix, Vec::set(whole_x_)), Vec::add(iy, Vec::set(whole_y_)),
                Vec::sub(x, Vec::to_float(ix)), Vec::sub(y, Vec::to_float(iy))};
    }

private:
    const RowPath& path_;
    int whole_x_ = 0, whole_y_ = 0;
    float rest_x_ = 0, rest_y_ = 0;
};

// Any path: every coordinate in double precision, one lane at a time.
class PerspectivePath {
public:
    PerspectivePath(const RowPath& path) : path_(path) {}

    void begin_block(int first) {
        if (begin_seen_block(first)) return;
        for (int k = 0; k < kBlock; ++k) {
            const double step = first + k;
            const double w = path_.w + step * path_.dw;
            // Points at or behind the horizon lie nowhere: as far away as can be.
            const double x = w > 1e-12 ? clamp_coordinate((path_.x + step * path_.dx) / w) : -kFarthest;
            const double y = w > 1e-12 ? clamp_coordinate((path_.y + step * path_.dy) / w) : -kFarthest;
            x_[k] = floor_double(x);
            y_[k] = floor_double(y);
            fx_[k] = static_cast<float>(x - x_[k]);
            fy_[k] = static_cast<float>(y - y_[k]);
        }
    }

    Spot at(int lane) const { return {Vec::load(x_ + lane), Vec::load(y_ + lane), Vec::load(fx_ + lane), Vec::load(fy_ + lane)}; }

private:
    // A block that lies well before the horizon and is not steep: from its first place, which is computed in double
    // precision, place s lies s (dx - x dw) / (w + s dw) away, a few pixels, for which floats are enough.
    bool begin_seen_block(int first) {
        const double w = path_.w + first * path_.dw, end = w + kBlock * path_.dw;
        if (!(w > 1e-6) || !(end > 0.5 * w)) return false;
        const double x = (path_.x + first * path_.dx) / w, y = (path_.y + first * path_.dy) / w;
        const double dx = (path_.dx - x * path_.dw) / w, dy = (path_.dy - y * path_.dw) / w;
        if (!(std::fabs(x) < kFarthest / 2) || !(std::fabs(y) < kFarthest / 2) || !(std::fabs(dx) < 16.0) || !(std::fabs(dy) < 16.0)) return false;
        const int whole_x = floor_double(x), whole_y = floor_double(y);
        const F rest_x = Vec::set(static_cast<float>(x - whole_x)), rest_y = Vec::set(static_cast<float>(y - whole_y));
        const F slope_x = Vec::set(static_cast<float>(dx)), slope_y = Vec::set(static_cast<float>(dy));
        const F bend = Vec::set(static_cast<float>(path_.dw / w)), one = Vec::set(1.0f);
        for (int lane = 0; lane < kBlock; lane += Vec::lanes) {
            const F steps = Vec::ramp(lane);
            const F far = Vec::div(steps, Vec::add(one, Vec::mul(steps, bend)));
            const F px = Vec::add(rest_x, Vec::mul(far, slope_x)), py = Vec::add(rest_y, Vec::mul(far, slope_y));
            const I ix = Vec::floor_to_int(px), iy = Vec::floor_to_int(py);
            Vec::store(x_ + lane, Vec::add(ix, Vec::set(whole_x))), Vec::store(y_ + lane, Vec::add(iy, Vec::set(whole_y)));
            Vec::store(fx_ + lane, Vec::sub(px, Vec::to_float(ix))), Vec::store(fy_ + lane, Vec::sub(py, Vec::to_float(iy)));
        }
        return true;
    }

    const RowPath& path_;
    std::int32_t x_[kBlock], y_[kBlock];
    float fx_[kBlock], fy_[kBlock];
};

// ---------------------------------------------------------------------------------------------- borders

// How far outside a row's coordinates lie: within one more picture on each side, which is the rule, or anywhere.
enum class Reach { near, far };

// i modulo n, for any i: the quotient may be one off in float arithmetic, which the two corrections mend.
inline I modulo(I i, int n) {
    const I quotient = Vec::floor_to_int(Vec::mul(Vec::to_float(i), Vec::set(1.0f / static_cast<float>(n))));
    I rest = Vec::sub(i, Vec::mul(quotient, Vec::set(n)));
    rest = Vec::select(Vec::less(rest, Vec::set(0)), Vec::add(rest, Vec::set(n)), rest);
    return Vec::select(Vec::less(rest, Vec::set(n)), rest, Vec::sub(rest, Vec::set(n)));
}

// The pixel that index i of an axis of n pixels reads. Constant borders read the nearest pixel and mask it later.
template <Border B, Reach R>
inline I border_index(I i, int n) {
    if constexpr (B == Border::reflect && R == Reach::near) {
        i = Vec::max(i, Vec::sub(Vec::set(-1), i));
        return Vec::min(i, Vec::sub(Vec::set(2 * n - 1), i));
    } else if constexpr (B == Border::reflect) {
        const I folded = modulo(i, 2 * n);
        return Vec::min(folded, Vec::sub(Vec::set(2 * n - 1), folded));
    } else if constexpr (B == Border::wrap && R == Reach::near) {
        i = Vec::select(Vec::less(i, Vec::set(0)), Vec::add(i, Vec::set(n)), i);
        return Vec::select(Vec::less(i, Vec::set(n)), i, Vec::sub(i, Vec::set(n)));
    } else if constexpr (B == Border::wrap) {
        return modulo(i, n);
    } else {
        return Vec::max(Vec::min(i, Vec::set(n - 1)), Vec::set(0));
    }
}

inline M inside(I i, int low, int high) { return Vec::both(Vec::less(Vec::set(low - 1), i), Vec::less(i, Vec::set(high))); }

// A border index, held to what is in memory: a plan that asked for too small a region must not read beyond it.
template <Border B, Reach R>
inline I held_index(I i, int n, int low, int high) {
    return Vec::max(Vec::min(border_index<B, R>(i, n), Vec::set(high - 1)), Vec::set(low));
}

// ---------------------------------------------------------------------------------------------- sampling

inline F lerp(F a, F b, F t) { return Vec::add(a, Vec::mul(t, Vec::sub(b, a))); }

template <Border B>
inline F fill_outside(M known, F value, float fill) {
    if constexpr (B == Border::constant) return Vec::select(known, value, Vec::set(fill));
    return value;
}

// Byte offsets of the neighbours' columns and rows, and which of them the picture has.
struct Neighbours {
    I left, right, top, bottom;
    M in_left, in_right, in_top, in_bottom;
};

template <Border B, Reach R>
inline Neighbours neighbours(const Picture& p, const Spot& s, int pixel_bytes) {
    const Region& h = p.held;
    const I x1 = Vec::add(s.x, Vec::set(1)), y1 = Vec::add(s.y, Vec::set(1));
    const auto column = [&](I x) {
        return Vec::mul(Vec::sub(held_index<B, R>(x, p.width, h.x0, h.x1), Vec::set(h.x0)), Vec::set(pixel_bytes));
    };
    const I stride = Vec::set(static_cast<std::int32_t>(p.row_stride));
    const auto row = [&](I y) { return Vec::mul(Vec::sub(held_index<B, R>(y, p.height, h.y0, h.y1), Vec::set(h.y0)), stride); };
    return {column(s.x), column(x1), row(s.y), row(y1),
            inside(s.x, 0, p.width), inside(x1, 0, p.width), inside(s.y, 0, p.height), inside(y1, 0, p.height)};
}

// Whether all lanes have their four neighbours in memory.
inline bool all_held(const Picture& p, const Spot& s) {
    const Region& h = p.held;
    return Vec::all(Vec::both(inside(s.x, h.x0, h.x1 - 1), inside(s.y, h.y0, h.y1 - 1)));
}

inline I offset_in_memory(const Picture& p, I x, I y, int pixel_bytes) {
    const I row = Vec::mul(Vec::sub(y, Vec::set(p.held.y0)), Vec::set(static_cast<std::int32_t>(p.row_stride)));
    return Vec::add(row, Vec::mul(Vec::sub(x, Vec::set(p.held.x0)), Vec::set(pixel_bytes)));
}

// Color goes pixel by pixel: its four channels fill a register, and every load is at an address of its own, which
// plain loads do twice as fast as gather instructions (measured on Sapphire Rapids). The places of a stretch of pixels
// are computed before any of it is read: their long chains of arithmetic then overlap.
constexpr int kStretch = 16 * kBlock;
// A slanted path defeats the processor's own prefetching; one pixel in four is near enough to the others' lines.
constexpr int kPrefetchStep = 4;

struct Stretch {
    std::int32_t x[kStretch], y[kStretch], offset[kStretch];
    float fx[kStretch], fy[kStretch];
    bool held[kStretch / Vec::lanes];

    Spot spot(int at) const { return {Vec::load(x + at), Vec::load(y + at), Vec::load(fx + at), Vec::load(fy + at)}; }
};

template <class Path>
inline void find_places(const Picture& p, Path& path, int first, int count, int pixel_bytes, Stretch& t) {
    for (int block = 0; block < count; block += kBlock) {
        path.begin_block(first + block);
        for (int lane = 0; lane < kBlock; lane += Vec::lanes) {
            const Spot s = path.at(lane);
            const int at = block + lane;
            Vec::store(t.x + at, s.x), Vec::store(t.y + at, s.y);
            Vec::store(t.fx + at, s.fx), Vec::store(t.fy + at, s.fy);
            Vec::store(t.offset + at, offset_in_memory(p, s.x, s.y, pixel_bytes));
            t.held[at / Vec::lanes] = all_held(p, s);
        }
    }
}

template <class Sample, Border B, Reach R>
inline void color_at_border(const Picture& p, const Stretch& t, int at, const float* fill, float* out) {
    const Spot s = t.spot(at);
    const Neighbours n = neighbours<B, R>(p, s, 4 * sizeof(Sample));
    std::int32_t left[Vec::lanes], right[Vec::lanes], top[Vec::lanes], bottom[Vec::lanes];
    Vec::store(left, n.left), Vec::store(right, n.right), Vec::store(top, n.top), Vec::store(bottom, n.bottom);
    const std::int32_t *const x = t.x + at, *const y = t.y + at;
    const float *const fx = t.fx + at, *const fy = t.fy + at;
    // What lies outside a constant border is one pixel, kept beside the picture.
    Sample outside[4];
    for (int c = 0; c < 4; ++c) outside[c] = static_cast<Sample>(fill[c] * (sizeof(Sample) == 1 ? 1.0f : kFineLevel));
    for (int k = 0; k < Vec::lanes; ++k) {
        const std::uint8_t *const above = p.data + top[k], *const below = p.data + bottom[k];
        const auto at = [](const std::uint8_t* pixel) { return reinterpret_cast<const Sample*>(pixel); };
        const Sample *tl = at(above + left[k]), *tr = at(above + right[k]), *bl = at(below + left[k]), *br = at(below + right[k]);
        if constexpr (B == Border::constant) {
            const bool in_left = x[k] >= 0 && x[k] < p.width, in_right = x[k] >= -1 && x[k] < p.width - 1;
            const bool in_top = y[k] >= 0 && y[k] < p.height, in_bottom = y[k] >= -1 && y[k] < p.height - 1;
            tl = in_top && in_left ? tl : outside;
            tr = in_top && in_right ? tr : outside;
            bl = in_bottom && in_left ? bl : outside;
            br = in_bottom && in_right ? br : outside;
        }
        Vec::blend_pixels(tl, tr, bl, br, fx[k], fy[k], out + 4 * k);
    }
}

template <class Sample, Border B, Reach R, class Path>
void warp_row_color(const Picture& p, Path path, const float* fill, int count, Planes out) {
    Stretch t;
    for (int first = 0; first < count; first += kStretch) {
        const int stretch = count - first < kStretch ? count - first : kStretch;
        find_places(p, path, first, stretch, 4 * sizeof(Sample), t);
        for (int k = 0; k < stretch; k += kPrefetchStep) {
            if (!t.held[k / Vec::lanes]) continue;
            Vec::prefetch(p.data + t.offset[k]);
            Vec::prefetch(p.data + t.offset[k] + p.row_stride);
        }
        for (int at = 0; at < stretch; at += Vec::lanes) {
            F r, g, b;
            if (t.held[at / Vec::lanes]) {
                Vec::blend_held<Sample>(p.data, t.offset + at, p.row_stride, t.fx + at, t.fy + at, r, g, b);
            } else {
                float pixels[4 * Vec::lanes];
                color_at_border<Sample, B, R>(p, t, at, fill, pixels);
                Vec::load_x4(pixels, r, g, b);
            }
            if constexpr (sizeof(Sample) > 1) {
                const F level = Vec::set(1.0f / kFineLevel);
                r = Vec::mul(r, level), g = Vec::mul(g, level), b = Vec::mul(b, level);
            }
            Vec::store(plane(out, 0) + first + at, r);
            Vec::store(plane(out, 1) + first + at, g);
            Vec::store(plane(out, 2) + first + at, b);
        }
    }
}

// One channel; `read` fetches samples as floats.
template <Border B, class Read>
inline void bilinear_plane(const Neighbours& n, Read read, const Spot& s, float fill, float* out) {
    const F a = fill_outside<B>(Vec::both(n.in_top, n.in_left), read(Vec::add(n.top, n.left)), fill);
    const F b = fill_outside<B>(Vec::both(n.in_top, n.in_right), read(Vec::add(n.top, n.right)), fill);
    const F c = fill_outside<B>(Vec::both(n.in_bottom, n.in_left), read(Vec::add(n.bottom, n.left)), fill);
    const F d = fill_outside<B>(Vec::both(n.in_bottom, n.in_right), read(Vec::add(n.bottom, n.right)), fill);
    Vec::store(out, lerp(lerp(a, c, s.fy), lerp(b, d, s.fy), s.fx));
}

template <Border B, Reach R>
inline void bilinear_planes(const Picture& p, const Spot& s, const float* fill, int at, Planes out) {
    if (p.samples == Samples::gray8) {
        const auto read = [&p](I offset) { return Vec::channel<0>(Vec::gather(p.data, offset)); };
        bilinear_plane<B>(neighbours<B, R>(p, s, 1), read, s, fill[0], plane(out, 0) + at);
        return;
    }
    const Neighbours n = neighbours<B, R>(p, s, 4);
    for (int channel = 0; channel < p.channels; ++channel) {
        const std::uint8_t* const base = p.data + channel * p.plane_stride;
        const auto read = [base](I offset) { return Vec::gather_float(base, offset); };
        bilinear_plane<B>(n, read, s, fill[channel], plane(out, channel) + at);
    }
}

template <Border B, Reach R>
inline void nearest_at(const Picture& p, const Spot& s, const float* fill, int at, Planes out) {
    const Region& h = p.held;
    const I x = held_index<B, R>(s.x, p.width, h.x0, h.x1), y = held_index<B, R>(s.y, p.height, h.y0, h.y1);
    const M known = Vec::both(inside(s.x, 0, p.width), inside(s.y, 0, p.height));
    const I offset = offset_in_memory(p, x, y, p.samples == Samples::gray8 ? 1 : 4);
    if (p.samples == Samples::planar_f32) {
        for (int channel = 0; channel < p.channels; ++channel) {
            const F value = Vec::gather_float(p.data + channel * p.plane_stride, offset);
            Vec::store(plane(out, channel) + at, fill_outside<B>(known, value, fill[channel]));
        }
        return;
    }
    const I pixel = Vec::gather(p.data, offset);
    Vec::store(plane(out, 0) + at, fill_outside<B>(known, Vec::channel<0>(pixel), fill[0]));
    if (p.samples == Samples::gray8) return;
    Vec::store(plane(out, 1) + at, fill_outside<B>(known, Vec::channel<1>(pixel), fill[1]));
    Vec::store(plane(out, 2) + at, fill_outside<B>(known, Vec::channel<2>(pixel), fill[2]));
}

template <Border B, Reach R, bool Bilinear, class Path>
void warp_row(const Picture& p, Path path, const float* fill, int count, Planes out) {
    if (Bilinear && p.samples == Samples::color8x4) return warp_row_color<std::uint8_t, B, R>(p, path, fill, count, out);
    if (Bilinear && p.samples == Samples::fine16x4) return warp_row_color<std::int16_t, B, R>(p, path, fill, count, out);
    for (int first = 0; first < count; first += kBlock) {
        path.begin_block(first);
        for (int lane = 0; lane < kBlock; lane += Vec::lanes) {
            if constexpr (Bilinear) {
                bilinear_planes<B, R>(p, path.at(lane), fill, first + lane, out);
            } else {
                nearest_at<B, R>(p, path.at(lane), fill, first + lane, out);
            }
        }
    }
}

template <Border B, bool Bilinear, class Path>
void warp_row_by_reach(const Picture& p, const Path& path, bool near, const float* fill, int count, Planes out) {
    if (near) return warp_row<B, Reach::near, Bilinear>(p, path, fill, count, out);
    warp_row<B, Reach::far, Bilinear>(p, path, fill, count, out);
}

template <bool Bilinear, class Path>
void warp_row_by_border(const Picture& p, const Path& path, bool near, Border border, const float* fill, int count, Planes out) {
    switch (border) {
        case Border::constant: return warp_row<Border::constant, Reach::far, Bilinear>(p, path, fill, count, out);
        case Border::reflect: return warp_row_by_reach<Border::reflect, Bilinear>(p, path, near, fill, count, out);
        case Border::wrap: return warp_row_by_reach<Border::wrap, Bilinear>(p, path, near, fill, count, out);
        case Border::none:
        case Border::replicate: return warp_row<Border::replicate, Reach::far, Bilinear>(p, path, fill, count, out);
    }
}

// Whether all coordinates of an affine row, and of the rest of its last block, lie within one more picture on each side.
inline bool is_near(const Picture& p, const RowPath& path, int count) {
    const int last = count + kBlock;
    const auto within = [last](double start, double step, int size) {
        const double end = start + step * last;
        return start > -size + 1 && end > -size + 1 && start < 2 * size - 2 && end < 2 * size - 2;
    };
    return within(path.x, path.dx, p.width) && within(path.y, path.dy, p.height);
}

template <bool Bilinear>
void warp(const Picture& p, const RowPath& path, Border border, const float* fill, int count, Planes out) {
    const bool steep = std::fabs(path.dx) > kLongestStep || std::fabs(path.dy) > kLongestStep;
    if (path.perspective || steep) {
        warp_row_by_border<Bilinear>(p, PerspectivePath(path), false, border, fill, count, out);
    } else {
        warp_row_by_border<Bilinear>(p, AffinePath(path), is_near(p, path, count), border, fill, count, out);
    }
}

// ---------------------------------------------------------------------------------------------- separable

// Several vectors at once keep the sums in registers while the taps run.
constexpr int kWide = 4;

inline F load_sample(const std::uint8_t* p) { return Vec::load_u8(p); }
inline F load_sample(const float* p) { return Vec::load(p); }

// Writes whole vectors: up to kBlock - 1 floats past `count`.
template <class Sample>
void vertical(const Sample* const* rows, const float* weights, int taps, int count, float* out) {
    int i = 0;
    for (; i + kWide * Vec::lanes <= count; i += kWide * Vec::lanes) {
        F sum[kWide];
        for (int j = 0; j < kWide; ++j) sum[j] = Vec::mul(load_sample(rows[0] + i + j * Vec::lanes), Vec::set(weights[0]));
        for (int k = 1; k < taps; ++k) {
            const F weight = Vec::set(weights[k]);
            for (int j = 0; j < kWide; ++j)
                sum[j] = Vec::add(sum[j], Vec::mul(load_sample(rows[k] + i + j * Vec::lanes), weight));
        }
        for (int j = 0; j < kWide; ++j) Vec::store(out + i + j * Vec::lanes, sum[j]);
    }
    for (; i < count; i += Vec::lanes) {
        F sum = Vec::mul(load_sample(rows[0] + i), Vec::set(weights[0]));
        for (int k = 1; k < taps; ++k) sum = Vec::add(sum, Vec::mul(load_sample(rows[k] + i), Vec::set(weights[k])));
        Vec::store(out + i, sum);
    }
}

void horizontal_x4(const float* in, const int* first, const float* weights, int taps, int count, float* out) {
    for (int i = 0; i < count; ++i) {
        const float* const pixels = in + 4 * first[i];
        auto sum = Vec::quad_mul(pixels, weights);
        for (int k = 4; k < taps; k += 4) sum = Vec::quad_add(sum, Vec::quad_mul(pixels + 4 * k, weights + k));
        Vec::quad_store(out + 4 * i, sum);
        weights += taps;
    }
}

// Taps come in twos: `rows` and `weights` have one more, of weight zero, where `taps` is odd. Whole vectors are read and
// written: up to 63 samples past `count`.
void vertical_fixed(const std::uint8_t* const* rows, const std::int16_t* weights, int taps, int count, std::int16_t* out) {
    for (int i = 0; i < count; i += Vec::fixed_step) {
        Vec::Sums sums = Vec::no_sums();
        for (int k = 0; k < taps; k += 2) Vec::add_rows(sums, rows[k] + i, rows[k + 1] + i, weights + k);
        Vec::store_pairs(out + i, sums);
    }
}

void horizontal_fixed(const std::int16_t* in, const int* first, const std::int16_t* weights, int pairs, int count, float* out) {
    int i = 0;
    for (; i + Vec::fixed_pixels <= count; i += Vec::fixed_pixels) {
        Vec::sum_pairs(in, first + i, weights, pairs, out + 4 * i);
        weights += Vec::fixed_pixels * pairs * kPairSamples;
    }
    for (; i < count; ++i) {
        std::int32_t sum[4] = {0, 0, 0, 0};
        const std::int16_t* const samples = in + static_cast<std::ptrdiff_t>(first[i]) * kPairSamples;
        for (int k = 0; k < pairs * kPairSamples; ++k) sum[k % kPairSamples / 2] += samples[k] * weights[k];
        for (int c = 0; c < 4; ++c) out[4 * i + c] = static_cast<float>(sum[c]) * kFixedToLevel;
        weights += pairs * kPairSamples;
    }
}

void horizontal_x1(const float* in, const int* first, const float* weights, int taps, int count, float* out) {
    for (int i = 0; i < count; ++i) {
        const float* const pixels = in + first[i];
        float sum[4];
        for (int j = 0; j < 4; ++j) sum[j] = pixels[j] * weights[j];
        for (int k = 4; k < taps; k += 4)
            for (int j = 0; j < 4; ++j) sum[j] = sum[j] + pixels[k + j] * weights[k + j];
        out[i] = (sum[0] + sum[2]) + (sum[1] + sum[3]);
        weights += taps;
    }
}

// ---------------------------------------------------------------------------------------------- forms

void x4_to_planes(const float* in, int count, Planes out) {
    for (int i = 0; i < count; i += Vec::lanes) {
        F r, g, b;
        Vec::load_x4(in + 4 * i, r, g, b);
        Vec::store(plane(out, 0) + i, r);
        Vec::store(plane(out, 1) + i, g);
        Vec::store(plane(out, 2) + i, b);
    }
}

void u8x4_to_planes(const std::uint8_t* in, int count, Planes out) {
    for (int i = 0; i < count; i += Vec::lanes) {
        const I pixels = Vec::load(reinterpret_cast<const std::int32_t*>(in + 4 * i));
        Vec::store(plane(out, 0) + i, Vec::channel<0>(pixels));
        Vec::store(plane(out, 1) + i, Vec::channel<1>(pixels));
        Vec::store(plane(out, 2) + i, Vec::channel<2>(pixels));
    }
}

inline I to_level(F v) { return Vec::round_to_int(Vec::min(Vec::max(v, Vec::set(0.0f)), Vec::set(255.0f))); }

void round_to_u8(const float* in, int values, std::uint8_t* out) {
    for (int i = 0; i < values; i += Vec::lanes) Vec::store_u8(out + i, to_level(Vec::load(in + i)));
}

void round_to_fine(const float* in, int values, std::int16_t* out) {
    const F most = Vec::set(255.0f * kFineLevel);
    for (int i = 0; i < values; i += Vec::lanes) {
        const F fine = Vec::mul(Vec::load(in + i), Vec::set(static_cast<float>(kFineLevel)));
        Vec::store_i16(out + i, Vec::round_to_int(Vec::min(Vec::max(fine, Vec::set(0.0f)), most)));
    }
}

void rgb_to_x4(const std::uint8_t* in, int count, std::uint8_t* out) {
    int i = 0;
    for (; i + Vec::lanes <= count; i += Vec::lanes) Vec::expand_rgb(in + 3 * i, out + 4 * i);
    for (; i < count; ++i) {
        for (int c = 0; c < 3; ++c) out[4 * i + c] = in[3 * i + c];
        out[4 * i + 3] = 0;
    }
}

// ---------------------------------------------------------------------------------------------- color

inline F clipped(F v, float low, float high) { return Vec::min(Vec::max(v, Vec::set(low)), Vec::set(high)); }

inline F scaled(F v, float scale, float bias, float low, float high) { return clipped(Vec::add(Vec::mul(v, Vec::set(scale)), Vec::set(bias)), low, high); }

inline F mixed(F r, F g, F b, const float* row, float low, float high) {
    const F sum = Vec::add(Vec::mul(r, Vec::set(row[0])), Vec::mul(g, Vec::set(row[1])));
    return clipped(Vec::add(Vec::add(sum, Vec::mul(b, Vec::set(row[2]))), Vec::set(row[3])), low, high);
}

inline void color_step(const ColorStep& step, F& r, F& g, F& b) {
    const float *const m = step.matrix, *const low = step.low, *const high = step.high;
    if (step.diagonal) {
        r = scaled(r, m[0], m[3], low[0], high[0]);
        g = scaled(g, m[5], m[7], low[1], high[1]);
        b = scaled(b, m[10], m[11], low[2], high[2]);
        return;
    }
    const F red = mixed(r, g, b, m, low[0], high[0]), green = mixed(r, g, b, m + 4, low[1], high[1]);
    b = mixed(r, g, b, m + 8, low[2], high[2]);
    r = red;
    g = green;
}

void color_matrix(Planes pixels, const float* m, const float* low, const float* high, int count) {
    for (int i = 0; i < count; i += Vec::lanes) {
        const F r = Vec::load(plane(pixels, 0) + i);
        const F g = Vec::load(plane(pixels, 1) + i);
        const F b = Vec::load(plane(pixels, 2) + i);
        for (int c = 0; c < 3; ++c) Vec::store(plane(pixels, c) + i, mixed(r, g, b, m + 4 * c, low[c], high[c]));
    }
}

void mix_rgb(const std::uint8_t* in, const ColorStep* steps, int step_count, int count, std::uint8_t* out) {
    std::uint8_t pixels[3 * Vec::lanes + 16] = {}, made[3 * Vec::lanes + 16];
    for (int i = 0; i < count; i += Vec::lanes) {
        const bool whole = i + Vec::lanes <= count;
        const int rest = count - i < Vec::lanes ? count - i : Vec::lanes;
        if (!whole) std::memcpy(pixels, in + 3 * i, static_cast<std::size_t>(3 * rest));
        F r, g, b;
        Vec::load_rgb(whole ? in + 3 * i : pixels, r, g, b);
        for (int k = 0; k < step_count; ++k) color_step(steps[k], r, g, b);
        Vec::store_rgb_u8(whole ? out + 3 * i : made, to_level(r), to_level(g), to_level(b));
        if (!whole) std::memcpy(out + 3 * i, made, static_cast<std::size_t>(3 * rest));
    }
}

void color_scale(float* values, float scale, float bias, float low, float high, int count) {
    for (int i = 0; i < count; i += Vec::lanes) Vec::store(values + i, scaled(Vec::load(values + i), scale, bias, low, high));
}

void lut(float* values, const float* table, int count) {
    const auto* const bytes = reinterpret_cast<const std::uint8_t*>(table);
    for (int i = 0; i < count; i += Vec::lanes) {
        const I level = to_level(Vec::load(values + i));
        Vec::store(values + i, Vec::gather_float(bytes, Vec::mul(level, Vec::set(4))));
    }
}

// ---------------------------------------------------------------------------------------------- units

// What is left over after whole vectors goes one by one, since the arrays end where they end.
void scale_each(float* values, const float* scale, const float* bias, int count) {
    int i = 0;
    for (; i + Vec::lanes <= count; i += Vec::lanes)
        Vec::store(values + i, Vec::add(Vec::mul(Vec::load(values + i), Vec::load(scale + i)), Vec::load(bias + i)));
    for (; i < count; ++i) values[i] = values[i] * scale[i] + bias[i];
}

// Eight rows of the matrix are read together, so that a sum is in memory once for eight products.
constexpr std::size_t kTogether = 8;
// This many sums of eight pictures stay in the first cache.
constexpr std::size_t kPanel = 1024;

// out[j] += sum of in[k] * matrix[k][j], from left to right, for N rows of the matrix and one of `in`.
template <std::size_t N>
void add_products(const float* in, const float* matrix, std::size_t columns, std::size_t begin, std::size_t end, float* out) {
    std::size_t j = begin;
    for (; j + Vec::lanes <= end; j += Vec::lanes) {
        F sum = Vec::mul(Vec::set(in[0]), Vec::load(matrix + j));
        for (std::size_t k = 1; k < N; ++k) sum = Vec::add(sum, Vec::mul(Vec::set(in[k]), Vec::load(matrix + k * columns + j)));
        Vec::store(out + j, Vec::add(Vec::load(out + j), sum));
    }
    for (; j < end; ++j) {
        float sum = in[0] * matrix[j];
        for (std::size_t k = 1; k < N; ++k) sum += in[k] * matrix[k * columns + j];
        out[j] += sum;
    }
}

// The order of the sums is that of the rows, whatever is computed together: so a picture's values do not depend on
// what other pictures are in its batch.
void multiply_rows(const float* in, std::size_t count, const float* matrix, std::size_t rows, std::size_t columns, float* out) {
    for (std::size_t begin = 0; begin < columns; begin += kPanel) {
        const std::size_t end = begin + kPanel < columns ? begin + kPanel : columns;
        std::size_t k = 0;
        for (; k + kTogether <= rows; k += kTogether)
            for (std::size_t p = 0; p < count; ++p)
                add_products<kTogether>(in + p * rows + k, matrix + k * columns, columns, begin, end, out + p * columns);
        for (; k < rows; ++k)
            for (std::size_t p = 0; p < count; ++p)
                add_products<1>(in + p * rows + k, matrix + k * columns, columns, begin, end, out + p * columns);
    }
}

// ---------------------------------------------------------------------------------------------- store

inline F scaled(const float* p, float scale, float bias) {
    return Vec::add(Vec::mul(Vec::load(p), Vec::set(scale)), Vec::set(bias));
}

inline F scaled(F value, const float* scale, const float* bias) {
    return Vec::add(Vec::mul(value, Vec::load(scale)), Vec::load(bias));
}

// `write(i)` puts whole vectors at pixel i; what is left over goes by way of a small buffer, so that nothing is
// written past the end of the row (the next record's pixels).
template <class T, class Write>
inline void in_whole_vectors(int count, int values_per_pixel, T* out, Write write) {
    int i = 0;
    for (; i + Vec::lanes <= count; i += Vec::lanes) write(i, out + i * values_per_pixel);
    if (i < count) {
        T rest[3 * kBlock + 16];
        write(i, rest);
        std::memcpy(out + i * values_per_pixel, rest, sizeof(T) * static_cast<std::size_t>((count - i) * values_per_pixel));
    }
}

void store_plane(const float* values, float scale, float bias, Dtype dtype, int count, void* out) {
    switch (dtype) {
        case Dtype::float32:
            return in_whole_vectors(count, 1, static_cast<float*>(out),
                                    [&](int i, float* p) { Vec::store(p, scaled(values + i, scale, bias)); });
        case Dtype::float16:
            return in_whole_vectors(count, 1, static_cast<std::uint16_t*>(out),
                                    [&](int i, std::uint16_t* p) { Vec::store_half(p, scaled(values + i, scale, bias)); });
        case Dtype::bfloat16:
            return in_whole_vectors(count, 1, static_cast<BFloat16*>(out),
                                    [&](int i, BFloat16* p) { Vec::store_half(p, scaled(values + i, scale, bias)); });
        case Dtype::uint8:
            return in_whole_vectors(count, 1, static_cast<std::uint8_t*>(out), [&](int i, std::uint8_t* p) {
                Vec::store_u8(p, to_level(scaled(values + i, scale, bias)));
            });
    }
}

void store_rgb(Planes pixels, const float* scale, const float* bias, Dtype dtype, int count, void* out) {
    const float *const r = plane(pixels, 0), *const g = plane(pixels, 1), *const b = plane(pixels, 2);
    const auto red = [&](int i) { return scaled(r + i, scale[0], bias[0]); };
    const auto green = [&](int i) { return scaled(g + i, scale[1], bias[1]); };
    const auto blue = [&](int i) { return scaled(b + i, scale[2], bias[2]); };
    switch (dtype) {
        case Dtype::float32:
            return in_whole_vectors(count, 3, static_cast<float*>(out),
                                    [&](int i, float* p) { Vec::store_rgb(p, red(i), green(i), blue(i)); });
        case Dtype::float16:
            return in_whole_vectors(count, 3, static_cast<std::uint16_t*>(out), [&](int i, std::uint16_t* p) {
                Vec::store_rgb_half(p, red(i), green(i), blue(i));
            });
        case Dtype::bfloat16:
            return in_whole_vectors(count, 3, static_cast<BFloat16*>(out),
                                    [&](int i, BFloat16* p) { Vec::store_rgb_half(p, red(i), green(i), blue(i)); });
        case Dtype::uint8:
            return in_whole_vectors(count, 3, static_cast<std::uint8_t*>(out), [&](int i, std::uint8_t* p) {
                Vec::store_rgb_u8(p, to_level(red(i)), to_level(green(i)), to_level(blue(i)));
            });
    }
}

// Three vectors of values that lie one after another, whose channels take turns.
template <class T>
inline void store_three(T* p, F first, F second, F third) {
    if constexpr (std::is_same_v<T, float>) {
        Vec::store_three(p, first, second, third);
    } else {
        const F three[3] = {first, second, third};
        for (int k = 0; k < 3; ++k) {
            if constexpr (!std::is_same_v<T, std::uint8_t>) Vec::store_half(p + k * Vec::lanes, three[k]);
            else Vec::store_u8(p + k * Vec::lanes, to_level(three[k]));
        }
    }
}

template <class T>
inline void store_x4_as(const float* pixels, const float* scale, const float* bias, int count, T* out) {
    in_whole_vectors(count, 3, out, [&](int i, T* p) {
        F first, second, third;
        Vec::drop_fourth(pixels + 4 * i, first, second, third);
        store_three(p, scaled(first, scale, bias), scaled(second, scale + Vec::lanes, bias + Vec::lanes),
                    scaled(third, scale + 2 * Vec::lanes, bias + 2 * Vec::lanes));
    });
}

void store_x4(const float* pixels, const float* scale, const float* bias, Dtype dtype, int count, void* out) {
    float scales[3 * Vec::lanes], biases[3 * Vec::lanes];
    for (int k = 0; k < 3 * Vec::lanes; ++k) scales[k] = scale[k % 3], biases[k] = bias[k % 3];
    switch (dtype) {
        case Dtype::float32: return store_x4_as(pixels, scales, biases, count, static_cast<float*>(out));
        case Dtype::float16: return store_x4_as(pixels, scales, biases, count, static_cast<std::uint16_t*>(out));
        case Dtype::bfloat16: return store_x4_as(pixels, scales, biases, count, static_cast<BFloat16*>(out));
        case Dtype::uint8: return store_x4_as(pixels, scales, biases, count, static_cast<std::uint8_t*>(out));
    }
}

// ---------------------------------------------------------------------------------------------- decoding

#include "scan.inl"

#include "inflate.inl"

#include "unfilter.inl"

#include "effects.inl"

#include "byte_products.inl"

// ---------------------------------------------------------------------------------------------- the table

constexpr Kernels make_table(const char* name) {
    Kernels k{};
    k.name = name;
    k.scan_mcu = scan_mcu;
    k.scan_two_mcus = scan_two_mcus;
    k.inflate_codes = inflate_codes;
    k.unfilter = unfilter;
    k.warp_bilinear = warp<true>;
    k.warp_nearest = warp<false>;
    k.vertical_u8 = vertical<std::uint8_t>;
    k.vertical_f32 = vertical<float>;
    k.horizontal_x4 = horizontal_x4;
    k.vertical_fixed = vertical_fixed;
    k.horizontal_fixed = horizontal_fixed;
    k.horizontal_x1 = horizontal_x1;
    k.x4_to_planes = x4_to_planes;
    k.u8x4_to_planes = u8x4_to_planes;
    k.round_to_u8 = round_to_u8;
    k.round_to_fine = round_to_fine;
    k.rgb_to_x4 = rgb_to_x4;
    k.color_matrix = color_matrix;
    k.mix_rgb = mix_rgb;
    k.color_scale = color_scale;
    k.lut = lut;
    k.scale_each = scale_each;
    k.multiply_rows = multiply_rows;
    k.store_plane = store_plane;
    k.store_rgb = store_rgb;
    k.store_x4 = store_x4;
    k.publish = Vec::publish;
    k.hsv = hsv;
    k.value_curve = value_curve;
    k.normal_row = normal_row;
    k.uniform_row = uniform_row;
    k.grid_row = grid_row;
    k.add_gaussian = add_gaussian;
    k.add_poisson = add_poisson;
    k.add_impulses = add_impulses;
    k.rgb_to_planes = rgb_to_planes;
    k.u8_to_f32 = u8_to_f32;
    k.copy_bytes = copy_bytes;
    k.copy_rows = copy_rows;
    k.lookup = lookup;
    k.lookup_rgb = lookup_rgb;
    k.reverse_rgb = reverse_rgb;
    k.median = median;
    k.remap = remap;
    k.byte_products = byte_products;
    return k;
}

}  // namespace
}  // namespace imagefeed
