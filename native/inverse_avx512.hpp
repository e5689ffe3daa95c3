// The inverse cosine transform of one block of a JPEG, by AVX-512.
#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

namespace imagefeed {
namespace {

// Sample n of the one-dimensional transform is the sum of c(n, k) x[k], with c(n, k) = sqrt(2) cos((2n + 1) k pi / 16), and
// c(n, 0) = 1. By symmetry sample 7 - n has the same even terms, and the odd ones subtracted. In thirteen bits after the
// point; the last bits are those that follow from the eleven multiplications of Loeffler, Ligtenberg and Moschytz (1989)
// with factors rounded to thirteen bits, which is how libjpeg computes it.
constexpr int kEven[4][4] = {{8192, 10703, 8192, 4433}, {8192, 4433, -8192, -10704}, {8192, -4433, -8192, 10704}, {8192, -10703, 8192, -4433}};
constexpr int kOdd[4][4] = {{11363, 9633, 6437, 2260}, {9633, -2259, -11362, -6436}, {6437, -11362, 2261, 9633}, {2260, -6436, 9633, -11363}};
constexpr int kFirstShift = 11, kSecondShift = 18;

// The factors of two terms of sample n, as one lane.
constexpr std::int32_t two_factors(const int (&factors)[4][4], int n, int first) {
    return static_cast<std::int32_t>(static_cast<std::uint32_t>(factors[n][first + 1]) << 16 | (static_cast<std::uint32_t>(factors[n][first]) & 0xFFFF));
}

struct Lanes {
    alignas(64) std::int32_t of[16];
};

// Factors for lanes that hold `each` places of sample a, of b, and so on.
constexpr Lanes factors(const int (&of)[4][4], int first, int each, int a, int b, int c, int d) {
    Lanes lanes{};
    const int samples[4] = {a, b, c, d};
    for (int k = 0; k < 16; ++k) lanes.of[k] = two_factors(of, samples[k / each], first);
    return lanes;
}

struct Bytes {
    alignas(64) std::uint8_t of[64];
};

// Lane k becomes the pair of the 16-bit values at first[k] and second[k].
template <class Place>
constexpr Bytes pairs(Place place, int first, int second) {
    Bytes bytes{};
    for (int k = 0; k < 16; ++k)
        for (int half = 0; half < 2; ++half) {
            const int at = place(k, half == 0 ? first : second);
            bytes.of[4 * k + 2 * half] = static_cast<std::uint8_t>(2 * at);
            bytes.of[4 * k + 2 * half + 1] = static_cast<std::uint8_t>(2 * at + 1);
        }
    return bytes;
}

// In half a block of coefficients, four rows of eight: lane k is of column k, twice.
constexpr int place_in_rows(int lane, int row) { return 8 * (row % 4) + lane % 8; }
// After the first pass, in eight columns of rows 0 | 3 | 1 | 2, or of 4 | 7 | 5 | 6, four columns in turn: lane k is of row k.
constexpr int place_in_columns(int lane, int column) {
    const int row = lane % 4;
    const int quarter = (row == 1 || row == 2 ? 2 : 0) + column / 4;
    return 8 * quarter + (row >= 2 ? 4 : 0) + column % 4;
}

// From four rows of each column (0, 7 | 1, 6 | 2, 5 | 3, 4; the lower rows, then the upper ones) to rows.
constexpr Bytes rows_of_bytes() {
    Bytes bytes{};
    for (int row = 0; row < 8; ++row)
        for (int column = 0; column < 8; ++column) {
            const int lane = column < 4 ? column : 7 - column;
            bytes.of[8 * row + column] = static_cast<std::uint8_t>(16 * lane + 8 * (row / 4) + (column < 4 ? 0 : 4) + row % 4);
        }
    return bytes;
}

inline __m512i load_lanes(const Lanes& lanes) { return _mm512_load_si512(lanes.of); }
inline __m512i permuted(const Bytes& order, __m512i values) { return _mm512_permutexvar_epi8(_mm512_load_si512(order.of), values); }

// Whether values lose bits when they are doubled: the top one of each then differs from the next.
inline __m512i large(__m512i so_far, __m512i values) {
    return _mm512_ternarylogic_epi64(so_far, values, _mm512_slli_epi16(values, 1), 0xF6);  // so_far | (values ^ doubled)
}

// Coefficients in rows, and the factors that they were divided by. Writes eight samples into each of eight rows, from
// `column` on. False, and nothing is written, where a value is too large for sixteen bits to add two of them.
bool inverse_dct(const std::int16_t* coefficients, const std::uint16_t* divisors, std::uint8_t* const* rows, std::size_t column) {
    static constexpr Bytes take13 = pairs(place_in_rows, 1, 3), take02 = pairs(place_in_rows, 0, 2);
    static constexpr Lanes even02_01 = factors(kEven, 0, 8, 0, 1, 0, 0), even46_01 = factors(kEven, 2, 8, 0, 1, 0, 0);
    static constexpr Lanes even02_32 = factors(kEven, 0, 8, 3, 2, 0, 0), even46_32 = factors(kEven, 2, 8, 3, 2, 0, 0);
    static constexpr Lanes odd13_01 = factors(kOdd, 0, 8, 0, 1, 0, 0), odd57_01 = factors(kOdd, 2, 8, 0, 1, 0, 0);
    static constexpr Lanes odd13_32 = factors(kOdd, 0, 8, 3, 2, 0, 0), odd57_32 = factors(kOdd, 2, 8, 3, 2, 0, 0);

    const __m512i low = _mm512_mullo_epi16(_mm512_loadu_si512(coefficients), _mm512_loadu_si512(divisors));
    const __m512i high = _mm512_mullo_epi16(_mm512_loadu_si512(coefficients + 32), _mm512_loadu_si512(divisors + 32));
    __m512i excess = large(large(_mm512_setzero_si512(), low), high);

    // Down the columns: in each half of a vector one sample of all eight.
    const __m512i x02 = permuted(take02, low), x13 = permuted(take13, low), x46 = permuted(take02, high), x57 = permuted(take13, high);
    const __m512i first_round = _mm512_set1_epi32(1 << (kFirstShift - 1));
    const auto sum = [](__m512i a, const Lanes& fa, __m512i b, const Lanes& fb) {
        return _mm512_add_epi32(_mm512_madd_epi16(a, load_lanes(fa)), _mm512_madd_epi16(b, load_lanes(fb)));
    };
    const __m512i e01 = _mm512_add_epi32(sum(x02, even02_01, x46, even46_01), first_round);
    const __m512i e32 = _mm512_add_epi32(sum(x02, even02_32, x46, even46_32), first_round);
    const __m512i o01 = sum(x13, odd13_01, x57, odd57_01), o32 = sum(x13, odd13_32, x57, odd57_32);
    const auto first = [](__m512i v) { return _mm512_srai_epi32(v, kFirstShift); };
    const __m512i upper = _mm512_packs_epi32(first(_mm512_add_epi32(e01, o01)), first(_mm512_add_epi32(e32, o32)));
    const __m512i lower = _mm512_packs_epi32(first(_mm512_sub_epi32(e32, o32)), first(_mm512_sub_epi32(e01, o01)));
    excess = large(large(excess, upper), lower);
    if (_mm512_movepi16_mask(excess) != 0) return false;

    // Along the rows: in each quarter of a vector one sample of four rows.
    const __m512i second_round = _mm512_set1_epi32(1 << (kSecondShift - 1));
    const auto along = [&](__m512i x) {
        static constexpr Bytes take02 = pairs(place_in_columns, 0, 2), take13 = pairs(place_in_columns, 1, 3);
        static constexpr Bytes take46 = pairs(place_in_columns, 4, 6), take57 = pairs(place_in_columns, 5, 7);
        static constexpr Lanes even02 = factors(kEven, 0, 4, 0, 1, 2, 3), even46 = factors(kEven, 2, 4, 0, 1, 2, 3);
        static constexpr Lanes odd13 = factors(kOdd, 0, 4, 0, 1, 2, 3), odd57 = factors(kOdd, 2, 4, 0, 1, 2, 3);
        const __m512i e = _mm512_add_epi32(sum(permuted(take02, x), even02, permuted(take46, x), even46), second_round);
        const __m512i o = sum(permuted(take13, x), odd13, permuted(take57, x), odd57);
        return _mm512_packs_epi32(_mm512_srai_epi32(_mm512_add_epi32(e, o), kSecondShift), _mm512_srai_epi32(_mm512_sub_epi32(e, o), kSecondShift));
    };
    const __m512i levels = _mm512_packs_epi16(along(upper), along(lower));
    static constexpr Bytes order = rows_of_bytes();
    const __m512i samples = permuted(order, _mm512_xor_si512(levels, _mm512_set1_epi8(static_cast<char>(0x80))));
    const auto put = [&](int row, __m128i two) {
        _mm_storel_epi64(reinterpret_cast<__m128i*>(rows[row] + column), two);
        _mm_storeh_pd(reinterpret_cast<double*>(rows[row + 1] + column), _mm_castsi128_pd(two));
    };
    put(0, _mm512_castsi512_si128(samples));
    put(2, _mm512_extracti32x4_epi32(samples, 1));
    put(4, _mm512_extracti32x4_epi32(samples, 2));
    put(6, _mm512_extracti32x4_epi32(samples, 3));
    return true;
}

}  // namespace
}  // namespace imagefeed
