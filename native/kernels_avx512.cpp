#include "simd_avx512.hpp"

#include "color_avx512.hpp"
#include "inverse_avx512.hpp"
#include "kernels.inl"

namespace imagefeed {

const Kernels& avx512_kernels() {
    static constexpr Kernels table = [] {
        Kernels all = make_table("avx512");
        all.inverse_dct = inverse_dct;
        all.color_row = color_row;
        return all;
    }();
    return table;
}

}  // namespace imagefeed
