#include "simd_portable.hpp"

#include "kernels.inl"

namespace imagefeed {

const Kernels& portable_kernels() {
    static constexpr Kernels table = make_table("portable");
    return table;
}

}  // namespace imagefeed
