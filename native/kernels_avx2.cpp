#include "simd_avx2.hpp"

#include "kernels.inl"

namespace imagefeed {

const Kernels& avx2_kernels() {
    static constexpr Kernels table = make_table("avx2");
    return table;
}

}  // namespace imagefeed
