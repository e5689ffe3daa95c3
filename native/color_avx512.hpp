// A row of pixels from a JPEG's luma and halved chroma, by AVX-512.
#pragma once

#include <immintrin.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "kernels.hpp"

namespace imagefeed {
namespace {

// Sixteen-bit lanes hold 32 even or 32 odd pixels of 64.
struct HalfPixels {
    __m512i red_green, blue_rest;  // two bytes each, as they lie in memory
};

// (factor * value + half) / 65536, rounded down, for |factor| below 2^15 and |value| up to 2^14 (the product of the doubled
// value is floored once more on the way, which does not change it).
inline __m512i scaled(__m512i value, int factor) {
    const __m512i twice = _mm512_mulhi_epi16(_mm512_add_epi16(value, value), _mm512_set1_epi16(static_cast<short>(factor)));
    return _mm512_srai_epi16(_mm512_add_epi16(twice, _mm512_set1_epi16(1)), 1);
}

// JFIF's conversion (ITU-T T.871, clause 7): the factors 1.402, 0.344136286, 0.714136286 and 1.772 as libjpeg rounds them, to
// five decimals and to sixteen bits, without the whole numbers that they are next to.
inline HalfPixels to_rgb(__m512i luma, __m512i cb, __m512i cr) {
    constexpr int kRed = 91881 - 65536, kBlue = 116130 - 2 * 65536, kGreenCb = -22554, kGreenCr = 65536 - 46802;
    const __m512i red = _mm512_add_epi16(_mm512_add_epi16(luma, cr), scaled(cr, kRed));
    const __m512i blue = _mm512_add_epi16(_mm512_add_epi16(luma, _mm512_add_epi16(cb, cb)), scaled(cb, kBlue));
    const __m512i factors = _mm512_set1_epi32(static_cast<int>(static_cast<unsigned>(kGreenCr) << 16 | (static_cast<unsigned>(kGreenCb) & 0xFFFF)));
    const auto weighed = [&](__m512i both) {
        return _mm512_srai_epi32(_mm512_add_epi32(_mm512_madd_epi16(both, factors), _mm512_set1_epi32(1 << 15)), 16);
    };
    const __m512i rest = _mm512_packs_epi32(weighed(_mm512_unpacklo_epi16(cb, cr)), weighed(_mm512_unpackhi_epi16(cb, cr)));
    const __m512i green = _mm512_add_epi16(_mm512_sub_epi16(luma, cr), rest);
    const auto level = [](__m512i v) { return _mm512_min_epi16(_mm512_max_epi16(v, _mm512_setzero_si512()), _mm512_set1_epi16(255)); };
    return {_mm512_or_si512(level(red), _mm512_slli_epi16(level(green), 8)), _mm512_or_si512(level(blue), _mm512_set1_epi16(static_cast<short>(0xFF00)))};
}

// Writes up to 64 pixels.
inline void put_pixels(const HalfPixels& even, const HalfPixels& odd, int count, std::uint8_t* out) {
    const __m512i even_low = _mm512_unpacklo_epi16(even.red_green, even.blue_rest), even_high = _mm512_unpackhi_epi16(even.red_green, even.blue_rest);
    const __m512i odd_low = _mm512_unpacklo_epi16(odd.red_green, odd.blue_rest), odd_high = _mm512_unpackhi_epi16(odd.red_green, odd.blue_rest);
    // In quarter q of vector k are the pixels from 16 q + 4 k on.
    const __m512i a = _mm512_unpacklo_epi32(even_low, odd_low), b = _mm512_unpackhi_epi32(even_low, odd_low);
    const __m512i c = _mm512_unpacklo_epi32(even_high, odd_high), d = _mm512_unpackhi_epi32(even_high, odd_high);
    const __m512i ab02 = _mm512_shuffle_i32x4(a, b, 0x88), cd02 = _mm512_shuffle_i32x4(c, d, 0x88);  // a0 a2 b0 b2
    const __m512i ab13 = _mm512_shuffle_i32x4(a, b, 0xDD), cd13 = _mm512_shuffle_i32x4(c, d, 0xDD);
    const __m512i vectors[4] = {_mm512_shuffle_i32x4(ab02, cd02, 0x88), _mm512_shuffle_i32x4(ab13, cd13, 0x88),
                                _mm512_shuffle_i32x4(ab02, cd02, 0xDD), _mm512_shuffle_i32x4(ab13, cd13, 0xDD)};
    for (int v = 0; v < 4 && 16 * v < count; ++v) {
        const int left = count - 16 * v;
        _mm512_mask_storeu_epi32(out + 64 * v, static_cast<__mmask16>(left >= 16 ? 0xFFFF : (1 << left) - 1), vectors[v]);
    }
}

// Chroma is enlarged by the triangle kernel: three parts of the nearer row and one of the farther one, then the same along
// the row, rounded down by turns at 8/16 and 7/16; before the first and after the last it is that of the edge.
void color_row(const ColorRow& row, int count, std::uint8_t* out) {
    // In pieces, whose sums stay near.
    constexpr int kPiece = 1024, kFirst = 32;
    alignas(64) std::int16_t sums[2][kFirst + kPiece + 64];
    const int chroma = (count + 1) / 2;
    for (int start = 0; start < chroma; start += kPiece) {
        const int end = std::min(start + kPiece, chroma);
        for (int k = 0; k < 2; ++k) {
            const std::uint8_t *const near = row.near[k] + start, *const far = row.far[k] + start;
            std::int16_t* const sum = sums[k] + kFirst;
            for (int i = 0; i < end - start; i += 32) {
                const auto wide = [&](const std::uint8_t* from) { return _mm512_cvtepu8_epi16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(from + i))); };
                const __m512i own = wide(near);
                _mm512_store_si512(sum + i, _mm512_add_epi16(_mm512_add_epi16(own, _mm512_add_epi16(own, own)), wide(far)));
            }
            const auto beside = [&](int i) { return static_cast<std::int16_t>(3 * near[i] + far[i]); };
            sum[-1] = start > 0 ? beside(-1) : sum[0];
            sum[end - start] = end < chroma ? beside(end - start) : sum[end - start - 1];
        }
        for (int i = 0; i < end - start; i += 32) {
            __m512i enlarged[2][2];  // even and odd pixels of both
            for (int k = 0; k < 2; ++k) {
                const std::int16_t* const sum = sums[k] + kFirst + i;
                const __m512i own = _mm512_load_si512(sum), thrice = _mm512_add_epi16(own, _mm512_add_epi16(own, own));
                const auto mean = [&](const std::int16_t* beside, int round) {
                    const __m512i all = _mm512_add_epi16(_mm512_add_epi16(thrice, _mm512_loadu_si512(beside)), _mm512_set1_epi16(static_cast<short>(round)));
                    return _mm512_sub_epi16(_mm512_srli_epi16(all, 4), _mm512_set1_epi16(128));
                };
                enlarged[0][k] = mean(sum - 1, 8);
                enlarged[1][k] = mean(sum + 1, 7);
            }
            const int first = 2 * (start + i);
            const __m512i luma = _mm512_loadu_si512(row.luma + first);
            put_pixels(to_rgb(_mm512_and_si512(luma, _mm512_set1_epi16(0xFF)), enlarged[0][0], enlarged[0][1]),
                       to_rgb(_mm512_srli_epi16(luma, 8), enlarged[1][0], enlarged[1][1]), count - first, out + 4 * first);
        }
    }
}

}  // namespace
}  // namespace imagefeed
