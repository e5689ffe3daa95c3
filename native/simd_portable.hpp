// The vector type of the portable kernels: one lane, plain C++.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

#include "fixed.hpp"
#include "half.hpp"
#include "paeth.hpp"
#include "prefetch.hpp"

namespace imagefeed {
namespace {

struct Vec {
    static constexpr int lanes = 1;
    using F = float;
    using I = std::int32_t;
    using M = bool;

    static F set(float v) { return v; }
    static I set(std::int32_t v) { return v; }
    static F ramp(int first) { return static_cast<float>(first); }
    static I int_ramp(int first) { return first; }
    static F load(const float* p) { return *p; }
    static I load(const std::int32_t* p) { return *p; }
    static F load_u8(const std::uint8_t* p) { return static_cast<float>(*p); }
    static void store(float* p, F v) { *p = v; }
    static void store(std::int32_t* p, I v) { *p = v; }
    static F add(F a, F b) { return a + b; }
    static F sub(F a, F b) { return a - b; }
    static F mul(F a, F b) { return a * b; }
    // Operand order as the x86 instructions have it: the second operand wins where one is NaN.
    static F min(F a, F b) { return a < b ? a : b; }
    static F max(F a, F b) { return a > b ? a : b; }
    static I add(I a, I b) { return a + b; }
    static I sub(I a, I b) { return a - b; }
    static I mul(I a, I b) { return a * b; }
    static I min(I a, I b) { return a < b ? a : b; }
    static I max(I a, I b) { return a > b ? a : b; }
    static M less(I a, I b) { return a < b; }
    static M both(M a, M b) { return a && b; }
    static bool all(M m) { return m; }
    static I select(M m, I a, I b) { return m ? a : b; }
    static F select(M m, F a, F b) { return m ? a : b; }
    static F to_float(I v) { return static_cast<float>(v); }
    static I floor_to_int(F v) {
        const auto i = static_cast<std::int32_t>(v);
        return i - (v < static_cast<float>(i));
    }
    static I round_to_int(F v) { return static_cast<std::int32_t>(std::lrintf(v)); }

    static I gather(const std::uint8_t* base, I offset) {
        std::int32_t v;
        std::memcpy(&v, base + offset, 4);
        return v;
    }
    static F gather_float(const std::uint8_t* base, I offset) {
        float v;
        std::memcpy(&v, base + offset, 4);
        return v;
    }
    // A pixel between four neighbours that lie side by side at an offset and one row below.
    template <class Sample>
    static void blend_held(const std::uint8_t* data, const std::int32_t* offset, std::ptrdiff_t stride, const float* x, const float* y,
                           F& r, F& g, F& b) {
        const auto* const top = reinterpret_cast<const Sample*>(data + *offset);
        const auto* const bottom = reinterpret_cast<const Sample*>(data + *offset + stride);
        float pixel[4];
        blend_pixels(top, top + 4, bottom, bottom + 4, *x, *y, pixel);
        load_x4(pixel, r, g, b);
    }
    // Four neighbours, each at an address of its own.
    template <class Sample>
    static void blend_pixels(const Sample* tl, const Sample* tr, const Sample* bl, const Sample* br, float x, float y, float* out) {
        for (int c = 0; c < 4; ++c) {
            const auto a = static_cast<float>(tl[c]), b = static_cast<float>(tr[c]);
            const float left = a + y * (static_cast<float>(bl[c]) - a), right = b + y * (static_cast<float>(br[c]) - b);
            out[c] = left + x * (right - left);
        }
    }
    template <int C>
    static F channel(I pixel) {
        return static_cast<float>(static_cast<std::uint32_t>(pixel) >> (8 * C) & 255);
    }

    static void prefetch(const std::uint8_t* p) { imagefeed::prefetch(p); }

