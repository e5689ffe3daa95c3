#include "simd_avx512.hpp"

#include "kernels.inl"

namespace imagefeed {

const Kernels& avx512_kernels() {
    static constexpr Kernels table = make_table("avx512");
    return table;
}

}  // namespace imagefeed
