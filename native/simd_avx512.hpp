// The vector type of the AVX-512 kernels: sixteen lanes.
#pragma once

#include <immintrin.h>

#include <cstdint>
#include <cstring>

#include "fixed.hpp"
#include "kernels.hpp"
#include "pixel_sse.hpp"

namespace imagefeed {
namespace {

struct Vec : SsePixels {
    static constexpr int lanes = 16;
    using F = __m512;
    using I = __m512i;
    using M = __mmask16;

    static F set(float v) { return _mm512_set1_ps(v); }
    static I set(std::int32_t v) { return _mm512_set1_epi32(v); }
    static I int_ramp(int first) {
        return _mm512_add_epi32(_mm512_set1_epi32(first),
                                _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15));
    }
    static F ramp(int first) { return _mm512_cvtepi32_ps(int_ramp(first)); }
    static F load(const float* p) { return _mm512_loadu_ps(p); }
    static I load(const std::int32_t* p) { return _mm512_loadu_si512(p); }
    static F load_u8(const std::uint8_t* p) {
        return _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))));
    }
    static void store(float* p, F v) { _mm512_storeu_ps(p, v); }
    static void store(std::int32_t* p, I v) { _mm512_storeu_si512(p, v); }
    static F add(F a, F b) { return _mm512_add_ps(a, b); }
    static F sub(F a, F b) { return _mm512_sub_ps(a, b); }
    static F mul(F a, F b) { return _mm512_mul_ps(a, b); }
    static F min(F a, F b) { return _mm512_min_ps(a, b); }
    static F max(F a, F b) { return _mm512_max_ps(a, b); }
    static I add(I a, I b) { return _mm512_add_epi32(a, b); }
    static I sub(I a, I b) { return _mm512_sub_epi32(a, b); }
    static I mul(I a, I b) { return _mm512_mullo_epi32(a, b); }
    static I min(I a, I b) { return _mm512_min_epi32(a, b); }
    static I max(I a, I b) { return _mm512_max_epi32(a, b); }
    static M less(I a, I b) { return _mm512_cmplt_epi32_mask(a, b); }
    static M both(M a, M b) { return static_cast<M>(a & b); }
    static bool all(M m) { return m == 0xFFFF; }
    static I select(M m, I a, I b) { return _mm512_mask_blend_epi32(m, b, a); }
    static F select(M m, F a, F b) { return _mm512_mask_blend_ps(m, b, a); }
    static F to_float(I v) { return _mm512_cvtepi32_ps(v); }
    static I floor_to_int(F v) { return _mm512_cvt_roundps_epi32(v, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC); }
    static I round_to_int(F v) { return _mm512_cvtps_epi32(v); }

    static I gather(const std::uint8_t* base, I offset) { return _mm512_i32gather_epi32(offset, base, 1); }
    static F gather_float(const std::uint8_t* base, I offset) { return _mm512_i32gather_ps(offset, base, 1); }
    static __m256 two_pixels(const std::uint8_t* left, const std::uint8_t* right) {
        std::int32_t l, r;
        std::memcpy(&l, left, 4);
        std::memcpy(&r, right, 4);
        return _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_insert_epi32(_mm_cvtsi32_si128(l), r, 1)));
    }
    static __m256 two_pixels(const std::int16_t* left, const std::int16_t* right) {
        const __m128i first = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(left));
        const __m128i second = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(right));
        return _mm256_cvtepi32_ps(_mm256_cvtepi16_epi32(_mm_unpacklo_epi64(first, second)));
    }
    // Four neighbours, each at an address of its own.
    template <class Sample>
    static void blend_pixels(const Sample* tl, const Sample* tr, const Sample* bl, const Sample* br, float x, float y, float* out) {
        const __m256 above = two_pixels(tl, tr), below = two_pixels(bl, br);
        const __m256 both = _mm256_add_ps(above, _mm256_mul_ps(_mm256_set1_ps(y), _mm256_sub_ps(below, above)));
        const __m128 left = _mm256_castps256_ps128(both), right = _mm256_extractf128_ps(both, 1);
        _mm_storeu_ps(out, _mm_add_ps(left, _mm_mul_ps(_mm_set1_ps(x), _mm_sub_ps(right, left))));
    }
    // Two pixels, and two more.
    static F side_by_side(const std::uint8_t* first, const std::uint8_t* second) {
        const __m128d two = _mm_castsi128_pd(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(first)));
        const __m128d all = _mm_loadh_pd(two, reinterpret_cast<const double*>(second));
        return _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm_castpd_si128(all)));
    }
    static F side_by_side(const std::int16_t* first, const std::int16_t* second) {
        const __m256i two = _mm256_castsi128_si256(_mm_loadu_si128(reinterpret_cast<const __m128i*>(first)));
        const __m256i all = _mm256_inserti128_si256(two, _mm_loadu_si128(reinterpret_cast<const __m128i*>(second)), 1);
        return _mm512_cvtepi32_ps(_mm512_cvtepi16_epi32(all));
    }
    // Sixteen pixels, each between four neighbours that lie side by side at an offset and one row below.
    template <class Sample>
    static void blend_held(const std::uint8_t* data, const std::int32_t* offset, std::ptrdiff_t stride, const float* x, const float* y,
                           F& r, F& g, F& b) {
        F four[4];
        for (int k = 0; k < 4; ++k) four[k] = blend_four<Sample>(data, offset + 4 * k, stride, x + 4 * k, y + 4 * k);
        separate(four[0], four[1], four[2], four[3], r, g, b);
    }
    template <class Sample>
    static F blend_four(const std::uint8_t* data, const std::int32_t* offset, std::ptrdiff_t stride, const float* x, const float* y) {
        const __m512i halves = _mm512_setr_epi32(0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1);
        const __m512i quarters = _mm512_setr_epi32(0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3);
        // Left and right of a pixel, then those of the next.
        const auto two = [=](int k) {
            const auto row = [=](std::ptrdiff_t down) {
                const auto at = [=](int i) { return reinterpret_cast<const Sample*>(data + offset[i] + down); };
                return side_by_side(at(k), at(k + 1));
            };
            const F above = row(0), below = row(stride);
            const F share = _mm512_permutexvar_ps(halves, _mm512_castps128_ps512(_mm_castpd_ps(_mm_load_sd(reinterpret_cast<const double*>(y + k)))));
            return add(above, mul(share, sub(below, above)));
        };
        const F a = two(0), b = two(2);
        const F left = _mm512_shuffle_f32x4(a, b, 0x88), right = _mm512_shuffle_f32x4(a, b, 0xDD);
        const F share = _mm512_permutexvar_ps(quarters, _mm512_castps128_ps512(_mm_loadu_ps(x)));
        return add(left, mul(share, sub(right, left)));
    }
    template <int C>
    static F channel(I pixel) {
        const __m128i bytes = _mm_setr_epi8(C, -1, -1, -1, 4 + C, -1, -1, -1, 8 + C, -1, -1, -1, 12 + C, -1, -1, -1);
        return _mm512_cvtepi32_ps(_mm512_shuffle_epi8(pixel, _mm512_broadcast_i32x4(bytes)));
    }

    static void prefetch(const std::uint8_t* p) { _mm_prefetch(reinterpret_cast<const char*>(p), _MM_HINT_T0); }

    static void store_u8(std::uint8_t* p, I v) {
        _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm512_cvtepi32_epi8(v));
    }
    static void store_i16(std::int16_t* p, I v) {
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm512_cvtepi32_epi16(v));
    }
    static void store_half(std::uint16_t* p, F v) {
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm512_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT));
    }
    static void store_half(BFloat16* p, F v) {
        const I bits = _mm512_castps_si512(v), upper = _mm512_srli_epi32(bits, 16);
        const I even = _mm512_and_si512(upper, _mm512_set1_epi32(1));
        const I rounded = _mm512_srli_epi32(_mm512_add_epi32(_mm512_add_epi32(bits, _mm512_set1_epi32(0x7FFF)), even), 16);
        const __mmask16 nan = _mm512_cmp_ps_mask(v, v, _CMP_UNORD_Q);
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm512_cvtepi32_epi16(_mm512_mask_or_epi32(rounded, nan, upper, _mm512_set1_epi32(0x40))));
    }
    static void interleave(F r, F g, F b, F& first, F& second, F& third) {
        const __m512i rg0 = _mm512_setr_epi32(0, 16, 0, 1, 17, 0, 2, 18, 0, 3, 19, 0, 4, 20, 0, 5);
        const __m512i b0 = _mm512_setr_epi32(0, 1, 16, 3, 4, 17, 6, 7, 18, 9, 10, 19, 12, 13, 20, 15);
        const __m512i rg1 = _mm512_setr_epi32(21, 0, 6, 22, 0, 7, 23, 0, 8, 24, 0, 9, 25, 0, 10, 26);
        const __m512i b1 = _mm512_setr_epi32(0, 21, 2, 3, 22, 5, 6, 23, 8, 9, 24, 11, 12, 25, 14, 15);
        const __m512i rg2 = _mm512_setr_epi32(0, 11, 27, 0, 12, 28, 0, 13, 29, 0, 14, 30, 0, 15, 31, 0);
        const __m512i b2 = _mm512_setr_epi32(26, 1, 2, 27, 4, 5, 28, 7, 8, 29, 10, 11, 30, 13, 14, 31);
        first = _mm512_permutex2var_ps(_mm512_permutex2var_ps(r, rg0, g), b0, b);
        second = _mm512_permutex2var_ps(_mm512_permutex2var_ps(r, rg1, g), b1, b);
        third = _mm512_permutex2var_ps(_mm512_permutex2var_ps(r, rg2, g), b2, b);
    }
    static void store_rgb(float* p, F r, F g, F b) {
        F first, second, third;
        interleave(r, g, b, first, second, third);
        store_three(p, first, second, third);
    }
    // Three vectors, one after another.
    static void store_three(float* p, F first, F second, F third) {
        if (reinterpret_cast<std::uintptr_t>(p) % 64 == 0) {
            // A batch is larger than the caches: writing past them spares reading what is overwritten.
            _mm512_stream_ps(p, first);
            _mm512_stream_ps(p + 16, second);
            _mm512_stream_ps(p + 32, third);
            return;
        }
        _mm512_storeu_ps(p, first);
        _mm512_storeu_ps(p + 16, second);
        _mm512_storeu_ps(p + 32, third);
    }
    // Sixteen pixels of four floats without the fourth: three vectors of what is left, one after another.
    static void drop_fourth(const float* p, F& first, F& second, F& third) {
        const F p0 = _mm512_loadu_ps(p), p1 = _mm512_loadu_ps(p + 16), p2 = _mm512_loadu_ps(p + 32), p3 = _mm512_loadu_ps(p + 48);
        first = _mm512_permutex2var_ps(p0, _mm512_setr_epi32(0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, 16, 17, 18, 20), p1);
        second = _mm512_permutex2var_ps(p1, _mm512_setr_epi32(5, 6, 8, 9, 10, 12, 13, 14, 16, 17, 18, 20, 21, 22, 24, 25), p2);
        third = _mm512_permutex2var_ps(p2, _mm512_setr_epi32(10, 12, 13, 14, 16, 17, 18, 20, 21, 22, 24, 25, 26, 28, 29, 30), p3);
    }
    // What was written past the caches is seen by other threads from here on.
    static void publish() { _mm_sfence(); }
    template <class T>
    static void store_rgb_half(T* p, F r, F g, F b) {
        F first, second, third;
        interleave(r, g, b, first, second, third);
        store_half(p, first);
        store_half(p + 16, second);
        store_half(p + 32, third);
    }
    static void store_rgb_u8(std::uint8_t* p, I r, I g, I b) {
        const I pixels = _mm512_or_si512(_mm512_or_si512(r, _mm512_slli_epi32(g, 8)), _mm512_slli_epi32(b, 16));
        const __m128i drop = _mm_setr_epi8(0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, -1, -1, -1, -1);
        const I packed = _mm512_shuffle_epi8(pixels, _mm512_broadcast_i32x4(drop));
        const I order = _mm512_setr_epi32(0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, 15, 15, 15, 15);
        _mm512_mask_storeu_epi32(p, 0x0FFF, _mm512_permutexvar_epi32(order, packed));
    }
    static void load_x4(const float* p, F& r, F& g, F& b) {
        separate(_mm512_loadu_ps(p), _mm512_loadu_ps(p + 16), _mm512_loadu_ps(p + 32), _mm512_loadu_ps(p + 48), r, g, b);
    }
    // Sixteen pixels, four in a register, to their channels.
    static void separate(F p0, F p1, F p2, F p3, F& r, F& g, F& b) {
        const __m512i rg = _mm512_setr_epi32(0, 4, 8, 12, 16, 20, 24, 28, 1, 5, 9, 13, 17, 21, 25, 29);
        const __m512i bx = _mm512_add_epi32(rg, _mm512_set1_epi32(2));
        const F rg01 = _mm512_permutex2var_ps(p0, rg, p1), rg23 = _mm512_permutex2var_ps(p2, rg, p3);
        const F b01 = _mm512_permutex2var_ps(p0, bx, p1), b23 = _mm512_permutex2var_ps(p2, bx, p3);
        r = _mm512_shuffle_f32x4(rg01, rg23, 0x44);
        g = _mm512_shuffle_f32x4(rg01, rg23, 0xEE);
        b = _mm512_shuffle_f32x4(b01, b23, 0x44);
    }
    static void expand_rgb(const std::uint8_t* in, std::uint8_t* out) {
        const I order = _mm512_setr_epi32(0, 1, 2, 0, 3, 4, 5, 0, 6, 7, 8, 0, 9, 10, 11, 0);
        const __m128i spread = _mm_setr_epi8(0, 1, 2, -1, 3, 4, 5, -1, 6, 7, 8, -1, 9, 10, 11, -1);
        const I bytes = _mm512_permutexvar_epi32(order, _mm512_maskz_loadu_epi32(0x0FFF, in));
        _mm512_storeu_si512(out, _mm512_shuffle_epi8(bytes, _mm512_broadcast_i32x4(spread)));
    }

    // Sixteen running sums: four taps of four channels.
    using Quad = __m512;
    static Quad quad_mul(const float* pixels, const float* weights) {
        const __m512i spread = _mm512_setr_epi32(0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3);
        const __m512 w = _mm512_permutexvar_ps(spread, _mm512_castps128_ps512(_mm_loadu_ps(weights)));
        return _mm512_mul_ps(_mm512_loadu_ps(pixels), w);
    }
    static Quad quad_add(Quad a, Quad b) { return _mm512_add_ps(a, b); }
    static void quad_store(float* p, Quad q) {
        const __m256 half = _mm256_add_ps(_mm512_castps512_ps256(q), _mm512_extractf32x8_ps(q, 1));
        _mm_storeu_ps(p, _mm_add_ps(_mm256_castps256_ps128(half), _mm256_extractf128_ps(half, 1)));
    }

    // Fixed-point sums of 64 samples of a row.
    static constexpr int fixed_step = 64;
    struct Sums {
        __m512i quarter[4];
    };
    static Sums no_sums() {
        const __m512i rounding = _mm512_set1_epi32(1 << (kRowShift - 1));
        return {{rounding, rounding, rounding, rounding}};
    }
    static void add_rows(Sums& sums, const std::uint8_t* a, const std::uint8_t* b, const std::int16_t* two_weights) {
        std::int32_t pair;
        std::memcpy(&pair, two_weights, sizeof pair);
        const __m512i weights = _mm512_set1_epi32(pair);
        for (int half = 0; half < 2; ++half) {
            const auto words = [half](const std::uint8_t* p) {
                return _mm512_cvtepu8_epi16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p + 32 * half)));
            };
            const __m512i x = words(a), y = words(b);
            __m512i &low = sums.quarter[2 * half], &high = sums.quarter[2 * half + 1];
            low = _mm512_add_epi32(low, _mm512_madd_epi16(_mm512_unpacklo_epi16(x, y), weights));
            high = _mm512_add_epi32(high, _mm512_madd_epi16(_mm512_unpackhi_epi16(x, y), weights));
        }
    }
    static void store_pairs(std::int16_t* out, const Sums& sums) {
        const __m128i order = _mm_setr_epi8(0, 1, 8, 9, 2, 3, 10, 11, 4, 5, 12, 13, 6, 7, 14, 15);
        for (int half = 0; half < 2; ++half) {
            const __m512i low = _mm512_srai_epi32(sums.quarter[2 * half], kRowShift);
            const __m512i high = _mm512_srai_epi32(sums.quarter[2 * half + 1], kRowShift);
            // Packing within quarters undoes what unpacking did.
            const __m512i words = _mm512_packs_epi32(low, high);
            _mm512_storeu_si512(out + 32 * half, _mm512_shuffle_epi8(words, _mm512_broadcast_i32x4(order)));
        }
    }

    // Four output pixels at once, so that their partial sums are added across registers and not within each.
    static constexpr int fixed_pixels = 4;
    static __m512i sum_taps(const std::int16_t* in, int first, const std::int16_t* weights, int groups) {
        const std::int16_t* const samples = in + static_cast<std::ptrdiff_t>(first) * kPairSamples;
        __m512i sum = _mm512_madd_epi16(_mm512_loadu_si512(samples), _mm512_loadu_si512(weights));
        for (int g = 1; g < groups; ++g)
            sum = _mm512_add_epi32(sum, _mm512_madd_epi16(_mm512_loadu_si512(samples + 32 * g), _mm512_loadu_si512(weights + 32 * g)));
        return sum;
    }
    static void sum_pairs(const std::int16_t* in, const int* first, const std::int16_t* weights, int pairs, float* out) {
        const int stride = pairs * kPairSamples;
        if (pairs == kFewPairs) {  // two output pixels in a register
            const __m512i a = sum_few(in, first[0], first[1], weights), b = sum_few(in, first[2], first[3], weights + 2 * stride);
            store_level(out, _mm512_add_epi32(_mm512_shuffle_i32x4(a, b, 0x88), _mm512_shuffle_i32x4(a, b, 0xDD)));
            return;
        }
        if (pairs == kPairGroup) {
            add_across(sum_taps(in, first[0], weights, 1), sum_taps(in, first[1], weights + stride, 1),
                       sum_taps(in, first[2], weights + 2 * stride, 1), sum_taps(in, first[3], weights + 3 * stride, 1), out);
            return;
        }
        const int groups = pairs / kPairGroup;
        add_across(sum_taps(in, first[0], weights, groups), sum_taps(in, first[1], weights + stride, groups),
                   sum_taps(in, first[2], weights + 2 * stride, groups), sum_taps(in, first[3], weights + 3 * stride, groups), out);
    }
    static void add_across(__m512i a, __m512i b, __m512i c, __m512i d, float* out) {
        const __m512i ab = _mm512_add_epi32(_mm512_shuffle_i32x4(a, b, 0x44), _mm512_shuffle_i32x4(a, b, 0xEE));
        const __m512i cd = _mm512_add_epi32(_mm512_shuffle_i32x4(c, d, 0x44), _mm512_shuffle_i32x4(c, d, 0xEE));
        store_level(out, _mm512_add_epi32(_mm512_shuffle_i32x4(ab, cd, 0x88), _mm512_shuffle_i32x4(ab, cd, 0xDD)));
    }
    static __m512i sum_few(const std::int16_t* in, int first, int second, const std::int16_t* weights) {
        const auto load = [in](int pair) {
            return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(in + static_cast<std::ptrdiff_t>(pair) * kPairSamples));
        };
        const __m512i samples = _mm512_inserti64x4(_mm512_castsi256_si512(load(first)), load(second), 1);
        return _mm512_madd_epi16(samples, _mm512_loadu_si512(weights));
    }
    static void store_level(float* out, __m512i sums) {
        _mm512_storeu_ps(out, _mm512_mul_ps(_mm512_cvtepi32_ps(sums), _mm512_set1_ps(kFixedToLevel)));
    }

    static F div(F a, F b) { return _mm512_div_ps(a, b); }
    static F sqrt(F v) { return _mm512_sqrt_ps(v); }
    static M less(F a, F b) { return _mm512_cmp_ps_mask(a, b, _CMP_LT_OQ); }
    static I bits(F v) { return _mm512_castps_si512(v); }
    static F from_bits(I v) { return _mm512_castsi512_ps(v); }
    static I bit_and(I a, I b) { return _mm512_and_si512(a, b); }
    static I bit_or(I a, I b) { return _mm512_or_si512(a, b); }
    static I bit_xor(I a, I b) { return _mm512_xor_si512(a, b); }
    template <int N>
    static I shift_left(I v) {
        return _mm512_slli_epi32(v, N);
    }
    template <int N>
    static I shift_right(I v) {
        return _mm512_srli_epi32(v, N);
    }
    static void mul_wide(I a, std::uint32_t by, I& high, I& low) {
        const I factor = _mm512_set1_epi32(static_cast<std::int32_t>(by));
        const I even = _mm512_mul_epu32(a, factor), odd = _mm512_mul_epu32(_mm512_srli_epi64(a, 32), factor);
        high = _mm512_mask_blend_epi32(0xAAAA, _mm512_srli_epi64(even, 32), odd);
        low = _mm512_mask_blend_epi32(0xAAAA, even, _mm512_slli_epi64(odd, 32));
    }

    static constexpr int bytes = 64;
    struct B {
        __m512i v;
    };
    static B load_bytes(const std::uint8_t* p) { return {_mm512_loadu_si512(p)}; }
    static void store_bytes(std::uint8_t* p, B v) { _mm512_storeu_si512(p, v.v); }
    // Past the caches; `p` is aligned.
    static void stream_bytes(std::uint8_t* p, B v) { _mm512_stream_si512(reinterpret_cast<__m512i*>(p), v.v); }
    static B min(B a, B b) { return {_mm512_min_epu8(a.v, b.v)}; }
    static B max(B a, B b) { return {_mm512_max_epu8(a.v, b.v)}; }
    struct Table {
        __m512i part[4];
    };
    static Table load_table(const std::uint8_t* levels) {
        return {{_mm512_loadu_si512(levels), _mm512_loadu_si512(levels + 64), _mm512_loadu_si512(levels + 128), _mm512_loadu_si512(levels + 192)}};
    }
    static B lookup(const Table& table, B at) {
        const __m512i low = _mm512_permutex2var_epi8(table.part[0], at.v, table.part[1]);
        const __m512i high = _mm512_permutex2var_epi8(table.part[2], at.v, table.part[3]);
        return {_mm512_mask_blend_epi8(_mm512_movepi8_mask(at.v), low, high)};
    }
    static B in_turn(B r, B g, B b, int phase) {
        // Every third bit, from the channel's first place on.
        const auto mask = [phase](int channel) { return static_cast<__mmask64>(0x9249249249249249ULL << ((channel - phase + 3) % 3)); };
        return {_mm512_mask_blend_epi8(mask(2), _mm512_mask_blend_epi8(mask(1), r.v, g.v), b.v)};
    }
    static constexpr int reversed_pixels = 21;
    static void reverse_rgb(const std::uint8_t* in, std::uint8_t* out) {
        alignas(64) static constexpr std::uint8_t order[64] = {
            60, 61, 62, 57, 58, 59, 54, 55, 56, 51, 52, 53, 48, 49, 50, 45, 46, 47, 42, 43, 44, 39, 40, 41, 36, 37, 38, 33, 34, 35, 30, 31,
            32, 27, 28, 29, 24, 25, 26, 21, 22, 23, 18, 19, 20, 15, 16, 17, 12, 13, 14, 9,  10, 11, 6,  7,  8,  3,  4,  5,  0,  1,  2,  63};
        const __mmask64 all = 0x7FFFFFFFFFFFFFFFULL;
        _mm512_mask_storeu_epi8(out, all, _mm512_permutexvar_epi8(_mm512_load_si512(order), _mm512_maskz_loadu_epi8(all, in)));
    }
    static void load_rgb(const std::uint8_t* p, F& r, F& g, F& b) {
        const I order = _mm512_setr_epi32(0, 1, 2, 0, 3, 4, 5, 0, 6, 7, 8, 0, 9, 10, 11, 0);
        const I bytes = _mm512_permutexvar_epi32(order, _mm512_maskz_loadu_epi32(0x0FFF, p));
        const auto pick = [bytes](int c) {
            const char a = static_cast<char>(c), d = static_cast<char>(3 + c), e = static_cast<char>(6 + c), f = static_cast<char>(9 + c);
            const __m128i spread = _mm_setr_epi8(a, -1, -1, -1, d, -1, -1, -1, e, -1, -1, -1, f, -1, -1, -1);
            return _mm512_cvtepi32_ps(_mm512_shuffle_epi8(bytes, _mm512_broadcast_i32x4(spread)));
        };
        r = pick(0), g = pick(1), b = pick(2);
    }

    // Four bytes a lane. `dot_bytes` adds the sum of the products of four bytes, 0 to 255, and four of -128 to 127.
    static constexpr int product_rows = 8, product_vectors = 3;
    static I load_fours(const std::uint8_t* p) { return _mm512_loadu_si512(p); }
    static I dot_bytes(I sum, I bytes, I levels) { return _mm512_dpbusd_epi32(sum, bytes, levels); }
};

}  // namespace
}  // namespace imagefeed