    static void store_u8(std::uint8_t* p, I v) { *p = static_cast<std::uint8_t>(v); }
    static void store_i16(std::int16_t* p, I v) { *p = static_cast<std::int16_t>(v); }
    static void store_half(std::uint16_t* p, F v) { *p = to_half(v); }
    static void store_half(BFloat16* p, F v) { *p = to_bfloat16(v); }
    static void store_rgb(float* p, F r, F g, F b) { p[0] = r, p[1] = g, p[2] = b; }
    static void store_three(float* p, F first, F second, F third) { p[0] = first, p[1] = second, p[2] = third; }
    // A pixel of four floats without the fourth.
    static void drop_fourth(const float* p, F& first, F& second, F& third) { first = p[0], second = p[1], third = p[2]; }
    static void publish() {}  // plain stores need nothing more
    template <class T>
    static void store_rgb_half(T* p, F r, F g, F b) {
        store_half(p, r), store_half(p + 1, g), store_half(p + 2, b);
    }
    static void store_rgb_u8(std::uint8_t* p, I r, I g, I b) {
        p[0] = static_cast<std::uint8_t>(r), p[1] = static_cast<std::uint8_t>(g), p[2] = static_cast<std::uint8_t>(b);
    }
    // Pixels of four floats each, taken apart; the fourth is dropped.
    static void load_x4(const float* p, F& r, F& g, F& b) { r = p[0], g = p[1], b = p[2]; }
    // Packed three-byte pixels to four-byte ones.
    static void expand_rgb(const std::uint8_t* in, std::uint8_t* out) {
        out[0] = in[0], out[1] = in[1], out[2] = in[2], out[3] = 0;
    }
    static constexpr int expand_overread = 0;

    // Sixteen running sums: four taps of four channels.
    struct Quad {
        float lane[16];
    };
    static Quad quad_mul(const float* pixels, const float* weights) {
        Quad q;
        for (int t = 0; t < 4; ++t)
            for (int c = 0; c < 4; ++c) q.lane[4 * t + c] = pixels[4 * t + c] * weights[t];
        return q;
    }
    static Quad quad_add(const Quad& a, const Quad& b) {
        Quad q;
        for (int k = 0; k < 16; ++k) q.lane[k] = a.lane[k] + b.lane[k];
        return q;
    }
    static void quad_store(float* p, const Quad& q) {
        for (int c = 0; c < 4; ++c) p[c] = (q.lane[c] + q.lane[8 + c]) + (q.lane[4 + c] + q.lane[12 + c]);
    }

    // Fixed-point sums of two pixels of a row.
    static constexpr int fixed_step = kPairSamples;
    struct Sums {
        std::int32_t sample[kPairSamples];
    };
    static Sums no_sums() {
        Sums sums;
        for (std::int32_t& sample : sums.sample) sample = 1 << (kRowShift - 1);
        return sums;
    }
    static void add_rows(Sums& sums, const std::uint8_t* a, const std::uint8_t* b, const std::int16_t* two_weights) {
        for (int k = 0; k < kPairSamples; ++k) sums.sample[k] += a[k] * two_weights[0] + b[k] * two_weights[1];
    }
    static void store_pairs(std::int16_t* out, const Sums& sums) {
        for (int c = 0; c < 4; ++c)
            for (int pixel = 0; pixel < 2; ++pixel) out[2 * c + pixel] = static_cast<std::int16_t>(sums.sample[4 * pixel + c] >> kRowShift);
    }

    static constexpr int fixed_pixels = 1;
    static void sum_pairs(const std::int16_t* in, const int* first, const std::int16_t* weights, int pairs, float* out) {
        std::int32_t sum[4] = {0, 0, 0, 0};
        const std::int16_t* const samples = in + static_cast<std::ptrdiff_t>(*first) * kPairSamples;
        for (int k = 0; k < pairs * kPairSamples; ++k) sum[k % kPairSamples / 2] += samples[k] * weights[k];
        for (int c = 0; c < 4; ++c) out[c] = static_cast<float>(sum[c]) * kFixedToLevel;
    }

