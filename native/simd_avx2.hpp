// The vector type of the AVX2 kernels: eight lanes.
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
    static constexpr int lanes = 8;
    using F = __m256;
    using I = __m256i;
    struct M {
        __m256i bits;
    };

    static F set(float v) { return _mm256_set1_ps(v); }
    static I set(std::int32_t v) { return _mm256_set1_epi32(v); }
    static I int_ramp(int first) {
        return _mm256_add_epi32(_mm256_set1_epi32(first), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
    }
    static F ramp(int first) { return _mm256_cvtepi32_ps(int_ramp(first)); }
    static F load(const float* p) { return _mm256_loadu_ps(p); }
    static I load(const std::int32_t* p) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)); }
    static F load_u8(const std::uint8_t* p) {
        return _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p))));
    }
    static void store(float* p, F v) { _mm256_storeu_ps(p, v); }
    static void store(std::int32_t* p, I v) { _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), v); }
    static F add(F a, F b) { return _mm256_add_ps(a, b); }
    static F sub(F a, F b) { return _mm256_sub_ps(a, b); }
    static F mul(F a, F b) { return _mm256_mul_ps(a, b); }
    static F min(F a, F b) { return _mm256_min_ps(a, b); }
    static F max(F a, F b) { return _mm256_max_ps(a, b); }
    static I add(I a, I b) { return _mm256_add_epi32(a, b); }
    static I sub(I a, I b) { return _mm256_sub_epi32(a, b); }
    static I mul(I a, I b) { return _mm256_mullo_epi32(a, b); }
    static I min(I a, I b) { return _mm256_min_epi32(a, b); }
    static I max(I a, I b) { return _mm256_max_epi32(a, b); }
    static M less(I a, I b) { return {_mm256_cmpgt_epi32(b, a)}; }
    static M both(M a, M b) { return {_mm256_and_si256(a.bits, b.bits)}; }
    static bool all(M m) { return _mm256_movemask_epi8(m.bits) == -1; }
    static I select(M m, I a, I b) { return _mm256_blendv_epi8(b, a, m.bits); }
    static F select(M m, F a, F b) { return _mm256_blendv_ps(b, a, _mm256_castsi256_ps(m.bits)); }
    static F to_float(I v) { return _mm256_cvtepi32_ps(v); }
    static I floor_to_int(F v) { return _mm256_cvttps_epi32(_mm256_floor_ps(v)); }
    static I round_to_int(F v) { return _mm256_cvtps_epi32(v); }

    static I gather(const std::uint8_t* base, I offset) {
        return _mm256_i32gather_epi32(reinterpret_cast<const int*>(base), offset, 1);
    }
    static F gather_float(const std::uint8_t* base, I offset) {
        return _mm256_i32gather_ps(reinterpret_cast<const float*>(base), offset, 1);
    }
    static F side_by_side(const std::uint8_t* pixels) {
        return _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(pixels))));
    }
    static F side_by_side(const std::int16_t* pixels) {
        return _mm256_cvtepi32_ps(_mm256_cvtepi16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(pixels))));
    }
    // Eight pixels, each between four neighbours that lie side by side at an offset and one row below.
    template <class Sample>
    static void blend_held(const std::uint8_t* data, const std::int32_t* offset, std::ptrdiff_t stride, const float* x, const float* y,
                           F& r, F& g, F& b) {
        F two[4];
        for (int k = 0; k < 4; ++k) two[k] = blend_two<Sample>(data, offset + 2 * k, stride, x + 2 * k, y + 2 * k);
        separate(two[0], two[1], two[2], two[3], r, g, b);
    }
    template <class Sample>
    static F blend_two(const std::uint8_t* data, const std::int32_t* offset, std::ptrdiff_t stride, const float* x, const float* y) {
        const auto one = [=](int k) {  // left and right
            const auto row = [=](std::ptrdiff_t down) {
                return side_by_side(reinterpret_cast<const Sample*>(data + offset[k] + down));
            };
            const F above = row(0), below = row(stride);
            return add(above, mul(set(y[k]), sub(below, above)));
        };
        const F a = one(0), b = one(1);
        const F left = _mm256_permute2f128_ps(a, b, 0x20), right = _mm256_permute2f128_ps(a, b, 0x31);
        const F share = _mm256_set_m128(_mm_set1_ps(x[1]), _mm_set1_ps(x[0]));
        return add(left, mul(share, sub(right, left)));
    }
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
    template <int C>
    static F channel(I pixel) {
        const __m128i bytes = _mm_setr_epi8(C, -1, -1, -1, 4 + C, -1, -1, -1, 8 + C, -1, -1, -1, 12 + C, -1, -1, -1);
        return _mm256_cvtepi32_ps(_mm256_shuffle_epi8(pixel, _mm256_broadcastsi128_si256(bytes)));
    }

    static void prefetch(const std::uint8_t* p) { _mm_prefetch(reinterpret_cast<const char*>(p), _MM_HINT_T0); }

    static void store_u8(std::uint8_t* p, I v) {
        const __m128i words = _mm_packus_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
        _mm_storel_epi64(reinterpret_cast<__m128i*>(p), _mm_packus_epi16(words, words));
    }
    static void store_i16(std::int16_t* p, I v) {
        const __m128i words = _mm_packs_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
        _mm_storeu_si128(reinterpret_cast<__m128i*>(p), words);
    }
    static void store_half(std::uint16_t* p, F v) {
        _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm256_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT));
    }
    static void store_half(BFloat16* p, F v) {
        const I bits = _mm256_castps_si256(v), upper = _mm256_srli_epi32(bits, 16);
        const I even = _mm256_and_si256(upper, _mm256_set1_epi32(1));
        const I rounded = _mm256_srli_epi32(_mm256_add_epi32(_mm256_add_epi32(bits, _mm256_set1_epi32(0x7FFF)), even), 16);
        const I nan = _mm256_castps_si256(_mm256_cmp_ps(v, v, _CMP_UNORD_Q));
        const I chosen = _mm256_blendv_epi8(rounded, _mm256_or_si256(upper, _mm256_set1_epi32(0x40)), nan);
        _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm_packus_epi32(_mm256_castsi256_si128(chosen), _mm256_extracti128_si256(chosen, 1)));
    }
    static void interleave(F r, F g, F b, F& first, F& second, F& third) {
        // Each output takes the right lanes of the rotated inputs; the blends choose among them.
        const F r0 = _mm256_permutevar8x32_ps(r, _mm256_setr_epi32(0, 3, 6, 1, 4, 7, 2, 5));
        const F g0 = _mm256_permutevar8x32_ps(g, _mm256_setr_epi32(5, 0, 3, 6, 1, 4, 7, 2));
        const F b0 = _mm256_permutevar8x32_ps(b, _mm256_setr_epi32(2, 5, 0, 3, 6, 1, 4, 7));
        first = _mm256_blend_ps(_mm256_blend_ps(r0, g0, 0x92), b0, 0x24);
        second = _mm256_blend_ps(_mm256_blend_ps(r0, g0, 0x24), b0, 0x49);
        third = _mm256_blend_ps(_mm256_blend_ps(r0, g0, 0x49), b0, 0x92);
    }
    static void store_rgb(float* p, F r, F g, F b) {
        F first, second, third;
        interleave(r, g, b, first, second, third);
        store_three(p, first, second, third);
    }
    // Three vectors, one after another.
    static void store_three(float* p, F first, F second, F third) {
        if (reinterpret_cast<std::uintptr_t>(p) % 32 == 0) {
            // A batch is larger than the caches: writing past them spares reading what is overwritten.
            _mm256_stream_ps(p, first);
            _mm256_stream_ps(p + 8, second);
            _mm256_stream_ps(p + 16, third);
            return;
        }
        _mm256_storeu_ps(p, first);
        _mm256_storeu_ps(p + 8, second);
        _mm256_storeu_ps(p + 16, third);
    }
    // Eight pixels of four floats without the fourth: three vectors of what is left, one after another.
    static void drop_fourth(const float* p, F& first, F& second, F& third) {
        const F p0 = _mm256_permutevar8x32_ps(_mm256_loadu_ps(p), _mm256_setr_epi32(0, 1, 2, 4, 5, 6, 0, 0));
        const F p1 = _mm256_permutevar8x32_ps(_mm256_loadu_ps(p + 8), _mm256_setr_epi32(2, 4, 5, 6, 0, 0, 0, 1));
        const F p2 = _mm256_permutevar8x32_ps(_mm256_loadu_ps(p + 16), _mm256_setr_epi32(5, 6, 0, 0, 0, 1, 2, 4));
        const F p3 = _mm256_permutevar8x32_ps(_mm256_loadu_ps(p + 24), _mm256_setr_epi32(0, 0, 0, 1, 2, 4, 5, 6));
        first = _mm256_blend_ps(p0, p1, 0xC0);
        second = _mm256_blend_ps(p1, p2, 0xF0);
        third = _mm256_blend_ps(p2, p3, 0xFC);
    }
    // What was written past the caches is seen by other threads from here on.
    static void publish() { _mm_sfence(); }
    template <class T>
    static void store_rgb_half(T* p, F r, F g, F b) {
        F first, second, third;
        interleave(r, g, b, first, second, third);
        store_half(p, first);
        store_half(p + 8, second);
        store_half(p + 16, third);
    }
    static void store_rgb_u8(std::uint8_t* p, I r, I g, I b) {
        const I pixels = _mm256_or_si256(_mm256_or_si256(r, _mm256_slli_epi32(g, 8)), _mm256_slli_epi32(b, 16));
        const __m128i drop = _mm_setr_epi8(0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, -1, -1, -1, -1);
        const I packed = _mm256_permutevar8x32_epi32(_mm256_shuffle_epi8(pixels, _mm256_broadcastsi128_si256(drop)),
                                                     _mm256_setr_epi32(0, 1, 2, 4, 5, 6, 7, 7));
        _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm256_castsi256_si128(packed));
        _mm_storel_epi64(reinterpret_cast<__m128i*>(p + 16), _mm256_extracti128_si256(packed, 1));
    }
    static void load_x4(const float* p, F& r, F& g, F& b) {
        separate(_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8), _mm256_loadu_ps(p + 16), _mm256_loadu_ps(p + 24), r, g, b);
    }
    // Eight pixels, two in a register, to their channels.
    static void separate(F p0, F p1, F p2, F p3, F& r, F& g, F& b) {
        // Pixels 0 and 4, 1 and 5, ... side by side, then a four-by-four transposition within halves.
        const F a = _mm256_permute2f128_ps(p0, p2, 0x20), c = _mm256_permute2f128_ps(p0, p2, 0x31);
        const F d = _mm256_permute2f128_ps(p1, p3, 0x20), e = _mm256_permute2f128_ps(p1, p3, 0x31);
        const F ac_low = _mm256_unpacklo_ps(a, c), ac_high = _mm256_unpackhi_ps(a, c);
        const F de_low = _mm256_unpacklo_ps(d, e), de_high = _mm256_unpackhi_ps(d, e);
        r = _mm256_shuffle_ps(ac_low, de_low, 0x44);
        g = _mm256_shuffle_ps(ac_low, de_low, 0xEE);
        b = _mm256_shuffle_ps(ac_high, de_high, 0x44);
    }
    static void expand_rgb(const std::uint8_t* in, std::uint8_t* out) {
        const I six = _mm256_setr_epi32(-1, -1, -1, -1, -1, -1, 0, 0);
        const I bytes = _mm256_permutevar8x32_epi32(_mm256_maskload_epi32(reinterpret_cast<const int*>(in), six),
                                                    _mm256_setr_epi32(0, 1, 2, 6, 3, 4, 5, 6));
        const __m128i spread = _mm_setr_epi8(0, 1, 2, -1, 3, 4, 5, -1, 6, 7, 8, -1, 9, 10, 11, -1);
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(out),
                            _mm256_shuffle_epi8(bytes, _mm256_broadcastsi128_si256(spread)));
    }

    // Sixteen running sums: four taps of four channels.
    struct Quad {
        __m256 low, high;
    };
    static Quad quad_mul(const float* pixels, const float* weights) {
        const __m256 w = _mm256_castps128_ps256(_mm_loadu_ps(weights));
        const __m256 w01 = _mm256_permutevar8x32_ps(w, _mm256_setr_epi32(0, 0, 0, 0, 1, 1, 1, 1));
        const __m256 w23 = _mm256_permutevar8x32_ps(w, _mm256_setr_epi32(2, 2, 2, 2, 3, 3, 3, 3));
        return {_mm256_mul_ps(_mm256_loadu_ps(pixels), w01), _mm256_mul_ps(_mm256_loadu_ps(pixels + 8), w23)};
    }
    static Quad quad_add(const Quad& a, const Quad& b) {
        return {_mm256_add_ps(a.low, b.low), _mm256_add_ps(a.high, b.high)};
    }
    static void quad_store(float* p, const Quad& q) {
        const __m256 half = _mm256_add_ps(q.low, q.high);
        _mm_storeu_ps(p, _mm_add_ps(_mm256_castps256_ps128(half), _mm256_extractf128_ps(half, 1)));
    }

    // Fixed-point sums of 32 samples of a row.
    static constexpr int fixed_step = 32;
    struct Sums {
        __m256i quarter[4];
    };
    static Sums no_sums() {
        const __m256i rounding = _mm256_set1_epi32(1 << (kRowShift - 1));
        return {{rounding, rounding, rounding, rounding}};
    }
    static void add_rows(Sums& sums, const std::uint8_t* a, const std::uint8_t* b, const std::int16_t* two_weights) {
        std::int32_t pair;
        std::memcpy(&pair, two_weights, sizeof pair);
        const __m256i weights = _mm256_set1_epi32(pair);
        for (int half = 0; half < 2; ++half) {
            const auto words = [half](const std::uint8_t* p) {
                return _mm256_cvtepu8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p + 16 * half)));
            };
            const __m256i x = words(a), y = words(b);
            __m256i &low = sums.quarter[2 * half], &high = sums.quarter[2 * half + 1];
            low = _mm256_add_epi32(low, _mm256_madd_epi16(_mm256_unpacklo_epi16(x, y), weights));
            high = _mm256_add_epi32(high, _mm256_madd_epi16(_mm256_unpackhi_epi16(x, y), weights));
        }
    }
    static void store_pairs(std::int16_t* out, const Sums& sums) {
        const __m128i order = _mm_setr_epi8(0, 1, 8, 9, 2, 3, 10, 11, 4, 5, 12, 13, 6, 7, 14, 15);
        for (int half = 0; half < 2; ++half) {
            const __m256i low = _mm256_srai_epi32(sums.quarter[2 * half], kRowShift);
            const __m256i high = _mm256_srai_epi32(sums.quarter[2 * half + 1], kRowShift);
            // Packing within halves undoes what unpacking did.
            const __m256i words = _mm256_packs_epi32(low, high);
            _mm256_storeu_si256(reinterpret_cast<__m256i*>(out + 16 * half), _mm256_shuffle_epi8(words, _mm256_broadcastsi128_si256(order)));
        }
    }

    static constexpr int fixed_pixels = 2;
    static __m256i sum_taps(const std::int16_t* in, int first, const std::int16_t* weights, int pairs) {
        const std::int16_t* const samples = in + static_cast<std::ptrdiff_t>(first) * kPairSamples;
        const auto product = [&](int at) {
            return _mm256_madd_epi16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(samples + at)),
                                     _mm256_loadu_si256(reinterpret_cast<const __m256i*>(weights + at)));
        };
        if (pairs == kFewPairs) return product(0);
        __m256i sum = _mm256_add_epi32(product(0), product(16));
        for (int at = 32; at < pairs * kPairSamples; at += 32) sum = _mm256_add_epi32(sum, _mm256_add_epi32(product(at), product(at + 16)));
        return sum;
    }
    static void sum_pairs(const std::int16_t* in, const int* first, const std::int16_t* weights, int pairs, float* out) {
        const __m256i a = sum_taps(in, first[0], weights, pairs), b = sum_taps(in, first[1], weights + pairs * kPairSamples, pairs);
        const __m256i both = _mm256_add_epi32(_mm256_permute2x128_si256(a, b, 0x20), _mm256_permute2x128_si256(a, b, 0x31));
        _mm256_storeu_ps(out, _mm256_mul_ps(_mm256_cvtepi32_ps(both), _mm256_set1_ps(kFixedToLevel)));
    }

    static F div(F a, F b) { return _mm256_div_ps(a, b); }
    static F sqrt(F v) { return _mm256_sqrt_ps(v); }
    static M less(F a, F b) { return {_mm256_castps_si256(_mm256_cmp_ps(a, b, _CMP_LT_OQ))}; }
    static I bits(F v) { return _mm256_castps_si256(v); }
    static F from_bits(I v) { return _mm256_castsi256_ps(v); }
    static I bit_and(I a, I b) { return _mm256_and_si256(a, b); }
    static I bit_or(I a, I b) { return _mm256_or_si256(a, b); }
    static I bit_xor(I a, I b) { return _mm256_xor_si256(a, b); }
    template <int N>
    static I shift_left(I v) {
        return _mm256_slli_epi32(v, N);
    }
    template <int N>
    static I shift_right(I v) {
        return _mm256_srli_epi32(v, N);
    }
    static void mul_wide(I a, std::uint32_t by, I& high, I& low) {
        const I factor = _mm256_set1_epi32(static_cast<std::int32_t>(by));
        const I even = _mm256_mul_epu32(a, factor), odd = _mm256_mul_epu32(_mm256_srli_epi64(a, 32), factor);
        high = _mm256_blend_epi32(_mm256_srli_epi64(even, 32), odd, 0xAA);
        low = _mm256_blend_epi32(even, _mm256_slli_epi64(odd, 32), 0xAA);
    }

    static constexpr int bytes = 32;
    struct B {
        __m256i v;
    };
    static B load_bytes(const std::uint8_t* p) { return {_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p))}; }
    static void store_bytes(std::uint8_t* p, B v) { _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), v.v); }
    // Past the caches; `p` is aligned.
    static void stream_bytes(std::uint8_t* p, B v) { _mm256_stream_si256(reinterpret_cast<__m256i*>(p), v.v); }
    static B min(B a, B b) { return {_mm256_min_epu8(a.v, b.v)}; }
    static B max(B a, B b) { return {_mm256_max_epu8(a.v, b.v)}; }
    struct Table {
        const std::uint8_t* levels;
    };
    static Table load_table(const std::uint8_t* levels) { return {levels}; }
    static B lookup(const Table& table, B at) {
        const __m256i low = _mm256_and_si256(at.v, _mm256_set1_epi8(15));
        const __m256i high = _mm256_and_si256(_mm256_srli_epi16(at.v, 4), _mm256_set1_epi8(15));
        __m256i result = _mm256_setzero_si256();
        for (int k = 0; k < 16; ++k) {
            const __m256i part = _mm256_broadcastsi128_si256(_mm_loadu_si128(reinterpret_cast<const __m128i*>(table.levels + 16 * k)));
            const __m256i here = _mm256_cmpeq_epi8(high, _mm256_set1_epi8(static_cast<char>(k)));
            result = _mm256_or_si256(result, _mm256_and_si256(here, _mm256_shuffle_epi8(part, low)));
        }
        return {result};
    }
    static B in_turn(B r, B g, B b, int phase) {
        const auto mask = [phase](int channel) {
            const __m256i place = _mm256_setr_epi8(0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1);
            return _mm256_cmpeq_epi8(place, _mm256_set1_epi8(static_cast<char>((channel - phase + 3) % 3)));
        };
        return {_mm256_blendv_epi8(_mm256_blendv_epi8(r.v, g.v, mask(1)), b.v, mask(2))};
    }
    static constexpr int reversed_pixels = 5;
    static void reverse_rgb(const std::uint8_t* in, std::uint8_t* out) {
        const __m128i order = _mm_setr_epi8(12, 13, 14, 9, 10, 11, 6, 7, 8, 3, 4, 5, 0, 1, 2, -1);
        std::uint8_t pixels[16];
        std::memcpy(pixels, in, 15);
        _mm_storeu_si128(reinterpret_cast<__m128i*>(pixels), _mm_shuffle_epi8(_mm_loadu_si128(reinterpret_cast<const __m128i*>(pixels)), order));
        std::memcpy(out, pixels, 15);
    }
    static void load_rgb(const std::uint8_t* p, F& r, F& g, F& b) {
        const I six = _mm256_setr_epi32(-1, -1, -1, -1, -1, -1, 0, 0);
        const I bytes = _mm256_permutevar8x32_epi32(_mm256_maskload_epi32(reinterpret_cast<const int*>(p), six),
                                                    _mm256_setr_epi32(0, 1, 2, 6, 3, 4, 5, 6));
        const auto pick = [bytes](int c) {
            const char a = static_cast<char>(c), d = static_cast<char>(3 + c), e = static_cast<char>(6 + c), f = static_cast<char>(9 + c);
            const __m128i order = _mm_setr_epi8(a, -1, -1, -1, d, -1, -1, -1, e, -1, -1, -1, f, -1, -1, -1);
            return _mm256_cvtepi32_ps(_mm256_shuffle_epi8(bytes, _mm256_broadcastsi128_si256(order)));
        };
        r = pick(0), g = pick(1), b = pick(2);
    }

    // Four bytes a lane. `dot_bytes` adds the sum of the products of four bytes, 0 to 255, and four of -128 to 127.
    static constexpr int product_rows = 4, product_vectors = 2;
    static I load_fours(const std::uint8_t* p) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)); }
    static I dot_bytes(I sum, I bytes, I levels) {
        const I even = _mm256_and_si256(bytes, _mm256_set1_epi16(255)), odd = _mm256_srli_epi16(bytes, 8);
        const I with_even = _mm256_srai_epi16(_mm256_slli_epi16(levels, 8), 8), with_odd = _mm256_srai_epi16(levels, 8);
        return add(add(sum, _mm256_madd_epi16(even, with_even)), _mm256_madd_epi16(odd, with_odd));
    }
};

}  // namespace
}  // namespace imagefeed
