// Pixels of four samples, which are loaded and stored together: for both vector types of x86, whose instructions these are.
#pragma once

#include <immintrin.h>

#include <cstdint>
#include <cstring>

namespace imagefeed {
namespace {

struct SsePixels {
    using Pixel = __m128i;  // 16 bits a sample
    static Pixel pixel(const std::uint8_t* p) {
        std::int32_t four;
        std::memcpy(&four, p, 4);
        return _mm_cvtepu8_epi16(_mm_cvtsi32_si128(four));
    }
    static void pixel_store(std::uint8_t* p, Pixel v) {
        const std::int32_t four = _mm_cvtsi128_si32(_mm_packus_epi16(v, v));
        std::memcpy(p, &four, 4);
    }
    static Pixel pixel_sum(Pixel a, Pixel b) { return _mm_and_si128(_mm_add_epi16(a, b), _mm_set1_epi16(255)); }
    static Pixel pixel_middle(Pixel a, Pixel b) { return _mm_srli_epi16(_mm_add_epi16(a, b), 1); }
    static Pixel pixel_paeth(Pixel left, Pixel above, Pixel corner) {
        const Pixel x = _mm_sub_epi16(above, corner), y = _mm_sub_epi16(left, corner);
        const Pixel to_left = _mm_abs_epi16(x), to_above = _mm_abs_epi16(y), to_corner = _mm_abs_epi16(_mm_add_epi16(x, y));
        const Pixel nearer = _mm_min_epi16(to_above, to_corner);
        const Pixel other = _mm_blendv_epi8(corner, above, _mm_cmpeq_epi16(nearer, to_above));
        return _mm_blendv_epi8(left, other, _mm_cmpgt_epi16(to_left, nearer));
    }
};

}  // namespace
}  // namespace imagefeed