    static F div(F a, F b) { return a / b; }
    static F sqrt(F v) { return std::sqrt(v); }
    static M less(F a, F b) { return a < b; }
    static I bits(F v) {
        I i;
        std::memcpy(&i, &v, 4);
        return i;
    }
    static F from_bits(I v) {
        F f;
        std::memcpy(&f, &v, 4);
        return f;
    }
    static I bit_and(I a, I b) { return a & b; }
    static I bit_or(I a, I b) { return a | b; }
    static I bit_xor(I a, I b) { return a ^ b; }
    template <int N>
    static I shift_left(I v) {
        return static_cast<I>(static_cast<std::uint32_t>(v) << N);
    }
    template <int N>
    static I shift_right(I v) {
        return static_cast<I>(static_cast<std::uint32_t>(v) >> N);
    }
    // The two halves of the 64-bit products of unsigned numbers.
    static void mul_wide(I a, std::uint32_t by, I& high, I& low) {
        const std::uint64_t product = static_cast<std::uint64_t>(static_cast<std::uint32_t>(a)) * by;
        high = static_cast<I>(static_cast<std::uint32_t>(product >> 32));
        low = static_cast<I>(static_cast<std::uint32_t>(product));
    }

    static constexpr int bytes = 1;
    using B = std::uint8_t;
    static B load_bytes(const std::uint8_t* p) { return *p; }
    static void store_bytes(std::uint8_t* p, B v) { *p = v; }
    static void stream_bytes(std::uint8_t* p, B v) { *p = v; }
    static B min(B a, B b) { return a < b ? a : b; }
    static B max(B a, B b) { return a > b ? a : b; }
    struct Table {
        const std::uint8_t* levels;
    };
    static Table load_table(const std::uint8_t* levels) { return {levels}; }
    static B lookup(const Table& table, B at) { return table.levels[at]; }
    // Of bytes that belong to three channels in turn, those of channel `phase` first: each from its own vector.
    static B in_turn(B r, B g, B b, int phase) { return phase == 0 ? r : phase == 1 ? g : b; }
    static constexpr int reversed_pixels = 1;
    static void reverse_rgb(const std::uint8_t* in, std::uint8_t* out) { out[0] = in[0], out[1] = in[1], out[2] = in[2]; }
    // Packed three-byte pixels to vectors of their channels. `overread` bytes more than `lanes` pixels may be read.
    static void load_rgb(const std::uint8_t* p, F& r, F& g, F& b) {
        r = static_cast<F>(p[0]), g = static_cast<F>(p[1]), b = static_cast<F>(p[2]);
    }

    // Four bytes a lane. `dot_bytes` adds the sum of the products of four bytes, 0 to 255, and four of -128 to 127.
    static constexpr int product_rows = 2, product_vectors = 16;  // of which compilers make vectors
    static I load_fours(const std::uint8_t* p) {
        I four;
        std::memcpy(&four, p, 4);
        return four;
    }
    static I dot_bytes(I sum, I bytes, I levels) {
        const auto product = [=](int k) {  // of sixteen bits, as most processors multiply them
            return static_cast<std::int16_t>(bytes >> k & 255) * static_cast<std::int16_t>(static_cast<std::int8_t>(levels >> k & 255));
        };
        return sum + product(0) + product(8) + product(16) + product(24);
    }

    // A pixel of four samples.
    struct Pixel {
        std::uint8_t samples[4];
    };
    static Pixel pixel(const std::uint8_t* p) { return {{p[0], p[1], p[2], p[3]}}; }
    static void pixel_store(std::uint8_t* p, Pixel v) { std::memcpy(p, v.samples, 4); }
    template <class Each>
    static Pixel each_sample(Each each) {
        Pixel out;
        for (int c = 0; c < 4; ++c) out.samples[c] = static_cast<std::uint8_t>(each(c));
        return out;
    }
    static Pixel pixel_sum(Pixel a, Pixel b) {
        return each_sample([&](int c) { return a.samples[c] + b.samples[c]; });
    }
    static Pixel pixel_middle(Pixel a, Pixel b) {
        return each_sample([&](int c) { return (a.samples[c] + b.samples[c]) / 2; });
    }
    static Pixel pixel_paeth(Pixel left, Pixel above, Pixel corner) {
        return each_sample([&](int c) { return paeth(left.samples[c], above.samples[c], corner.samples[c]); });
    }
};

}  // namespace
}  // namespace imagefeed
