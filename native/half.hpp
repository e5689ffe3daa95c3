// Numbers of 16 bits from IEEE 754 binary32, rounding to nearest even: binary16, as the F16C instructions do; and
// bfloat16, its upper half.
#pragma once

#include <cstdint>
#include <cstring>

#include "kernels.hpp"

namespace imagefeed {

inline std::uint16_t to_half(float value) {
    std::uint32_t bits;
    std::memcpy(&bits, &value, sizeof bits);
    const auto sign = static_cast<std::uint16_t>(bits >> 16 & 0x8000u);
    bits &= 0x7FFFFFFFu;
    if (bits > 0x7F800000u) return static_cast<std::uint16_t>(sign | 0x7E00u | (bits >> 13 & 0x3FFu));  // NaN
    if (bits >= 0x477FF000u) return static_cast<std::uint16_t>(sign | 0x7C00u);                         // infinity
    if (bits < 0x33000001u) return sign;                                                               // to zero
    std::uint32_t mantissa = bits & 0x7FFFFFu;
    int exponent = static_cast<int>(bits >> 23) - 112;
    int shift = 13;
    if (exponent <= 0) {  // subnormal half
        mantissa |= 0x800000u;
        shift += 1 - exponent;
        exponent = 0;
    }
    const std::uint32_t half = mantissa >> shift;
    const std::uint32_t rest = mantissa & ((1u << shift) - 1), middle = 1u << (shift - 1);
    const std::uint32_t up = rest > middle || (rest == middle && (half & 1));
    return static_cast<std::uint16_t>(sign | ((static_cast<std::uint32_t>(exponent) << 10) + half + up));
}

inline BFloat16 to_bfloat16(float value) {
    std::uint32_t bits;
    std::memcpy(&bits, &value, sizeof bits);
    const bool is_nan = (bits & 0x7FFFFFFFu) > 0x7F800000u;
    const std::uint32_t rounded = bits + 0x7FFFu + (bits >> 16 & 1u);
    return static_cast<BFloat16>(is_nan ? bits >> 16 | 0x40u : rounded >> 16);
}

}  // namespace imagefeed
